"""Write features to one camera, read them back, say what became of them.

In: planned writes and something that reads and writes nodes. Out: reports, and all refusals of that camera at once.
Not here: GenApi's classes (see binding.py); a `Nodes` stands for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from rigdriver.devices.camera_link.descriptions import FeatureReport
from rigdriver.devices.camera_process.feature_plan import FeatureWrite, fit_integer, is_clamped
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


class Nodes(Protocol):
    """Reads and writes the features of one camera. Each call raises CameraError when the camera refuses."""

    def facts(self, name: str) -> NodeFacts | None:
        """Return what is known about a feature; None when the camera has none of that name."""

    def read(self, name: str) -> FeatureValue:
        """Return a feature's value."""

    def write(self, name: str, value: FeatureValue) -> None:
        """Write a value of the feature's own type, inside its bounds."""

    def execute(self, name: str) -> None:
        """Execute a command and wait, bounded, until it is done."""


def write_all(
    camera: str, nodes: Nodes, writes: Sequence[FeatureWrite]
) -> tuple[list[FeatureReport], list[CameraError]]:
    """Do all writes in their order; then read the asked ones back, as later writes may have changed earlier ones."""
    steps: dict[str, float] = {}
    refusals: list[CameraError] = []
    asked = [w for w in writes if not w.is_preparation]
    for write in writes:
        try:
            steps[write.key] = write_one(camera, nodes, write)
        except CameraError as exc:
            if not write.is_preparation:
                refusals.append(exc)
    reports = []
    for write in asked:
        if write.key in steps:
            try:
                reports.append(_report(camera, nodes, write, steps[write.key]))
            except CameraError as exc:
                refusals.append(exc)
    return reports, refusals


def write_and_report(camera: str, nodes: Nodes, write: FeatureWrite) -> FeatureReport:
    """Write one feature and read it back."""
    return _report(camera, nodes, write, write_one(camera, nodes, write))


def read_one(camera: str, nodes: Nodes, write: FeatureWrite) -> FeatureValue:
    """Read the feature that `write` names."""
    _select(camera, nodes, write)
    facts = _facts(camera, nodes, write)
    if not facts.is_readable:
        raise CameraError(device=camera, seen=f"{write.key} cannot be read now; it may depend on another feature")
    return nodes.read(write.name)


def write_one(camera: str, nodes: Nodes, write: FeatureWrite) -> float:
    """Write one feature, fitted to its bounds; return its step."""
    _select(camera, nodes, write)
    facts = _facts(camera, nodes, write)
    value = _fit(camera, write, facts)
    if not facts.is_writable:
        if facts.is_readable and not is_clamped(value, nodes.read(write.name)):
            return float(facts.step or 0)
        state = f"is {nodes.read(write.name)!r} and " if facts.is_readable else ""
        raise CameraError(
            device=camera,
            seen=(
                f"{write.key} = {write.value!r} refused: it {state}cannot be written now; it is fixed, or "
                "locked by another feature or by acquisition"
            ),
        )
    if facts.kind is NodeKind.COMMAND:
        nodes.execute(write.name)
    else:
        nodes.write(write.name, value)
    return float(facts.step or 0)


def _select(camera: str, nodes: Nodes, write: FeatureWrite) -> None:
    if write.selector is not None:
        name, entry = write.selector
        write_one(camera, nodes, FeatureWrite(f"{name} (for {write.key})", name, entry))


def _facts(camera: str, nodes: Nodes, write: FeatureWrite) -> NodeFacts:
    facts = nodes.facts(write.name)
    if facts is None:
        raise CameraError(
            device=camera,
            seen=f"has no feature {write.name}",
            remedy="check its spelling in the camera's documentation",
        )
    return facts


def _report(camera: str, nodes: Nodes, write: FeatureWrite, step: float) -> FeatureReport:
    facts = _facts(camera, nodes, write)
    if facts.kind is NodeKind.COMMAND:
        return FeatureReport(write.key, write.value, True, False)
    got = read_one(camera, nodes, write)
    return FeatureReport(write.key, write.value, got, is_clamped(write.value, got, step))


def _fit(camera: str, write: FeatureWrite, facts: NodeFacts) -> FeatureValue:
    """Return the value in the feature's own type and bounds; refuse one of another kind."""
    value = write.value
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
    raise CameraError(device=camera, seen=f"{write.key} = {value!r} refused", expected=facts.kind.value)


def _is_whole(value: FeatureValue) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
