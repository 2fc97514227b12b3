"""The search for a camera.

In: lists of devices. Out: the one device that a configuration means.
"""

from __future__ import annotations

import pytest

from rigdriver.devices.camera_link.descriptions import DeviceInfo, InterfaceOutcome, InterfaceReport
from rigdriver.devices.camera_process.matching import Sought, find
from rigdriver.errors import CameraError, CameraMissing


def device(
    producer: str = "a.cti",
    device_id: str = "dev0",
    serial: str = "",
    user_id: str = "",
    model: str = "M",
    interface: str = "",
    interface_name: str = "",
    mac: str = "",
    ip: str = "",
) -> DeviceInfo:
    return DeviceInfo(producer, device_id, "V", model, serial, user_id, "U3V", interface, interface_name, mac, ip)


def report(name: str, outcome: InterfaceOutcome, asked_s: float = 15.0) -> InterfaceReport:
    return InterfaceReport("/opt/a.cti", name, name, "GEV", outcome, asked_s, 0)


MAC = "de:ad:be:ef:ca:fe"
TWICE = [
    device(serial="11", device_id="cam", interface="eth0", mac=MAC, ip="10.0.1.2"),
    device(serial="11", device_id="cam", interface="TL-7", interface_name="eth1", mac=MAC, ip="10.0.2.2"),
]
"""One camera that a producer lists on two interfaces, as a GigE producer does."""


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


@pytest.mark.parametrize("interface", ["eth1", "TL-7"])
def test_a_camera_that_is_listed_twice_is_chosen_by_the_interface_s_name_or_id(interface: str) -> None:
    assert find(Sought("left", "11", interface), TWICE, ["a.cti"]) is TWICE[1]


def test_a_camera_that_is_listed_twice_is_chosen_by_its_ip() -> None:
    assert find(Sought("left", "10.0.2.2"), TWICE, ["a.cti"]) is TWICE[1]


@pytest.mark.parametrize("key", ["cam8", "stage", "DE-AD-00-00-00-08", "dead.0000.0008", "10.0.0.8"])
def test_a_device_with_a_serial_is_known_by_id_user_name_mac_or_ip_too(key: str) -> None:
    other = device(serial="7", device_id="cam7", user_id="wall", mac="de:ad:00:00:00:07", ip="10.0.0.7")
    meant = device(serial="8", device_id="cam8", user_id="stage", mac="de:ad:00:00:00:08", ip="10.0.0.8")
    assert find(Sought("left", key), [other, meant], ["a.cti"]) is meant


def test_a_serial_is_a_stronger_word_than_another_camera_s_user_name() -> None:
    devices = [device(serial="7", user_id="8"), device(serial="8", device_id="y")]
    assert find(Sought("left", "8"), devices, ["a.cti"]) is devices[1]


def test_an_ambiguous_camera_is_told_with_what_tells_the_candidates_apart_and_how_to_choose() -> None:
    with pytest.raises(CameraError) as caught:
        find(Sought("left", "11"), TWICE, ["a.cti"])
    assert str(caught.value) == (
        "camera left (SN 11): 2 devices of a.cti fit: interface eth0, IP 10.0.1.2; interface eth1, IP 10.0.2.2; "
        'expected one; choose one of them by interface = "eth0" in its table of the rig file'
    )


def test_candidates_on_one_interface_are_told_apart_by_what_differs() -> None:
    devices = [device(device_id="x", serial="0", interface="usb"), device(device_id="y", serial="0", interface="usb")]
    with pytest.raises(CameraError, match=r"fit: id x; id y; expected one; write the id of one of them as its serial"):
        find(Sought("left", "0"), devices, ["a.cti"])


def test_a_camera_chosen_by_its_interface_is_named_with_it_in_errors() -> None:
    sought = Sought("left", "11", "TL-7")
    assert sought.label_of(TWICE[1]) == "camera left (SN 11 on eth1)"
    assert Sought("left", "10.0.2.2").label_of(TWICE[1]) == "camera left (SN 11)"
    with pytest.raises(CameraMissing, match=r"camera left \(SN 11 on eth9\): not found"):
        find(Sought("left", "11", "eth9"), TWICE, ["a.cti"])


def test_a_missing_camera_is_told_with_the_slow_interfaces_by_name_not_with_the_producer() -> None:
    reports = [
        report("eth0", InterfaceOutcome.COMPLETE, 0.1),
        report("eth1", InterfaceOutcome.TIME_USED),
        report("eth2", InterfaceOutcome.TIME_USED, 14.9),
        report("eth3", InterfaceOutcome.NO_ANSWER, 12.0),
    ]
    with pytest.raises(CameraMissing) as caught:
        find(Sought("left", "1"), TWICE, ["a.cti"], reports)
    told = str(caught.value)
    assert "took all of the time of 15.0 s: interface eth1, eth2 of a.cti" in told
    assert "no answer within the time of 12.0 s: interface eth3 of a.cti" in told
    assert "eth0 of" not in told
    assert told.endswith("name the interfaces to ask as genicam.interfaces, or raise genicam.open_timeout_s")
