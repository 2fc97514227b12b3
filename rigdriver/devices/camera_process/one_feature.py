"""Write one feature to one camera, read it back, say what became of it.

In: a planned write and something that reads and writes nodes. Out: its report, or a refusal.
Not here: GenApi's classes (see camera_nodes.py), for which a `Nodes` stands; all writes of a camera (see features.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from rigdriver.devices.camera_link.descriptions import FeatureReport
from rigdriver.devices.camera_process import refusals
from rigdriver.devices.camera_process.feature_names import ALIASES, IN_US, US_PER_UNIT, lines_first
from rigdriver.devices.camera_process.feature_plan import fit_integer, is_clamped
from rigdriver.devices.camera_process.feature_write import FeatureWrite, Origin
from rigdriver.errors import CameraError

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue


class NodeKind(Enum):
    """Kinds of features."""

    BOOLEAN = "true or false"
    INTEGER = "an integer"
    FLOAT = "a number"
    ENUMERATION = "one of its entries"
    STRING = "a text"
    COMMAND = "true (to execute it)"
    OTHER = "nothing that can be written"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a camera says about one feature now."""

    kind: NodeKind
    is_readable: bool
    is_writable: bool
    low: float | int | None = None
    high: float | int | None = None
    step: float | int | None = None
    entries: tuple[str, ...] = ()
    unit: str = ""
    locked_by: tuple[str, ...] = ()
    """Features on which it depends whether this one can be written; given for one that cannot be written now."""


class Nodes(Protocol):
    """Reads and writes the features of one camera. Each call raises CameraError when the camera refuses."""

    def names(self) -> Sequence[str]:
        """Return the names of all features."""

    def facts(self, name: str) -> NodeFacts | None:
        """Return what is known about a feature; None when the camera has none of that name."""

    def read(self, name: str) -> FeatureValue:
        """Return a feature's value."""

    def write(self, name: str, value: FeatureValue) -> None:
        """Write a value of the feature's own type, inside its bounds."""

    def execute(self, name: str) -> None:
        """Execute a command and wait, bounded, until it is done."""


@dataclass(frozen=True, slots=True)
class FeaturePlace:
    """The node that a write goes to."""

    name: str
    facts: NodeFacts
    scale: float = 1.0
    """One count of the node, in the unit of the write."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written where."""

    place: FeaturePlace
    value: FeatureValue
    """Value in the unit of the write."""
    among: tuple[str, ...] = ()
    """Entries that could have been taken, when the driver chose one."""


def find_place(nodes: Nodes, write: FeatureWrite) -> FeaturePlace | None:
    """Return the node for a write: of that very name for a demand, else also of an older name; None without one."""
    facts = nodes.facts(write.name)
    if facts is not None:
        # A demand is written as it stands: whoever names a node knows its unit.
        in_other_unit = write.origin is not Origin.DEMAND and write.name in IN_US
        return FeaturePlace(write.name, facts, US_PER_UNIT.get(facts.unit, 1.0) if in_other_unit else 1.0)
    if write.origin is Origin.DEMAND:
        return None
    for alias in ALIASES.get(write.name, ()):
        facts = nodes.facts(alias.name)
        if facts is not None:
            base = nodes.facts(alias.base) if alias.base else None
            count = nodes.read(alias.base) if base is not None and base.is_readable else 1.0
            return FeaturePlace(alias.name, facts, float(count) or 1.0)
    return None


def write_and_report(camera: str, nodes: Nodes, write: FeatureWrite) -> FeatureReport:
    """Write one feature and read it back."""
    return report(camera, nodes, write, write_one(camera, nodes, write))


def write_one(camera: str, nodes: Nodes, write: FeatureWrite) -> Written:
    """Write one feature, fitted to its bounds.

    Raises:
        CameraError: the camera lacks or refuses it.
    """
    select(camera, nodes, write)
    place = find_place(nodes, write)
    if place is None:
        raise refusals.unknown(camera, nodes, write)
    if write.origin is not Origin.DEMAND and place.facts.kind is NodeKind.ENUMERATION:
        return _write_best_entry(camera, nodes, write, place)
    return _write_value(camera, nodes, write, place)


def read_one(camera: str, nodes: Nodes, write: FeatureWrite) -> FeatureValue:
    """Read the feature that `write` names."""
    select(camera, nodes, write)
    place = find_place(nodes, write)
    if place is None:
        raise refusals.unknown(camera, nodes, write)
    if not place.facts.is_readable:
        raise CameraError(device=camera, seen=f"{write.key} cannot be read now; it may depend on another feature")
    return in_unit(nodes.read(place.name), place)


def select(camera: str, nodes: Nodes, write: FeatureWrite) -> None:
    """Set the selector behind which a feature lies."""
    if write.selector is not None:
        name, entry = write.selector
        if write.origin is Origin.PREPARATION and _is_equal(nodes, name, entry):
            return
        write_one(camera, nodes, FeatureWrite(f"{name} (for {write.key})", name, entry, None, write.origin))


