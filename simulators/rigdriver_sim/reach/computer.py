"""Show the computer that the simulated rig hangs on: the files of /sys, /proc and /dev that a self-test reads.

In: a folder, a scenario, the terminal of the box. Out: a tree of files and links as Linux lays them out (sysfs-bus-usb,
proc(5)). Its lies: only what a self-test may read is there; the figures stand still; the cameras hang on USB whatever
their make is; the file `disk` states free bytes and bytes per second, because a simulated computer has no disk to try.
Not here: what is good or bad.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rigdriver_sim.scenario import CameraTable, ComputerTable, Scenario

_CONTROLLERS = ("0000:00:14.0", "0000:03:00.0")
"""PCI addresses of the host controllers; each has a slow bus (1, 3) and a SuperSpeed bus (2, 4)."""
_ROOT_PORTS = 12
_BOX_PORT = 9
_HUB_PORT = 1
_SUPER_SPEED_BOS = bytes.fromhex("050f160002 07100206000000 0a1003000e00010a0a00")
"""BOS descriptor of a USB 3 device: USB 2 extension, and SuperSpeed with 12, 480 and 5000 Mbit/s."""


@dataclass(frozen=True, slots=True)
class UsbNode:
    """One device of the tree."""

    bus: int
    ports: tuple[int, ...]
    speed: str
    version: str
    ids: tuple[str, str]
    serial: str
    product: str
    device_class: str = "00"
    interfaces: tuple[tuple[str, str, str], ...] = ()
    bos: bytes = b""
    tty: str = ""

    @property
    def name(self) -> str:
        """Name in /sys."""
        return f"{self.bus}-{'.'.join(map(str, self.ports))}" if self.ports else f"usb{self.bus}"


def write_computer(folder: Path, scenario: Scenario, terminal: str) -> None:
    """Write the tree; `terminal` is the path of the box's serial port."""
    computer = scenario.computer
    if computer.usb != "none":
        for number, node in enumerate(usb_nodes(scenario, terminal), start=1):
            _write_node(folder, node, number)
    ticks = 1_000_000
    stolen = round(ticks * computer.stolen)
    processors = "".join(f"cpu{number} 1 0 1 1 0 0 0 0 0 0\n" for number in range(computer.cpus))
    texts = {
        "proc/stat": f"cpu  {(ticks - stolen) // 2} 0 0 {ticks - stolen - (ticks - stolen) // 2} 0 0 0 {stolen} 0 0\n"
        f"{processors}intr 0\n",
        "proc/loadavg": f"{computer.load:.2f} 0.50 0.50 1/200 4000\n",
        "proc/meminfo": f"MemTotal: 131072000 kB\nMemFree: 1000 kB\nMemAvailable: {computer.free_memory_mb << 10} kB\n",
        "sys/module/usbcore/parameters/usbfs_memory_mb": f"{computer.usbfs_memory_mb}\n",
        "sys/devices/system/clocksource/clocksource0/current_clocksource": f"{computer.clock_source}\n",
        "disk": _disk(computer),
    }
    for name, text in texts.items():
        _write(folder / name, text.encode())


def usb_nodes(scenario: Scenario, terminal: str) -> Iterator[UsbNode]:
    """Return root hubs, hubs, cameras and the box in the topology that the scenario asks for."""
    usb = scenario.computer.usb
    for bus in range(1, 2 * len(_CONTROLLERS) + 1):
        yield _root_hub(bus)
    cameras = scenario.cameras
    half = len(cameras) if usb in {"one_controller", "hub"} else -(-len(cameras) // 2)
    if usb == "hub":
        yield UsbNode(
            2, (_HUB_PORT,), "5000", "3.00", ("05e3", "0620"), "", "USB3.1 Hub", "09", (("09", "00", "00"),),
            _SUPER_SPEED_BOS,
        )  # fmt: skip
    yield from _cameras(cameras[:half], 2, (_HUB_PORT,) if usb == "hub" else (), fallen_back=usb == "usb2")
    yield from _cameras(cameras[half:], 4, ())
    if usb != "box_missing":
        interfaces = (("02", "02", "01"), ("0a", "00", "00"))
        tty = terminal.removeprefix("/dev/").replace("/", "!")
        serial = str(scenario.box.serial_number)
        yield UsbNode(
            1, (_BOX_PORT,), "12", "2.00", ("2e8a", "000a"), serial, scenario.box.device_name, "ef", interfaces, tty=tty
        )


def _root_hub(bus: int) -> UsbNode:
    is_fast = bus % 2 == 0
    return UsbNode(
        bus, (), "10000" if is_fast else "480", "3.10" if is_fast else "2.00", ("1d6b", "0003" if is_fast else "0002"),
        _CONTROLLERS[(bus - 1) // 2], "xHCI Host Controller", "09", (("09", "00", "00"),),
    )  # fmt: skip


def _cameras(
    cameras: Sequence[CameraTable], bus: int, above: tuple[int, ...], fallen_back: bool = False
) -> Iterator[UsbNode]:
    vision = (("ef", "05", "00"), ("ef", "05", "02"))
    for port, camera in enumerate(cameras, start=1):
        is_slow = fallen_back and port == 1
        yield UsbNode(
            bus - 1 if is_slow else bus, (*above, port), "480" if is_slow else "5000", "2.10" if is_slow else "3.00",
            ("1ab2", "0001"), camera.serial, f"Simulated camera {camera.name}", "ef", vision, _SUPER_SPEED_BOS,
        )  # fmt: skip


def _write_node(folder: Path, node: UsbNode, address: int) -> None:
    at = folder / "sys/devices/pci0000:00" / _CONTROLLERS[(node.bus - 1) // 2] / f"usb{node.bus}"
    for count in range(1, len(node.ports) + 1):
        at = at / f"{node.bus}-{'.'.join(map(str, node.ports[:count]))}"
    texts = {
        "busnum": str(node.bus), "devnum": str(address), "speed": node.speed, "version": f" {node.version}",
        "idVendor": node.ids[0], "idProduct": node.ids[1], "serial": node.serial, "product": node.product,
        "bDeviceClass": node.device_class,
    }  # fmt: skip
    for name, text in texts.items():
        if text:
            _write(at / name, f"{text}\n".encode())
    if node.bos:
        _write(at / "bos_descriptors", node.bos)
    _link(folder, node.name, at)
    _write(folder / f"dev/bus/usb/{node.bus:03}/{address:03}", b"")
    for number, classes in enumerate(node.interfaces):
        _write_interface(folder, node, at, number, classes)


def _write_interface(folder: Path, node: UsbNode, at: Path, number: int, classes: tuple[str, str, str]) -> None:
    # The one interface of a root hub is called 1-0:1.0, not usb1:1.0.
    name = f"{node.name if node.ports else f'{node.bus}-0'}:1.{number}"
    keys = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    for key, code in zip(keys, classes, strict=True):
        _write(at / name / key, f"{code}\n".encode())
    if node.tty and number == 0:
        (at / name / "tty" / node.tty).mkdir(parents=True)
    for port in range(1, _ROOT_PORTS + 1) if node.device_class == "09" else ():
        peer = at / name / f"{node.name}-port{port}" / "peer"
        peer.parent.mkdir(parents=True)
        peer.symlink_to(f"../port{port}-of-the-other-speed")
    _link(folder, name, at / name)


def _link(folder: Path, name: str, at: Path) -> None:
    link = folder / "sys/bus/usb/devices" / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(at, link.parent))


def _disk(computer: ComputerTable) -> str:
    return f"{computer.free_disk_mb * 10**6}\n{computer.disk_mb_per_s * 10**6}\n"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
