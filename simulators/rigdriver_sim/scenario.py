"""What a simulated rig is like: a TOML file, checked once, frozen, with overrides from the caller's spec string.

In: `""`, the name of a packaged scenario, or a path, each with `?key=value&...` behind it; keys may be dotted and name
cameras (`cameras.left_upper.drift_ppm=40`). Out: a frozen `Scenario`. What is wrong is told with key, value and bound.
This file refuses to know how anything is simulated; the `scene` table is checked by whoever renders it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

PACKAGED = Path(__file__).parent / "scenarios"

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]
Every = Annotated[int, Field(ge=0, le=1_000_000_000)]
"""Once in so many; 0 is never."""
Plan = Mapping[Name, tuple[int, ...]]
"""Camera name -> pulses (of every run) at which it happens."""


class ScenarioError(ValueError):
    """A scenario that cannot be: `default: rate_hz = 5000: expected at most 1000`."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BoxTable(_Table):
    """The trigger box."""

    device_name: str = Field(default="TriggerBox", max_length=25, pattern=r"^[ -~]*$")
    serial_number: int = Field(default=1, ge=0, le=65_535)
    drift_ppm: float = Field(default=12.0, ge=-500, le=500)
    """How much faster than true time its clock runs."""
    booted_ago_s: float = Field(default=123.4, ge=0, le=1e7)
    tcp: bool = False
    """Serve the box on a TCP socket of 127.0.0.1 as well, and name that one in the rig file."""
    who_am_i: int = Field(default=0, ge=0, le=65_535)
    interface_hash: str = Field(default="", pattern=r"^([0-9a-f]{40})?$")
    """Report this hash instead of the true one."""


class CameraTable(_Table):
    """One camera."""

    name: Name
    serial: str = Field(min_length=1, max_length=64)
    role: Literal["geometry", "texture"] = "geometry"
    pod: Name = "main"
    output: int = Field(ge=0, le=15)
    input: int = Field(ge=0, le=7)
    pixel_formats: tuple[str, ...] = Field(default=("Mono8",), min_length=1)
    """The first one is set in the rig file."""
    width: int | None = Field(default=None, ge=16, le=16_384)
    height: int | None = Field(default=None, ge=16, le=16_384)
    latency_us: float = Field(default=20.0, ge=0, le=100_000)
    """Trigger edge to exposure start."""
    jitter_us: float = Field(default=2.0, ge=0, le=10_000)
    """One sigma of that latency."""
    clock_offset_s: float = Field(default=0.0, ge=-1e9, le=1e9)
    drift_ppm: float = Field(default=0.0, ge=-500, le=500)
    line_delay_us: float = Field(default=2.0, ge=0, le=10_000)
    """From the camera's exposure to the level at the box's input."""
    readout_us: float = Field(default=1500.0, ge=0, le=1_000_000)
    max_rate_hz: float = Field(default=120.0, gt=0, le=10_000)
    link_bytes_per_s: float = Field(default=400e6, gt=0, le=1e11)


class LampTable(_Table):
    """One projector strobe or flash."""

    name: Name
    kind: Literal["pattern", "white"]
    pod: Name = "main"
    output: int = Field(ge=0, le=15)


class FaultTable(_Table):
    """What goes wrong; nothing by default. Keys that end in `_every` are rates over pulses, drawn from the seed."""

    withhold_trigger_every: Every = 0
    """One trigger edge in so many pulses does not reach one random camera."""
    withhold_trigger: Plan = Field(default_factory=dict)
    double_trigger_every: Every = 0
    double_trigger: Plan = Field(default_factory=dict)
    double_trigger_after_us: float = Field(default=20_000, ge=1, le=10_000_000)
    noise_edge_every: Every = 0
    """One spike on the exposure line of one random camera in so many pulses."""
    noise_edge: Plan = Field(default_factory=dict)
    noise_edge_width_us: float = Field(default=3, ge=0.1, le=10_000)
    swap_triggers: tuple[Name, ...] = ()
    """Two cameras whose trigger cables are exchanged."""
    lose_frame_every: Every = 0
    lose_frame: Plan = Field(default_factory=dict)
    incomplete_every: Every = 0
    incomplete: Plan = Field(default_factory=dict)

    @model_validator(mode="after")
    def _a_swap_has_two_ends(self) -> Self:
        if len(self.swap_triggers) not in (0, 2):
            raise ValueError(f"swap_triggers names {len(self.swap_triggers)} cameras: expected none or two")
        return self


