"""What a simulated rig is like: a TOML file, checked once, frozen, with overrides from the caller's spec string.

In: `""`, the name of a packaged scenario, or a path, each with `?key=value&...` behind it; keys may be dotted and name
cameras (`cameras.left_upper.drift_ppm=40`). Out: a frozen `Scenario`. What is wrong is reported with line, key, value
and bound; the `scene` table's own rules stand in scene/spec.py. Not here: how anything is simulated (see bench/rig.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from rigdriver_sim.camera.makes import Make, make_named
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS
from rigdriver_sim.faults.table import FaultTable, Name, Table, misplaced
from rigdriver_sim.feed.layout import MAX_INTERFACES
from rigdriver_sim.scene.spec import SceneError, SceneSpec, parse_scene
from rigdriver_sim.scene.spec_lines import KeyPath, find_key_lines

PACKAGED = Path(__file__).parent / "scenarios"
MOST_LINE = 8192
"""Longest line of a scenario file, in characters."""


SizePx = Annotated[int, Field(ge=16, le=16_384)]


def _known_format(name: str) -> str:
    if name not in PIXEL_FORMATS:
        raise ValueError(f"expected one of {', '.join(PIXEL_FORMATS)}")
    return name


def _known_make(name: str) -> str:
    make_named(name)
    return name


MakeName = Annotated[str, Field(max_length=200), AfterValidator(_known_make)]
"""Name of a row of camera/makes.py, or several joined by `+`."""


class ScenarioError(ValueError):
    """A scenario that cannot be: `default: rate_hz = 5000: expected at most 1000`."""


class BoxTable(Table):
    """The trigger box."""

    device_name: str = Field(default="TriggerBox", max_length=25, pattern=r"^[ -~]*$")
    serial_number: int = Field(default=1, ge=0, le=65_535)
    drift_ppm: float = Field(default=12.0, ge=-500, le=500)
    """Excess of its clock's rate over true time."""
    booted_ago_s: float = Field(default=123.4, ge=0, le=1e7)
    tcp: bool = False
    """Whether a TCP socket of 127.0.0.1 serves the box as well; the rig file names that one then."""
    who_am_i: int = Field(default=0, ge=0, le=65_535)
    interface_hash: str = Field(default="", pattern=r"^([0-9a-f]{40})?$")
    """Hash that is reported instead of the true one."""


class LineTable(Table):
    """Delays of a camera's opto-coupled lines, in us, and how they change while the camera warms up."""

    trigger_rise_us: float = Field(default=0.0, ge=0, le=10_000)
    """Delay of a rising edge at the trigger input; a shorter trigger pulse does not pass."""
    trigger_fall_us: float = Field(default=0.0, ge=0, le=10_000)
    line_rise_us: float = Field(default=0.0, ge=0, le=10_000)
    """Delay of the exposure line's rising edge, on top of line_delay_us."""
    line_fall_us: float = Field(default=0.0, ge=0, le=10_000)
    delay_per_k: float = Field(default=0.0, ge=-0.05, le=0.05)
    """Change of each of these delays per kelvin, as a share of it."""
    warming_k: float = Field(default=0.0, ge=0, le=100)
    """Kelvin by which the camera becomes warmer than at the start of the rig."""
    warming_s: float = Field(default=600.0, gt=0, le=100_000)
    """Time constant of the warming."""


class CameraTable(Table):
    """One camera."""

    name: Name
    serial: str = Field(min_length=1, max_length=64)
    role: Literal["geometry", "texture"] = "geometry"
    pod: Name = "main"
    output: int = Field(ge=0, le=15)
    input: int | None = Field(default=None, ge=0, le=7)
    """Input of the box that its exposure line is wired to; by default none: a box of 8 inputs takes 12 cameras."""
    pixel_formats: tuple[Annotated[str, AfterValidator(_known_format)], ...] = Field(default=("Mono8",), min_length=1)
    """Pixel formats that the camera has; the first one is set in the rig file."""
    width: SizePx | None = None
    height: SizePx | None = None
    make: MakeName | None = None
    """Make that the camera behaves like; by default the scenario's `make`."""
    interfaces: tuple[Annotated[int, Field(ge=0, lt=MAX_INTERFACES)], ...] | None = Field(default=None, min_length=1)
    """Numbers of the interfaces that see it, two where it is listed twice; by default as `producer.cameras` says."""
    first_frame_id: int | None = Field(default=None, ge=0, le=2**62)
    """Frame id of the first frame of each run, to let the ids of a make wrap early."""
    latency_us: float = Field(default=20.0, ge=0, le=100_000)
    """Time from trigger edge to exposure start."""
    jitter_us: float = Field(default=2.0, ge=0, le=10_000)
    """One sigma of that latency."""
    clock_offset_s: float = Field(default=0.0, ge=-1e9, le=1e9)
    drift_ppm: float = Field(default=0.0, ge=-500, le=500)
    stamp_jitter_us: float = Field(default=1.5, ge=0, le=10_000)
    """One sigma of its time stamps against its exposure starts."""
    line_delay_us: float = Field(default=2.0, ge=0, le=10_000)
    """Delay from the camera's exposure to the level at the box's input."""
    lines: LineTable = LineTable()
    readout_us: float = Field(default=1500.0, ge=0, le=1_000_000)
    max_rate_hz: float = Field(default=120.0, gt=0, le=10_000)
    link_bytes_per_s: float = Field(default=400e6, gt=0, le=1e11)
    link: Name | None = None
    """Host controller that it shares with others, one of `[[links]]`."""


