"""What the trigger box executes: steps with ticks, a schedule of steps, and limits on light.

In: whole ticks. Out: frozen values, and the bytes over which box and host compute the commit's CRC-32. This file
refuses to know why a step is there (that is the plan's business) and how it travels (the wire's).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoxStep:
    """The outputs in the mask rise together `delay_ticks` after the pulse start and fall `width_ticks` later."""

    output_mask: int
    delay_ticks: int
    width_ticks: int

    @property
    def end_ticks(self) -> int:
        """When the outputs fall, after the pulse start."""
        return self.delay_ticks + self.width_ticks


@dataclass(frozen=True, slots=True)
class BoxSchedule:
    """One committed program of the box: `pulse_count` pulses (0 = until stopped), one per `pulse_period_ticks`."""

    generation: int
    pulse_period_ticks: int
    pulse_count: int
    steps: tuple[BoxStep, ...]
    external_start: bool = False

    def header_words(self) -> tuple[int, int, int, int]:
        """Return the four words of StageHeader."""
        return (self.pulse_period_ticks, self.pulse_count, len(self.steps), int(self.external_start))

    def step_words(self, index: int) -> tuple[int, int, int, int]:
        """Return the four words of StageStep."""
        step = self.steps[index]
        return (index, step.output_mask, step.delay_ticks, step.width_ticks)

    def crc32(self) -> int:
        """Return the CRC-32 that Commit carries (ISO-HDLC over header and steps as staged)."""
        words = [*self.header_words()]
        for index in range(len(self.steps)):
            words += self.step_words(index)
        return zlib.crc32(struct.pack(f"<{len(words)}I", *words))


@dataclass(frozen=True, slots=True)
class LightLimits:
    """Limits on flashing light as the box holds them (device.yml, LightLimits)."""

    max_flash_width_ticks: int
    max_duty_permille: int
    max_train_flashes: int
    min_train_pause_ticks: int
    max_session_flashes: int
    max_rate_millihertz: int
