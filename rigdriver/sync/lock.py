"""Tie a camera's clock to the box's from the preamble, with nothing assumed about which frames arrived.

In: the frames and the exposures of one preamble, whose spacings are all different (Golomb ruler). Out: pairs of frame
and exposure, or None when the marks cannot be identified. Frames are not counted: two suffice in principle, three are
required. Frames without time stamps are paired by their arrival on this computer.
Not here: how the preamble is collected (see preamble.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from rigdriver.frames import Frame
from rigdriver.sync.exposures import Exposure

DRIFT_BOUND = 300e-6
"""Largest difference between two rates: two crystals of 150 ppm each, the worst in cameras and boxes."""
LEAST_PAIRS = 3


class Tie(Enum):
    """What says which exposure made the frame of a certain id and time stamp."""

    PREAMBLE = "preamble"
    """The spacing of the preamble's exposures, passed on by clock or counter whenever the other one surely stepped."""
    ARRIVALS = "arrivals"
    """The arrivals alone, after clock and counter began anew or either may have stepped: headers may lag."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One frame and the exposure that made it."""

    frame: Frame
    exposure: Exposure


def has_stamps(frames: Sequence[Frame]) -> bool:
    """Return whether every frame carries a time stamp of its camera."""
    return all(frame.t_camera_ns is not None for frame in frames)


def pair_preamble(
    frames: Sequence[Frame], exposures: Sequence[Exposure], ticks_per_ns: float, tolerance_ticks: float
) -> tuple[Pair, ...] | None:
    """Return the one assignment that explains most frames, or None when too few agree or two assignments tie.

    `tolerance_ticks` is that of the time stamps; of the arrivals where a frame has no time stamp.
    """
    by_arrival = not has_stamps(frames)
    times_ns = {id(f): f.t_host_ns if by_arrival or f.t_camera_ns is None else f.t_camera_ns for f in frames}
    found: dict[tuple[tuple[int, int], ...], tuple[Pair, ...]] = {}
    for frame in frames:
        for exposure in exposures:
            # The right assignment is found from each of its pairs; by this key it counts once.
            pairs = _pairs_if(frame, exposure, frames, exposures, times_ns, ticks_per_ns, tolerance_ticks)
            found[tuple((p.frame.frame_id, p.exposure.ordinal) for p in pairs)] = pairs
    ranked = sorted(found.values(), key=len, reverse=True)
    if not ranked or len(ranked[0]) < LEAST_PAIRS:
        return None
    if len(ranked) > 1 and len(ranked[1]) == len(ranked[0]):
        return None
    return ranked[0]


def _pairs_if(
    frame: Frame,
    exposure: Exposure,
    frames: Sequence[Frame],
    exposures: Sequence[Exposure],
    times_ns: Mapping[int, int],
    ticks_per_ns: float,
    tolerance_ticks: float,
) -> tuple[Pair, ...]:
    """Pair all frames as they would be if `frame` came from `exposure`; frame ids must count the exposures too."""
    pairs = []
    for other in frames:
        # Until the rate is fitted, the two clocks may drift apart by this much over the time between the frames.
        elapsed = (times_ns[id(other)] - times_ns[id(frame)]) * ticks_per_ns
        reach = tolerance_ticks + DRIFT_BOUND * abs(elapsed)
        for e in exposures:
            steps_agree = other.frame_id - frame.frame_id == e.ordinal - exposure.ordinal
            if steps_agree and abs(e.start_ticks - exposure.start_ticks - elapsed) <= reach:
                pairs.append(Pair(other, e))
    return tuple(pairs)
