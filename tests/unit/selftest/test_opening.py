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


def test_the_part_after_the_last_semicolon_is_the_remedy():
    (check,) = [c for c in failed_opening(PortUnavailable("port x: in use; close it")) if c.status is Status.FAILED]
    assert (check.measured, check.remedy) == ("port x: in use", "close it")
