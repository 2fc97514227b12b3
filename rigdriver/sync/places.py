"""A camera's place in a pulse: its states, every transition between them, and what is known of it so far.

In: an act. Out: the next state, or None where the act is not allowed; nothing else changes state.
Not here: when a place is given up, and why (see matcher.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from rigdriver.frames import Gap
from rigdriver.sync.exposures import Exposure
from rigdriver.sync.proof import Evidence


class PlaceState(Enum):
    """What is known of one camera in one pulse."""

    UNSEEN = "unseen"
    """The box has reported no exposure of the camera in this pulse."""
    EXPOSED = "exposed"
    """The box has reported an exposure; its frame has not come."""
    MATCHED = "matched"
    """A frame has come that belongs to the exposure."""
    GAP = "gap"
    """State in which it is certain that no good frame comes."""


class PlaceAct(Enum):
    """What changes the state of a place."""

    EXPOSE = "expose"
    """The box reports an exposure of the camera in this pulse."""
    MATCH = "match"
    """A frame is found that belongs to this pulse."""
    GIVE_UP = "give up"
    """No frame comes any more: the place becomes a gap with a reason."""
    REFUSE = "refuse"
    """The matched frame was not exposed together with the others: it becomes a gap."""


TRANSITIONS: Mapping[tuple[PlaceState, PlaceAct], PlaceState] = MappingProxyType(
    {
        (PlaceState.UNSEEN, PlaceAct.EXPOSE): PlaceState.EXPOSED,
        (PlaceState.UNSEEN, PlaceAct.MATCH): PlaceState.MATCHED,
        (PlaceState.UNSEEN, PlaceAct.GIVE_UP): PlaceState.GAP,
        (PlaceState.EXPOSED, PlaceAct.EXPOSE): PlaceState.EXPOSED,
        (PlaceState.EXPOSED, PlaceAct.MATCH): PlaceState.MATCHED,
        (PlaceState.EXPOSED, PlaceAct.GIVE_UP): PlaceState.GAP,
        (PlaceState.MATCHED, PlaceAct.EXPOSE): PlaceState.MATCHED,
        (PlaceState.MATCHED, PlaceAct.MATCH): PlaceState.MATCHED,
        (PlaceState.MATCHED, PlaceAct.REFUSE): PlaceState.GAP,
        # A place may be given up before its exposure is reported; the report is kept and revives nothing.
        (PlaceState.GAP, PlaceAct.EXPOSE): PlaceState.GAP,
    }
)
OPEN = frozenset({PlaceState.UNSEEN, PlaceState.EXPOSED})
"""States of a place whose frame may still come."""


def after(state: PlaceState, act: PlaceAct) -> PlaceState | None:
    """Return the state after the act, or None where the act is not allowed."""
    return TRANSITIONS.get((state, act))


@dataclass(slots=True)
class Place:
    """One camera in one pulse that has not left yet."""

    state: PlaceState = PlaceState.UNSEEN
    exposures: list[Exposure] = field(default_factory=list)
    """Exposures that the box has reported; more than one is noted in the proof."""
    evidence: Evidence | None = None
    """The frame and its exposure, since MATCHED."""
    gap: Gap | None = None
    """The gap, since GAP."""
    suspicion: Gap | None = None
    """Reason why a frame that came was not accepted; it is the gap's, should no other frame come."""
    is_triggered: bool = False
    """Whether the box has reported a trigger of the camera."""

    @property
    def is_open(self) -> bool:
        """Whether a frame may still come."""
        return self.state in OPEN

    def expose(self, exposure: Exposure) -> None:
        """Note an exposure that the box has reported."""
        self._go(PlaceAct.EXPOSE)
        self.exposures.append(exposure)

    def match(self, evidence: Evidence) -> bool:
        """Take the frame; return False when the place is a gap already and the frame comes too late."""
        if after(self.state, PlaceAct.MATCH) is None:
            return False
        self._go(PlaceAct.MATCH)
        self.evidence = evidence
        return True

    def give_up(self, gap: Gap) -> None:
        """Make an open place a gap."""
        self._go(PlaceAct.GIVE_UP)
        self.gap = gap

    def refuse(self, gap: Gap) -> None:
        """Make a matched place a gap."""
        self._go(PlaceAct.REFUSE)
        self.gap = gap

    def _go(self, act: PlaceAct) -> None:
        state = after(self.state, act)
        assert state is not None, (self.state, act)
        self.state = state
