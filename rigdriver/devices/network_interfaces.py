"""The network interfaces of a Linux computer, from its files: nothing is sent.

In: the files of a computer. Out: each interface with link speed, MTU and the IPv4 networks behind it. Networks and own
addresses come from /proc/net/route and /proc/net/fib_trie. Not here: cameras (see rigdriver.selftest.gige_checks).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from rigdriver.devices.computer_files import ComputerFiles

_NET = "sys/class/net"
_OWN = re.compile(r"-- ([\d.]+)\n\s*/32 host LOCAL")


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """One network port."""

    name: str
    speed_mbit: int | None
    """Link speed; None where the driver does not report it, or the link is down."""
    mtu: int | None
    is_up: bool
    is_physical: bool
    """Whether it is a device of its own, no bridge, tunnel or container's end."""
    networks: tuple[IPv4Network, ...] = ()
    """Networks that it reaches without a gateway."""
    addresses: tuple[IPv4Address, ...] = ()
    """Addresses of this computer in these networks."""


def network_interfaces(files: ComputerFiles) -> tuple[NetworkInterface, ...]:
    """Return the network interfaces without the loopback; none where /sys shows none."""
    routes = _routes(files.text("proc/net/route") or "")
    own = _own_addresses(files.text("proc/net/fib_trie") or "")
    return tuple(_interface(files, name, routes, own) for name in files.names(_NET) if name != "lo")


def reaching(interfaces: Sequence[NetworkInterface], address: IPv4Address) -> NetworkInterface | None:
    """Return the interface that reaches an address without a gateway, by its smallest network; None when none does."""
    fitting = [(n.prefixlen, i) for i in interfaces for n in i.networks if address in n]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _interface(
    files: ComputerFiles, name: str, routes: Sequence[tuple[str, IPv4Network]], own: Sequence[IPv4Address]
) -> NetworkInterface:
    at = f"{_NET}/{name}"
    speed = files.number(f"{at}/speed")
    networks = tuple(network for interface, network in routes if interface == name)
    return NetworkInterface(
        name=name,
        # The kernel reports an unknown speed as -1, or 0 in virtual machines.
        speed_mbit=speed if speed is not None and speed > 0 else None,
        mtu=files.number(f"{at}/mtu"),
        # A driver without link detection reports "unknown" and works.
        is_up=files.text(f"{at}/operstate") in {"up", "unknown"},
        is_physical=files.is_there(f"{at}/device"),
        networks=networks,
        addresses=tuple(address for address in own if any(address in network for network in networks)),
    )


def _routes(table: str) -> list[tuple[str, IPv4Network]]:
    """Return the networks that are reached without a gateway, each with its interface."""
    found = []
    for line in table.splitlines()[1:]:
        cells = line.split()
        try:
            name, destination, gateway, mask = cells[0], _address(cells[1]), _address(cells[2]), _address(cells[7])
            network = IPv4Network(f"{destination}/{mask}")
        except (IndexError, ValueError):
            continue
        if int(gateway) == 0 and network.prefixlen > 0:
            found.append((name, network))
    return found


def _address(text: str) -> IPv4Address:
    # Printed as a number of this computer, whose bytes lie in the network's order (little endian, as x86 and ARM are).
    return IPv4Address(bytes.fromhex(text)[::-1])


def _own_addresses(trie: str) -> tuple[IPv4Address, ...]:
    return tuple(dict.fromkeys(_valid(_OWN.findall(trie))))


def _valid(texts: Iterable[str]) -> list[IPv4Address]:
    found = []
    for text in texts:
        try:
            found.append(IPv4Address(text))
        except ValueError:
            continue
    return found
