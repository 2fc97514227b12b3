"""Network interfaces from /sys/class/net, /proc/net/route and /proc/net/fib_trie, as kernels write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.network_interfaces import network_interfaces, reaching
from tests.planted_computer import Planted

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
ROUTES = f"""{HEAD}
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
enp5s0\t000AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0"""
TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.2
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
     +-- 192.168.10.0/24 2 0 2
        |-- 192.168.10.1
           /32 host LOCAL"""


def plant(computer: Planted, name: str, speed: str, mtu: str, is_physical: bool = True) -> None:
    for key, text in (("speed", speed), ("mtu", mtu), ("operstate", "up")):
        computer.write(f"sys/class/net/{name}/{key}", text)
    if is_physical:
        computer.write(f"sys/class/net/{name}/device/vendor", "0x8086")


def test_an_interface_tells_speed_mtu_networks_and_own_addresses(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    plant(computer, "enp5s0", "1000", "9000")
    plant(computer, "eth0", "-1", "1500")
    plant(computer, "docker0", "10000", "1500", is_physical=False)
    plant(computer, "lo", "0", "65536", is_physical=False)
    computer.write("proc/net/route", ROUTES)
    computer.write("proc/net/fib_trie", TRIE)
    docker, camera_port, office = network_interfaces(computer.files)
    assert (camera_port.name, camera_port.speed_mbit, camera_port.mtu) == ("enp5s0", 1000, 9000)
    assert camera_port.networks == (IPv4Network("192.168.10.0/24"),)
    assert camera_port.addresses == (IPv4Address("192.168.10.1"),)
    assert (office.speed_mbit, office.is_physical, docker.is_physical) == (None, True, False)
    assert office.networks == (IPv4Network("192.0.2.0/24"),), "the way through a gateway is no network of its own"


def test_an_address_is_reached_by_the_smallest_network_and_never_by_a_gateway(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    plant(computer, "eth0", "1000", "1500")
    plant(computer, "eth1", "1000", "1500")
    wide = f"{HEAD}\neth0\t0000A8C0\t00000000\t1\t0\t0\t0\t0000FFFF\neth1\t000AA8C0\t00000000\t1\t0\t0\t0\t00FFFFFF"
    computer.write("proc/net/route", wide)
    interfaces = network_interfaces(computer.files)
    inner, outer = (reaching(interfaces, IPv4Address(a)) for a in ("192.168.10.7", "192.168.11.7"))
    assert inner is not None
    assert outer is not None
    assert (inner.name, outer.name) == ("eth1", "eth0")
    assert reaching(interfaces, IPv4Address("169.254.3.3")) is None


def test_a_container_without_these_files_has_no_interfaces_and_nothing_raises(tmp_path: Path) -> None:
    assert network_interfaces(ComputerFiles(tmp_path / "nowhere")) == ()
    computer = Planted(tmp_path)
    plant(computer, "eth0", "fast", "")
    computer.write("proc/net/route", "Iface\neth0 zz 1\neth0\t000200C0\t00000000\t1\t0\t0\t0\t00FF00FF")
    computer.write("proc/net/fib_trie", "|-- 999.1.1.1\n /32 host LOCAL")
    (interface,) = network_interfaces(computer.files)
    assert (interface.speed_mbit, interface.mtu, interface.networks) == (None, None, ())
