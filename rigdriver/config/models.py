"""A rig file as one value, with the tables of what is done with its devices: every key, type, bound and default.

In: values as TOML gives them. Out: a frozen `RigConfig`, or a refusal by pydantic. The models check what the text alone
can show. Not here: the tables of the devices (see device_tables.py), reading files (see loading.py), and what the
devices can really do (see rigdriver.schedule.limits).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from rigdriver.config.device_tables import (
    BoxConfig,
    CameraConfig,
    FileTable,
    GenicamConfig,
    LampConfig,
    LinkConfig,
    Name,
    ProjectorConfig,
)
from rigdriver.config.owned_features import Ownership, refusal
from rigdriver.config.toml_lines import KeyPath
from rigdriver.errors import ConfigError


class ScheduleConfig(FileTable):
    """What happens in one pulse: texture cameras expose under white light after geometry cameras did under pattern."""

    mode: Literal["box", "software", "free", "external"] = "box"
    """`box`: the trigger box owns all timing, frame sets are proved. For benches without a box, all unproved:
    `software` (this computer commands each exposure), `free` (cameras run by themselves), `external` (their lines)."""
    rate_hz: float = Field(default=10, gt=0, le=1000)
    """Number of frame sets per second."""
    geometry_exposure_us: float = Field(default=2000, gt=0, le=1_000_000)
    """Exposure of the geometry cameras that name none of their own."""
    texture_exposure_us: float = Field(default=2000, gt=0, le=1_000_000)
    """Exposure of the texture cameras that name none of their own."""
    texture_gap_us: float = Field(default=500, ge=0, le=1_000_000)
    """Dark time between the last geometry exposure and the first texture exposure."""
    interleave_pods: bool = False
    """Whether each pod gets its own pattern light in turn, so that no pod sees the other's pattern."""
    trigger_width_us: float = Field(default=100, ge=1, le=100_000)
    """Width of the camera triggers."""
    guard_us: float = Field(default=50, ge=0, le=10_000)
    """Time by which a flash starts after the last exposure has started, and ends before the first exposure ends."""
    disk_megabytes_per_s: float | None = Field(default=None, gt=0, le=100_000)
    """Rate that the disk sustains; when it is given, the data rate of recording every frame is checked against it."""


class LightConfig(FileTable):
    """Limits on flashing light; the box enforces them too, and its own hard limits are above them."""

    max_train_flashes: int = Field(default=100, ge=1)
    """Flashes in a row; 100 is ten seconds at 10 Hz."""
    min_train_pause_s: float = Field(default=5, ge=0, le=400)
    """Shortest dark time between two trains of flashes."""
    max_session_flashes: int = Field(default=3000, ge=1)
    """Flashes until somebody begins a new light session, with another person before the rig."""
    max_flash_width_us: float = Field(default=2000, gt=0)
    """Longest flash."""
    max_duty: float = Field(default=0.05, gt=0, le=1)
    """Largest share of the time that a lamp may be lit."""
    max_rate_hz: float = Field(default=15, gt=0, le=1000)
    """Largest number of pulses with light per second."""
    max_flash_energy_mj: float | None = Field(default=None, gt=0)
    """Largest emitted energy of one flash; checked for lamps with radiant_power_w."""
    max_run_energy_j: float | None = Field(default=None, gt=0)
    """Largest emitted energy of all lamps in one run; checked for lamps with radiant_power_w."""
    log: Annotated[Path | None, Field(strict=False)] = None
    """File to which every flash is appended, one JSON line each; relative to the rig file's folder."""


class SyncConfig(FileTable):
    """Limits of what counts as synchronous."""

    tolerance_us: float = Field(default=100, gt=0, le=10_000)
    """Largest deviation of a camera time stamp, mapped to the box clock, from its exposure start."""
    max_skew_us: float = Field(default=100, gt=0, le=10_000)
    """Largest spread of the exposure starts (each minus its planned trigger)."""
    gap_timeout_s: float = Field(default=1.0, gt=0, le=60)
    """Time after its pulse at which a missing frame becomes a gap."""
    silence_timeout_s: float | None = Field(default=None, gt=0, le=86_400)
    """Time without a whole frame after which a bench without a trigger box reports a camera, and ends the run when no
    camera delivers; when left out, three exposures and periods, at least 1 s and at most 2 s. Raise it in mode
    `external` for a trigger that pauses."""
    wait_for_close: bool = False
    """Whether every frame set is held until its period is over: an unexpected edge that comes after the frames is then
    reported in its own frame set; this costs up to one period of latency."""


