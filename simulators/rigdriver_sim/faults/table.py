"""Everything that can go wrong in a simulated rig: the `[faults]` table of a scenario, all zero by default.

In: the parsed table. Out: a frozen `FaultTable`, and `catalogue`, which tells what there is to people. A plan names
cameras and the pulses (of every run) at which it happens; a key that ends in `_every` is a rate over pulses, drawn from
the seed; the rest holds as long as it is set. Not here: how a fault is made (see planting.py and incidents.py).
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]
Every = Annotated[int, Field(ge=0, le=1_000_000_000)]
"""Rate of a fault: once in so many; 0 is never."""
Pulse = Annotated[int, Field(ge=0, le=2**32)]
Plan = Mapping[Name, tuple[Pulse, ...]]
"""Camera name -> pulses (of every run) at which it happens."""
Seconds = Annotated[float, Field(ge=0, le=1e6)]
Number = Annotated[float, Field(ge=-1e12, le=1e12)]


def misplaced(path: tuple[str | int, ...], value: object, expected: str) -> PydanticCustomError:
    """Return what a rule about several keys raises, so that the finding stands at the key that breaks it."""
    return PydanticCustomError("misplaced", "{expected}", {"path": path, "value": value, "expected": expected})


class Table(BaseModel):
    """A table of a scenario: frozen, and nothing in it that is not known."""

    # Deferred: the tables within a scenario are built with it, not once more each by itself.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Bump(Table):
    """How a camera has moved in its mount; turns are about its own axes."""

    yaw_urad: float = Field(default=0.0, ge=-50_000, le=50_000)
    pitch_urad: float = Field(default=0.0, ge=-50_000, le=50_000)
    roll_urad: float = Field(default=0.0, ge=-50_000, le=50_000)
    shift_mm: float = Field(default=0.0, ge=-50, le=50)
    focal_ppm: float = Field(default=0.0, ge=-50_000, le=50_000)
    """Change of the focal length, such as warmth brings about."""


class CableFaults(Table):
    """Between the box and the cameras."""

    withhold_trigger_every: Every = 0
    """A trigger edge does not reach one random camera, once in so many pulses."""
    withhold_trigger: Plan = Field(default_factory=dict)
    """The trigger edge does not reach this camera."""
    double_trigger_every: Every = 0
    """A second edge reaches one random camera."""
    double_trigger: Plan = Field(default_factory=dict)
    """A second edge reaches this camera, double_trigger_after_us later."""
    double_trigger_after_us: float = Field(default=20_000, ge=1, le=10_000_000)
    noise_edge_every: Every = 0
    """A spike on the exposure line of one random camera."""
    noise_edge: Plan = Field(default_factory=dict)
    """A spike on this camera's exposure line, noise_edge_width_us long."""
    noise_edge_width_us: float = Field(default=3, ge=0.1, le=10_000)
    spike_start: Plan = Field(default_factory=dict)
    """The exposure line is inverted for noise_edge_width_us close to this exposure's start."""
    spike_start_us: float = Field(default=-20, ge=-1000, le=1000)
    """From the start to the spike."""
    dead_line: Plan = Field(default_factory=dict)
    """The camera exposes, but its exposure line stays still."""
    swap_triggers: tuple[Name, ...] = ()
    """Two cameras whose trigger cables are exchanged."""


