"""The nouns that travel from pulse to consumer: Edge, PulseReport, Frame, Gap, Proof, FrameSet.

In: numbers that devices stamped. Out: frozen values. Every time is an integer and its name says whose clock it is:
`_ticks` of the trigger box, `t_camera_ns` of one camera, `t_host_ns` of the host, which is this computer
(time.monotonic_ns). Not here: devices, the fits of clocks, and how a proof is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType

from rigdriver.arrays import Pixels
from rigdriver.gap_facts import GapFacts
from rigdriver.json_values import JsonObject


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge that the trigger box stamped."""

    t_box_ticks: int
    is_input: bool
    mask: int
    """Lines that changed; bit n is output n or input n."""
    levels: int
    """All lines of that kind after the edge."""

    @property
    def rising(self) -> int:
        """Lines of `mask` that went up."""
        return self.mask & self.levels

    @property
    def falling(self) -> int:
        """Lines of `mask` that went down."""
        return self.mask & ~self.levels


@dataclass(frozen=True, slots=True)
class PulseReport:
    """What the box reports of one pulse, or of a part of it.

    A pulse is one period of the box's schedule. The box reports it in one or more parts; the parts of one pulse come in
    time order, and `is_closed` marks the last.
    """

    pulse_index: int
    """Number of the pulse; it counts from 0 at each start."""
    generation: int
    """Generation of the schedule that ran."""
    start_ticks: int
    edges: tuple[Edge, ...]
    is_closed: bool
    t_host_ns: int
    """Time at which the part reached the host."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image as a camera delivered it.

    `pixels`: (H, W) or (H, W, C), uint8 or uint16, digital numbers, read-only; row padding removed; Bayer mosaics and
    packed formats are as `pixel_format` (PFNC) says, packed ones unpacked to 16 bit.
    """

    camera: str
    frame_id: int
    """GenTL frame id; counts as the camera counts, from 0 or 1."""
    t_camera_ns: int | None
    """The camera's own time stamp, in nanoseconds of its clock; None when it gives none, or of no known unit."""
    t_host_ns: int
    """Time at which the camera process took the buffer (time.monotonic_ns)."""
    pixel_format: str
    pixels: Pixels
    chunks: Mapping[str, int | float] = field(default_factory=lambda: MappingProxyType({}))
    """Chunk data by SFNC name without `Chunk`: ExposureTime (us), FrameID, Timestamp (ns), CounterValue..."""


class GapReason(Enum):
    """Why a camera has no proved frame in a frame set. The value is what a technician reads."""

    NOT_TRIGGERED = "the box sent no trigger edge to this camera"
    NOT_EXPOSED = "triggered, but the camera showed no exposure; check its trigger cable and its maximum rate"
    NOT_DELIVERED = "no frame arrived; check cable, link throughput and host load"
    LOST_ON_THE_WAY = "the frame was lost on its way; check cable, packet size (MTU) and link throughput"
    INCOMPLETE = "the frame arrived with bytes missing; check cable and link throughput"
    NO_SLOT = "the frame was dropped here because the consumer holds too many frames"
    TIME_STAMP = "a frame arrived, but its time stamp fits no exposure of this camera"
    FRAME_ID = "a frame arrived, but its frame id does not match the count of this camera's exposures"
    AMBIGUOUS = "time stamp and frame id name different pulses"
    LOCK_LOST = (
        "frames arrive, but the camera's clock and frame count no longer fit those of the box; they fit again after "
        "several frames that agree, or in a new run"
    )
    EXPOSURE = "the exposure was late, early, doubled or of the wrong length"
    SKEW = "the exposure was not simultaneous with the other cameras'"
    CAMERA_LOST = "the camera is gone; check its cable and power"
    EDGES_LOST = "the box's report of this pulse did not arrive; check its cable"
    STOPPED = "the run ended before the frame arrived"
    NOT_STORED = "the folder holds no image of it"
    UNUSABLE_FILE = "its image file cannot be used"


