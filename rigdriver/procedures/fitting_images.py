"""Whether images fit a calibration: their size, and the place on the sensor from which they come.

In: a calibration, and a rig or a folder of images. Out: nothing; images that do not fit are refused, and what is not
known is noted. Not here: the comparison (see calibration/calibration.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.errors import CalibrationMismatch
from rigdriver.frames import Frame, FrameSet, Gap, GapReason
from rigdriver.gap_facts import Told
from rigdriver.images.region import ImageRegion
from rigdriver.progress import Progress


class _Regions(Protocol):
    """A source of images that may know where on the sensors they were taken."""

    def regions(self) -> Mapping[str, ImageRegion | None]: ...


class _Images(Protocol):
    """A rig, or another source that knows the size and place of its images."""

    def sizes_px(self) -> Mapping[str, tuple[int, int]]: ...

    def regions(self) -> Mapping[str, ImageRegion]: ...


def refuse_other_images(known: RigCalibration, images: _Images, progress: Progress) -> None:
    """Refuse images of another size or place than was calibrated.

    Raises:
        CalibrationMismatch: they do not fit.
    """
    known.check_sizes(images.sizes_px())
    for note in known.check_regions(images.regions()):
        progress.note(note)


def refuse_other_regions(known: RigCalibration, images: _Regions, progress: Progress) -> None:
    """Refuse stored images of another place than was calibrated; folders from elsewhere say nothing, and pass.

    Raises:
        CalibrationMismatch: they do not fit.
    """
    regions = images.regions()
    notes = known.check_regions(regions)
    if any(regions.values()):
        for note in notes:
            progress.note(note)


def without_unfit(known: RigCalibration, frame_set: FrameSet) -> FrameSet:
    """Return the frame set with a gap, with its reason, for each image of another size or kind than calibrated."""
    unfit = {name: text for name, frame in frame_set.frames.items() if (text := _unfit(known, frame))}
    if not unfit:
        return frame_set
    frames = {name: frame for name, frame in frame_set.frames.items() if name not in unfit}
    gaps = {name: Gap(name, GapReason.UNUSABLE_FILE, Told(text)) for name, text in unfit.items()}
    return replace(frame_set, frames=frames, gaps={**frame_set.gaps, **gaps})


def _unfit(known: RigCalibration, frame: Frame) -> str:
    shape = frame.pixels.shape
    try:
        known.check_sizes({frame.camera: (shape[1], shape[0])})
    except CalibrationMismatch as exc:
        return str(exc)
    if known[frame.camera].role == "geometry" and len(shape) != 2:
        return f"image of {shape[2]} colours; expected a grey one; save it with one channel"
    return ""
