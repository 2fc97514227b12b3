"""The tables of a rig file that describe devices: the box, cameras, their producers and links, lamps, a projector.

In: values as TOML gives them. Out: frozen tables, or a refusal by pydantic, each by itself. Not here: what is done with
the devices, and what holds between tables (see models.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from rigdriver.config.owned_features import FeatureValue

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]


class FileTable(BaseModel):
    """One table of a rig file."""

    # Strict, because a misspelt limit would otherwise be its default, and "10" a number. TOML knows inf and nan; a
    # limit of inf would be none.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class BoxConfig(FileTable):
    """The serial trigger box."""

    url: str = Field(min_length=1)
    """pyserial URL or device: `/dev/ttyACM0`, `COM3`, `socket://host:port`, `rfc2217://host:port`."""
    reply_timeout_s: float = Field(default=0.5, gt=0, le=10)
    """Longest wait for one reply of the box."""
    watchdog_s: float = Field(default=0.5, ge=0.01, le=2)
    """Silence of this computer after which the box turns light and triggers off."""
    busy_s: float = Field(default=0, ge=0, le=10)
    """Longest time for which a program that lives, but lets none of its threads run (a long import, a library that
    holds Python's lock), keeps its run: a process of its own feeds the watchdog meanwhile. With no more than
    `watchdog_s`, as by default, none does. A program that is stopped or gone is not fed for, but one that is killed
    may still look alive while the system takes it down (LIGHT-SAFETY.md)."""
    old_faults: Literal["host", "clear", "keep"] = "host"
    """Policy of opening towards a fault that an earlier program left, once its cause is gone: `host` clears faults of a
    silent or deaf computer and of a limit on light, `clear` also that of an interlock that is closed again, `keep`
    none; what is not cleared waits for `rigdriver box clear`."""


class GenicamConfig(FileTable):
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


class CameraConfig(FileTable):
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


class LinkConfig(FileTable):
    """A host controller or network port, and what it carries."""

    name: Name
    """Name by which cameras name it as their `link`."""
    megabytes_per_s: float = Field(gt=0, le=100_000)
    """Sustained rate, as measured: 380 for one USB3 controller, 115 for gigabit Ethernet."""


class LampConfig(FileTable):
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


class ProjectorConfig(FileTable):
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