class RunConfig(FileTable):
    """Behaviour of a run towards its consumer."""

    queue_frame_sets: int = Field(default=8, ge=1, le=1024)
    """Number of frame sets that wait for a slow consumer."""
    on_gap: Literal["continue", "retry", "stop"] = "continue"
    """`continue`: hand frame sets with gaps out too; `retry`: leave them out and pulse on until as many complete ones
    have come as were asked for; `stop`: end the run with an error after the first one."""
    slow_consumer: Literal["drop_oldest", "block"] = "block"
    """`block`: keep everything until the cameras' slots are used up (then `NO_SLOT` gaps); `drop_oldest`: drop whole
    frame sets, counted."""


class AcceptanceConfig(FileTable):
    """Largest permissible values of the acceptance test (`rigdriver verify`), and whether measuring waits for it."""

    probing_form_um: float = Field(default=80, gt=0)
    """Probing error (form) of a sphere, VDI/VDE 2634."""
    probing_size_um: float = Field(default=40, gt=0)
    """Probing error (size) of a sphere, VDI/VDE 2634."""
    spacing_um: float = Field(default=20, gt=0)
    """Sphere spacing error of a ball bar, VDI/VDE 2634."""
    flatness_um: float = Field(default=100, gt=0)
    """Flatness measurement error of a plane, VDI/VDE 2634."""
    history: Annotated[Path | None, Field(strict=False)] = None
    """File of the tests so far, relative to the rig file's folder; when left out, `acceptance/history.jsonl` where the
    driver is started."""
    lock_days: float | None = Field(default=None, gt=0)
    """Largest age of the last test: `rigdriver reconstruct` refuses when it is older or failed. None: no check."""


_Finite = Annotated[float, Field(allow_inf_nan=False)]


class VolumeConfig(FileTable):
    """Working volume: a ball in the calibration's world, cut in front and behind, in which surfaces are measured."""

    centre_mm: Annotated[tuple[_Finite, _Finite, _Finite] | None, Field(strict=False)] = None
    """Middle of the ball: x, y, z in the calibration's world; when left out, the point that all geometry cameras look
    at."""
    radius_mm: float | None = Field(default=None, gt=0, le=10_000)
    """Radius of the ball; when left out, 0.16 of the cameras' distance from its middle."""
    half_depth_mm: float | None = Field(default=None, gt=0, le=10_000)
    """Distance from the middle to each cut along a pod's line of sight; when left out, 0.7 of the radius."""


