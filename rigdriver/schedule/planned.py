"""What a compiled plan is made of: exposures, flashes, the schedule; and what cameras say of themselves.

In: nothing. Out: frozen values in ticks after the pulse start. Not here: how a plan is made (see plan.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rigdriver.schedule.steps import BoxSchedule


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What an opened camera says of itself; None where it does not say."""

    max_rate_hz: float | None = None
    """Fastest triggering that it follows at its present settings (SFNC ResultingFrameRate)."""
    payload_bytes: int | None = None
    """Size of one frame on the link (SFNC PayloadSize)."""


@dataclass(frozen=True, slots=True)
class PlannedExposure:
    """What the box does to one camera in one pulse, and what must follow."""

    camera: str
    output: int
    input: int | None
    delay_ticks: int
    """Time of the trigger edge after the pulse start."""
    latency_ticks: int
    """Time from the trigger edge at the box to the exposure start: the delay of the camera's input and its latency."""
    jitter_ticks: int
    exposure_ticks: int
    line_rise_ticks: int = 0
    """Time from the exposure start to the rising edge of its line at the box."""
    line_fall_ticks: int = 0
    """Time from the exposure end to the falling edge of its line at the box."""

    @property
    def start_ticks(self) -> int:
        """Planned exposure start after the pulse start."""
        return self.delay_ticks + self.latency_ticks


@dataclass(frozen=True, slots=True)
class PlannedFlash:
    """One lamp's flash, and the cameras that expose in its light."""

    lamp: str
    output: int
    delay_ticks: int
    width_ticks: int
    cameras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A compiled plan: what the box gets, and what everybody else may expect of it."""

    box: BoxSchedule
    tick_rate_hz: int
    exposures: Mapping[str, PlannedExposure]
    flashes: tuple[PlannedFlash, ...]

    @property
    def rate_hz(self) -> float:
        """Pulses per second."""
        return self.tick_rate_hz / self.box.pulse_period_ticks

    def lamps_of(self) -> dict[str, tuple[str, ...]]:
        """Return, for each camera, the lamps that are lit in its exposure."""
        return {name: tuple(s.lamp for s in self.flashes if name in s.cameras) for name in self.exposures}

    @property
    def has_light(self) -> bool:
        """Whether any lamp is lit."""
        return bool(self.flashes)
