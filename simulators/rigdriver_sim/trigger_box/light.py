"""Limits on light, and what a program may ask for: what Commit and Arm check.

In: limits, programs. Out: refusals. A program that passes here can be played pulse by pulse for as long as train and
light session last, by a box that was dark before. Not here: the light that was made (see light_ledger.py), and
registers (see register_space.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.contract import TICKS_PER_S
from rigdriver_sim.trigger_box.program import Flash, Program, Refusal


@dataclass(frozen=True, slots=True)
class LightLimits:
    """The fields of LightLimits, in the order of the register."""

    max_flash_width_ticks: int
    max_duty_permille: int
    max_train_flashes: int
    min_train_pause_ticks: int
    max_session_flashes: int
    max_rate_millihertz: int

    def words(self) -> tuple[int, ...]:
        """Return the values in the order of the register."""
        return astuple(self)

    def is_within(self, hard: LightLimits) -> bool:
        """No value allows more light than `hard` does."""
        return self == self.bounded_by(hard)

    def bounded_by(self, hard: LightLimits) -> LightLimits:
        """Return the stricter of both in each field."""
        return LightLimits(
            max_flash_width_ticks=min(self.max_flash_width_ticks, hard.max_flash_width_ticks),
            max_duty_permille=min(self.max_duty_permille, hard.max_duty_permille),
            max_train_flashes=min(self.max_train_flashes, hard.max_train_flashes),
            min_train_pause_ticks=max(self.min_train_pause_ticks, hard.min_train_pause_ticks),
            max_session_flashes=min(self.max_session_flashes, hard.max_session_flashes),
            max_rate_millihertz=min(self.max_rate_millihertz, hard.max_rate_millihertz),
        )

    # The limits as PROTOCOL 7 writes them: products of integers, so that no rounding decides whether there is light.

    def is_far_enough(self, ticks: int) -> bool:
        """Whether two flashes of one lamp, or two pulses with light, may begin that far apart."""
        return ticks * self.max_rate_millihertz >= TICKS_PER_S * 1000

    def is_dark_enough(self, lit_ticks: int, of_ticks: int) -> bool:
        """Whether a lamp may be lit for that part of a time."""
        return lit_ticks * 1000 <= self.max_duty_permille * of_ticks


def check_light(program: Program, lamp_outputs: int, limits: LightLimits) -> Refusal | None:
    """Return why the program would make too much light, or None."""
    for index, step in enumerate(program.steps):
        if step.output_mask & lamp_outputs and step.width_ticks > limits.max_flash_width_ticks:
            return Refusal(r.REFUSAL_REASONS_FLASH_TOO_LONG, index)
    flashes, period = program.flashes(lamp_outputs), program.pulse_period_ticks
    for output, of_lamp in flashes.items():
        if not all(limits.is_dark_enough(*pair) for pair in _widths_and_distances(of_lamp, period)) or (
            not limits.is_dark_enough(_most_in_a_second(of_lamp, period), TICKS_PER_S)
        ):
            return Refusal(r.REFUSAL_REASONS_LAMP_DUTY_TOO_LARGE, output)
    if flashes and not limits.is_far_enough(period):
        return Refusal(r.REFUSAL_REASONS_LAMP_RATE_TOO_HIGH, 0)
    for output, of_lamp in flashes.items():
        if not all(limits.is_far_enough(distance) for _, distance in _widths_and_distances(of_lamp, period)):
            return Refusal(r.REFUSAL_REASONS_LAMP_RATE_TOO_HIGH, output)
        if len(of_lamp) > limits.max_train_flashes:
            return Refusal(r.REFUSAL_REASONS_TRAIN_TOO_LONG, output)
    return None


def _widths_and_distances(flashes: Sequence[Flash], period: int) -> list[tuple[int, int]]:
    """Return each flash's width and the time from its rise to the next one's, that of the next pulse after the last."""
    following = [*flashes[1:], flashes[0].after(period)]
    return [(f.width_ticks, g.rise_ticks - f.rise_ticks) for f, g in zip(flashes, following, strict=True)]


def _most_in_a_second(flashes: Sequence[Flash], period: int) -> int:
    """Return the most ticks that a lamp is lit in any second of a run without an end."""
    # A second holds so many whole periods and a rest; the rest holds most when it ends with a flash.
    periods, rest = divmod(TICKS_PER_S, period)
    one_pulse = sum(f.width_ticks for f in flashes)
    two_pulses = [*(f.after(-period) for f in flashes), *flashes]
    return periods * one_pulse + max(_lit_ticks(two_pulses, f.fall_ticks - rest, f.fall_ticks) for f in flashes)


def _lit_ticks(flashes: Sequence[Flash], since_ticks: int, until_ticks: int) -> int:
    """Return for how many ticks of a time one of the flashes is lit."""
    return sum(max(0, min(f.fall_ticks, until_ticks) - max(f.rise_ticks, since_ticks)) for f in flashes)