class CameraFaultKeys(Table):
    """In the cameras, their clocks and their links."""

    late_exposure_every: Every = 0
    """One random camera exposes late_exposure_us late."""
    late_exposure: Plan = Field(default_factory=dict)
    """The exposure of this camera begins late_exposure_us late."""
    late_exposure_us: float = Field(default=500, ge=0, le=1_000_000)
    lose_frame_every: Every = 0
    """A frame of one random camera is lost; its frame id is used up."""
    lose_frame: Plan = Field(default_factory=dict)
    """The frame is lost; its frame id is used up."""
    skip_frame: Plan = Field(default_factory=dict)
    """The frame is lost inside the camera: its frame id is not used up."""
    incomplete_every: Every = 0
    """A frame of one random camera arrives with its lower half missing."""
    incomplete: Plan = Field(default_factory=dict)
    """The frame arrives with its lower half missing (lost packets)."""
    resend: Plan = Field(default_factory=dict)
    """Packets of the frame are lost and sent again: the stream counts them, and the frame arrives whole."""
    deliver_late_every: Every = 0
    """A frame of one random camera comes deliver_late_ms late."""
    deliver_late: Plan = Field(default_factory=dict)
    """The frame comes deliver_late_ms late; others overtake it."""
    deliver_late_ms: float = Field(default=150, ge=0, le=60_000)
    repeat_frame_id: Plan = Field(default_factory=dict)
    """The frame has the id of the one before, and the next ones count on from it."""
    reset_frame_id: Plan = Field(default_factory=dict)
    """The camera's frame ids begin anew at 0."""
    stamp_jump: Plan = Field(default_factory=dict)
    """The time stamp of this one frame is stamp_jump_us off."""
    stamp_jump_us: Number = 5_000
    clock_step: Plan = Field(default_factory=dict)
    """The camera's clock steps by clock_step_us and stays there."""
    clock_step_us: Number = 250_000
    stamp_reset: Plan = Field(default_factory=dict)
    """The camera's clock begins anew at 0."""
    warm_up_ppm: float = Field(default=0.0, ge=-200, le=200)
    """Excess of the cameras' clock rates at first; it goes away with the time constant warm_up_s."""
    warm_up_s: float = Field(default=300, gt=0, le=100_000)
    unplug_camera: Plan = Field(default_factory=dict)
    """The camera's cable is pulled at this pulse, and put back replug_camera_after_s later (0: never)."""
    replug_camera_after_s: Seconds = 0
    hang_camera: Plan = Field(default_factory=dict)
    """The camera's firmware hangs at this pulse: no exposures, no answers, until it is plugged in anew."""
    link_down: Plan = Field(default_factory=dict)
    """The camera's link is down from this pulse on, for link_down_s (0: for good); frames are lost meanwhile."""
    link_down_s: Seconds = 0
    take_control: Plan = Field(default_factory=dict)
    """Another program takes control of the camera at this pulse: it ends the stream, and writes are refused."""
    refuse_features: Mapping[Name, tuple[str, ...]] = Field(default_factory=dict)
    """Features that the camera refuses to be written."""
    clamp_features: Mapping[Name, Mapping[str, Number]] = Field(default_factory=dict)
    """Features whose written value the camera silently cuts to this one."""
    temperature_c: Mapping[Name, Annotated[float, Field(ge=-50, le=200)]] = Field(default_factory=dict)
    """Temperature that the camera reports of its sensor, in degrees Celsius; its clock and its lines stay as they
    are."""
    crash_producer: tuple[Pulse, ...] = ()
    """The GenTL producer crashes (SIGSEGV) at this pulse."""
    hang_producer: tuple[Pulse, ...] = ()
    """The GenTL producer hangs in a call at this pulse."""


class BoxFaultKeys(Table):
    """In the box and on its serial line."""

    unplug_box: tuple[Pulse, ...] = ()
    """The box's cable is pulled at this pulse, and put back replug_box_after_s later (0: never)."""
    replug_box_after_s: Seconds = 0
    reset_box: tuple[Pulse, ...] = ()
    """The box resets at this pulse and forgets its schedule."""
    flip_byte_every: Every = 0
    """One bit of one byte in so many flips on the serial line."""
    lose_byte_every: Every = 0
    """One byte in so many is lost on the serial line."""
    insert_byte_every: Every = 0
    """A byte that nobody sent appears, once in so many."""
    lose_event_every: Every = 0
    """One event of the box in so many is lost on its way."""
    double_event_every: Every = 0
    """One event of the box in so many arrives twice."""
    overtake_event_every: Every = 0
    """One event of the box in so many arrives after the next one."""
    cut_serial: tuple[Pulse, ...] = ()
    """At this pulse the serial line carries nothing in either direction, for cut_serial_s; the port stays."""
    cut_serial_s: float = Field(default=0.1, ge=0.01, le=60)
    serial_side: Literal["both", "to_box", "to_host"] = "both"
    """Direction of the serial line that is damaged."""


