"""Images of another place on the sensor than was calibrated are refused at any size; unknown places are noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.errors import CalibrationMismatch
from rigdriver.images.region import ImageRegion
from rigdriver.procedures.fitting_images import refuse_other_images, refuse_other_regions
from rigdriver.progress import Progress, SilentProgress

MADE, MOVED = ImageRegion((160, 120)), ImageRegion((164, 120))


class Images:
    """Images of a size that fits, of those places on the sensor."""

    def __init__(self, known: RigCalibration, regions: Mapping[str, ImageRegion]) -> None:
        self._sizes_px = {camera.name: camera.size_px for camera in known}
        self._regions = regions

    def sizes_px(self) -> Mapping[str, tuple[int, int]]:
        return self._sizes_px

    def regions(self) -> Mapping[str, ImageRegion]:
        return self._regions


class Notes(SilentProgress):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, what: object) -> None:
        self.told.append(str(what))


@pytest.fixture
def known(rig_calibration: RigCalibration) -> RigCalibration:
    """A calibration whose first camera says its region; the others do not."""
    first, *_ = rig_calibration
    return rig_calibration.with_camera(replace(first, region=MADE))


@pytest.mark.parametrize("refuse", [refuse_other_images, refuse_other_regions])
def test_a_moved_region_is_refused_though_the_size_fits(
    known: RigCalibration, refuse: Callable[[RigCalibration, Images, Progress], None]
) -> None:
    name = next(iter(known)).name
    refuse(known, Images(known, {name: MADE}), SilentProgress())
    with pytest.raises(
        CalibrationMismatch,
        match=rf"camera {name}: images with offset 164,120 px; expected offset 160,120 px, as calibrated",
    ):
        refuse(known, Images(known, {name: MOVED}), SilentProgress())


@pytest.mark.parametrize("refuse", [refuse_other_images, refuse_other_regions])
def test_a_calibration_that_says_no_region_is_noted(
    known: RigCalibration, refuse: Callable[[RigCalibration, Images, Progress], None]
) -> None:
    name, notes = list(known)[1].name, Notes()
    refuse(known, Images(known, {name: MADE}), notes)
    (told,) = notes.told
    assert told.startswith(f"camera {name}: the calibration does not say which region of the sensor was used")
