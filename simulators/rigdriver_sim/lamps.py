"""When each lamp was on, as far back as an exposure can ask.

In: levels of the lamp outputs with true times. Out: the share of the lamps' light that fell into an exposure. This file
refuses to know who takes the picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

_PULSES_KEPT = 256


class LampLog:
    """The pulses of every lamp output, newest last."""

    def __init__(self, outputs: Sequence[int]) -> None:
        self._on_since_ns: dict[int, int] = {}
        self._pulses: dict[int, deque[tuple[int, int]]] = {o: deque(maxlen=_PULSES_KEPT) for o in outputs}

    def note(self, t_ns: int, changed: int, levels: int) -> None:
        """Take a change of the outputs."""
        for output, pulses in self._pulses.items():
            if not changed >> output & 1:
                continue
            if levels >> output & 1:
                self._on_since_ns[output] = t_ns
            elif (since_ns := self._on_since_ns.pop(output, None)) is not None:
                pulses.append((since_ns, t_ns))

    def share(self, outputs: Sequence[int], start_ns: int, end_ns: int) -> float:
        """Return which share (0 to 1) of these lamps' brightest pulse lies between the times."""
        best = 0.0
        for output in outputs:
            pulses = list(self._pulses.get(output, ()))
            if (since_ns := self._on_since_ns.get(output)) is not None:
                pulses.append((since_ns, max(since_ns + 1, end_ns)))
            for on_ns, off_ns in reversed(pulses):
                if off_ns <= start_ns:
                    break
                inside_ns = min(off_ns, end_ns) - max(on_ns, start_ns)
                best = max(best, inside_ns / max(1, off_ns - on_ns))
        return best
