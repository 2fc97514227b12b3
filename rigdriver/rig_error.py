"""What every error of rigdriver is made of: a sentence, or four parts that make one.

In: a device, what was seen, what was expected, what to do. Out: an exception that holds them as values, too. Other
modules import it from errors.py. Not here: the tree of the errors (see errors.py), and how a sentence is made of its
parts (see findings.py).
"""

from __future__ import annotations

from rigdriver.findings import sentence


class RigError(Exception):
    """Anything that rigdriver raises on purpose. `except RigError` catches all of it.

    Raise it with a whole sentence, or with its parts:
    `ViewsInsufficient(device="camera left", seen="2 views", expected="at least 3", remedy="show it the board")`
    reads `camera left: 2 views; expected at least 3; show it the board`.
    """

    def __init__(
        self, message: str = "", *, device: str = "", seen: str = "", expected: str = "", remedy: str = ""
    ) -> None:
        self.device = device
        self.seen = seen
        self.expected = expected
        self.remedy = remedy
        super().__init__(message or sentence(device, seen, expected, remedy))