class LightFaults(Table):
    """In lamps, lenses and mounts."""

    flash_power: Mapping[Name, Annotated[float, Field(ge=0, le=10)]] = Field(default_factory=dict)
    """Lamp -> share of its full brightness: 0 is dead, 0.3 weak."""
    swap_projectors: tuple[Name, ...] = ()
    """Two lamps whose cables are exchanged."""
    bump_camera: Mapping[Name, Bump] = Field(default_factory=dict)
    """Cameras that have moved in their mounts; needs a scene. Rendered first, a second a view."""
    defocus_px: Mapping[Name, Annotated[float, Field(ge=0, le=30)]] = Field(default_factory=dict)
    """Cameras out of focus: extra blur, one standard deviation; needs a scene."""


class DiskFaults(Table):
    """In the disk of whoever records this rig, under one folder of images (DIR/CAMERA/INDEX.png)."""

    disk_folder: str = ""
    """The folder that the two faults below strike."""
    disk_full_from: int = Field(default=-1, ge=-1, le=10_000_000)
    """Images from this index on find the disk full; -1: none does."""
    slow_disk_from: int = Field(default=-1, ge=-1, le=10_000_000)
    """Images from this index on are written at slow_disk_bytes_per_s; -1: none is."""
    slow_disk_bytes_per_s: float = Field(default=1e6, ge=1000, le=1e12)
    slow_disk_images: int = Field(default=5, ge=1, le=50)
    """Number of slow images per camera."""


class FaultTable(CableFaults, CameraFaultKeys, BoxFaultKeys, LightFaults, DiskFaults):
    """What goes wrong; nothing by default."""

    @model_validator(mode="after")
    def _a_swap_has_two_ends(self) -> Self:
        for key in ("swap_triggers", "swap_projectors"):
            names = getattr(self, key)
            if len(set(names)) not in (0, 2) or len(set(names)) != len(names):
                raise misplaced(("faults", key), list(names), "expected none or two different names")
        return self

    def refuse_strangers(self, cameras: set[str], lamps: set[str]) -> None:
        """Raise the finding when a fault names a device that the scenario lacks."""
        for key, value in self:
            if not isinstance(value, Mapping | tuple):
                continue
            known, what = (lamps, "lamps") if key in LAMP_KEYS else (cameras, "cameras")
            if unknown := sorted({name for name in value if isinstance(name, str)} - known):
                if isinstance(value, tuple):
                    raise misplaced(("faults", key), list(value), f"expected {what} of this scenario")
                planted = value[unknown[0]]
                shown = list(planted) if isinstance(planted, tuple) else planted
                raise misplaced(("faults", key, unknown[0]), shown, f"expected {what} of this scenario")


LAMP_KEYS = frozenset({"flash_power", "swap_projectors"})
GROUPS = (CableFaults, CameraFaultKeys, BoxFaultKeys, LightFaults, DiskFaults)


def catalogue() -> list[tuple[str, str, str]]:
    """Return for each key of the table: its name, its value when nothing is wrong, and what it does."""
    rows = []
    for group in GROUPS:
        meanings = _meanings(group)
        for name, known in group.model_fields.items():
            default: Any = known.get_default(call_default_factory=True)
            rows.append((name, repr(default).replace("()", "[]"), meanings.get(name, "the fault's size")))
    return rows


def _meanings(group: type[Table]) -> dict[str, str]:
    """Return what stands below each key in the source; pydantic would read it at every start of a rig."""
    (known,) = ast.parse(textwrap.dedent(inspect.getsource(group))).body
    assert isinstance(known, ast.ClassDef)
    return {
        key.target.id: text.value.value
        for key, text in pairwise(known.body)
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