def report(camera: str, nodes: Nodes, write: FeatureWrite, written: Written) -> FeatureReport:
    """Read a feature back that was written."""
    other_name = written.place.name if written.place.name != write.name else ""
    # Reading a command back shows only whether it is done (GenApi), and the write has awaited that.
    if written.place.facts.kind is NodeKind.COMMAND:
        return FeatureReport(write.key, written.value, True, False, other_name)
    got = read_one(camera, nodes, write)
    is_changed = is_clamped(written.value, got, step_of(written.place))
    # The bounds are read anew, for later writes, of binning or an offset, may have moved them.
    low, high = _bounds(nodes, written.place) if is_changed else (None, None)
    return FeatureReport(write.key, written.value, got, is_changed, other_name, low, high)


def in_unit(value: FeatureValue, place: FeaturePlace) -> FeatureValue:
    """Return a node's value in the unit of the write."""
    if place.scale == 1.0 or isinstance(value, bool | str):
        return value
    return value * place.scale


def step_of(place: FeaturePlace) -> float:
    """Return the node's step in the unit of the write."""
    return float(place.facts.step or 0) * place.scale


def fitted(camera: str, write: FeatureWrite, place: FeaturePlace) -> FeatureValue:
    """Return the value in the node's own type, unit and bounds; refuse one of another kind."""
    value, facts = write.value, place.facts
    if write.origin is not Origin.DEMAND and not isinstance(value, bool | str):
        value = value / place.scale
        value = round(value) if facts.kind is NodeKind.INTEGER else value
    match facts.kind, value:
        case (NodeKind.BOOLEAN, bool()) | (NodeKind.STRING, str()) | (NodeKind.COMMAND, True):
            return value
        case NodeKind.ENUMERATION, str():
            if value in facts.entries:
                return value
            raise CameraError(
                device=camera, seen=f"{write.key} = {value!r} refused", expected=f"one of {', '.join(facts.entries)}"
            )
        case NodeKind.INTEGER, int() | float() if _is_whole(value):
            if facts.low is None or facts.high is None:
                return int(value)
            return fit_integer(int(value), int(facts.low), int(facts.high), int(facts.step or 1))
        case NodeKind.FLOAT, int() | float() if not isinstance(value, bool):
            low = -float("inf") if facts.low is None else float(facts.low)
            high = float("inf") if facts.high is None else float(facts.high)
            return min(max(float(value), low), high)
    raise CameraError(device=camera, seen=f"{write.key} = {write.value!r} refused", expected=facts.kind.value)


def _write_value(camera: str, nodes: Nodes, write: FeatureWrite, place: FeaturePlace) -> Written:
    value, facts = fitted(camera, write, place), place.facts
    if not facts.is_writable:
        # A locked feature that has the asked value already is as good as written.
        if facts.is_readable and not is_clamped(value, nodes.read(place.name)):
            return Written(place, write.value)
        raise refusals.locked(camera, nodes, write, place.name, facts.locked_by, facts.is_readable)
    if facts.kind is NodeKind.COMMAND:
        nodes.execute(place.name)
    elif not (write.is_preparation and _is_equal(nodes, place.name, value)):
        nodes.write(place.name, value)
    return Written(place, write.value)


def _write_best_entry(camera: str, nodes: Nodes, write: FeatureWrite, place: FeaturePlace) -> Written:
    """Write the first entry that the camera has and takes."""
    choice = _lines(camera, nodes, place) if write.is_any_line else _known(write, place)
    if not choice:
        raise refusals.no_entry(camera, write, place.name, place.facts.entries)
    refusal: CameraError | None = None
    for entry in choice:
        try:
            written = _write_value(camera, nodes, replace(write, value=entry), place)
        except CameraError as exc:
            # The first refusal is reported, for it is about the best entry.
            refusal = refusal or exc
            continue
        return replace(written, among=choice if write.is_any_line else ())
    assert refusal is not None
    raise refusal


def _known(write: FeatureWrite, place: FeaturePlace) -> tuple[str, ...]:
    return tuple(str(e) for e in (write.value, *write.others) if e in place.facts.entries)


def _lines(camera: str, nodes: Nodes, place: FeaturePlace) -> tuple[str, ...]:
    """Return the entries that may be the wired line, those that are no output, or all when none is known to be free."""
    lines = lines_first(place.facts.entries)
    if len(lines) < 2:
        return lines
    return tuple(line for line in lines if _can_be_input(camera, nodes, line)) or lines


def _can_be_input(camera: str, nodes: Nodes, line: str) -> bool:
    selector = nodes.facts("LineSelector")
    if selector is None or line not in selector.entries:
        return True
    with suppress(CameraError):
        write_one(camera, nodes, FeatureWrite("LineSelector", "LineSelector", line, None, Origin.PREPARATION))
        mode = nodes.facts("LineMode")
        if mode is not None and mode.is_readable:
            return nodes.read("LineMode") == "Input" or (mode.is_writable and "Input" in mode.entries)
    return True


def _bounds(nodes: Nodes, place: FeaturePlace) -> tuple[float | None, float | None]:
    facts = nodes.facts(place.name)
    if facts is None or facts.low is None or facts.high is None:
        return None, None
    return facts.low * place.scale, facts.high * place.scale


def _is_equal(nodes: Nodes, name: str, value: FeatureValue) -> bool:
    """Return whether a feature has that value already; no if that cannot be read."""
    facts = nodes.facts(name)
    try:
        return facts is not None and facts.is_readable and nodes.read(name) == value
    except CameraError:
        return False


def _is_whole(value: FeatureValue) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
