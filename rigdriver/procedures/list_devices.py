"""What is connected: GenTL producers, their interfaces and cameras, serial ports.

In: paths of producers. Out: interfaces and cameras by producer, serial ports, and the producers that cannot be used.
Nothing is opened for use.
Not here: rig files, and where producers lie (see producer_paths.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rigdriver.devices.box.serial_port import PortInfo, list_serial_ports
from rigdriver.devices.camera_link.descriptions import DeviceInfo, InterfaceReport
from rigdriver.devices.cameras.listing import ProducerListing, list_producers
from rigdriver.errors import RigError

SEARCH_S = 10.0
"""Time for which interfaces are asked; a producer that waits for its whole time-out uses all of it."""
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Connected:
    """What is connected."""

    producers: tuple[Path, ...]
    cameras: Mapping[Path, Sequence[DeviceInfo]]
    interfaces: Mapping[Path, Sequence[InterfaceReport]]
    failures: Mapping[Path, RigError]
    """Errors of the producers that cannot be used."""
    ports: Sequence[PortInfo]


def list_connected(producers: Sequence[Path], search_s: float = SEARCH_S) -> Connected:
    """Ask producers for their cameras, side by side and each in a process of its own; and list the serial ports."""

    def ask(path: Path) -> ProducerListing | RigError:
        try:
            # A producer that cannot be loaded does not hide the cameras of the others.
            return list_producers([path], search_s)
        except RigError as exc:
            return exc

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="list") as pool:
        answers = dict(zip(producers, pool.map(ask, producers), strict=True))
    listings = {path: answer for path, answer in answers.items() if isinstance(answer, ProducerListing)}
    return Connected(
        producers=tuple(producers),
        cameras={path: listing.devices for path, listing in listings.items()},
        interfaces={path: listing.interfaces for path, listing in listings.items()},
        failures={path: answer for path, answer in answers.items() if isinstance(answer, RigError)},
        ports=list_serial_ports(),
    )
