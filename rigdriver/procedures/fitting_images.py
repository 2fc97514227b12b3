"""Whether images fit a calibration: their size, and the place on the sensor from which they come.

In: a calibration, and a rig or a folder of images. Out: nothing; images that do not fit are refused, and what is not
known is noted. Not here: the comparison (see calibration/calibration.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rigdriver.calibration.calibration import RigCalibration
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
