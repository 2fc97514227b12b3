"""The search over producers' interfaces, with a binding and libraries of this test.

In: systems whose interfaces list devices, fail, or never come back. Out: devices with their interface and addresses,
one report per interface, and notes on what failed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from rigdriver.devices.camera_link.descriptions import DeviceInfo, InterfaceOutcome
from rigdriver.devices.camera_process import discovery as discovery_file
from rigdriver.devices.camera_process import enumeration
from rigdriver.devices.camera_process.discovery import Discovery, DiscoveryPeer, Search
from rigdriver.devices.camera_process.enumeration import Enumeration
from rigdriver.errors import ProducerError
from tests.fake_time import clock_of_looks

PATIENCE_S = 20.0
PATH = "/opt/a.cti"


class PeerError(Exception):
    """What this test's binding raises."""


class FakeInterface:
    """One interface; `ask` is what its library call does."""

    def __init__(self, name: str, devices: Sequence[str] = (), ask: Callable[[], int] = lambda: 0) -> None:
        self.id_, self.display_name, self.tl_type = f"TL-{name}", name, "GEV"
        self.listed, self.ask, self.reads = devices, ask, 0
        self.node_map: Any = None

    def create_interface(self) -> FakeInterface:
        return self

    def open(self) -> None:
        pass

    @property
    def _handle(self) -> FakeHandle:
        return FakeHandle(self)

    @property
    def device_info_list(self) -> list[Any]:
        self.reads += 1
        return [
            SimpleNamespace(
                id_=name, vendor="V", model="M", serial_number=name[-1], user_defined_name=None, tl_type="GEV"
            )
            for name in self.listed
        ]


HANDLES: list[FakeInterface] = []


class FakeHandle:
    """What `int` makes a number of, as the binding's handles."""

    def __init__(self, interface: FakeInterface) -> None:
        HANDLES.append(interface)

    def __int__(self) -> int:
        return len(HANDLES) - 1


@dataclass
class FakeLibrary:
    """A producer's library: each call goes to the interface of its handle."""

    systems: list[int] = field(default_factory=list)

    def update_interfaces(self, _system: int, _timeout_ms: int) -> int:
        return 0

    def update_devices(self, interface: int, _timeout_ms: int) -> int:
        return HANDLES[interface].ask()


def system_of(*interfaces: FakeInterface) -> Any:
    return SimpleNamespace(
        parent=SimpleNamespace(path_name=PATH), module=SimpleNamespace(_handle=7), interface_info_list=interfaces
    )


def nodes(addresses: Sequence[tuple[str, int, int]]) -> Any:
    """A GEV interface's node map: one device at a time, behind a selector."""

    class Nodes:
        DeviceSelector = SimpleNamespace(value=0)

        def __getattr__(self, name: str) -> Any:
            column = ("DeviceID", "GevDeviceMACAddress", "GevDeviceIPAddress").index(name)
            return SimpleNamespace(value=addresses[self.DeviceSelector.value][column])

    return Nodes()


@pytest.fixture
def notes() -> list[str]:
    return []


def discovered(
    notes: list[str],
    *interfaces: FakeInterface,
    named: Sequence[str] = (),
    is_enough: Callable[[Sequence[DeviceInfo]], bool] = lambda _devices: False,
) -> Discovery:
    peer = DiscoveryPeer((PeerError,), lambda *, module, parent: module, lambda *, module, parent: module)
    discovery = Discovery(peer, {PATH: FakeLibrary()}, notes.append)  # type: ignore[dict-item]
    discovery.run([system_of(*interfaces)], Search(PATIENCE_S, is_enough, named))
    return discovery


def test_devices_carry_their_interface_and_reports_tell_what_each_gave(notes: list[str]) -> None:
    discovery = discovered(notes, FakeInterface("eth0", ["cam1", "cam2"]), FakeInterface("eth1"))
    assert [(d.id, d.serial, d.interface, d.interface_name) for d, _ in discovery.devices] == [
        ("cam1", "1", "TL-eth0", "eth0"),
        ("cam2", "2", "TL-eth0", "eth0"),
    ]
    assert [(r.id, r.devices, r.outcome) for r in discovery.reports()] == [
        ("TL-eth0", 2, InterfaceOutcome.COMPLETE),
        ("TL-eth1", 0, InterfaceOutcome.COMPLETE),
    ]


def test_mac_and_ip_come_from_the_interface_by_the_device_s_id(notes: list[str]) -> None:
    interface = FakeInterface("eth0", ["cam1", "cam2"])
    interface.node_map = nodes([("cam2", 0xDEADBEEFCAFE, 0x0A000102), ("cam1", 1, 0x0A000103)])
    devices = [d for d, _ in discovered(notes, interface).devices]
    assert [(d.mac, d.ip) for d in devices] == [
        ("00:00:00:00:00:01", "10.0.1.3"),
        ("de:ad:be:ef:ca:fe", "10.0.1.2"),
    ]


def test_only_named_interfaces_are_asked_and_may_be_named_by_id_or_name(notes: list[str]) -> None:
    interfaces = [FakeInterface("eth0", ["cam1"]), FakeInterface("eth1", ["cam2"]), FakeInterface("eth2", ["cam3"])]
    discovery = discovered(notes, *interfaces, named=["eth1", "TL-eth2"])
    assert [d.id for d, _ in discovery.devices] == ["cam2", "cam3"]
    assert discovery.reports()[0].outcome is InterfaceOutcome.NOT_ASKED


def test_an_interface_that_no_producer_has_is_told_with_those_that_are_there(notes: list[str]) -> None:
    with pytest.raises(
        ProducerError, match=r"interface eth7: no producer lists it; listed are TL-eth0; correct genicam.i"
    ):
        discovered(notes, FakeInterface("eth0"), named=["eth0", "eth7"])


def test_an_interface_that_fails_is_noted_by_name_and_the_others_are_used(notes: list[str]) -> None:
    discovery = discovered(notes, FakeInterface("eth0", ["cam1"]), FakeInterface("eth1", ask=lambda: -1001))
    assert [d.id for d, _ in discovery.devices] == ["cam1"]
    assert discovery.reports()[1].outcome is InterfaceOutcome.FAILED
    assert notes == ["interface eth1: GenTL error -1001 in its search"]


def test_the_list_of_an_interface_that_has_not_come_back_is_not_touched(
    notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enumeration, "FIRST_TURN_S", 0.01)
    monkeypatch.setattr(enumeration, "OVERRUN_S", 0.01)
    monkeypatch.setattr(discovery_file, "Enumeration", partial(Enumeration, now_s=clock_of_looks()))
    release = threading.Event()
    hung = FakeInterface("eth0", ["cam1"], ask=lambda: int(not release.wait(PATIENCE_S)))

    def has_the_other(devices: Sequence[DeviceInfo]) -> bool:
        return [d.id for d in devices] == ["cam2"]

    discovery = discovered(notes, hung, FakeInterface("eth1", ["cam2"]), is_enough=has_the_other)
    assert hung.reads == 0
    assert [r.outcome for r in discovery.reports()] == [InterfaceOutcome.NO_ANSWER, InterfaceOutcome.COMPLETE]
    assert not discovery.settle(0.0)
    release.set()
    assert discovery.settle(PATIENCE_S)