class RigConfig(FileTable):
    """The whole rig file."""

    name: Name
    """Name of the rig; a calibration names it, too, and fits no other."""
    box: BoxConfig | None = None
    """Table of the trigger box; needed unless schedule.mode is one without a box."""
    genicam: GenicamConfig
    cameras: Annotated[tuple[CameraConfig, ...], Field(min_length=1, max_length=12, strict=False)]
    lamps: Annotated[tuple[LampConfig, ...], Field(max_length=8, strict=False)] = ()
    links: Annotated[tuple[LinkConfig, ...], Field(max_length=12, strict=False)] = ()
    projector: ProjectorConfig | None = None
    """Table of a projector that is spoken to over USB; lamps need none."""
    schedule: ScheduleConfig = ScheduleConfig()
    light: LightConfig = LightConfig()
    sync: SyncConfig = SyncConfig()
    run: RunConfig = RunConfig()
    acceptance: AcceptanceConfig = AcceptanceConfig()
    calibration: Annotated[Path | None, Field(strict=False)] = None
    """Calibration file of the cameras, relative to the rig file's folder; the self-test checks whether it fits."""
    volume: VolumeConfig = VolumeConfig()
    timebase: Annotated[Path | None, Field(strict=False)] = None
    """Page in which a simulated rig publishes the host's time and waits for the driver (timebase.py); only its own rig
    file names it. Without it, time is this computer's."""
    computer: Annotated[Path | None, Field(strict=False)] = None
    """Folder in which a simulated rig shows the computer that it hangs on (sys, proc, dev) to the self-test; only its
    own rig file names it. Without it, the self-test looks at this computer."""

    @model_validator(mode="after")
    def _names_and_lines_are_unique(self) -> Self:
        cameras: list[tuple[KeyPath, CameraConfig]] = [(("cameras", n), c) for n, c in enumerate(self.cameras)]
        lamps: list[tuple[KeyPath, LampConfig]] = [(("lamps", n), lamp) for n, lamp in enumerate(self.lamps)]
        devices: list[tuple[KeyPath, CameraConfig | LampConfig]] = [*cameras, *lamps]
        if self.box is None and self.schedule.mode == "box":
            expected = "is missing; add a [box] with its url, or set schedule.mode for a bench without"
            raise whole_file_finding(("box",), None, expected)
        _refuse_twice("name", [(key, d.name) for key, d in devices])
        _refuse_twice("serial", [(key, c.serial) for key, c in cameras if c.interface is None])
        on_interfaces = [(key, f"{c.serial} on {c.interface}") for key, c in cameras if c.interface is not None]
        _refuse_twice("serial", on_interfaces)
        # Cameras and lamps share the box's outputs: one that is named twice would flash a lamp with every trigger.
        _refuse_twice("output", [(key, d.output) for key, d in devices])
        _refuse_twice("input", [(key, c.input) for key, c in cameras if c.input is not None])
        _refuse_twice("name", [(("links", n), link.name) for n, link in enumerate(self.links)])
        known = [link.name for link in self.links]
        for key, c in cameras:
            # A misspelt link would leave the camera's data rate unchecked.
            if c.link is not None and c.link not in known:
                expected = f"expected one of [[links]]: {', '.join(known) or 'none yet'}"
                raise whole_file_finding((*key, "link"), c.link, expected)
        self._projector_is_a_pattern_lamp()
        for key, c in cameras:
            use = ownership(self, c)
            for feature, value in c.features.items():
                if (remedy := refusal(feature, value, use)) is not None:
                    raise whole_file_finding((*key, "features", feature), value, remedy)
        return self

    def _projector_is_a_pattern_lamp(self) -> None:
        projector = self.projector
        if projector is None:
            return
        known = [lamp.name for lamp in self.lamps if lamp.kind == "pattern"]
        if projector.lamp not in known:
            expected = f"expected one of [[lamps]] of kind pattern: {', '.join(known) or 'none yet'}"
            raise whole_file_finding(("projector", "lamp"), projector.lamp, expected)

    def required_box(self) -> BoxConfig:
        """Return the box's table. ConfigError on a bench without one."""
        if self.box is None:
            raise ConfigError(
                device=f"rig {self.name}", seen=f"has no trigger box (schedule.mode = {self.schedule.mode!r})"
            )
        return self.box

    def with_exposure(self, camera: str, exposure_us: float) -> RigConfig:
        """Return the same rig with another exposure of one camera.

        Raises:
            ConfigError: the exposure is out of bounds, or no camera has that name.
        """
        if camera not in {c.name for c in self.cameras}:
            raise ConfigError(
                device=f"camera {camera}",
                seen="is not in the rig file",
                expected=f"one of {', '.join(c.name for c in self.cameras)}",
            )
        bounds = CameraConfig.model_fields["exposure_us"].metadata
        low, high = (next(getattr(b, name) for b in bounds if hasattr(b, name)) for name in ("gt", "le"))
        if not low < exposure_us <= high:
            raise ConfigError(
                device=f"camera {camera}",
                seen=f"exposure_us = {exposure_us!r}",
                expected=f"more than {low:g} and at most {high:g} us",
            )
        cameras = (c.model_copy(update={"exposure_us": exposure_us}) if c.name == camera else c for c in self.cameras)
        return self.model_copy(update={"cameras": tuple(cameras)})

    def camera(self, name: str) -> CameraConfig:
        """Return the camera of that name. KeyError when there is none."""
        for camera in self.cameras:
            if camera.name == name:
                return camera
        raise KeyError(name)


def ownership(config: RigConfig, camera: CameraConfig) -> Ownership:
    """Return how the rig uses the camera, as far as it decides which features are the plan's."""
    mode = config.schedule.mode
    return Ownership(mode, mode != "free" or camera.exposure_us is not None)


def _refuse_twice(field: str, values: Sequence[tuple[KeyPath, str | int]]) -> None:
    seen: dict[str | int, KeyPath] = {}
    for key, value in values:
        if value in seen:
            first = dotted((*seen[value], field))
            raise whole_file_finding((*key, field), value, f"already used by {first}; give each its own")
        seen[value] = key


def whole_file_finding(path: KeyPath, seen: object, expected: str) -> PydanticCustomError:
    """Return a finding on a key that is wrong only beside other keys; loading.py makes the sentence."""
    return PydanticCustomError("whole_file", "{expected}", {"path": path, "seen": seen, "expected": expected})


def dotted(path: KeyPath) -> str:
    """Return a key as findings name it: `cameras.0.output`."""
    return ".".join(str(part) for part in path)
