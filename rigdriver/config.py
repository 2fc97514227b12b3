"""The rig file: one TOML text that names the rig's cameras, lamps, box, light limits and schedule.

In: a path. Out: a frozen, checked `RigConfig`; below this file nobody checks again. What is wrong is told with key,
value, bound and line, all findings at once. This file refuses to know what devices can really do: it checks only what
the text alone can show.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rigdriver.errors import ConfigError
from rigdriver.toml_lines import KeyPath, key_lines

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]
FeatureValue = bool | int | float | str


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class BoxConfig(_Table):
    """The serial trigger box."""

    url: str = Field(min_length=1)
    """pyserial URL or device: `/dev/ttyACM0`, `COM3`, `socket://host:port`, `spy:///dev/ttyACM0`."""
    reply_timeout_s: float = Field(default=0.5, gt=0, le=10)
    watchdog_s: float = Field(default=0.5, ge=0.01, le=2)
    """Light and triggers go off when this computer has been silent for so long."""


class GenicamConfig(_Table):
    """The GenTL producers, and the process that holds the cameras."""

    producers: Annotated[tuple[Annotated[Path, Field(strict=False)], ...], Field(min_length=1, strict=False)]
    """Paths of `.cti` files; relative ones start at the rig file's folder."""
    open_timeout_s: float = Field(default=30, gt=0, le=300)
    command_timeout_s: float = Field(default=5, gt=0, le=60)
    """A producer that needs longer for one command is taken to hang."""
    buffers: int = Field(default=8, ge=3, le=256)
    """Buffers queued at each camera's stream, so that frames find one while the camera process is busy."""
    frame_slots: int = Field(default=16, ge=4, le=256)
    """Frames per camera that wait for, or are held by, the application; more than half of them are held by copies."""


class CameraConfig(_Table):
    """One camera, known by `name` everywhere and by `serial` on the bus."""

    name: Name
    serial: str = Field(min_length=1, max_length=64)
    role: Literal["geometry", "texture"] = "geometry"
    pod: Name = "main"
    output: int = Field(ge=0, le=15)
    """Box output that triggers it."""
    input: int | None = Field(default=None, ge=0, le=7)
    """Box input that its exposure-active line feeds; leave out when it is not wired (weaker proof)."""
    latency_us: float = Field(default=20, ge=0, le=100_000)
    """Trigger edge to exposure start, as its data sheet says (typical)."""
    jitter_us: float = Field(default=10, ge=0, le=10_000)
    """Largest deviation from that latency."""
    exposure_us: float | None = Field(default=None, gt=0, le=10_000_000)
    """Own exposure; else the schedule's for its role."""
    max_rate_hz: float | None = Field(default=None, gt=0, le=10_000)
    """Fastest triggering that it follows; else what the camera itself says (ResultingFrameRate)."""
    link: Name | None = None
    """The host controller that it shares with others, one of `[[links]]`."""
    features: Mapping[str, FeatureValue] = Field(default_factory=dict)
    """SFNC features to write and read back: `PixelFormat = "Mono8"`, `Gain = 3.0`."""


class LinkConfig(_Table):
    """A host controller or network port, and what it carries."""

    name: Name
    megabytes_per_s: float = Field(gt=0, le=100_000)
    """Sustained, as measured: 380 for one USB3 controller, 115 for gigabit Ethernet."""


class LampConfig(_Table):
    """One lamp: a pattern projector or a white flash lamp."""

    name: Name
    kind: Literal["pattern", "white"]
    pod: Name = "main"
    output: int = Field(ge=0, le=15)
    max_flash_width_us: float | None = Field(default=None, gt=0, le=1_000_000)
    """What the lamp itself stands; the light limits hold besides."""
    max_duty: float | None = Field(default=None, gt=0, le=1)
    radiant_power_w: float | None = Field(default=None, gt=0, le=10_000)
    """Emitted power while it is lit; with it, energy and dose are checked and logged."""


class ScheduleConfig(_Table):
    """What happens in one pulse: texture cameras expose under white light after geometry cameras did under pattern."""

    mode: Literal["box", "software", "free", "external"] = "box"
    """`box`: the trigger box owns all timing, frame sets are proved. For benches without a box, all unproved:
    `software` (this computer commands each exposure), `free` (cameras run by themselves), `external` (their lines)."""
    rate_hz: float = Field(default=10, gt=0, le=1000)
    geometry_exposure_us: float = Field(default=2000, gt=0, le=1_000_000)
    texture_exposure_us: float = Field(default=2000, gt=0, le=1_000_000)
    texture_gap_us: float = Field(default=500, ge=0, le=1_000_000)
    """Dark time between the last geometry exposure and the first texture exposure."""
    interleave_pods: bool = False
    """Give each pod its own pattern light in turn, so that no pod sees the other's pattern."""
    trigger_width_us: float = Field(default=100, ge=1, le=100_000)
    guard_us: float = Field(default=50, ge=0, le=10_000)
    """Time by which a flash starts after the last of its cameras has begun, and ends before the first of them ends."""
    disk_megabytes_per_s: float | None = Field(default=None, gt=0, le=100_000)
    """What the disk sustains; give it when every frame is to be recorded, and the data rate is checked against it."""


