"""A schedule as the box holds it: staged word by word, checked, then committed whole.

In: the words of StageHeader, StageStep and Commit. Out: a frozen `Program`, or the reason of a refusal. Not here:
states (see states.py), light limits (see light.py) and time.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from rigdriver_sim.trigger_box import registers as r


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a Commit, an Arm or a Start was refused: the two words of CommitRefusal."""

    reason: int
    detail: int


@dataclass(frozen=True, slots=True)
class Step:
    """Outputs of the mask rise `delay_ticks` after the pulse start and fall `width_ticks` later."""

    output_mask: int
    delay_ticks: int
    width_ticks: int

    @property
    def end_ticks(self) -> int:
        """When the outputs fall."""
        return self.delay_ticks + self.width_ticks


@dataclass(frozen=True, slots=True)
class Flash:
    """One time for which a lamp output is high, in ticks."""

    rise_ticks: int
    fall_ticks: int

    @property
    def width_ticks(self) -> int:
        """How long it is."""
        return self.fall_ticks - self.rise_ticks

    def after(self, ticks: int) -> Flash:
        """Return the same flash, so much later."""
        return Flash(self.rise_ticks + ticks, self.fall_ticks + ticks)


@dataclass(frozen=True, slots=True)
class Program:
    """A committed schedule; generation is never 0."""

    generation: int
    pulse_period_ticks: int
    pulse_count: int
    is_external: bool
    steps: tuple[Step, ...]

    def makes_light(self, lamp_outputs: int) -> bool:
        """Some step drives a lamp."""
        return any(step.output_mask & lamp_outputs for step in self.steps)

    def flashes(self, lamp_outputs: int) -> dict[int, list[Flash]]:
        """Return the flashes of one pulse that starts at tick 0, in time order, of each lamp output that has some."""
        flashes: dict[int, list[Flash]] = {}
        for step in sorted(self.steps, key=lambda step: step.delay_ticks):
            lamps = step.output_mask & lamp_outputs
            for output in range(lamps.bit_length()):
                if lamps >> output & 1:
                    flashes.setdefault(output, []).append(Flash(step.delay_ticks, step.end_ticks))
        return flashes


class Staging:
    """Where a schedule is put together; touching it never touches a committed one."""

    def __init__(self) -> None:
        self._header = bytes(16)
        # Kept as bytes, because the CRC-32 of Commit covers them as they were staged (PROTOCOL 5.2).
        self._steps: dict[int, bytes] = {}

    def clear(self) -> None:
        """Set header and steps to zero."""
        self._header = bytes(16)
        self._steps = {}

    def set_header(self, words: tuple[int, ...]) -> None:
        """Take the four words of StageHeader."""
        self._header = struct.pack("<4I", *words)

    def set_step(self, words: tuple[int, ...]) -> None:
        """Take the four words of StageStep; the first is the index."""
        self._steps[words[0]] = struct.pack("<4I", *words)

    def program(self, generation: int, step_count: int, crc32: int, max_steps: int) -> Program | Refusal:
        """Return what was staged when it is what the Commit says."""
        period, pulses, staged_count, start_mode = struct.unpack("<4I", self._header)
        if generation == 0:
            return Refusal(r.REFUSAL_REASONS_GENERATION_INVALID, 0)
        if step_count != staged_count or not 1 <= step_count <= max_steps:
            return Refusal(r.REFUSAL_REASONS_STEP_COUNT_DIFFERS, staged_count)
        for index in range(step_count):
            if index not in self._steps:
                return Refusal(r.REFUSAL_REASONS_STEP_COUNT_DIFFERS, index)
        staged = self._header + b"".join(self._steps[index] for index in range(step_count))
        if zlib.crc32(staged) != crc32:
            return Refusal(r.REFUSAL_REASONS_CRC_DIFFERS, 0)
        steps = tuple(Step(*struct.unpack("<4x3I", self._steps[index])) for index in range(step_count))
        return Program(generation, period, pulses, start_mode == 1, steps)


def check_program(program: Program, outputs: int, sync_inputs: int) -> Refusal | None:
    """Return why no box with so many outputs could run the program, or None."""
    for index, step in enumerate(program.steps):
        if step.output_mask >> outputs:
            return Refusal(r.REFUSAL_REASONS_OUTPUT_NOT_WIRED, step.output_mask.bit_length() - 1)
        # Less, not at most (PROTOCOL 5.2): outputs are low again before the next pulse can raise them.
        if step.end_ticks >= program.pulse_period_ticks:
            return Refusal(r.REFUSAL_REASONS_STEP_OUTSIDE_PULSE, index)
    for index, step in enumerate(program.steps):
        for earlier in program.steps[:index]:
            # Touching counts as overlap: the output would not fall in between.
            meets = step.delay_ticks <= earlier.end_ticks and earlier.delay_ticks <= step.end_ticks
            if step.output_mask & earlier.output_mask and meets:
                return Refusal(r.REFUSAL_REASONS_STEPS_OVERLAP, index)
    if program.is_external and not sync_inputs:
        return Refusal(r.REFUSAL_REASONS_NO_SYNC_INPUT, 0)
    return None
