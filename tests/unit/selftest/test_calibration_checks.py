"""The calibration that a rig file names: belongs to the rig, or is refused by name."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from rigdriver.calibration.board.boards import PRESETS
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.file import save
from rigdriver.config import RigConfig, parse
from rigdriver.selftest.calibration_checks import judge_calibration
from rigdriver.selftest.result import Status

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
SIZES = {"a": (64, 48), "b": (64, 48)}
TEXT = """
name = "bench"
calibration = "cal/rig.json"
box = { url = "/dev/null" }
genicam = { producers = ["x.cti"] }
cameras = [{ name = "a", serial = "A1", output = 0 }, { name = "b", serial = "B1", output = 1 }]
"""


def camera(name: str, serial: str) -> CameraCalibration:
    return CameraCalibration(name, serial, (64, 48), np.diag([90.0, 90.0, 1.0]), np.zeros(5), np.eye(4))


CALIBRATION = RigCalibration(
    "bench", "2026-03-01T12:00:00+00:00", PRESETS["face"], (0.0, 0.0, 0.0),
    {"a": camera("a", "A1"), "b": camera("b", "B1")}, 0.05, 12, 900, 0.98,
)  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> RigConfig:
    (tmp_path / "cal").mkdir()
    return parse(TEXT, "rig.toml", tmp_path)


def judge(config: RigConfig, calibration: RigCalibration, sizes=SIZES):
    assert config.calibration is not None
    save(calibration, config.calibration)
    (check,) = judge_calibration(config, sizes, NOW)
    return check


def test_a_calibration_of_this_rig_is_good_and_tells_its_age(config):
    check = judge(config, CALIBRATION)
    assert (check.status, check.measured) == (Status.GOOD, "10 days old")


def test_a_rig_file_that_names_no_calibration_gets_no_check():
    bare = parse(TEXT.replace('calibration = "cal/rig.json"', ""), "rig.toml", Path())
    assert judge_calibration(bare, SIZES, NOW) == []


def test_a_file_that_is_missing_is_named(config):
    (check,) = judge_calibration(config, SIZES, NOW)
    assert check.status is Status.FAILED
    assert f"{config.calibration}: cannot be read" in check.remedy


@pytest.mark.parametrize(
    ("calibration", "sizes", "told"),
    [
        (replace(CALIBRATION, rig="other"), SIZES, "is of rig 'other'; expected rig 'bench', as in the rig file"),
        (
            replace(CALIBRATION, cameras={"a": camera("a", "A1"), "b": camera("b", "B9")}),
            SIZES,
            "camera b: SN B1; expected SN B9, as calibrated",
        ),
        (CALIBRATION, {**SIZES, "a": (128, 96)}, "camera a: images of 128x96 px; expected 64x48 px, as calibrated"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_seen_and_expected(config, calibration, sizes, told):
    check = judge(config, calibration, sizes)
    assert check.status is Status.FAILED
    assert told in check.remedy
