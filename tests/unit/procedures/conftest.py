"""A calibration of two pods that needs no rendering, and a place on the sensor for it and for images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import save
from rigdriver.images.region import ImageRegion
from rigdriver.recording.stored_formats import Sidecar, StoredImages, write_sidecar
from tests.stereo_truth import calibration_of


@pytest.fixture(scope="session")
def rig_calibration() -> RigCalibration:
    from rigdriver_sim.scene.render import Renderer
    from rigdriver_sim.scene.spec import parse_scene

    return calibration_of(Renderer(parse_scene({"kind": "plate", "seed": 21}), 640, 480).pods.cameras)


@pytest.fixture
def moved_region(rig_calibration: RigCalibration, tmp_path: Path) -> Callable[[Path, int], Path]:
    """Return what says of a folder's images that their region has moved by 16 px; it returns the calibration's file."""

    def move(folder: Path, bits: int) -> Path:
        first, *_ = rig_calibration
        save(rig_calibration.with_camera(replace(first, region=ImageRegion())), tmp_path / "placed.json")
        formats = {"geometry": f"Mono{bits}", "texture": f"BayerRG{bits}"}
        stored = {c.name: StoredImages(formats[c.role], (640, 480), ImageRegion((16, 0))) for c in rig_calibration}
        write_sidecar(folder, Sidecar(stored))
        return tmp_path / "placed.json"

    return move
