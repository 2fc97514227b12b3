"""`verify` on folders of images: those that come from another place on the sensor than was calibrated are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.errors import CalibrationMismatch
from rigdriver.procedures.artefacts import Artefact
from rigdriver.procedures.verify import VerifyOptions, verify


def test_positions_of_another_place_on_the_sensor_are_refused_though_their_size_fits(
    rig_calibration: RigCalibration, moved_region: Callable[[Path, int], Path], tmp_path: Path
) -> None:
    for camera in rig_calibration:
        (tmp_path / "plate" / camera.name).mkdir(parents=True)
        assert cv2.imwrite(str(tmp_path / "plate" / camera.name / "000001.png"), np.zeros((480, 640), np.uint8))
    calibration = moved_region(tmp_path / "plate", 8)
    options = VerifyOptions(calibration, {Artefact.PLATE: tmp_path / "plate"}, out=tmp_path / "out")
    with pytest.raises(CalibrationMismatch, match=r"images with offset 16,0 px; expected offset 0,0 px, as calibrated"):
        verify(None, options)
