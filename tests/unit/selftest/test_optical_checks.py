"""What the self-test says of swept flashes: which check fails, what it names, and which keys it would change.

In: sweeps as cameras with known delays show them. Out: checks with their remedies and changes of the rig file. Not
here: the fit (see test_exposure_window.py).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from rigdriver.config import RigConfig
from rigdriver.selftest.grounds import settled
from rigdriver.selftest.optical_checks import judge_optical
from rigdriver.selftest.result import CheckResult, KeyChange, Report, Status, verdict
from rigdriver.selftest.sweeping import CameraSweep
from tests.unit.selftest.test_exposure_window import LENGTH_US, WIDTH_US, swept

CAMERA = {"name": "a", "serial": "a", "output": 0, "input": 0, "latency_us": 20}


def rig(**camera: object) -> RigConfig:
    return RigConfig.model_validate(
        {
            "name": "bench",
            "box": {"url": "/dev/null"},
            "genicam": {"producers": ["x.cti"]},
            "cameras": [CAMERA | camera, {"name": "b", "serial": "b", "output": 1, "role": "texture"}],
            "lamps": [{"name": "flash", "kind": "pattern", "output": 9}],
        }
    )


def seen(rise: float, fall: float, out_rise: float, out_fall: float, config: RigConfig) -> CameraSweep:
    """The sweep of a camera with these true delays, by edges that are corrected as the rig file says."""
    camera = config.camera("a")
    late_us = out_rise - camera.line_rise_us
    early_us = out_fall - camera.line_fall_us
    # The edges say that the exposure began late_us after its true start.
    samples = [replace(s, length_us=LENGTH_US) for s in swept(-late_us, -early_us)]
    start_us = camera.latency_us + rise + late_us
    return CameraSweep(tuple(samples), WIDTH_US, start_us, 0.5, LENGTH_US, camera.latency_us + fall + late_us)


def checks(config: RigConfig, rise: float, fall: float, out_rise: float, out_fall: float) -> dict[str, CheckResult]:
    found = judge_optical({"a": seen(rise, fall, out_rise, out_fall, config)}, config)
    return {check.name.removeprefix("optical."): check for check in found}


def failed(found: dict[str, CheckResult]) -> set[str]:
    return {name for name, check in found.items() if check.status is Status.FAILED}


def test_delays_that_the_rig_file_does_not_name_fail_and_are_measured() -> None:
    found = checks(rig(), 7.0, 25.0, 36.0, 18.0)
    assert failed(found) == {"a.exposure_start", "a.line_rise", "a.line_fall", "a.trigger_fall"}
    changes = {change for check in found.values() for change in check.changes}
    assert changes == {
        KeyChange("a", "trigger_rise_us", 7),
        KeyChange("a", "trigger_fall_us", 25),
        KeyChange("a", "line_rise_us", 36),
        KeyChange("a", "line_fall_us", 18),
    }
    assert str(found["a.line_rise"].measured).startswith("36.0 +- ")
    assert "proofs count on 0 us (line_rise_us)" in found["a.line_rise"].remedy


def test_the_same_delays_are_good_once_the_rig_file_names_them() -> None:
    config = rig(trigger_rise_us=7, trigger_fall_us=25, line_rise_us=36, line_fall_us=18)
    found = checks(config, 7.0, 25.0, 36.0, 18.0)
    assert failed(found) == set()
    assert Report("bench", tuple(found.values()), was_opened=True).changed_keys(config) == {}


def test_a_wrong_latency_fails_the_start_alone() -> None:
    found = checks(rig(), 60.0, 60.0, 2.0, 2.0)
    assert failed(found) == {"a.exposure_start"}
    assert "cameras.latency_us" in found["a.exposure_start"].remedy


def test_an_exposure_that_begins_before_its_latency_is_no_delay_and_no_key_gets_a_negative_value() -> None:
    found = checks(rig(latency_us=40), -15.0, -15.0, 0.0, 0.0)
    assert failed(found) == {"a.exposure_start"}
    assert "mend cameras.latency_us" in found["a.exposure_start"].remedy
    assert "--write-delays" not in found["a.exposure_start"].remedy
    assert found["a.exposure_start"].changes == (KeyChange("a", "trigger_rise_us", 0),)


def test_what_cannot_be_observed_is_said_and_not_invented() -> None:
    config = rig()
    sweep = replace(seen(7.0, 25.0, 36.0, 18.0, config), fall_us=None)
    found = {check.name: check for check in judge_optical({"a": sweep}, config)}
    assert found["optical.a.trigger_fall"].status is Status.NOT_CHECKED
    assert found["optical.a.trigger_fall"].changes == ()
    assert found["optical.b"].status is Status.NOT_CHECKED
    assert "no lamp" in found["optical.b"].remedy


def test_a_camera_without_an_exposure_line_shows_its_exposure_but_no_delays_of_that_line() -> None:
    config = rig(input=None)
    found = checks(config, 0.0, 0.0, 0.0, 0.0)
    assert found["a.exposure_start"].status is Status.GOOD
    assert found["a.line_rise"].status is Status.NOT_CHECKED
    assert "a.line_fall" not in found


@pytest.mark.parametrize("samples", [(), tuple(swept(0.0, 0.0, light=0.0))], ids=["no image", "nothing in view"])
def test_without_evidence_the_checks_are_unknown(samples) -> None:
    config = rig()
    sweep = replace(seen(0.0, 0.0, 0.0, 0.0, config), samples=samples)
    found = judge_optical({"a": sweep}, config)
    assert {check.status for check in found if check.name != "optical.b"} == {Status.UNKNOWN}


def test_a_late_edge_is_told_by_the_cause_that_the_flash_shows() -> None:
    late = verdict(False, "wiring.a.latency", 63.0, "20 +- 11", "us", "mend it")
    line, good = (verdict(is_good, "optical.a.line_rise", "36", "0") for is_good in (False, True))
    assert [check.status for check in settled([late, line])] == [Status.NOT_RUN, Status.FAILED]
    assert settled([late, good])[0].status is Status.FAILED
