"""How warm a camera is: by what its maker says of it, else by the figure, else not at all."""

from __future__ import annotations

import math

import pytest

from rigdriver.config import FeatureValue, RigConfig
from rigdriver.selftest.camera_checks import HOTTEST_C, judge_temperatures
from rigdriver.selftest.result import CheckResult, Status

CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [{"name": name, "serial": name, "output": number} for number, name in enumerate("ab")],
    }
)


def judged(**features: FeatureValue) -> CheckResult:
    first, *_ = judge_temperatures(CONFIG, lambda _, feature: features.get(feature))
    return first


@pytest.mark.parametrize(("warmth_c", "status"), [(HOTTEST_C, Status.GOOD), (HOTTEST_C + 0.1, Status.FAILED)])
def test_a_camera_that_does_not_judge_itself_is_judged_by_its_figure(warmth_c: float, status: Status) -> None:
    assert judged(DeviceTemperature=warmth_c).status is status


@pytest.mark.parametrize("word", ["Critical", "Exceeded"])
def test_what_the_maker_says_counts_before_the_figure(word: str) -> None:
    check = judged(DeviceTemperature=40.0, DeviceTemperatureStatus=word)
    assert (check.status, check.measured) == (Status.FAILED, 40.0)
    assert f"reports {word}" in check.remedy


def test_a_camera_that_says_that_it_is_cool_may_be_warmer_than_others() -> None:
    assert judged(DeviceTemperature=HOTTEST_C + 5, BslTemperatureStatus="Ok").status is Status.GOOD


def test_a_word_that_no_known_maker_says_leaves_the_verdict_to_the_figure() -> None:
    assert judged(DeviceTemperature=40.0, TemperatureState="NotSupported").status is Status.GOOD


@pytest.mark.parametrize("warmth", [math.nan, math.inf, -273.15, 313.0, True, "warm"])
def test_a_figure_that_is_no_temperature_is_no_fault_of_the_camera(warmth: FeatureValue) -> None:
    assert judged(DeviceTemperature=warmth).status is Status.NOT_CHECKED


def test_each_camera_is_judged() -> None:
    checks = judge_temperatures(CONFIG, lambda _, __: None)
    assert [check.name for check in checks] == [f"cameras.{c.name}.temperature" for c in CONFIG.cameras]
