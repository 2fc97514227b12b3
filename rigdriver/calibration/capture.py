"""Guided capture: take a view by itself when the board rests, is sharp, new, and the frame set is proved.

In: frame sets, one after another. Out: after each an `Offer`: taken or why not, what to do next, and how near "enough"
it is. The views that were taken stand ready for the solver. This file refuses to know who delivers frame sets and where
images are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from rigdriver.calibration.boards import Board
from rigdriver.calibration.coverage import Coverage, assess
from rigdriver.calibration.detect import Detection, detect
from rigdriver.calibration.observations import Observations, from_detections
from rigdriver.frames import Frame, FrameSet

REST_PX = 0.5
"""A board that moved less from one frame set to the next rests."""
NEW_SHARE = 0.03
"""A view is new when the board stands elsewhere by this share of the image's width, for one camera at least."""
LARGEST_MOTION_PX = 2.0
LARGEST_EDGE_PX = 3.0
DetectFunction = Callable[[Board, Frame], Detection]


@dataclass(frozen=True, slots=True)
class Offer:
    """What became of one frame set."""

    is_taken: bool
    reason: str
    """Why it was not taken, or under which name it was."""
    advice: str
    """What to do next; empty when there is enough."""
    progress: float
    """0 to 1."""


def _detect_frame(board: Board, frame: Frame) -> Detection:
    return detect(board, frame.pixels, frame.pixel_format)


def blur_problem(detection: Detection) -> str:
    """Why an image is not sharp enough; empty when it is, or when nothing could be measured."""
    blur = detection.blur
    if blur.motion_px > LARGEST_MOTION_PX and blur.motion_px > 1.5 * blur.edge_sigma_px:
        return f"the board is smeared over {blur.motion_px:.1f} px by motion; hold it still or shorten the exposure"
    if blur.edge_sigma_px > LARGEST_EDGE_PX:
        return f"edges are {blur.edge_sigma_px:.1f} px wide; expected less than {LARGEST_EDGE_PX:g}; focus the lens"
    return ""


class GuidedCapture:
    """Collects views of one board. Not thread-safe: give it to one thread.

    `rest_frame_sets`: so many frame sets in a row must show the board at the same place; 1 trusts the sharpness alone.
    `executor`: detects a frame set's images side by side; without one, one after another.
    """

    def __init__(
        self, board: Board, sizes_px: Mapping[str, tuple[int, int]], rest_frame_sets: int = 2,
        executor: Executor | None = None, detect_frame: DetectFunction = _detect_frame,
    ) -> None:  # fmt: skip
        self._board = board
        self._sizes = dict(sizes_px)
        self._rest_frame_sets = rest_frame_sets
        self._executor = executor
        self._detect = detect_frame
        self._before: Mapping[str, Detection] = {}
        self._still = 0
        self._taken: dict[str, Mapping[str, Detection]] = {}
        self._coverage = assess(self.observations(), board)

    @property
    def coverage(self) -> Coverage:
        """Of the views that were taken."""
        return self._coverage

    @property
    def views(self) -> int:
        """How many were taken."""
        return len(self._taken)

    def observations(self) -> Observations:
        """The views that were taken, for the solver."""
        return from_detections(self._taken, self._sizes)

    def offer(self, frame_set: FrameSet, index: int) -> Offer:
        """Look at one frame set; take it when it is worth it. The view is called after `index`."""
        if frame_set.proof.verdict == "unproved":
            why = "; ".join(frame_set.proof.reasons) or "its times do not fit"
            return self._refuse(f"frame set of pulse {frame_set.proof.pulse_index} is not proved synchronous: {why}")
        frames = [frame for frame in frame_set.frames.values() if frame.camera in self._sizes]
        if self._executor is None:
            found = [self._detect(self._board, frame) for frame in frames]
        else:
            found = list(self._executor.map(lambda frame: self._detect(self._board, frame), frames))
        return self.offer_detections(f"{index:06d}", {frame.camera: d for frame, d in zip(frames, found, strict=True)})

    def offer_detections(self, view: str, detections: Mapping[str, Detection]) -> Offer:
        """As `offer`, for images that were already searched."""
        found = {name: d for name, d in detections.items() if d.is_found}
        motion_px = _motion_px(self._before, found)
        self._still = self._still + 1 if motion_px < REST_PX else 1
        self._before = found
        if not found:
            return self._refuse("no camera sees the board")
        if self._still < self._rest_frame_sets:
            return self._refuse(
                f"the board moves ({motion_px:.1f} px); hold it still" if motion_px < 1e3 else "hold it still"
            )
        blurred = [f"camera {name}: {problem}" for name, d in found.items() if (problem := blur_problem(d))]
        sharp = {name: d for name, d in found.items() if not blur_problem(d)}
        if not sharp:
            return self._refuse(blurred[0])
        for taken, old in self._taken.items():
            if not self._is_new(old, sharp):
                return self._refuse(f"the board stands where it stood in view {taken}; move it")
        self._taken[view] = sharp
        self._coverage = assess(self.observations(), self._board)
        return Offer(True, f"view {view}: {len(sharp)} cameras" + "".join(f"; {b}" for b in blurred), *self._next())

    def _is_new(self, old: Mapping[str, Detection], new: Mapping[str, Detection]) -> bool:
        for name, detection in new.items():
            if name not in old:
                return True
            if _motion_px({name: old[name]}, {name: detection}) > NEW_SHARE * self._sizes[name][0]:
                return True
        return False

    def _next(self) -> tuple[str, float]:
        advice = self._coverage.advice
        return (advice[0] if advice else ""), self._coverage.progress

    def _refuse(self, reason: str) -> Offer:
        return Offer(False, reason, *self._next())


def _motion_px(before: Mapping[str, Detection], now: Mapping[str, Detection]) -> float:
    """Largest median shift of common corners over the cameras; infinite when nothing is common."""
    shifts = []
    for name, detection in now.items():
        if name not in before:
            continue
        _, old, new = np.intersect1d(before[name].ids, detection.ids, return_indices=True)
        if len(old) >= 4:
            step = detection.points_px[new] - before[name].points_px[old]
            shifts.append(float(np.median(np.linalg.norm(step, axis=1))))
    return max(shifts) if shifts else float("inf")