class LightConfig(_Table):
    """Limits on flashing light; the box enforces them again, and its own hard limits stand above."""

    max_train_flashes: int = Field(default=100, ge=1)
    """Flashes in a row; 100 is ten seconds at 10 Hz."""
    min_train_pause_s: float = Field(default=5, ge=0, le=400)
    max_session_flashes: int = Field(default=3000, ge=1)
    max_flash_width_us: float = Field(default=2000, gt=0)
    max_duty: float = Field(default=0.05, gt=0, le=1)
    max_rate_hz: float = Field(default=15, gt=0, le=1000)
    max_flash_energy_mj: float | None = Field(default=None, gt=0)
    """Largest emitted energy of one flash; checked for lamps with radiant_power_w."""
    max_run_energy_j: float | None = Field(default=None, gt=0)
    """Largest emitted energy of all lamps in one run; checked for lamps with radiant_power_w."""
    log: Annotated[Path | None, Field(strict=False)] = None
    """File to which every flash is appended, one JSON line each; relative to the rig file's folder."""


class SyncConfig(_Table):
    """What counts as together."""

    tolerance_us: float = Field(default=100, gt=0, le=10_000)
    """Largest deviation of a camera time stamp, mapped to the box clock, from its exposure start."""
    max_skew_us: float = Field(default=100, gt=0, le=10_000)
    """Largest spread of the exposure starts (each minus its planned trigger)."""
    gap_timeout_s: float = Field(default=1.0, gt=0, le=60)
    """A frame that is so late after its pulse is a gap."""
    wait_for_close: bool = False
    """Hold every frame set until its pulse period is over, so that an edge nobody asked for is told in the frame set
    where it happened even when it comes after the frames; costs up to one period of latency."""


class RunConfig(_Table):
    """How a run treats its consumer."""

    queue_frame_sets: int = Field(default=8, ge=1, le=1024)
    on_gap: Literal["continue", "retry", "stop"] = "continue"
    """`continue`: hand frame sets with gaps out too; `retry`: leave them out and pulse on until as many complete ones
    have come as were asked for; `stop`: end the run with an error after the first one."""
    slow_consumer: Literal["drop_oldest", "block"] = "block"
    """`block`: keep everything until the cameras' slots are used up (then `NO_SLOT` gaps); `drop_oldest`: drop whole
    frame sets, counted."""


class AcceptanceConfig(_Table):
    """Largest permissible values of the acceptance test (`rigdriver verify`), and whether measuring waits for it."""

    probing_form_um: float = Field(default=80, gt=0)
    probing_size_um: float = Field(default=40, gt=0)
    spacing_um: float = Field(default=20, gt=0)
    flatness_um: float = Field(default=100, gt=0)
    history: Annotated[Path | None, Field(strict=False)] = None
    """The tests so far; relative to the rig file's folder. `acceptance/history.jsonl` where the driver is started."""
    lock_days: float | None = Field(default=None, gt=0)
    """`rigdriver reconstruct` refuses when the last test failed or is older; without it nothing is refused."""


class RigConfig(_Table):
    """One rig."""

    name: Name
    box: BoxConfig | None = None
    """Needed unless schedule.mode says that there is none."""
    genicam: GenicamConfig
    cameras: Annotated[tuple[CameraConfig, ...], Field(min_length=1, max_length=12, strict=False)]
    lamps: Annotated[tuple[LampConfig, ...], Field(max_length=8, strict=False)] = ()
    links: Annotated[tuple[LinkConfig, ...], Field(max_length=12, strict=False)] = ()
    schedule: ScheduleConfig = ScheduleConfig()
    light: LightConfig = LightConfig()
    sync: SyncConfig = SyncConfig()
    run: RunConfig = RunConfig()
    acceptance: AcceptanceConfig = AcceptanceConfig()
    calibration: Annotated[Path | None, Field(strict=False)] = None
    """The cameras' calibration file; relative to the rig file's folder. The self-test looks whether it fits."""

    @model_validator(mode="after")
    def _names_and_lines_are_unique(self) -> Self:
        cameras = [(f"cameras.{n}", c) for n, c in enumerate(self.cameras)]
        lamps = [(f"lamps.{n}", lamp) for n, lamp in enumerate(self.lamps)]
        devices: list[tuple[str, CameraConfig | LampConfig]] = [*cameras, *lamps]
        if self.box is None and self.schedule.mode == "box":
            raise ValueError(
                "box = none: is missing; add a [box] with its url, or set schedule.mode for a bench without"
            )
        _refuse_twice("name", [(key, d.name) for key, d in devices])
        _refuse_twice("serial", [(key, c.serial) for key, c in cameras])
        _refuse_twice("output", [(key, d.output) for key, d in devices])
        _refuse_twice("input", [(key, c.input) for key, c in cameras if c.input is not None])
        _refuse_twice("name", [(f"links.{n}", link.name) for n, link in enumerate(self.links)])
        known = [link.name for link in self.links]
        for key, c in cameras:
            if c.link is not None and c.link not in known:
                raise ValueError(
                    f"{key}.link = {c.link!r}: expected one of [[links]]: {', '.join(known) or 'none yet'}"
                )
        return self

    def required_box(self) -> BoxConfig:
        """Return the box's table. ConfigError on a bench without one."""
        if self.box is None:
            raise ConfigError(f"rig {self.name}: has no trigger box (schedule.mode = {self.schedule.mode!r})")
        return self.box

    def camera(self, name: str) -> CameraConfig:
        """Return the camera of that name. KeyError when there is none."""
        for camera in self.cameras:
            if camera.name == name:
                return camera
        raise KeyError(name)


