"""Guided capture: take a view by itself when the board rests, is sharp, new, and the frame set is proved.

In: frame sets, one after another. Out: after each an `Offer`: whether it was taken or why not, the next hint, and how
near "enough" the views are. The views that were taken are kept for the solver. Not here: who delivers frame sets (see
rigdriver.rig) and where images are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum

import numpy as np

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.board.detect import Detection, detect
from rigdriver.calibration.views.coverage import Coverage, CoverageHint, assess
from rigdriver.calibration.views.observations import Observations, from_detections
from rigdriver.frames import Frame, FrameSet, ProofVerdict

REST_PX = 0.5
"""Movement from one frame set to the next, in pixels, below which the board rests."""
NEW_SHARE = 0.03
"""Shift of the board in one camera at least, as a share of the image's width, that makes a view new."""
LARGEST_MOTION_PX = 2.0
"""Largest smear of a sharp image, in pixels."""
FARTHEST_MOTION_PX = 1000.0
"""Movement in pixels from which its size is not reported: the board has just come into view."""
LARGEST_EDGE_PX = 3.0
"""Largest spread of the edges in a sharp image, in pixels."""
DetectFunction = Callable[[Board, Frame], Detection]


class BlurKind(Enum):
    """Cause of a blurred image; the value is the sentence."""

    MOTION = "the board is smeared over {seen:.1f} px by motion; hold it still or shorten the exposure"
    FOCUS = "edges are {seen:.1f} px wide; expected less than {limit:g}; focus the lens"


@dataclass(frozen=True, slots=True)
class BlurFinding:
    """Blur of one image that is too large; `str` makes the sentence."""

    kind: BlurKind
    seen_px: float
    limit_px: float

    def __str__(self) -> str:
        return self.kind.value.format(seen=self.seen_px, limit=self.limit_px)


class OfferKind(Enum):
    """What became of a frame set; the value is the sentence, with the facts of `Offer` to fill in."""

    TAKEN = "view {view}: {cameras} cameras"
    UNPROVED = "frame set of pulse {pulse_index} is not proved synchronous: {why}"
    NO_BOARD = "no camera sees the board"
    MOVES = "the board moves ({motion_px:.1f} px); hold it still"
    NOT_YET_AT_REST = "hold it still"
    BLURRED = "{blurred}"
    NOT_NEW = "the board stands where it stood in view {view}; move it"


@dataclass(frozen=True, slots=True)
class Offer:
    """What became of one frame set, with the facts."""

    kind: OfferKind
    progress: float
    """Progress from 0 to 1; 1 is enough."""
    hint: CoverageHint | None
    """Sentence that says what to do next; None when there is enough."""
    view: str = ""
    """Name of the view that was taken, or of the one in which the board stood at the same place."""
    cameras: int = 0
    """Number of cameras in the view that was taken."""
    motion_px: float = 0.0
    blurred: tuple[tuple[str, BlurFinding], ...] = ()
    """Cameras whose image is too blurred to be used, with the finding."""
    pulse_index: int | None = None
    doubts: tuple[str, ...] = ()
    """Reasons why the frame set is not proved."""

    @property
    def is_taken(self) -> bool:
        """Whether the frame set became a view."""
        return self.kind is OfferKind.TAKEN

    @property
    def reason(self) -> str:
        """The outcome as a sentence: why it was not taken, or under which name it was."""
        blurred = [f"camera {camera}: {finding}" for camera, finding in self.blurred]
        sentence = self.kind.value.format(
            view=self.view,
            cameras=self.cameras,
            motion_px=self.motion_px,
            pulse_index=self.pulse_index,
            why="; ".join(self.doubts) or "its times do not fit",
            blurred=blurred[0] if blurred else "",
        )
        return "; ".join([sentence, *blurred]) if self.is_taken else sentence

    @property
    def advice(self) -> str:
        """The hint as a sentence; empty when there is enough."""
        return "" if self.hint is None else str(self.hint)


def _detect_frame(board: Board, frame: Frame) -> Detection:
    return detect(board, frame.pixels, frame.pixel_format)


def blur_problem(detection: Detection) -> BlurFinding | None:
    """Return why an image is not sharp enough; None when it is, or when nothing could be measured."""
    blur = detection.blur
    if blur.motion_px > LARGEST_MOTION_PX and blur.motion_px > 1.5 * blur.edge_sigma_px:
        return BlurFinding(BlurKind.MOTION, blur.motion_px, LARGEST_MOTION_PX)
    if blur.edge_sigma_px > LARGEST_EDGE_PX:
        return BlurFinding(BlurKind.FOCUS, blur.edge_sigma_px, LARGEST_EDGE_PX)
    return None


