"""The tables of a rig file: every key, its type, its bounds and its default.

In: values as TOML gives them. Out: a frozen `RigConfig`, or a refusal by pydantic. The models check what the text alone
can show. Not here: reading files (see loading.py), and what the devices can really do (see rigdriver.schedule.limits).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from rigdriver.config.owned_features import FeatureValue, Ownership, refusal
from rigdriver.config.toml_lines import KeyPath
from rigdriver.errors import ConfigError

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]


class _Table(BaseModel):
    # Strict, because a misspelt limit would otherwise be its default, and "10" a number. TOML knows inf and nan; a
    # limit of inf would be none.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class BoxConfig(_Table):
    """The serial trigger box."""

    url: str = Field(min_length=1)
    """pyserial URL or device: `/dev/ttyACM0`, `COM3`, `socket://host:port`, `rfc2217://host:port`."""
    reply_timeout_s: float = Field(default=0.5, gt=0, le=10)
    """Longest wait for one reply of the box."""
    watchdog_s: float = Field(default=0.5, ge=0.01, le=2)
    """Silence of this computer after which the box turns light and triggers off."""
    old_faults: Literal["host", "clear", "keep"] = "host"
    """Policy of opening towards a fault that an earlier program left, once its cause is gone: `host` clears faults of a
    silent or deaf computer and of a limit on light, `clear` also that of an interlock that is closed again, `keep`
    none; what is not cleared waits for `rigdriver box clear`."""


class GenicamConfig(_Table):
    """The GenTL producers, and the process that holds the cameras."""

    # Not strict where TOML has no such type: it gives a text for a path and a list for a tuple.
    producers: Annotated[tuple[Annotated[Path, Field(strict=False)], ...], Field(min_length=1, strict=False)]
    """Paths of `.cti` files; relative ones start at the rig file's folder."""
    interfaces: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Interfaces (network ports, host controllers) to ask for cameras, by id or name as `rigdriver list` shows them;
    all when left out."""
    open_timeout_s: float = Field(default=30, gt=0, le=300)
    """Time in which all cameras must be found and opened; half of it is for finding them."""
    command_timeout_s: float = Field(default=5, gt=0, le=60)
    """Longest time that one command of a producer may take; after it, the producer counts as hung."""
    buffers: int = Field(default=8, ge=3, le=256)
    """Buffers queued at each camera's stream, so that frames find one while the camera process is busy."""
    frame_slots: int = Field(default=16, ge=4, le=256)
    """Frames per camera that wait for, or are held by, the application; more than half of them are held by copies."""


class CameraConfig(_Table):
    """One camera, known by `name` everywhere and by `serial` on the bus."""

    name: Name
    """Name of the camera in frame sets, files and messages: `left_upper`."""
    serial: str = Field(min_length=1, max_length=64)
    """Serial number in quotes, `serial = "23145678"`; else the GenTL id, user-defined name, MAC or IP address that
    `rigdriver list` shows."""
    interface: str | None = Field(default=None, min_length=1)
    """Id or name of the interface that the camera hangs on; needed only when a producer lists it on several."""
    role: Literal["geometry", "texture"] = "geometry"
    """`geometry`: exposes under pattern light, for stereo; `texture`: exposes under white light, for colour."""
    pod: Name = "main"
    """Name of the unit of cameras and lamps that the camera belongs to; stereo pairs are formed within a pod."""
    output: int = Field(ge=0, le=15)
    """Box output that triggers the camera."""
    input: int | None = Field(default=None, ge=0, le=7)
    """Box input that the exposure-active line feeds; leave it out when the line is not wired (weaker proof)."""
    latency_us: float = Field(default=20, ge=0, le=100_000)
    """Typical time from trigger edge to exposure start, from the camera's data sheet."""
    jitter_us: float = Field(default=10, ge=0, le=10_000)
    """Largest deviation from that latency."""
    trigger_rise_us: float = Field(default=0, ge=0, le=10_000)
    """Delay of a rising edge in the camera's trigger input (opto-couplers: 7 to 22), on top of latency_us;
    `rigdriver selftest --write-delays` measures it."""
    trigger_fall_us: float = Field(default=0, ge=0, le=10_000)
    """Delay of a falling edge in the camera's trigger input (opto-couplers: 5 to 25)."""
    line_rise_us: float = Field(default=0, ge=0, le=10_000)
    """Delay of a rising edge of the exposure-active line, from exposure start to box input (opto-couplers: 18 to 36);
    proofs subtract it."""
    line_fall_us: float = Field(default=0, ge=0, le=10_000)
    """Delay of a falling edge of the exposure-active line, from exposure end to box input (opto-couplers: 5 to 25);
    proofs subtract it."""
    exposure_us: float | None = Field(default=None, gt=0, le=10_000_000)
    """Exposure of this camera; when left out, the schedule's exposure for its role."""
    max_rate_hz: float | None = Field(default=None, gt=0, le=10_000)
    """Fastest rate that the camera follows; when left out, the camera's own ResultingFrameRate."""
    link: Name | None = None
    """Name of the host controller that the camera shares with others, one of `[[links]]`."""
    reset: Literal["factory", "known", "keep"] = "factory"
    """State to which the camera is brought before anything is written. `factory`: its user set Default, where it has
    one, then as `known`; `known`: full region, no binning, no flips, no auto functions, no test pattern, no chunks;
    `keep`: as an earlier program left it."""
    features: Mapping[str, FeatureValue] = Field(default_factory=dict)
    """Features to write and read back, by the camera's own names: `PixelFormat = "Mono8"`, `Gain = 3.0`. A camera that
    cannot do one is refused."""

    @property
    def start_us(self) -> float:
        """Time from the rising edge of the box's output to the exposure start."""
        return self.trigger_rise_us + self.latency_us