class LinkTable(Table):
    """A host controller or network port on which several cameras wait for each other."""

    name: Name
    bytes_per_s: float = Field(gt=0, le=1e11)


class ProducerTable(Table):
    """The interfaces of the GenTL producer; real ones have one per network port."""

    interfaces: int = Field(default=1, ge=1, le=MAX_INTERFACES)
    cameras: Literal["first", "last", "spread", "all"] = "first"
    """Interfaces that see the cameras that name none: the first one, the last one, one after the other, or all."""
    update_s: float = Field(default=0.0, ge=0, le=3600)
    """Duration of IFUpdateDeviceList on every interface, of the wall's time; a shorter time-out ends in an error."""
    slow_interfaces: tuple[Annotated[int, Field(ge=0, lt=MAX_INTERFACES)], ...] = ()
    """Numbers of the interfaces on which it takes slow_s."""
    slow_s: float = Field(default=5.0, ge=0, le=3600)
    uses_whole_timeout: bool = False
    """Whether IFUpdateDeviceList takes its whole time-out on every interface, as with some GigE Vision producers."""
    search_s: float = Field(default=0.0, ge=0, le=3600)
    """Duration of TLUpdateInterfaceList."""


class LampTable(Table):
    """One projector flash or flash."""

    name: Name
    kind: Literal["pattern", "white"]
    pod: Name = "main"
    output: int = Field(ge=0, le=15)


class ComputerTable(Table):
    """The computer that the rig hangs on, as its self-test finds it (reach/computer.py)."""

    usb: Literal["healthy", "one_controller", "usb2", "hub", "box_missing", "none"] = "healthy"
    """USB topology: `healthy` shares the cameras between two controllers; `one_controller` has all on one; with `usb2`
    the first camera has fallen back to USB 2; with `hub` all cameras share a hub of 5 Gbit/s; with `box_missing` the
    box is not there; `none` shows no USB at all."""
    usbfs_memory_mb: int = Field(default=1000, ge=0, le=1_000_000)
    cpus: int = Field(default=8, ge=1, le=1024)
    load: float = Field(default=0.5, ge=0, le=10_000)
    stolen: float = Field(default=0.0, ge=0, le=1)
    """Share of the time that a host of virtual machines takes."""
    free_memory_mb: int = Field(default=64_000, ge=0, le=10**8)
    clock_source: str = Field(default="tsc", pattern=r"^[a-z0-9_-]{1,40}$")
    free_disk_mb: int = Field(default=2_000_000, ge=0, le=10**9)
    disk_mb_per_s: int = Field(default=2000, ge=0, le=10**6)


class ScheduleTable(Table):
    """Written into the rig file."""

    geometry_exposure_us: float = Field(default=2000, gt=0, le=1_000_000)
    texture_exposure_us: float = Field(default=2000, gt=0, le=1_000_000)


