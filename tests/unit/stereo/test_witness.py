"""Speckle as a witness: a true calibration is left in peace, a turned camera is noticed and named."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import save
from rigdriver.calibration.health.evidence import PairMatches, SurfaceSteps, gather
from rigdriver.calibration.health.monitor import HealthMonitor
from rigdriver.calibration.project import rotation_matrix
from rigdriver.config import RigConfig
from rigdriver.frames import Frame, FrameSet, Proof, ProofVerdict
from rigdriver.selftest.calibration_checks import judge_health
from rigdriver.selftest.result import Status
from rigdriver.stereo.witness import SpeckleWitness

HEAD = {"kind": "head", "seed": 22, "motion": {"smile": 0.5}}
SIZE_PX = (1024, 768)
FRAME_SETS = 3


def turned(calibration: RigCalibration, camera: str, pitch_yaw_roll_urad: tuple[float, float, float]) -> RigCalibration:
    """The calibration as it is wrong after that camera was turned the other way."""
    T = calibration[camera].T_cam_world.copy()
    T[:3] = rotation_matrix(-1e-6 * np.array(pitch_yaw_roll_urad)) @ T[:3]
    bent = replace(calibration[camera], T_cam_world=T)
    return replace(calibration, cameras=MappingProxyType({**calibration.cameras, camera: bent}))


def verdict(render, bend):
    views = [render(HEAD, index=n, size_px=SIZE_PX) for n in range(FRAME_SETS)]
    known = bend(views[0].calibration)
    witness, monitor = SpeckleWitness(known), HealthMonitor(known)
    found = None
    for view in views * 2:
        found = monitor.look(witness.observe_images(dict(view.images)))
    return found


def test_a_true_calibration_raises_no_alarm(render):
    found = verdict(render, lambda calibration: calibration)
    assert found.is_healthy, str(found)
    assert found.frame_sets == 2 * FRAME_SETS


def test_the_rows_of_a_true_calibration_meet(render):
    view = render(HEAD, index=0, size_px=SIZE_PX)
    observations = SpeckleWitness(view.calibration).observe_images(dict(view.images))
    assert [type(o) for o in observations] == [PairMatches, PairMatches, SurfaceSteps, SurfaceSteps]
    misses = gather(view.calibration, observations).misses
    rows_px = [miss for source, miss in misses.items() if not source.endswith("step")]
    steps_um = [miss for source, miss in misses.items() if source.endswith("step")]
    assert len(rows_px) == 2
    assert max(rows_px) < 0.05
    assert len(steps_um) == 2
    assert max(steps_um) < 60


@pytest.mark.parametrize("camera", ["left_upper", "left_lower", "right_upper", "right_lower"])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_turn_of_200_urad_is_noticed_and_measured(render, camera, axis):
    turn = [0.0, 0.0, 0.0]
    turn[axis] = 200.0
    found = verdict(render, lambda calibration: turned(calibration, camera, tuple(turn)))
    assert found.has_alarm, str(found)
    assert camera in (found.turn.camera, *found.others), str(found)


@pytest.fixture
def config(tmp_path):
    names = ("left_upper", "left_lower", "left_colour", "right_upper", "right_lower", "right_colour")
    cameras = [{"name": n, "serial": f"SIM{i}", "output": i} for i, n in enumerate(names)]
    table = {"name": "sim", "box": {"url": "x"}, "genicam": {"producers": ["x.cti"]}, "cameras": cameras}
    return RigConfig.model_validate({**table, "calibration": str(tmp_path / "calibration.json")})


def judged(render, config, bend, *, is_blank=False):
    """The self-test's health check on three frame sets of a head."""
    views = [render(HEAD, index=n, size_px=SIZE_PX) for n in range(FRAME_SETS)]
    cameras = {c.name: replace(views[0].calibration[c.name], serial=c.serial) for c in config.cameras}
    save(bend(replace(views[0].calibration, cameras=MappingProxyType(cameras))), config.calibration)
    proof = Proof(0, 1, 0, 1, MappingProxyType({}), 0.0, ProofVerdict.PROVED)
    sets = [
        FrameSet(
            n, 0, 0, {k: Frame(k, n, 0, 0, "Mono8", i * (not is_blank)) for k, i in view.images.items()},
            MappingProxyType({}), proof,
        )
        for n, view in enumerate(views)
    ]  # fmt: skip
    (check,) = judge_health(config, dict.fromkeys(cameras, SIZE_PX), sets)
    return check


def test_the_self_test_says_that_no_camera_moved(render, config):
    check = judged(render, config, lambda calibration: calibration)
    assert (check.status, check.measured) == (Status.GOOD, "no camera moved")


def test_the_self_test_says_which_camera_moved_and_what_to_do(render, config):
    check = judged(render, config, lambda calibration: turned(calibration, "right_upper", (0.0, 300.0, 0.0)))
    assert check.status is Status.FAILED
    assert "right_upper" in check.remedy
    assert "take six views of the board" in check.remedy


def test_the_self_test_does_not_know_when_nothing_is_in_view(render, config):
    check = judged(render, config, lambda calibration: calibration, is_blank=True)
    assert check.status is Status.UNKNOWN
    assert "no surface in speckle light is in view" in check.remedy


def test_images_that_are_missing_give_no_evidence(render):
    view = render(HEAD, index=0, size_px=SIZE_PX)
    images = {name: image for name, image in view.images.items() if name.startswith("left")}
    observations = SpeckleWitness(view.calibration).observe_images(images)
    assert [type(o) for o in observations] == [PairMatches]
