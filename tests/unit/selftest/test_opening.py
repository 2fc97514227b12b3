"""What an error while opening says about each check.

In: the errors that opening a rig can raise. Out: which check failed, which are unknown for that reason, and which are
good.
"""

import pytest

from rigdriver.errors import (
    CameraError,
    CameraMissing,
    ConfigError,
    DeviceError,
    DevicesFailed,
    InterfaceMismatch,
    NotATriggerBox,
    PortUnavailable,
    ProducerError,
)
from rigdriver.selftest.grounds import settled
from rigdriver.selftest.opening import failed_opening
from rigdriver.selftest.result import Status


def failed_names(error):
    return {check.name for check in failed_opening(error) if check.status is Status.FAILED}


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ConfigError("rig.toml line 3: name: is missing; add it"), "rig_file"),
        (ProducerError("producer x.cti: no such file; mend genicam.producers"), "producers"),
        (CameraMissing("camera a (SN 1): not found; check its cable"), "cameras.found"),
        (CameraError("camera a (SN 1): refuses Gain = 99; at most 24"), "cameras.features"),
        (PortUnavailable("trigger box port /dev/x: no such port; check box.url"), "box.identity"),
        (DeviceError("rig sim: cannot be started: no C compiler; install gcc"), "rig.opened"),
        (NotATriggerBox("trigger box on /dev/x: another device; check box.url"), "box.identity"),
        (InterfaceMismatch("trigger box on /dev/x: interface 12, expected 34; flash it"), "box.interface"),
    ],
)
def test_each_kind_of_error_fails_its_own_check(error, name):
    assert failed_names(error) == {name}


def test_all_failures_of_several_devices_are_told():
    error = DevicesFailed(
        "rig", [PortUnavailable("box; plug it in"), DevicesFailed("cameras", [CameraMissing("a; plug")])]
    )
    assert failed_names(error) == {"box.identity", "cameras.found"}


def test_what_was_not_reached_is_unknown_but_the_rig_file_is_known_to_be_good():
    checks = {check.name: check.status for check in failed_opening(CameraMissing("a"))}
    assert checks["rig_file"] is Status.GOOD
    assert checks["cameras.features"] is Status.UNKNOWN


def test_a_missing_camera_is_failed_and_not_excused_by_producers_that_were_loaded():
    checks = {check.name: check.status for check in settled(failed_opening(CameraMissing("a")))}
    assert checks["producers"] is Status.GOOD
    assert checks["cameras.found"] is Status.FAILED
    assert checks["cameras.features"] is Status.NOT_RUN


def the_failed(error):
    (check,) = [c for c in failed_opening(error) if c.status is Status.FAILED]
    return check


def test_an_error_that_carries_its_remedy_gives_it_to_the_check():
    check = the_failed(PortUnavailable(device="port x", seen="in use; by a; b", remedy="close it"))
    assert (check.measured, check.remedy) == ("port x: in use; by a; b", "close it")


def test_what_the_error_expected_stands_beside_what_it_saw():
    check = the_failed(NotATriggerBox(device="box", seen="device 'X'", expected="'TriggerBox'", remedy="check box.url"))
    assert (check.measured, check.remedy) == ("box: device 'X'; expected 'TriggerBox'", "check box.url")


def test_of_an_error_that_is_one_sentence_nothing_is_lost():
    check = the_failed(CameraError("camera a (SN 1): refuses Gain = 99; at most 24"))
    assert (check.measured, check.remedy) == ("failed", "camera a (SN 1): refuses Gain = 99; at most 24")


def test_what_follows_the_first_error_is_told_with_the_remedy():
    missing = [CameraMissing(device=f"camera {n}", seen="not found", remedy="check its cable") for n in "ab"]
    check = the_failed(DevicesFailed("cameras", missing))
    assert (check.measured, check.remedy) == (
        "camera a: not found",
        "check its cable; camera b: not found; check its cable",
    )