class ScheduleTable(_Table):
    """Written into the rig file."""

    geometry_exposure_us: float = Field(default=2000, gt=0, le=1_000_000)
    texture_exposure_us: float = Field(default=2000, gt=0, le=1_000_000)


class Scenario(_Table):
    """One simulated rig."""

    name: Name = "default"
    seed: int = Field(default=1, ge=0, le=2**63 - 1)
    pace: float = Field(default=1.0, ge=0, le=1000)
    """Simulated seconds a second; 0 is as fast as the consumer takes the frames."""
    width: int = Field(default=2048, ge=16, le=16_384)
    height: int = Field(default=1536, ge=16, le=16_384)
    rate_hz: float = Field(default=10.0, gt=0, le=1000)
    """Frame rate that the rig file asks for."""
    schedule: ScheduleTable = ScheduleTable()
    box: BoxTable = BoxTable()
    cameras: tuple[CameraTable, ...] = Field(min_length=1, max_length=12)
    lamps: tuple[LampTable, ...] = Field(default=(), max_length=8)
    faults: FaultTable = FaultTable()
    scene: Mapping[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _lines_and_names_are_unique(self) -> Self:
        devices: list[CameraTable | LampTable] = [*self.cameras, *self.lamps]
        _refuse_twice("name", [d.name for d in devices])
        _refuse_twice("serial", [c.serial for c in self.cameras])
        _refuse_twice("output", [str(d.output) for d in devices])
        _refuse_twice("input", [str(c.input) for c in self.cameras])
        names = {camera.name for camera in self.cameras}
        for key, value in self.faults:
            named = set(value) if isinstance(value, Mapping | tuple) else set()
            if unknown := sorted(named - names):
                raise ValueError(f"faults.{key} names {', '.join(unknown)}: expected cameras of this scenario")
        return self


def _refuse_twice(what: str, values: list[str]) -> None:
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"{what} used twice: {', '.join(twice)}")


def load(spec: str) -> Scenario:
    """Return the scenario that the spec string names.

    Raises:
        ScenarioError: no such scenario, no TOML, an unknown key or an impossible value.
    """
    source, _, overrides = spec.partition("?")
    path = _path_of(source or "default")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ScenarioError(f"{path}: cannot be read: {exc.strerror}; name an existing scenario file") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ScenarioError(f"{path}: is no TOML: {exc}") from exc
    for override in filter(None, overrides.split("&")):
        _override(table, override, spec)
    return parse(table, spec or "default")


def parse(table: Mapping[str, Any], origin: str) -> Scenario:
    """Check a scenario's table."""
    try:
        return Scenario.model_validate(table)
    except ValidationError as exc:
        raise ScenarioError("\n".join(f"{origin}: {finding}" for finding in findings(exc))) from exc


def findings(exc: ValidationError) -> list[str]:
    """Return one line for each thing that is wrong: key, value, bound."""
    lines = []
    for error in exc.errors(include_url=False):
        key = ".".join(str(part) for part in error["loc"]) or "scenario"
        value = error.get("input")
        seen = f" = {value!r}" if isinstance(value, bool | int | float | str) else ""
        lines.append(f"{key}{seen}: {_expected(error)}")
    return lines


def _expected(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; remove it or correct its spelling"
    if error["type"] == "missing":
        return "is missing; add it"
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "expected")


def _path_of(source: str) -> Path:
    if source.endswith(".toml") or "/" in source:
        return Path(source)
    path = PACKAGED / f"{source}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PACKAGED.glob("*.toml")))
        raise ScenarioError(f"no scenario {source!r}; there are {known}, or give the path of a .toml file")
    return path


def _override(table: dict[str, Any], override: str, origin: str) -> None:
    key, separator, text = override.partition("=")
    if not separator:
        raise ScenarioError(f"{origin}: {override!r}: expected key=value")
    *parents, last = key.split(".")
    place: Any = table
    for part in parents:
        place = _enter(place, part)
        if place is None:
            raise ScenarioError(f"{origin}: {key}: there is no table {part!r}")
    if not isinstance(place, dict):
        raise ScenarioError(f"{origin}: {key}: name one of the tables, as in {parents[-1]}.NAME.{last}")
    place[last] = _value(text)


def _enter(place: Any, part: str) -> dict[str, Any] | list[Any] | None:
    """Go one table deeper; in an array of tables `part` is the name that one of them carries."""
    if isinstance(place, list):
        return next((entry for entry in place if isinstance(entry, dict) and entry.get("name") == part), None)
    inner = place.setdefault(part, {})
    return inner if isinstance(inner, dict | list) else None


def _value(text: str) -> Any:
    """Read the text as a TOML value; what is none is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
