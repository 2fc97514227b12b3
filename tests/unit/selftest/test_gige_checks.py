"""The networks of GigE cameras, judged from what this computer knows without sending anything."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from rigdriver.config import parse
from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.devices.network_interfaces import NetworkInterface
from rigdriver.selftest.camera_loads import CameraLoad
from rigdriver.selftest.gige_checks import judge_gige, judge_subnet, off_the_subnet, usable_megabytes_per_s
from rigdriver.selftest.result import CheckResult, Status

IMAGE_BYTES = 2048 * 1536


def port(name: str = "eth1", net: str = "192.168.10.0/24", speed: int | None = 1000, mtu: int | None = 9000):
    network = IPv4Network(net)
    return NetworkInterface(name, speed, mtu, True, True, (network,), (network[1],))


def camera(name: str = "a", address: str = "192.168.10.7", rate_hz: float = 10, packet: int | None = 8228):
    return CameraLoad(name, name, rate_hz, IMAGE_BYTES, IPv4Address(address), packet)


def judged(cameras, *ports: NetworkInterface) -> dict[str, CheckResult]:
    return {check.name: check for check in judge_gige(cameras, ports)}


def test_a_camera_in_its_network_with_fitting_packets_is_good_and_the_path_is_not_checked() -> None:
    checks = judged([camera()], port())
    statuses = {name: check.status for name, check in checks.items()}
    assert statuses == {
        "gige.a.subnet": Status.GOOD, "gige.a.mtu": Status.GOOD, "gige.a.test_packet": Status.NOT_CHECKED,
        "gige.eth1": Status.GOOD,
    }  # fmt: skip
    assert checks["gige.a.subnet"].measured == "192.168.10.7 at eth1"


def test_a_camera_off_the_subnet_is_named_with_an_address_that_is_free() -> None:
    office, cameras = port("eth0", "10.1.0.0/16"), port()
    taken = [IPv4Address("192.168.10.254"), IPv4Address("192.168.10.253")]
    check = judge_subnet("gige.a.subnet", "camera a (SN a)", IPv4Address("169.254.3.4"), taken, [office, cameras])
    assert check.status is Status.FAILED
    assert check.remedy == (
        "camera a (SN a): its address 169.254.3.4 is in no network of this computer; set it to 10.1.255.254, mask "
        "255.255.0.0 (port eth0) or 192.168.10.252, mask 255.255.255.0 (port eth1) with its maker's program"
    )


def test_without_a_port_that_has_a_network_the_port_needs_an_address() -> None:
    virtual = NetworkInterface("docker0", None, 1500, True, False, (IPv4Network("172.17.0.0/16"),))
    check = judge_subnet("n", "camera a", IPv4Address("169.254.3.4"), [], [virtual])
    assert check.status is Status.FAILED
    assert "`sudo ip address add`" in check.remedy


def test_a_computer_that_shows_no_networks_says_nothing_about_a_subnet() -> None:
    checks = judged([camera()])
    assert checks["gige.a.subnet"].status is Status.NOT_CHECKED
    assert set(checks) == {"gige.a.subnet", "gige.a.test_packet"}


@pytest.mark.parametrize(
    ("packet", "mtu", "status"),
    [
        (8228, 1500, Status.FAILED),
        (1500, 1500, Status.GOOD),
        (None, 1500, Status.NOT_CHECKED),
        (1500, None, Status.NOT_CHECKED),
    ],
)
def test_packets_larger_than_the_mtu_never_arrive(packet: int | None, mtu: int | None, status: Status) -> None:
    check = judged([camera(packet=packet)], port(mtu=mtu))["gige.a.mtu"]
    assert check.status is status
    if status is Status.FAILED:
        assert "`sudo ip link set dev eth1 mtu 9000`" in check.remedy
        assert "GevSCPSPacketSize = 1500" in check.remedy


@pytest.mark.parametrize(
    ("speed", "rate_hz", "status"),
    [(1000, 10, Status.GOOD), (100, 10, Status.FAILED), (1000, 20, Status.FAILED), (2500, 20, Status.GOOD),
     (None, 10, Status.NOT_CHECKED)],
)  # fmt: skip
def test_a_link_is_judged_by_all_its_cameras(speed: int | None, rate_hz: float, status: Status) -> None:
    cameras = [camera("a", "192.168.10.7", rate_hz), camera("b", "192.168.10.8", rate_hz)]
    check = judged(cameras, port(speed=speed))["gige.eth1"]
    assert check.status is status
    if status is Status.FAILED:
        assert f"port eth1 runs at {speed} Mbit/s and carries a, b" in check.remedy


def test_small_packets_carry_less_than_large_ones() -> None:
    # 1464 of 1538 and 8964 of 9038 bytes on the wire are pixels.
    assert usable_megabytes_per_s(1000, 1500) == pytest.approx(118.98, abs=0.01)
    assert usable_megabytes_per_s(1000, 9000) == pytest.approx(123.98, abs=0.01)


def listed(serial: str, ip: str) -> DeviceInfo:
    return DeviceInfo("v.cti", f"id-{serial}", "Maker", "M", serial, f"user-{serial}", "GEV", ip=ip)


@pytest.mark.parametrize("known_as", ["A1", "id-A1", "user-A1", "169.254.3.4"])
def test_a_camera_that_cannot_be_opened_is_named_when_it_is_listed_off_the_subnet(known_as: str) -> None:
    text = 'name = "r"\ngenicam = { producers = ["x.cti"] }\nschedule = { mode = "free" }\n'
    rows = (
        f'cameras = [{{ name = "a", serial = "{known_as}", output = 0 }}, {{ name = "b", serial = "B1", output = 1 }}]'
    )
    config = parse(text + rows, "rig.toml", Path())
    devices = [
        listed("A1", "169.254.3.4"),
        listed("B1", "192.168.10.254"),
        listed("C1", "169.254.9.9"),
        listed("D1", ""),
    ]
    (check,) = off_the_subnet(config, devices, [port()])
    assert (check.name, check.status) == ("gige.a.subnet", Status.FAILED)
    assert "camera a (SN A1): its address 169.254.3.4" in check.remedy
    assert "192.168.10.253" in check.remedy, "254 is the other camera's"


def test_a_rig_without_gige_cameras_gets_no_line() -> None:
    assert judged([CameraLoad("a", "a", 10, IMAGE_BYTES)], port()) == {}
