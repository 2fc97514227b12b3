"""What the trigger box executes: a schedule of steps in ticks, made of the records that travel to the box.

In: whole ticks. Out: frozen values, and the CRC-32 over the staged bytes that the commit carries. The header and the
steps are the generated records of wire, so no field is copied on the way to the box. Not here: why a step is there (see
plan.py), and how a record travels (see wire/).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rigdriver.wire.registers import (
    STAGE_HEADER,
    STAGE_STEP,
    CommitRecord,
    Outputs,
    StageHeaderRecord,
    StageStepRecord,
)


def box_step(output_mask: int, delay_ticks: int, width_ticks: int) -> StageStepRecord:
    """Return a step: the outputs rise together `delay_ticks` after the pulse start and fall `width_ticks` later.

    Its index is 0; `BoxSchedule.of` gives each step the index of its place.
    """
    return StageStepRecord(index=0, output_mask=Outputs(output_mask), delay_ticks=delay_ticks, width_ticks=width_ticks)


def end_ticks(step: StageStepRecord) -> int:
    """Return when the outputs of a step fall, after the pulse start."""
    return step.delay_ticks + step.width_ticks


@dataclass(frozen=True, slots=True)
class BoxSchedule:
    """One program of the box: `header.pulse_count` pulses (0 = until stopped), one per `header.pulse_period_ticks`."""

    generation: int
    header: StageHeaderRecord
    steps: tuple[StageStepRecord, ...]

    @classmethod
    def of(
        cls,
        generation: int,
        pulse_period_ticks: int,
        pulse_count: int,
        steps: Sequence[StageStepRecord],
        external_start: bool = False,
    ) -> BoxSchedule:
        """Number the steps and make the header that belongs to them."""
        header = StageHeaderRecord(
            pulse_period_ticks=pulse_period_ticks,
            pulse_count=pulse_count,
            step_count=len(steps),
            start_mode=int(external_start),
        )
        return cls(generation, header, tuple(replace(step, index=index) for index, step in enumerate(steps)))

    @property
    def pulse_period_ticks(self) -> int:
        """Time from one pulse start to the next."""
        return self.header.pulse_period_ticks

    @property
    def pulse_count(self) -> int:
        """Pulses to run; 0 runs until stopped."""
        return self.header.pulse_count

    def crc32(self) -> int:
        """Return the CRC-32 that Commit carries (ISO-HDLC over header and steps as staged)."""
        # The link's own checksum is one byte; a damaged schedule must not be armed.
        return zlib.crc32(STAGE_HEADER.pack(self.header) + b"".join(STAGE_STEP.pack(step) for step in self.steps))

    def commit_record(self) -> CommitRecord:
        """Return what Commit carries."""
        return CommitRecord(generation=self.generation, step_count=len(self.steps), crc32=self.crc32())