def _refuse_twice(field: str, values: list[tuple[str, str | int]]) -> None:
    seen: dict[str | int, str] = {}
    for key, value in values:
        if value in seen:
            raise ValueError(f"{key}.{field} = {value!r}: already used by {seen[value]}.{field}; give each its own")
        seen[value] = key


RENAMED_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "light.max_train_pulses": "light.max_train_flashes",
        "light.max_session_pulses": "light.max_session_flashes",
        "light.max_pulse_width_us": "light.max_flash_width_us",
        "light.max_pulse_energy_mj": "light.max_flash_energy_mj",
        "lamps.max_pulse_width_us": "lamps.max_flash_width_us",
    }
)
"""Keys of earlier rig files and their names now. An old name is refused, so that no file states a limit twice."""


def load(path: Path) -> RigConfig:
    """Read and check a rig file.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or says something impossible; every finding is named.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}; name an existing rig file") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {exc.start}); save it as UTF-8") from exc
    return parse(text, str(path), path.parent)


def parse(text: str, origin: str, folder: Path) -> RigConfig:
    """Check the text of a rig file; `folder` is where its relative paths start."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{origin}: is no TOML: {exc}") from exc
    try:
        config = RigConfig.model_validate(table)
    except ValidationError as exc:
        raise ConfigError(_explain(exc, origin, key_lines(text))) from exc
    return _from_folder(config, folder)


def _from_folder(config: RigConfig, folder: Path) -> RigConfig:
    """Return the configuration with its relative paths made to start at the rig file's folder."""
    producers = tuple((folder / p).resolve() for p in config.genicam.producers)
    log = None if config.light.log is None else (folder / config.light.log).resolve()
    calibration = None if config.calibration is None else (folder / config.calibration).resolve()
    tests = None if config.acceptance.history is None else (folder / config.acceptance.history).resolve()
    return config.model_copy(
        update={
            "genicam": config.genicam.model_copy(update={"producers": producers}),
            "light": config.light.model_copy(update={"log": log}),
            "acceptance": config.acceptance.model_copy(update={"history": tests}),
            "calibration": calibration,
        }
    )


def _explain(exc: ValidationError, origin: str, lines: Mapping[KeyPath, int]) -> str:
    errors = exc.errors(include_url=False)
    # A list whose elements are wrong is reported as too short, too; that is no finding of its own.
    faulty = {error["loc"][:-n] for error in errors for n in range(1, len(error["loc"]))}
    findings = (
        _finding(error, origin, lines) for error in errors if error["type"] != "too_short" or error["loc"] not in faulty
    )
    return "\n".join(dict.fromkeys(findings))


def _finding(error: Mapping[str, Any], origin: str, lines: Mapping[KeyPath, int]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    path: KeyPath = tuple(error["loc"])
    if not path and "=" in message:  # a check over the whole file names its key in the message
        key, _, expected = message.partition(": ")
        path = tuple(int(part) if part.isdigit() else part for part in key.split(" =")[0].split("."))
    else:
        if "features" in path:
            path = path[: path.index("features") + 2]  # what follows names the kinds of value that were tried
        key = ".".join(str(part) for part in path) + _seen(error)
        expected = _expected(error["type"], error.get("ctx", {}), message, path)
    line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
    return f"{origin}{f' line {line}' if line else ''}: {key}: {expected}"


def _seen(error: Mapping[str, Any]) -> str:
    value = error.get("input")
    return f" = {value!r}" if isinstance(value, bool | int | float | str) and error["type"] != "missing" else ""


def _expected(kind: str, bounds: Mapping[str, Any], message: str, path: KeyPath) -> str:
    """Say in the user's words what would be right."""
    if "features" in path:
        return "expected true, false, a number or a text"
    new_name = RENAMED_KEYS.get(".".join(part for part in path if isinstance(part, str)))
    if kind == "extra_forbidden" and new_name is not None:
        return f"is called {new_name} now; rename the key"
    special = {
        "extra_forbidden": "unknown key; remove it or correct its spelling",
        "missing": "is missing; add it",
        "string_pattern_mismatch": "expected a letter, then letters, digits, _ or -, 40 at most",
        "string_too_short": "expected a text that is not empty",
        "tuple_type": "expected a list in [ ]",
        "too_short": f"expected at least {bounds.get('min_length')} of them",
        "too_long": f"expected at most {bounds.get('max_length')} of them",
        "model_type": "expected a table",
    }
    return special.get(kind, message.replace("Input should be", "expected"))
