"""The search for a camera.

In: lists of devices. Out: the one device that a configuration means.
"""

from __future__ import annotations

import pytest

from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.devices.camera_process.matching import Sought, find
from rigdriver.errors import CameraError, CameraMissing


def device(
    producer: str = "a.cti", device_id: str = "dev0", serial: str = "", user_id: str = "", model: str = "M"
) -> DeviceInfo:
    return DeviceInfo(producer, device_id, "V", model, serial, user_id, "U3V")


def test_a_camera_is_found_by_its_serial() -> None:
    devices = [device(device_id="x", serial="11"), device(device_id="y", serial="22")]
    assert find(Sought("left", "22"), devices, ["a.cti"]) is devices[1]


def test_a_camera_that_two_producers_list_belongs_to_the_one_named_first() -> None:
    devices = [device("a.cti", serial="11"), device("b.cti", serial="11")]
    assert find(Sought("left", "11"), devices, ["b.cti", "a.cti"]) is devices[1]


def test_a_serial_that_one_producer_lists_twice_is_ambiguous() -> None:
    devices = [device(device_id="x", serial="11"), device(device_id="y", serial="11")]
    with pytest.raises(CameraError, match="2 devices"):
        find(Sought("left", "11"), devices, ["a.cti"])


@pytest.mark.parametrize("key", ["dev7", "my-camera", "Odd"])
def test_a_device_without_serial_is_known_by_id_user_name_or_model(key: str) -> None:
    devices = [device(device_id="dev1", serial="11"), device(device_id="dev7", user_id="my-camera", model="Odd")]
    assert find(Sought("left", key), devices, ["a.cti"]) is devices[1]


def test_a_device_with_a_serial_is_not_known_by_its_model() -> None:
    with pytest.raises(CameraMissing, match=r"the producers list SN 11 \(Odd\)"):
        find(Sought("left", "Odd"), [device(serial="11", model="Odd")], ["a.cti"])


def test_no_device_at_all_is_said() -> None:
    with pytest.raises(CameraMissing, match="the producers list no device"):
        find(Sought("left", "1"), [], ["a.cti"])
