"""Computers made of files: /sys, /proc and /dev as real ones show them, planted under a folder.

In: a folder, what `lsusb -t` or a file would say. Out: `ComputerFiles` over it. Layouts are those of computers that
people have shown: an AMD board with two controllers behind bridges, a Jetson Orin (`3610000.usb`, root hub 10000M, its
own hub), a virtual machine without USB, a container without /sys. Not here: what is judged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from rigdriver.devices.computer_files import ComputerFiles

VISION = (("ef", "05", "00"), ("ef", "05", "01"), ("ef", "05", "02"))
BOS_USB_3 = bytes.fromhex("050f160002 07100206000000 0a1003000e00010a0a00")
BOS_USB_2 = bytes.fromhex("050f0c0001 07100206000000")
BOS_10G = bytes.fromhex("050f2a0003 07100202000000 0a1003000e00010a0a00 14100a000100000001110000 3040 0a00 b040 0a00")
AMD = "devices/pci0000:00/0000:00:08.1/0000:0a:00.3"
INTEL = "devices/pci0000:00/0000:00:14.0"
JETSON = "devices/platform/bus@0/3610000.usb"


class Planted:
    """A computer that is planted file by file."""

    def __init__(self, root: Path, may_use: Callable[[Path], bool] = lambda _: True, is_linux: bool = True) -> None:
        self.root = root
        self.files = ComputerFiles(root, is_linux, may_use)
        self._address = 0

    def write(self, name: str, content: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else f"{content}\n".encode())

    def usb(
        self, controller: str, name: str, speed: str, version: str = "3.00", bos: bytes = b"", serial: str = "",
        classes: tuple[tuple[str, str, str], ...] = (), device_class: str = "00", **more: str,
    ) -> int:  # fmt: skip
        """Plant one device under /sys, and its node under /dev; return its address."""
        self._address += 1
        bus = name.removeprefix("usb").partition("-")[0]
        ports = [] if name.startswith("usb") else name.partition("-")[2].split(".")
        chain = [f"{bus}-{'.'.join(ports[: n + 1])}" for n in range(len(ports))]
        at = "/".join(["sys", controller, f"usb{bus}", *chain])
        texts: Mapping[str, str] = {
            "busnum": bus, "devnum": str(self._address), "speed": speed, "version": f" {version}", "serial": serial,
            "bDeviceClass": device_class, "idVendor": "2676", "idProduct": "ba02", **more,
        }  # fmt: skip
        for key, text in texts.items():
            if text:
                self.write(f"{at}/{key}", text)
        if bos:
            self.write(f"{at}/bos_descriptors", bos)
        self._link(name, at)
        self.write(f"dev/bus/usb/{int(bus):03}/{self._address:03}", "")
        for number, codes in enumerate(classes):
            self.interface(name, at, number, codes)
        return self._address

    def interface(self, name: str, at: str, number: int, codes: tuple[str, str, str]) -> None:
        keys = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
        for key, code in zip(keys, codes, strict=True):
            self.write(f"{at}/{name}:1.{number}/{key}", code)
        self._link(f"{name}:1.{number}", f"{at}/{name}:1.{number}")

    def root_hubs(self, controller: str, slow_bus: int, fast_bus: int, speed: str = "10000") -> None:
        self.usb(controller, f"usb{slow_bus}", "480", "2.00", device_class="09")
        self.usb(controller, f"usb{fast_bus}", speed, "3.10", device_class="09")

    def camera(
        self, controller: str, name: str, serial: str, speed: str = "5000", version: str = "3.00", bos=BOS_USB_3
    ):
        return self.usb(controller, name, speed, version, bos, serial, VISION, "ef")

    def port(self, hub: str, port: int, has_peer: bool) -> None:
        """Plant what the kernel says of a port of a hub: `1-0` is the root hub of bus 1."""
        bus, _, chain = hub.partition("-")
        inner = f"sys/bus/usb/devices/{hub}:1.0/{f'usb{bus}' if chain == '0' else hub}-port{port}"
        self.write(f"{inner}/connect_type", "hotplug")
        if has_peer:
            (self.root / inner / "peer").symlink_to("../elsewhere")

    def _link(self, name: str, at: str) -> None:
        link = self.root / "sys/bus/usb/devices" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(self.root / at, link.parent))
