"""Which interfaces the producers of this process have, and which devices those list.

In: systems that the binding has opened, and what is looked for. Out: the devices, and a report for each interface. All
interfaces are asked side by side; what they list is read on the caller's thread, and never from an interface whose
call has not come back. The binding's classes and errors are handed over by binding.py, which alone imports it.
Not here: turns and times (see enumeration.py), and which device a camera is (see matching.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rigdriver.devices.camera_link.descriptions import DeviceInfo, InterfaceOutcome, InterfaceReport
from rigdriver.devices.camera_process.enumeration import Enumeration, InterfaceAnswer, InterfaceCall
from rigdriver.devices.camera_process.libraries import ProducerLibrary
from rigdriver.errors import ProducerError

_GIGE = ("GEV", "GigE")
"""Transport layers whose interfaces tell addresses; the second is an old producers' word."""
_NOT_ASKED = InterfaceAnswer(InterfaceOutcome.NOT_ASKED, 0.0)
_UNOPENED = InterfaceAnswer(InterfaceOutcome.FAILED, 0.0)


@dataclass(frozen=True, slots=True)
class DiscoveryPeer:
    """What discovery needs of the binding."""

    errors: tuple[type[Exception], ...]
    wrap_interface: Callable[..., Any]
    wrap_device: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for, and for how long."""

    time_s: float
    is_enough: Callable[[Sequence[DeviceInfo]], bool]
    """Whether these devices are all that is wanted; nobody is asked again then."""
    interfaces: Sequence[str] = ()
    """Ids or names of the interfaces to ask; all when empty."""


@dataclass(slots=True)
class _Place:
    """One interface: the binding's two objects for it, and what it lists."""

    producer: str
    id: str
    name: str
    tl_type: str
    raw: Any = None
    module: Any = None
    answer: InterfaceAnswer = _NOT_ASKED
    read_at: InterfaceAnswer | None = None
    devices: Sequence[tuple[DeviceInfo, Any]] = ()


