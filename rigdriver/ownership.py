"""Which process opened a thing: a forked child inherits descriptors and shared memory that are not its own to use.

In: nothing. Out: an `Owner`, made where a device is opened, that says whether this is still the same process. A child
that stopped the box, closed the cameras or gave back a slot would do so behind its parent's back. Not here: what is
owned (see rig.py and devices/camera_link/slots.py).
"""

from __future__ import annotations

import os

from rigdriver.errors import StateError


class Owner:
    """The process that made this object."""

    __slots__ = ("_pid",)

    def __init__(self) -> None:
        self._pid = os.getpid()

    @property
    def is_here(self) -> bool:
        """Whether this process is the owner, and no fork of it."""
        # Asked each time: a fork copies the object, with the parent's id in it.
        return os.getpid() == self._pid

    def expect_here(self, what: str) -> None:
        """Raise StateError in a fork of the owner."""
        if not self.is_here:
            raise StateError(
                device=what,
                seen=f"belongs to process {self._pid}, and this is a fork of it",
                remedy="use it there, or spawn processes instead of forking them and open it in one",
            )