@dataclass(frozen=True, slots=True)
class Gap:
    """A camera's place in a frame set that holds no proved frame."""

    camera: str
    reason: GapReason
    facts: GapFacts | None = None
    """What is known besides the reason."""

    @property
    def detail(self) -> str:
        """The sentence of the facts; empty if there are none."""
        return "" if self.facts is None else str(self.facts)

    def __str__(self) -> str:
        return f"camera {self.camera}: {self.reason.value}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class FrameProof:
    """What proves that one frame belongs to its pulse."""

    camera: str
    trigger_ticks: int
    """Rising edge of the trigger that the box sent to this camera."""
    exposure_start_ticks: int
    exposure_end_ticks: int
    """Falling edge of the camera's exposure-active line; the start is its rising edge, both as the box stamped them,
    less the delays of the line that the rig file names (line_rise_us, line_fall_us)."""
    residual_us: float | None
    """Difference: camera time stamp, mapped to the box clock, minus exposure start; None without a time stamp."""
    tolerance_us: float
    """Largest residual that was accepted."""
    frame_id: int
    counter: int | None = None
    """The camera's own hardware counter (chunk CounterValue), where it sends one."""
    flash_shares: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Lamp name -> share of its flash (0..1) that lies inside this exposure."""
    notes: tuple[str, ...] = ()
    """Oddities that do not break the proof, e.g. `delivered out of order`."""
    unchecked: tuple[str, ...] = ()
    """Checks that this rig has no means for, e.g. `exposure edges: no input wired`."""


@dataclass(frozen=True, slots=True)
class Flash:
    """One emission of one lamp, as the box stamped its output."""

    lamp: str
    rise_ticks: int
    fall_ticks: int


class ProofVerdict(StrEnum):
    """What a proof comes to."""

    PROVED = "proved"
    GAPS = "gaps"
    """What is there is proved, but frames are missing."""
    UNPROVED = "unproved"


@dataclass(frozen=True, slots=True)
class Proof:
    """The certificate of one frame set: what the box and the cameras say, and what follows."""

    pulse_index: int
    generation: int
    start_ticks: int
    tick_rate_hz: int
    frames: Mapping[str, FrameProof]
    skew_us: float
    """Largest minus smallest of (exposure start - its planned time) over the frames; NaN with fewer than two."""
    verdict: ProofVerdict
    reasons: tuple[str, ...] = ()
    flashes: tuple[Flash, ...] = ()
    """Every flash of the pulse."""
    unchecked: tuple[str, ...] = ()
    """Checks that this rig has no means for; each of them makes the proof weaker."""

    def to_json(self) -> JsonObject:
        """Return the proof as plain values for JSON."""
        return {
            "pulse_index": self.pulse_index,
            "generation": self.generation,
            "start_ticks": self.start_ticks,
            "tick_rate_hz": self.tick_rate_hz,
            # NaN is the one number that differs from itself, and JSON has none (RFC 8259, section 6): null.
            "skew_us": self.skew_us if self.skew_us == self.skew_us else None,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "unchecked": list(self.unchecked),
            "flashes": [{"lamp": s.lamp, "rise_ticks": s.rise_ticks, "fall_ticks": s.fall_ticks} for s in self.flashes],
            "frames": {
                name: {
                    "trigger_ticks": p.trigger_ticks,
                    "exposure_start_ticks": p.exposure_start_ticks,
                    "exposure_end_ticks": p.exposure_end_ticks,
                    "residual_us": p.residual_us,
                    "tolerance_us": p.tolerance_us,
                    "frame_id": p.frame_id,
                    "counter": p.counter,
                    "flash_shares": dict(p.flash_shares),
                    "notes": list(p.notes),
                    "unchecked": list(p.unchecked),
                }
                for name, p in self.frames.items()
            },
        }


@dataclass(frozen=True, slots=True, eq=False)
class FrameSet:
    """The frames of one pulse: `frame_set["left_upper"].pixels`. A camera is in `frames` or in `gaps`, never both."""

    pulse_index: int
    """Number of the pulse; it counts from 0 at the start of the run."""
    t_host_ns: int
    """Start of the pulse on the host's clock (time.monotonic_ns)."""
    t_utc_ns: int
    """The same in UTC, nanoseconds since 1970."""
    frames: Mapping[str, Frame]
    gaps: Mapping[str, Gap]
    proof: Proof

    @property
    def is_complete(self) -> bool:
        """Whether every camera of the rig has a proved frame."""
        return not self.gaps

    def __getitem__(self, camera: str) -> Frame:
        """Return that camera's frame. KeyError with the gap's reason when there is none."""
        try:
            return self.frames[camera]
        except KeyError:
            # A camera that has a gap says why; only a name that the rig does not know is the caller's mistake.
            gap = self.gaps.get(camera)
            raise KeyError(str(gap) if gap else f"no camera {camera}; there are {', '.join(self.frames)}") from None

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames.values())
