"""When each lamp output was on, as far back as an exposure can ask.

In: levels of the lamp outputs with true times. Out: the flashes that touch a time span. Not here: what hangs on an
output (see lighting.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

_FLASHES_KEPT = 256


class LampLog:
    """The flashes of every lamp output, newest last."""

    def __init__(self, outputs: Sequence[int]) -> None:
        self._on_since_ns: dict[int, int] = {}
        self._flashes: dict[int, deque[tuple[int, int]]] = {o: deque(maxlen=_FLASHES_KEPT) for o in outputs}

    @property
    def outputs(self) -> tuple[int, ...]:
        """Numbers of the lamp outputs."""
        return tuple(self._flashes)

    def note(self, t_ns: int, changed: int, levels: int) -> None:
        """Take a change of the outputs."""
        for output, flashes in self._flashes.items():
            if not changed >> output & 1:
                continue
            if levels >> output & 1:
                self._on_since_ns[output] = t_ns
            elif (since_ns := self._on_since_ns.pop(output, None)) is not None:
                flashes.append((since_ns, t_ns))

    def is_settled(self, t_ns: int) -> bool:
        """Every flash that had begun by then is over: what shone until then will not be seen otherwise later."""
        return all(since_ns >= t_ns for since_ns in self._on_since_ns.values())

    def flashes(self, output: int, start_ns: int, end_ns: int) -> list[tuple[int, int]]:
        """Return the flashes, on and off, that touch the span; one that is still on counts to the span's end."""
        found = []
        if (since_ns := self._on_since_ns.get(output)) is not None and since_ns < end_ns:
            found.append((since_ns, max(since_ns + 1, end_ns)))
        # Kept in the order in which they ended, so the first one that ended before the span ends the search.
        for on_ns, off_ns in reversed(self._flashes.get(output, ())):
            if off_ns <= start_ns:
                break
            if on_ns < end_ns:
                found.append((on_ns, off_ns))
        return found
