"""`verify` on folders of images: those that come from another place on the sensor than was calibrated are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import save
from rigdriver.errors import CalibrationMismatch
from rigdriver.images.region import ImageRegion
from rigdriver.procedures.artefacts import Artefact
from rigdriver.procedures.verify import VerifyOptions, verify
from rigdriver.recording.stored_formats import Sidecar, StoredImages, write_sidecar


def test_positions_of_another_place_on_the_sensor_are_refused_though_their_size_fits(
    rig_calibration: RigCalibration, tmp_path: Path
) -> None:
    first, *_ = rig_calibration
    save(rig_calibration.with_camera(replace(first, region=ImageRegion())), tmp_path / "placed.json")
    for camera in rig_calibration:
        (tmp_path / "plate" / camera.name).mkdir(parents=True)
        assert cv2.imwrite(str(tmp_path / "plate" / camera.name / "000001.png"), np.zeros((480, 640), np.uint8))
    formats = {"geometry": "Mono8", "texture": "BayerRG8"}
    stored = {c.name: StoredImages(formats[c.role], (640, 480), ImageRegion((16, 0))) for c in rig_calibration}
    write_sidecar(tmp_path / "plate", Sidecar(stored))
    options = VerifyOptions(tmp_path / "placed.json", {Artefact.PLATE: tmp_path / "plate"}, out=tmp_path / "out")
    with pytest.raises(CalibrationMismatch, match=r"images have offset 16,0 px, calibrated was offset 0,0 px"):
        verify(None, options)
