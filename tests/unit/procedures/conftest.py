"""A calibration of two pods that needs no rendering."""

from __future__ import annotations

import pytest

from rigdriver.calibration.calibration import RigCalibration
from tests.stereo_truth import calibration_of


@pytest.fixture(scope="session")
def rig_calibration() -> RigCalibration:
    from rigdriver_sim.scene.render import Renderer
    from rigdriver_sim.scene.spec import parse_scene

    return calibration_of(Renderer(parse_scene({"kind": "plate", "seed": 21}), 640, 480).pods.cameras)
