"""The simulated cameras as they truly are, as a calibration; for tests that ask what reconstruction alone does.

In: the simulator's cameras, perhaps the rig file of the rig that has them. Out: a `RigCalibration` without any error.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from rigdriver.calibration.board.boards import PRESETS
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.config import RigConfig


def calibration_of(cameras: Mapping[str, Any], config: RigConfig | None = None) -> RigCalibration:
    """Return the true calibration; with a rig file under the rig's name and serial numbers."""
    serials = {camera.name: camera.serial for camera in config.cameras} if config else {}
    made = {
        name: CameraCalibration(
            name=name, serial=serials.get(name, "SIM"), size_px=(model.width, model.height), K=model.lens.matrix,
            distortion=np.array(model.lens.distortion), T_cam_world=np.array(model.T_cam_world), pod=model.pod,
            role="texture" if model.is_colour else "geometry",
        )
        for name, model in cameras.items()
    }  # fmt: skip
    return RigCalibration(
        rig=config.name if config else "sim", created="2026-01-01T00:00:00Z", board=PRESETS["face"], bow_mm=(0, 0, 0),
        cameras=MappingProxyType(made), rms_px=0.05, views=36, corners=1000, kept_share=1.0,
    )  # fmt: skip
