"""Faults that a test or a scenario plants in one camera.

In: rules keyed by the number of a trigger edge or of an exposure, so that what happens does not depend on when it is
asked. Out: answers for one edge or one exposure. Default: no faults. Not here: the camera (see model.py).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

Rule = Container[int] | Callable[[int], bool]
"""The ordinals that a fault hits: a set, a range, or a function."""
Amount = Mapping[int, int] | Callable[[int], int]
"""Nanoseconds by ordinal; ordinals that a mapping lacks get 0."""


def is_hit(rule: Rule, ordinal: int) -> bool:
    """Return whether the rule names the ordinal."""
    return bool(rule(ordinal)) if callable(rule) else ordinal in rule


def amount_ns(amount: Amount, ordinal: int) -> int:
    """Return the nanoseconds that the rule gives the ordinal."""
    return int(amount(ordinal)) if callable(amount) else int(amount.get(ordinal, 0))


def _nothing() -> Rule:
    return frozenset()


def _no_amount() -> Amount:
    return {}


@dataclass(slots=True)
class CameraFaults:
    """Switches; set them at any time.

    `withhold_trigger` and `double_trigger` count trigger edges from 0 at AcquisitionStart; all others
    count exposures (`Exposure.ordinal`).
    """

    withhold_trigger: Rule = field(default_factory=_nothing)
    """Triggers whose edge never reaches the camera."""
    double_trigger: Rule = field(default_factory=_nothing)
    """Triggers with a second edge `double_trigger_after_ns` after the real one."""
    double_trigger_after_ns: int = 200_000
    lose_frame: Rule = field(default_factory=_nothing)
    """Frames that are exposed but never delivered; the frame id is used up."""
    skip_frame: Rule = field(default_factory=_nothing)
    """Frames that are exposed but never delivered; the frame id is not used up, as the camera missed them itself."""
    incomplete: Rule = field(default_factory=_nothing)
    """Frames that are delivered with the lower half missing."""
    resend: Rule = field(default_factory=_nothing)
    """Frames of which packets are lost and sent again; they are delivered whole."""
    repeat_frame_id: Rule = field(default_factory=_nothing)
    """Frames that have the id of the one before; later ones count on from it."""
    reset_frame_id: Rule = field(default_factory=_nothing)
    """Frames with which ids begin anew at 0."""
    stamp_jump_ns: Amount = field(default_factory=_no_amount)
    """Time that is added to this frame's time stamp and to all later ones."""
    stamp_error_ns: Amount = field(default_factory=_no_amount)
    """Time that is added to this frame's time stamp only."""
    late_exposure_ns: Amount = field(default_factory=_no_amount)
    """Time by which the exposure starts later."""
    longer_exposure_ns: Amount = field(default_factory=_no_amount)
    """Time by which the exposure lasts longer."""
    deliver_late_ns: Amount = field(default_factory=_no_amount)
    """Time by which the frame is delivered later; others may overtake it."""
    stick_line: Rule = field(default_factory=_nothing)
    """Exposures for which the exposure-active line stays still."""