class LinkConfig(_Table):
    """A host controller or network port, and what it carries."""

    name: Name
    """Name by which cameras name it as their `link`."""
    megabytes_per_s: float = Field(gt=0, le=100_000)
    """Sustained rate, as measured: 380 for one USB3 controller, 115 for gigabit Ethernet."""


class LampConfig(_Table):
    """One lamp: a pattern projector or a white flash lamp."""

    name: Name
    """Name of the lamp in proofs, logs and messages."""
    kind: Literal["pattern", "white"]
    """`pattern`: lights the geometry cameras' exposures; `white`: lights the texture cameras' exposures."""
    pod: Name = "main"
    """Name of the unit that the lamp belongs to."""
    output: int = Field(ge=0, le=15)
    """Box output that drives the lamp."""
    max_flash_width_us: float | None = Field(default=None, gt=0, le=1_000_000)
    """Longest flash that the lamp itself stands; the light limits hold too."""
    max_duty: float | None = Field(default=None, gt=0, le=1)
    """Largest share of the time that the lamp itself may be lit; the light limits hold too."""
    radiant_power_w: float | None = Field(default=None, gt=0, le=10_000)
    """Emitted power while it is lit; with it, energy and dose are checked and logged."""


class ProjectorConfig(_Table):
    """A projector with a TI DLPC350 controller (LightCrafter 4500) at USB, which is one of the pattern lamps.

    The self-test compares it with these keys, and `rigdriver projector set` writes them.
    """

    lamp: Name
    """Name of the lamp that it is, one of `[[lamps]]`: the box output of this lamp feeds its input TRIG_IN_1."""
    serial: str | None = Field(default=None, min_length=1, max_length=64)
    """USB serial number; needed only when several projectors are at USB."""
    firmware: str | None = Field(default=None, min_length=5, max_length=20)
    """Version of its application software, `4.4.0`; when left out, every version is good."""
    trigger: Literal["rising", "falling"] = "rising"
    """Edge at TRIG_IN_1 that shows a pattern."""
    patterns: Annotated[
        tuple[Annotated[int, Field(ge=0, le=24)], ...], Field(min_length=1, max_length=128, strict=False)
    ] = (0,)
    """Numbers of the patterns, one per trigger, as TI's program counts them within the image in its memory."""
    bit_depth: int = Field(default=1, ge=1, le=8)
    """Number of bits of each pattern."""
    leds: Literal["red", "green", "blue", "yellow", "magenta", "cyan", "white"] = "white"
    """Colour in which the patterns are shown."""
    exposure_us: int = Field(default=2000, ge=235, le=2_000_000)
    """Time for which a pattern is shown after its trigger."""
    period_us: int = Field(default=3000, ge=235, le=2_000_000)
    """Shortest time from one pattern to the next; longer than exposure_us by 230 at least, or equal to it (the
    projector checks it)."""
    red_level: int | None = Field(default=None, ge=0, le=255)
    """Current of the red LED as TI's program states it, 255 is the largest; when left out, it is not checked."""
    green_level: int | None = Field(default=None, ge=0, le=255)
    """Current of the green LED."""
    blue_level: int | None = Field(default=None, ge=0, le=255)
    """Current of the blue LED."""
    reply_timeout_s: float = Field(default=0.5, gt=0, le=10)
    """Longest wait for one reply of the projector."""


class ScheduleConfig(_Table):
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


class LightConfig(_Table):
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


class SyncConfig(_Table):
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


class RunConfig(_Table):
    """Behaviour of a run towards its consumer."""

    queue_frame_sets: int = Field(default=8, ge=1, le=1024)
    """Number of frame sets that wait for a slow consumer."""
    on_gap: Literal["continue", "retry", "stop"] = "continue"
    """`continue`: hand frame sets with gaps out too; `retry`: leave them out and pulse on until as many complete ones
    have come as were asked for; `stop`: end the run with an error after the first one."""
    slow_consumer: Literal["drop_oldest", "block"] = "block"
    """`block`: keep everything until the cameras' slots are used up (then `NO_SLOT` gaps); `drop_oldest`: drop whole
    frame sets, counted."""


class AcceptanceConfig(_Table):
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


class VolumeConfig(_Table):
    """Working volume: a ball in the calibration's world, cut in front and behind, in which surfaces are measured."""

    centre_mm: Annotated[tuple[_Finite, _Finite, _Finite] | None, Field(strict=False)] = None
    """Middle of the ball: x, y, z in the calibration's world; when left out, the point that all geometry cameras look
    at."""
    radius_mm: float | None = Field(default=None, gt=0, le=10_000)
    """Radius of the ball; when left out, 0.16 of the cameras' distance from its middle."""
    half_depth_mm: float | None = Field(default=None, gt=0, le=10_000)
    """Distance from the middle to each cut along a pod's line of sight; when left out, 0.7 of the radius."""


class RigConfig(_Table):
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