class Scenario(Table):
    """One simulated rig."""

    name: Name = "default"
    seed: int = Field(default=1, ge=0, le=2**63 - 1)
    pace: float = Field(default=1.0, ge=0, le=1000)
    """Simulated seconds per second; 0 is as fast as the consumer takes the frames."""
    lockstep: bool = False
    """Whether the rig waits for the driver: it publishes the host's time (reach/timebase_page.py), and time never runs
    further ahead of the driver than a lead, so that a busy computer changes nothing. With pace 0 a run takes as little
    time as it can."""
    width: SizePx = 2048
    height: SizePx = 1536
    make: MakeName = "plain"
    """Make of the cameras that name none of their own."""
    rate_hz: float = Field(default=10.0, gt=0, le=1000)
    """Frame rate that the rig file asks for."""
    schedule: ScheduleTable = ScheduleTable()
    box: BoxTable = BoxTable()
    producer: ProducerTable = ProducerTable()
    computer: ComputerTable = ComputerTable()
    cameras: tuple[CameraTable, ...] = Field(min_length=1, max_length=12)
    links: tuple[LinkTable, ...] = Field(default=(), max_length=12)
    lamps: tuple[LampTable, ...] = Field(default=(), max_length=8)
    faults: FaultTable = FaultTable()
    scene: Mapping[str, Any] = Field(default_factory=dict)
    """Scene that the cameras see (scene/spec.py); without it a flat texture."""
    stamps: bool | None = None
    """Whether each image's origin (bench/stamp.py) is drawn over its upper left corner; by default without a scene."""
    checksums: bool = False
    """Whether the truth holds a CRC-32 of each image's pixels, as they were painted."""

    @property
    def has_stamps(self) -> bool:
        """Whether images carry their origin."""
        return not self.scene if self.stamps is None else self.stamps

    @property
    def scene_spec(self) -> SceneSpec | None:
        """The scene, checked when the scenario was read; None when there is none."""
        return parse_scene(self.scene, self.name) if self.scene else None

    def make_of(self, camera: CameraTable) -> Make:
        """Return what the camera behaves like."""
        return make_named(camera.make or self.make)

    @model_validator(mode="after")
    def _sizes_fit_the_makes(self) -> Self:
        for number, camera in enumerate(self.cameras):
            make = self.make_of(camera)
            for key, step in (("width", make.width_step_px), ("height", make.height_step_px)):
                own = getattr(camera, key)
                path: KeyPath = (key,) if own is None else ("cameras", number, key)
                value = getattr(self, key) if own is None else own
                if value % step:
                    raise misplaced(path, value, f"expected a multiple of {step}")
        return self

    @model_validator(mode="after")
    def _interfaces_exist(self) -> Self:
        count = self.producer.interfaces
        named: list[tuple[KeyPath, Sequence[int]]] = [(("producer", "slow_interfaces"), self.producer.slow_interfaces)]
        named += [(("cameras", n, "interfaces"), camera.interfaces or ()) for n, camera in enumerate(self.cameras)]
        for path, numbers in named:
            if unknown := [number for number in numbers if number >= count]:
                raise misplaced(path, unknown[0], f"expected less than producer.interfaces = {count}")
        return self

    @model_validator(mode="after")
    def _lines_and_names_are_unique(self) -> Self:
        cameras: list[tuple[KeyPath, Any]] = [(("cameras", n), camera) for n, camera in enumerate(self.cameras)]
        lamps: list[tuple[KeyPath, Any]] = [(("lamps", n), lamp) for n, lamp in enumerate(self.lamps)]
        links: list[tuple[KeyPath, Any]] = [(("links", n), link) for n, link in enumerate(self.links)]
        for key, places in (
            *(("name", places) for places in (cameras + lamps, links)),
            ("serial", cameras), ("output", cameras + lamps), ("input", cameras),
        ):  # fmt: skip
            _refuse_twice(key, places)
        known = [link.name for link in self.links]
        for path, camera in cameras:
            if camera.link is not None and camera.link not in known:
                raise misplaced(
                    (*path, "link"), camera.link, f"expected one of [[links]]: {', '.join(known) or 'none'}"
                )
        self.faults.refuse_strangers({c.name for c in self.cameras}, {lamp.name for lamp in self.lamps})
        return self


def _refuse_twice(key: str, places: Sequence[tuple[KeyPath, Any]]) -> None:
    """Refuse the second of two tables that have the same value under the key."""
    owners: dict[object, str] = {}
    for path, table in places:
        value = getattr(table, key)
        if value is None:  # an exposure line that is not wired
            continue
        if value in owners:
            raise misplaced((*path, key), value, f"expected another, since {owners[value]} has it")
        owners[value] = table.name if key != "name" else f"another of the {path[0]}"