class GuidedCapture:
    """Collect views of one board. Not thread-safe: give it to one thread.

    `rest_frame_sets`: number of frame sets in a row that must show the board at the same place; 1 relies on the
    sharpness alone. `executor`: detects the images of a frame set side by side; without one, one after another.
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
        """Coverage of the views that were taken."""
        return self._coverage

    @property
    def views(self) -> int:
        """Number of views that were taken."""
        return len(self._taken)

    def observations(self) -> Observations:
        """Return the views that were taken, for the solver."""
        return from_detections(self._taken, self._sizes)

    def offer(self, frame_set: FrameSet, index: int | None = None) -> Offer:
        """Examine one frame set, and take it when it adds something.

        The view is named after `index`, or after the frame set's own index when it is left out.
        """
        proof = frame_set.proof
        if proof.verdict == ProofVerdict.UNPROVED:
            return self._outcome(OfferKind.UNPROVED, pulse_index=proof.pulse_index, doubts=tuple(proof.reasons))
        frames = [frame for frame in frame_set.frames.values() if frame.camera in self._sizes]
        if self._executor is None:
            found = [self._detect(self._board, frame) for frame in frames]
        else:
            found = list(self._executor.map(lambda frame: self._detect(self._board, frame), frames))
        view = f"{frame_set.pulse_index if index is None else index:06d}"
        return self.offer_detections(view, {frame.camera: d for frame, d in zip(frames, found, strict=True)})

    def offer_detections(self, view: str, detections: Mapping[str, Detection]) -> Offer:
        """Do as `offer` does, for images that were already searched."""
        found = {name: d for name, d in detections.items() if d.is_found}
        motion_px = _motion_px(self._before, found)
        self._still = self._still + 1 if motion_px < REST_PX else 1
        self._before = found
        if not found:
            return self._outcome(OfferKind.NO_BOARD)
        # Rest is judged before sharpness: a short exposure can be sharp while the board moves, and the cameras of a rig
        # whose exposures are apart would see it in two places.
        if self._still < self._rest_frame_sets:
            if motion_px < FARTHEST_MOTION_PX:
                return self._outcome(OfferKind.MOVES, motion_px=motion_px)
            return self._outcome(OfferKind.NOT_YET_AT_REST)
        blurred = tuple((name, finding) for name, d in found.items() if (finding := blur_problem(d)))
        sharp = {name: d for name, d in found.items() if blur_problem(d) is None}
        if not sharp:
            return self._outcome(OfferKind.BLURRED, blurred=blurred)
        for taken, old in self._taken.items():
            if not self._is_new(old, sharp):
                return self._outcome(OfferKind.NOT_NEW, view=taken)
        self._taken[view] = sharp
        self._coverage = assess(self.observations(), self._board)
        return self._outcome(OfferKind.TAKEN, view=view, cameras=len(sharp), blurred=blurred)

    def _is_new(self, old: Mapping[str, Detection], new: Mapping[str, Detection]) -> bool:
        for name, detection in new.items():
            if name not in old:
                return True
            if _motion_px({name: old[name]}, {name: detection}) > NEW_SHARE * self._sizes[name][0]:
                return True
        return False

    def _outcome(
        self, kind: OfferKind, *, view: str = "", cameras: int = 0, motion_px: float = 0.0,
        blurred: tuple[tuple[str, BlurFinding], ...] = (), pulse_index: int | None = None, doubts: tuple[str, ...] = (),
    ) -> Offer:  # fmt: skip
        hints = self._coverage.hints
        return Offer(
            kind, self._coverage.progress, hints[0] if hints else None, view, cameras, motion_px, blurred, pulse_index,
            doubts,
        )  # fmt: skip


def _motion_px(before: Mapping[str, Detection], now: Mapping[str, Detection]) -> float:
    """Return the largest median shift of common corners over the cameras; infinite when nothing is common."""
    shifts = []
    for name, detection in now.items():
        if name not in before:
            continue
        _, old, new = np.intersect1d(before[name].ids, detection.ids, return_indices=True)
        # Fewer common corners would let one wrong one be the median.
        if len(old) >= 4:
            step = detection.points_px[new] - before[name].points_px[old]
            shifts.append(float(np.median(np.linalg.norm(step, axis=1))))
    return max(shifts) if shifts else float("inf")