class Discovery:
    """One search over all producers."""

    def __init__(
        self, peer: DiscoveryPeer, libraries: Mapping[str, ProducerLibrary], note: Callable[[str], None]
    ) -> None:
        """`libraries`: path -> loaded producer. `note` takes a sentence for each failure."""
        self._peer = peer
        self._libraries = libraries
        self._note = note
        self._places: list[_Place] = []
        self._enumeration: Enumeration | None = None

    @property
    def interfaces(self) -> list[Any]:
        """The binding's opened interfaces."""
        return [place.module for place in self._places if place.module is not None]

    @property
    def devices(self) -> list[tuple[DeviceInfo, Any]]:
        """Each device, and the binding's object for it."""
        return [pair for place in self._places for pair in place.devices]

    def reports(self) -> list[InterfaceReport]:
        """Return what came of each interface."""
        return [
            InterfaceReport(
                p.producer, p.id, p.name, p.tl_type, p.answer.outcome, p.answer.asked_s, len(p.devices), p.answer.code
            )
            for p in self._places
        ]

    def run(self, systems: Sequence[Any], search: Search) -> None:
        """Look for devices.

        Raises:
            ProducerError: no producer has an interface that the search names.
        """
        self._places = list(self._open_interfaces(self._update_systems(systems, search.time_s), search.interfaces))
        # An interface that cannot be opened keeps its place, for its report may explain a missing camera.
        asked = [p for p in self._places if p.module is not None]
        calls = [InterfaceCall(p.name or p.id, self._asking(p)) for p in asked]
        enumeration = self._enumeration = Enumeration(calls)

        def is_enough() -> bool:
            for place, answer in zip(asked, enumeration.answers, strict=True):
                place.answer = answer
            self._read_lists(asked)
            return search.is_enough([device for device, _ in self.devices])

        enumeration.run(search.time_s, is_enough)
        is_enough()
        for place in asked:
            if place.answer.outcome is InterfaceOutcome.FAILED:
                self._note(f"interface {place.name or place.id}: GenTL error {place.answer.code} in its search")

    def settle(self, time_s: float) -> bool:
        """Wait for calls that have not come back; return whether none is left."""
        return self._enumeration is None or self._enumeration.settle(time_s)

    # ---- interfaces ----

    def _update_systems(self, systems: Sequence[Any], time_s: float) -> list[Any]:
        """Have all systems look for interfaces, side by side; return those that have answered."""
        calls = [InterfaceCall(_path(system), self._updating(system)) for system in systems]
        enumeration = Enumeration(calls)

        # A list may change under its reader while its update runs on another thread, so only settled systems are read.
        def answered() -> list[Any]:
            return [s for s, a in zip(systems, enumeration.answers, strict=True) if not a.is_out]

        enumeration.run(time_s, lambda: all(self._interface_infos(s) for s in answered()) and answered() == [*systems])
        for call, answer in zip(calls, enumeration.answers, strict=True):
            if answer.is_out:
                self._note(f"{call.name}: has not listed its interfaces within {answer.asked_s:.1f} s")
        return answered()

    def _updating(self, system: Any) -> Callable[[int], int]:
        library, handle = self._libraries[_path(system)], int(system.module._handle)  # noqa: SLF001, see libraries.py
        return lambda timeout_ms: library.update_interfaces(handle, timeout_ms)

    def _asking(self, place: _Place) -> Callable[[int], int]:
        library, handle = self._libraries[place.producer], int(place.raw._handle)  # noqa: SLF001
        return lambda timeout_ms: library.update_devices(handle, timeout_ms)

    def _interface_infos(self, system: Any) -> Sequence[Any]:
        try:
            return list(system.interface_info_list)
        except self._peer.errors:
            return []

    def _open_interfaces(self, systems: Sequence[Any], wanted: Sequence[str]) -> Iterator[_Place]:
        found: list[tuple[Any, Any, _Place]] = []
        for system in systems:
            for info in self._interface_infos(system):
                names = (self._text(info, "id_"), self._text(info, "display_name"), self._text(info, "tl_type"))
                found.append((system, info, _Place(_path(system), *names)))
        there = {name for _, _, place in found for name in (place.id, place.name)}
        if missing := [name for name in wanted if name not in there]:
            raise ProducerError(
                device=f"interface {', '.join(missing)}",
                seen=f"no producer lists it; listed are {', '.join(place.id for _, _, place in found) or 'none'}",
                remedy="correct genicam.interfaces",
            )
        for system, info, place in found:
            if not wanted or place.id in wanted or place.name in wanted:
                self._open_interface(system, info, place)
            yield place

    def _open_interface(self, system: Any, info: Any, place: _Place) -> None:
        try:
            place.raw = info.create_interface()
            place.raw.open()
            place.module = self._peer.wrap_interface(module=place.raw, parent=system)
        except self._peer.errors as exc:
            place.answer = _UNOPENED
            self._note(f"interface {place.name or place.id}: cannot be opened: {exc}")

    # ---- devices ----

    def _read_lists(self, places: Sequence[_Place]) -> None:
        for place in places:
            # Nothing has changed since the last look, or another thread is still inside a call on this interface.
            if place.answer is place.read_at or place.answer.is_out:
                continue
            place.read_at = place.answer
            try:
                wrapped = [self._peer.wrap_device(module=d, parent=place.module) for d in place.raw.device_info_list]
            except self._peer.errors:  # some list nothing, and some have no list before they were ever asked
                wrapped = []
            addresses = self._addresses(place, len(wrapped))
            place.devices = [(self._device(place, w, addresses), w) for w in wrapped]

    def _device(self, place: _Place, info: Any, addresses: Mapping[str, tuple[str, str]]) -> DeviceInfo:
        device_id = self._text(info, "id_")
        mac, ip = addresses.get(device_id, ("", ""))
        return DeviceInfo(
            producer=place.producer,
            id=device_id,
            vendor=self._text(info, "vendor"),
            model=self._text(info, "model"),
            serial=self._text(info, "serial_number"),
            user_id=self._text(info, "user_defined_name"),
            tl_type=self._text(info, "tl_type"),
            interface=place.id,
            interface_name=place.name,
            mac=mac,
            ip=ip,
        )

    def _addresses(self, place: _Place, count: int) -> Mapping[str, tuple[str, str]]:
        """Return MAC and IP by device id, as far as the interface tells them (GenTL SFNC, GigE Vision interfaces)."""
        addresses: dict[str, tuple[str, str]] = {}
        if place.tl_type not in _GIGE:
            return addresses
        # DeviceSelector and GevDevice... are features of the interface's own node map (GenTL SFNC), not of a camera's.
        nodes = place.module.node_map
        try:
            for index in range(count):
                nodes.DeviceSelector.value = index
                mac, ip = nodes.GevDeviceMACAddress.value, nodes.GevDeviceIPAddress.value
                addresses[str(nodes.DeviceID.value)] = (_mac(mac), _ip(ip))
        except self._peer.errors:
            pass
        except AttributeError:  # it has no such node
            pass
        return addresses

    def _text(self, module: Any, name: str) -> str:
        try:
            return str(getattr(module, name) or "")
        except self._peer.errors:
            return ""


def _path(system: Any) -> str:
    return str(system.parent.path_name)


def _mac(number: int) -> str:
    # Interfaces give addresses as integers, the first byte highest (GenTL SFNC).
    return ":".join(f"{byte:02x}" for byte in int(number).to_bytes(6, "big"))


def _ip(number: int) -> str:
    return ".".join(str(byte) for byte in int(number).to_bytes(4, "big"))