def load(spec: str) -> Scenario:
    """Return the scenario that the spec string names.

    Raises:
        ScenarioError: no such scenario, no TOML, an unknown key or an impossible value.
    """
    source, _, overrides = spec.partition("?")
    path = _path_of(source or "default")
    try:
        text = path.read_text(encoding="utf-8")
        # Python's parser takes time with the square of a key's parts, and goes down by recursion.
        if max(map(len, text.splitlines()), default=0) > MOST_LINE:
            raise ScenarioError(f"{path}: has a line of more than {MOST_LINE} characters; name a scenario file")
        table = tomllib.loads(text)
    except OSError as exc:
        raise ScenarioError(f"{path}: cannot be read: {exc.strerror}; name an existing scenario file") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ScenarioError(f"{path}: is no TOML: {exc}") from exc
    except RecursionError as exc:
        raise ScenarioError(f"{path}: nests too deep; name a scenario file") from exc
    lines = find_key_lines(text)
    for override in filter(None, overrides.split("&")):
        # What the caller wrote stands in no line of the file.
        changed = _override(table, override, spec)
        lines = {key: line for key, line in lines.items() if key != changed}
        lines[changed] = 0
    return parse(table, spec or "default", lines)


def parse(table: Mapping[str, Any], origin: str, lines: Mapping[KeyPath, int] | None = None) -> Scenario:
    """Check a scenario's table; `lines` tells where its keys stand in the file."""
    lines = lines or {}
    try:
        scenario = Scenario.model_validate(table)
        parse_scene(scenario.scene, origin, {key: line for key, line in lines.items() if line})
    except ValidationError as exc:
        raise ScenarioError("\n".join(f"{origin}{finding}" for finding in _placed(exc, lines))) from exc
    except SceneError as exc:
        raise ScenarioError(str(exc)) from exc
    return scenario


def findings(exc: ValidationError) -> list[str]:
    """Return one line for each thing that is wrong: key, value, bound."""
    return [finding.removeprefix(": ") for finding in _placed(exc, {})]


def _placed(exc: ValidationError, lines: Mapping[KeyPath, int]) -> list[str]:
    told = []
    errors = exc.errors(include_url=False)
    # A list whose elements are wrong is reported as too short, too; that is no finding of its own.
    faulty = {error["loc"][:n] for error in errors for n in range(1, len(error["loc"]))}
    for error in errors:
        placed = error.get("ctx", {}) if error["type"] == "misplaced" else {}
        path: KeyPath = placed.get("path", tuple(error["loc"]))
        if error["type"] == "too_short" and path in faulty:
            continue
        key = ".".join(str(part) for part in path) or "scenario"
        value = placed.get("value", error.get("input"))
        seen = f" = {value!r}" if placed or isinstance(value, bool | int | float | str) else ""
        # A key that is missing stands in no line; the table that lacks it does.
        line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), 0)
        told.append(f"{f' line {line}' if line else ''}: {key}{seen}: {_expected(error)}")
    return told


def _expected(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; remove it or correct its spelling"
    if error["type"] == "missing":
        return "is missing; add it"
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "expected")


def _path_of(source: str) -> Path:
    # Only these mark a path: a file of that name in the working folder must not hide a packaged scenario.
    if source.endswith(".toml") or "/" in source:
        return Path(source)
    path = PACKAGED / f"{source}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PACKAGED.glob("*.toml")))
        raise ScenarioError(f"no scenario {source!r}; there are {known}, or give the path of a .toml file")
    return path


def _override(table: dict[str, Any], override: str, origin: str) -> KeyPath:
    """Change the table and return the path of what was changed."""
    key, separator, text = override.partition("=")
    if not separator:
        raise ScenarioError(f"{origin}: {override!r}: expected key=value")
    *parents, last = key.split(".")
    place: Any = table
    path: KeyPath = ()
    for part in parents:
        entered, step = _enter(place, part)
        if entered is None:
            raise ScenarioError(f"{origin}: {key}: there is no table {part!r}")
        place, path = entered, (*path, step)
    if not isinstance(place, dict):
        raise ScenarioError(f"{origin}: {key}: name one of the tables, as in {parents[-1]}.NAME.{last}")
    place[last] = _value(text)
    return (*path, last)


def _enter(place: Any, part: str) -> tuple[dict[str, Any] | list[Any] | None, str | int]:
    """Go one table deeper; in an array of tables `part` is the name that one of them carries."""
    if isinstance(place, list):
        for number, entry in enumerate(place):
            if isinstance(entry, dict) and entry.get("name") == part:
                return entry, number
        return None, part
    inner = place.setdefault(part, {})
    return (inner if isinstance(inner, dict | list) else None), part


def _value(text: str) -> Any:
    """Read the text as a TOML value; what is none is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
