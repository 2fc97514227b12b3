"""Producers with several interfaces: slow ones, such as use their whole time-out, and cameras that are listed twice.

In: a simulated rig whose producer has up to eight interfaces. Out: opened cameras, the listing of each interface, and
errors that name interfaces. No time is measured: interfaces that were asked one after the other would need more time
than there is.
"""

from __future__ import annotations

import re

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.devices.camera_link.descriptions import InterfaceOutcome
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.listing import ProducerListing, list_producers
from rigdriver.errors import CameraError, CameraMissing
from tests.conformance.camera_worlds import launched

SMALL = "default?width=320&height=240&lockstep=true&pace=0"


def opened(config: RigConfig) -> Cameras:
    return Cameras.open(config.genicam, config.cameras, {c.name: {} for c in config.cameras}, config.timebase)


def with_interfaces(config: RigConfig, *named: str) -> RigConfig:
    return config.model_copy(update={"genicam": config.genicam.model_copy(update={"interfaces": named})})


def first_camera(config: RigConfig, **changed: str) -> RigConfig:
    return config.model_copy(update={"cameras": (config.cameras[0].model_copy(update=changed),)})


def listing(config: RigConfig) -> ProducerListing:
    return list_producers(config.genicam.producers, 1.0)


def test_eight_interfaces_that_use_their_whole_time_out_are_opened_as_one_is() -> None:
    keys = "producer.interfaces=8&producer.cameras=last&producer.uses_whole_timeout=true"
    with launched(f"{SMALL}&{keys}") as running:
        config = load(running.rig_file)
        with opened(config) as cameras:
            serials = [cameras.get(c.name, "DeviceSerialNumber") for c in config.cameras]
        assert serials == [c.serial for c in config.cameras]
        reports = listing(config).interfaces
        assert [r.outcome for r in reports] == [InterfaceOutcome.TIME_USED] * 8
        assert [r.devices for r in reports] == [0] * 7 + [len(config.cameras)]


def test_an_interface_that_takes_far_too_long_is_named_when_a_camera_is_missing_and_else_not_waited_for() -> None:
    keys = "producer.interfaces=2&producer.cameras=first&producer.slow_interfaces=[1]&producer.slow_s=600"
    with launched(f"{SMALL}&{keys}") as running:
        config = load(running.rig_file)
        opened(config).close()
        hasty = config.model_copy(update={"genicam": config.genicam.model_copy(update={"open_timeout_s": 20.0})})
        with pytest.raises(CameraMissing) as caught:
            opened(first_camera(hasty, serial="NONE"))
        slow = listing(config).interfaces[1]
        named = re.escape(slow.name or slow.id)
        assert re.search(rf"took all of the time of \d+\.\d s: interface {named} of rigsim\.cti;", str(caught.value))


def test_a_camera_on_two_interfaces_is_ambiguous_until_one_of_them_is_named() -> None:
    with launched(f"{SMALL}&producer.interfaces=2&producer.cameras=all") as running:
        config = load(running.rig_file)
        first, second = (report.id for report in listing(config).interfaces)
        with pytest.raises(CameraError, match=r"2 devices of .* fit: .*interface .*choose one of them by interface = "):
            opened(first_camera(config))
        for one in (first_camera(config, interface=second), with_interfaces(first_camera(config), first)):
            with opened(one) as cameras:
                assert cameras.get(config.cameras[0].name, "DeviceSerialNumber") == config.cameras[0].serial
