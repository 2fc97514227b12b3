"""Texture cameras judged by the speckle that they and the geometry cameras see in the same moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import save
from rigdriver.calibration.project import rotation_matrix
from rigdriver.config import RigConfig
from rigdriver.frames import Frame
from rigdriver.selftest.lamps import SPECKLE, LightSeen
from rigdriver.selftest.result import CheckResult, Status
from rigdriver.selftest.texture_checks import LARGEST_MM, judge_texture

HEAD = {"kind": "head", "seed": 22, "motion": {"smile": 0.5}}
SIZE_PX = (640, 480)
CAMERAS = ("left_upper", "left_lower", "left_colour", "right_upper", "right_lower", "right_colour")
LEFT, RIGHT = "calibration.texture.left_colour", "calibration.texture.right_colour"
Bend = Callable[[RigCalibration], RigCalibration]


@pytest.fixture
def config(tmp_path: Path) -> RigConfig:
    cameras = [
        {
            "name": name,
            "serial": f"SIM{number}",
            "output": number,
            "pod": name.split("_")[0],
            "role": "texture" if name.endswith("colour") else "geometry",
        }
        for number, name in enumerate(CAMERAS)
    ]
    lamps = [{"name": f"{pod}_pattern", "kind": "pattern", "pod": pod, "output": 6 + n} for n, pod in enumerate("ab")]
    table = {"name": "sim", "box": {"url": "x"}, "genicam": {"producers": ["x.cti"]}, "cameras": cameras}
    return RigConfig.model_validate({**table, "lamps": lamps, "calibration": str(tmp_path / "calibration.json")})


def moved(camera: str, turn_urad: tuple[float, float, float]) -> Bend:
    """What makes a calibration wrong as if that camera had turned the other way."""

    def bend(calibration: RigCalibration) -> RigCalibration:
        T = calibration[camera].T_cam_world.copy()
        T[:3] = rotation_matrix(-1e-6 * np.array(turn_urad)) @ T[:3]
        bent = replace(calibration[camera], T_cam_world=T)
        return replace(calibration, cameras=MappingProxyType({**calibration.cameras, camera: bent}))

    return bend


def judged(
    render: Any, config: RigConfig, bend: Bend = lambda calibration: calibration, shown: Mapping[str, Any] | None = None
) -> dict[str, CheckResult]:
    """The checks of one moment; `shown` replaces images."""
    view = render(HEAD, index=0, size_px=SIZE_PX, with_colour=True, texture_light="pattern")
    cameras = {c.name: replace(view.calibration[c.name], serial=c.serial) for c in config.cameras}
    assert config.calibration is not None
    save(bend(replace(view.calibration, cameras=MappingProxyType(cameras))), config.calibration)
    moment = {
        name: Frame(name, 0, 0, 0, "BayerRG8" if name.endswith("colour") else "Mono8", image)
        for name, image in {**view.images, **(shown or {})}.items()
        if image is not None
    }
    seen = LightSeen({}, {}, {}, moments=[moment])
    checks = judge_texture(seen, config, dict.fromkeys(CAMERAS, SIZE_PX))
    assert [check.name for check in checks] == [LEFT, RIGHT]
    return {check.name: check for check in checks}


def test_cameras_that_look_where_the_calibration_says_are_good(render: Any, config: RigConfig) -> None:
    found = judged(render, config)
    assert {check.status for check in found.values()} == {Status.GOOD}
    assert max(check.figure or 1.0 for check in found.values()) < LARGEST_MM / 6


@pytest.mark.parametrize("camera", ["left_colour", "right_colour"])
def test_a_camera_that_has_turned_is_named_with_what_it_costs_and_no_other_is(
    render: Any, config: RigConfig, camera: str
) -> None:
    found = judged(render, config, moved(camera, (0.0, 700.0, 0.0)))
    (bad,) = (check for check in found.values() if check.status is Status.FAILED)
    assert bad.name.endswith(camera)
    assert f"camera {camera} (SN SIM" in bad.remedy
    assert "0.6 mm beside their places" in bad.remedy
    assert [check.status for check in found.values() if check is not bad] == [Status.GOOD]


def test_a_camera_that_looks_far_away_or_at_nothing_is_unknown_and_named(render: Any, config: RigConfig) -> None:
    far = judged(render, config, moved("left_colour", (45_000.0, 0.0, 0.0)))[LEFT]
    dark = judged(render, config, shown={"left_colour": np.zeros(SIZE_PX[::-1], np.uint8)})[LEFT]
    for check in (far, dark):
        assert check.status is Status.UNKNOWN
        assert "left_colour" in check.remedy
        assert "look at its image" in check.remedy


def test_without_a_surface_or_a_frame_nothing_is_called_good(render: Any, config: RigConfig) -> None:
    empty = np.zeros(SIZE_PX[::-1], np.uint8)
    for shown in ({"left_upper": empty, "left_lower": empty}, {"left_colour": None}, {"left_upper": None}):
        found = judged(render, config, shown=shown)
        assert (found[LEFT].status, found[RIGHT].status) == (Status.UNKNOWN, Status.GOOD), shown


def test_a_calibration_of_other_cameras_is_no_evidence(render: Any, config: RigConfig) -> None:
    judged(render, config)
    strange = config.model_copy(
        update={"cameras": tuple(c.model_copy(update={"serial": f"{c.serial}X"}) for c in config.cameras)}
    )
    seen = LightSeen({}, {}, {}, moments=[{}])
    checks = judge_texture(seen, strange, dict.fromkeys(CAMERAS, SIZE_PX))
    assert {check.status for check in checks} == {Status.UNKNOWN}


def test_a_schedule_without_room_for_all_cameras_at_once_is_told(config: RigConfig) -> None:
    checks = judge_texture(LightSeen({}, {}, {}), config, {})
    assert {check.status for check in checks} == {Status.NOT_CHECKED}
    assert all("no room" in check.remedy for check in checks)


def test_a_run_that_failed_is_unknown_with_its_reason(config: RigConfig) -> None:
    checks = judge_texture(LightSeen({}, {}, {}, missed="camera a: did not answer"), config, {})
    assert {(check.status, check.remedy) for check in checks} == {(Status.UNKNOWN, "camera a: did not answer")}


def test_a_camera_that_the_pattern_lamps_do_not_reach_is_not_blamed(render: Any, config: RigConfig) -> None:
    judged(render, config)
    light = {SPECKLE: dict.fromkeys(CAMERAS, 0.011)}
    seen = LightSeen(dict.fromkeys(CAMERAS, 0.01), light, {}, moments=[{}])
    checks = judge_texture(seen, config, dict.fromkeys(CAMERAS, SIZE_PX))
    assert {check.status for check in checks} == {Status.NOT_CHECKED}


@pytest.mark.parametrize("left_out", ["calibration", "lamps", "texture cameras"])
def test_rigs_without_what_it_takes_have_no_such_check(config: RigConfig, left_out: str) -> None:
    geometry = tuple(c for c in config.cameras if c.role == "geometry")
    without: dict[str, dict[str, Any]] = {
        "calibration": {"calibration": None},
        "lamps": {"lamps": ()},
        "texture cameras": {"cameras": geometry},
    }
    assert judge_texture(LightSeen({}, {}, {}), config.model_copy(update=without[left_out]), {}) == []
