"""A camera's features as registers: values by name here, bytes by address for the consumer.

In: the feature table, and writes of both sides. Out: values, checked and rounded as the table says, and one copy of the
register page in the feed. Each feature has 64 bytes:

    numbers   +0 value (8)   +8 smallest   +16 largest   +24 step   +56 locked (8)
    texts     +0 to +55, closed by a zero                            +56 locked (8)

A selected feature's register shows the value for the selector's present setting. Not here: what writing a feature sets
off (see control.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rigdriver_sim.camera.features import Feature, Kind, Value
from rigdriver_sim.feed.layout import TEXT_REGISTER
from rigdriver_sim.feed.server import GC_ERR_ACCESS_DENIED, GC_ERR_INVALID_ADDRESS, GC_ERR_INVALID_VALUE, Refused

STRIDE = 64
LOW, HIGH, STEP, LOCK = 8, 16, 24, 56


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Values to be restored: what a user set holds."""

    values: Mapping[tuple[str, int], Value]


class RegisterFile:
    """Values of all features, and the page that mirrors them."""

    def __init__(self, features: Sequence[Feature], publish: Callable[[int, bytes], None]) -> None:
        self.features = {feature.name: feature for feature in features}
        self._by_address = {i * STRIDE: feature for i, feature in enumerate(features)}
        self._address = {feature.name: i * STRIDE for i, feature in enumerate(features)}
        self._selected = {name: [f for f in features if f.selector == name] for name in self.features}
        self._values: dict[tuple[str, int], Value] = {}
        self._bounds: dict[str, tuple[float, float, float]] = {f.name: f.bounds for f in features if f.bounds}
        self._lock_reasons: dict[str, str] = {}
        self._publish = publish
        self._page = bytearray(len(features) * STRIDE)
        self._dirty: tuple[int, int] | None = None
        for feature in features:
            for index in self._settings(feature):
                self._values[feature.name, index] = feature.default
            self._show(feature)
            if feature.bounds:
                self.set_bounds(feature.name, *feature.bounds)
        self.flush()

    # ---- values

    def __getitem__(self, name: str) -> Value:
        return self._values[name, self._setting(self.features[name])]

    def integer(self, name: str) -> int:
        return int(self[name])

    def real(self, name: str) -> float:
        """Return a number in the unit of SFNC 2.7."""
        return float(self[name]) * self.features[name].scale

    def symbol(self, name: str) -> str:
        """Return the symbol that an enumeration has now."""
        return self.features[name].symbol_of(self.integer(name))

    def of(self, name: str, setting: int) -> Value:
        """Return a selected feature's value for one setting of its selector."""
        return self._values[name, setting]

    def put(self, name: str, value: Value, setting: int | None = None) -> None:
        """Set a value without asking the table: the camera's own doing."""
        feature = self.features[name]
        self._values[name, self._setting(feature) if setting is None else setting] = value
        self._show(feature)
        # Another selection shows other values in the registers of all that it selects.
        for selected in self._selected[name]:
            self._show(selected)

    def set_bounds(self, name: str, low: float, high: float, step: float) -> None:
        self._bounds[name] = (low, high, step)
        for place, bound in ((LOW, low), (HIGH, high), (STEP, step)):
            self._store(self._address[name] + place, _encode(self.features[name], bound))

    def bounds(self, name: str) -> tuple[float, float, float]:
        return self._bounds[name]

    def set_locked(self, name: str, reason: str) -> None:
        """Lock a feature for a reason (`the camera streams; stop it first`); an empty one unlocks it."""
        self._lock_reasons[name] = reason
        self._store(self._address[name] + LOCK, struct.pack("<q", bool(reason)))

    def is_now(self, name: str, value: str) -> bool:
        """Whether an enumeration has that symbol, or a boolean is on (`True`)."""
        return bool(self[name]) if value == "True" else self.symbol(name) == value

    # ---- user sets

    def save(self) -> Snapshot:
        """Return all writable settings."""
        kept = {f.name for f in self.features.values() if f.is_writable and f.kind is not Kind.COMMAND}
        # None of these is a setting of the camera: a set that
        # held the selectors would change which set is selected.
        kept -= {"DeviceUserID", "TLParamsLocked", "UserSetSelector", "UserSetDefault"}
        return Snapshot({key: value for key, value in self._values.items() if key[0] in kept})

    def load(self, snapshot: Snapshot) -> None:
        self._values.update(snapshot.values)
        for feature in self.features.values():
            self._show(feature)

    # ---- the consumer's side

    def accept(self, address: int, data: bytes) -> Feature:
        """Take a consumer's write; return the feature that it changed or, a command, set off.

        Raises:
            Refused: there is no such register, or it does not take this now.
        """
        feature = self._by_address.get(address)
        # An absent feature keeps its place in the page, so that the others have one address in every make.
        if feature is None or feature.is_absent:
            raise Refused(GC_ERR_INVALID_ADDRESS, f"nothing writable at register 0x{address:x}")
        if not feature.is_writable:
            raise Refused(GC_ERR_ACCESS_DENIED, f"{feature.shown_name} is read-only")
        if reason := self._lock_reasons.get(feature.name):
            raise Refused(GC_ERR_ACCESS_DENIED, f"{feature.shown_name} is locked while {reason}")
        value = _decode(feature, data)
        if feature.kind is not Kind.COMMAND:
            self.put(feature.name, self._checked(feature, value))
        return feature

    def _checked(self, feature: Feature, value: Value) -> Value:
        if feature.kind is Kind.BOOLEAN:
            return int(bool(value))
        if feature.kind is Kind.ENUMERATION and value not in dict(feature.entries).values():
            raise Refused(GC_ERR_INVALID_VALUE, f"{feature.shown_name} = {value}: no such entry")
        bounds = self._bounds.get(feature.name)
        if not feature.is_numeric or bounds is None or isinstance(value, str):
            return value
        low, high, step = bounds
        # GenApi checks bounds in the consumer as well; this answers a write that has passed it by.
        if not low <= value <= high:
            raise Refused(
                GC_ERR_INVALID_VALUE, f"{feature.shown_name} = {value:g}: expected {low:g} to {high:g} {feature.unit}"
            )
        if feature.kind is Kind.INTEGER and step and (value - low) % step:
            raise Refused(
                GC_ERR_INVALID_VALUE, f"{feature.shown_name} = {value}: expected steps of {step:g} from {low:g}"
            )
        # Rounded, not refused: the consumer reads back what the camera really uses.
        if feature.kind is Kind.FLOAT and step:
            return min(max(low, round(value / step) * step), high)
        return value

    # ---- the page

    def address(self, name: str) -> int:
        return self._address[name]

    def flush(self) -> None:
        """Publish what has changed, in one piece."""
        if self._dirty:
            start, end = self._dirty
            self._publish(start, bytes(self._page[start:end]))
            self._dirty = None

    def _settings(self, feature: Feature) -> list[int]:
        return [number for _, number in self.features[feature.selector].entries] if feature.selector else [0]

    def _setting(self, feature: Feature) -> int:
        return self.integer(feature.selector) if feature.selector else 0

    def _show(self, feature: Feature) -> None:
        self._store(self._address[feature.name], _encode(feature, self[feature.name]))

    def _store(self, address: int, data: bytes) -> None:
        end = address + len(data)
        # Settling stores much that is as before; that must not widen the range to be published.
        if self._page[address:end] == data:
            return
        self._page[address:end] = data
        # One range from the first change to the last: the consumer sees all of a change or nothing.
        start, last = self._dirty or (address, end)
        self._dirty = (min(start, address), max(last, end))


def _encode(feature: Feature, value: Value) -> bytes:
    if feature.kind is Kind.STRING:
        return str(value).encode()[: TEXT_REGISTER - 1].ljust(TEXT_REGISTER, b"\0")
    if feature.kind is Kind.FLOAT:
        return struct.pack("<d", float(value))
    return struct.pack("<q", int(value))


def _decode(feature: Feature, data: bytes) -> Value:
    if feature.kind is Kind.STRING:
        text = data.split(b"\0", 1)[0]
        if len(text) >= TEXT_REGISTER:
            raise Refused(GC_ERR_INVALID_VALUE, f"{feature.name}: expected at most {TEXT_REGISTER - 1} bytes")
        return text.decode("utf-8", "replace")
    if len(data) != 8:
        raise Refused(GC_ERR_INVALID_VALUE, f"{feature.name}: {len(data)} bytes written, expected 8")
    if feature.kind is Kind.FLOAT:
        return float(struct.unpack("<d", data)[0])
    return int(struct.unpack("<q", data)[0])
