"""The self-test as a whole, on a rig that is played: what its stages hand on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from rigdriver.calibration.file import save
from rigdriver.config import RigConfig, parse
from rigdriver.errors import CameraError
from rigdriver.images.region import ImageRegion
from rigdriver.rig import Rig
from rigdriver.selftest.result import Status
from rigdriver.selftest.suite import run_selftest
from rigdriver.timebase import WALL_TIME
from tests.unit.selftest.test_calibration_checks import CALIBRATION, SIZES, TEXT


def played(config: RigConfig, regions: dict[str, ImageRegion]) -> Rig:
    """A bench whose cameras tell sizes and regions, and fail when they are to deliver."""

    def fail() -> None:
        raise CameraError("camera a: its cable is out")

    def lack(camera: str, feature: str) -> None:
        raise CameraError(f"camera {camera}: has no feature {feature}")

    reports = {name: SimpleNamespace(name=name, serial=name, vendor="", model="", features=()) for name in regions}
    cameras = SimpleNamespace(reports=reports, statistics=fail, get=lack)
    told = {"sizes_px": lambda: SIZES, "regions": lambda: regions}
    return cast(Rig, SimpleNamespace(config=config, cameras=cameras, timebase=WALL_TIME, **told))


@pytest.mark.parametrize(("offset_px", "status"), [((0, 0), Status.GOOD), ((16, 0), Status.FAILED)])
def test_a_rig_whose_region_has_moved_fails_the_self_test_at_the_same_size(
    tmp_path: Path, offset_px: tuple[int, int], status: Status
) -> None:
    (tmp_path / "cal").mkdir()
    text = TEXT.replace('box = { url = "/dev/null" }', 'schedule = { mode = "software" }')
    # A folder that is not there: what this test runs on does not matter.
    config = parse(f'computer = "nowhere"\n{text}', "rig.toml", tmp_path)
    assert config.calibration is not None
    cameras = {name: replace(camera, region=ImageRegion()) for name, camera in CALIBRATION.cameras.items()}
    save(replace(CALIBRATION, cameras=cameras), config.calibration)
    report = run_selftest(played(config, {"a": ImageRegion(offset_px), "b": ImageRegion()}), lambda _: None)
    (check,) = [check for check in report.checks if check.name == "calibration.file"]
    assert check.status is status
    is_told = "camera a: images with offset 16,0 px; expected offset 0,0 px, as calibrated" in check.remedy
    assert is_told is (status is Status.FAILED)
