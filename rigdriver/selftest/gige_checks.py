"""The networks of GigE Vision cameras, as far as this computer shows them without sending anything.

In: each camera's address and packet size, the computer's network interfaces. Out: per camera whether it is reached
without a gateway and whether its packets fit the MTU, per interface whether its speed carries the frames. Only the MTU
of this computer's own port is seen: switches do not tell theirs. A rig without GigE cameras gets no line. Not here: the
interfaces (see devices/network_interfaces.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from rigdriver.config import CameraConfig, RigConfig
from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.devices.network_interfaces import NetworkInterface, reaching
from rigdriver.selftest.camera_loads import CameraLoad, of_unknown_size, total_megabytes_per_s
from rigdriver.selftest.result import CheckResult, Status, not_checked, verdict

_HEADERS = 36
"""Bytes of the headers of IP (20), UDP (8) and GVSP (8), which the packet size counts in (GigE Vision 2.0)."""
_ON_THE_WIRE = 38
"""Bytes that Ethernet adds to a packet: preamble 8, header 14, checksum 4, gap 12 (IEEE 802.3)."""
_STANDARD_MTU = 1500
_NO_TEST_PACKET = (
    "a producer receives the camera's packets itself and shows no test packet to an application; what a switch on the "
    "way carries was not checked"
)


def judge_gige(cameras: Sequence[CameraLoad], interfaces: Sequence[NetworkInterface]) -> list[CheckResult]:
    """Judge the networks of the cameras that have an IP address."""
    located = [(load, load.address) for load in cameras if load.address is not None]
    checks = [check for load, address in located for check in _camera(load, address, cameras, interfaces)]
    for interface in interfaces:
        members = [load for load, address in located if reaching(interfaces, address) is interface]
        if members:
            checks.append(judge_link(interface, members))
    return checks


def off_the_subnet(
    config: RigConfig, devices: Sequence[DeviceInfo], interfaces: Sequence[NetworkInterface]
) -> list[CheckResult]:
    """Name the configured cameras that producers list with an address in no network of this computer."""
    found = [(camera, d, IPv4Address(d.ip)) for camera in config.cameras for d in devices if _is_meant(camera, d)]
    taken = [address for _, _, address in found]
    checks = [
        judge_subnet(f"gige.{c.name}.subnet", f"camera {c.name} (SN {device.serial})", address, taken, interfaces)
        for c, device, address in found
    ]
    return [check for check in checks if check.status is Status.FAILED]


def judge_subnet(
    name: str, label: str, address: IPv4Address, taken: Sequence[IPv4Address], interfaces: Sequence[NetworkInterface]
) -> CheckResult:
    """Judge whether a camera's address lies in a network of this computer, also of a camera that cannot be opened."""
    found = reaching(interfaces, address)
    expected = "an address in a network of this computer"
    if not any(interface.networks for interface in interfaces):
        return not_checked(name, "this computer shows no networks (/proc/net/route is empty or missing)")
    if found is not None:
        return verdict(True, name, f"{address} at {found.name}", expected)
    return verdict(False, name, str(address), expected, "", f"{label}: {_address_to_set(address, taken, interfaces)}")


def judge_link(interface: NetworkInterface, members: Sequence[CameraLoad]) -> CheckResult:
    """Judge the speed of an interface against what its cameras send."""
    name, rate = f"gige.{interface.name}", total_megabytes_per_s(members)
    if rate is None:
        return not_checked(name, of_unknown_size(members))
    if interface.speed_mbit is None:
        return not_checked(name, f"the driver of port {interface.name} does not report a link speed")
    packets = [load.packet_bytes or _STANDARD_MTU for load in members]
    limit = usable_megabytes_per_s(interface.speed_mbit, min(packets))
    names = ", ".join(load.name for load in members)
    remedy = (
        f"port {interface.name} runs at {interface.speed_mbit} Mbit/s and carries {names}: check its cable and the "
        "switch if it can do more; else use another port for some of them, or lower rate_hz or the image size"
    )
    return verdict(rate <= limit, name, round(rate, 1), f"<= {limit:.0f}", "MB/s", remedy)


def usable_megabytes_per_s(speed_mbit: float, packet_bytes: int) -> float:
    """Return what a link carries in packets of that size, in megabytes of frames per second."""
    return speed_mbit / 8 * max(packet_bytes - _HEADERS, 1) / (packet_bytes + _ON_THE_WIRE)


def _is_meant(camera: CameraConfig, device: DeviceInfo) -> bool:
    """Return whether a listed device has an address and is the configured camera, by any name that a rig file takes."""
    try:
        IPv4Address(device.ip)
    except ValueError:
        return False
    return camera.serial in (device.serial, device.id, device.user_id, device.mac, device.ip)


def _camera(
    load: CameraLoad, address: IPv4Address, cameras: Sequence[CameraLoad], interfaces: Sequence[NetworkInterface]
) -> Iterator[CheckResult]:
    taken = [other.address for other in cameras if other.address is not None]
    yield judge_subnet(f"gige.{load.name}.subnet", load.label, address, taken, interfaces)
    interface = reaching(interfaces, address)
    if interface is not None:
        yield _judge_packets(load, interface)
    yield not_checked(f"gige.{load.name}.test_packet", _NO_TEST_PACKET)


def _judge_packets(load: CameraLoad, interface: NetworkInterface) -> CheckResult:
    name = f"gige.{load.name}.mtu"
    if load.packet_bytes is None:
        return not_checked(name, f"{load.label} does not report GevSCPSPacketSize")
    if interface.mtu is None:
        return not_checked(name, f"this computer does not show the MTU of port {interface.name}")
    remedy = (
        f"{load.label} sends packets of {load.packet_bytes} B, port {interface.name} takes {interface.mtu} B: "
        f"`sudo ip link set dev {interface.name} mtu 9000` (each switch on the way must carry that, too), or set "
        f"GevSCPSPacketSize = {interface.mtu} in cameras.features"
    )
    return verdict(interface.mtu >= load.packet_bytes, name, interface.mtu, f">= {load.packet_bytes}", "B", remedy)


def _address_to_set(address: IPv4Address, taken: Sequence[IPv4Address], interfaces: Sequence[NetworkInterface]) -> str:
    """Say which address the camera needs: one in the network of a port that is up."""
    ports = [i for i in interfaces if i.networks and i.is_physical]
    offers = [
        f"{free}, mask {network.netmask} (port {port.name})"
        for port in ports
        for network in port.networks
        if (free := _free_address(network.broadcast_address, network.network_address, [*taken, *port.addresses]))
    ]
    told = f"its address {address} is in no network of this computer"
    if not offers:
        return f"{told}; give the network port that it hangs on an address beside it: `sudo ip address add`"
    return f"{told}; set it to {' or '.join(offers)} with its maker's program"


def _free_address(last: IPv4Address, first: IPv4Address, taken: Sequence[IPv4Address]) -> IPv4Address | None:
    """Return the highest address of a network that nobody known has; routers and servers tend to have low ones."""
    for number in range(int(last) - 1, max(int(first), int(last) - 256), -1):
        if IPv4Address(number) not in taken:
            return IPv4Address(number)
    return None
