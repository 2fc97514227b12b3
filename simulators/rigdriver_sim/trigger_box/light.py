"""Limits on light: what a program may ask, and how much light was made.

In: limits, programs, ticks of pulses with light. Out: refusals and counts. The train ends only by dark time and no
command shortens it. Not here: states (see states.py), registers (see register_space.py) and bytes.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.contract import TICKS_PER_S
from rigdriver_sim.trigger_box.program import Program, Refusal


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
        return (
            self.max_flash_width_ticks <= hard.max_flash_width_ticks
            and self.max_duty_permille <= hard.max_duty_permille
            and self.max_train_flashes <= hard.max_train_flashes
            and self.min_train_pause_ticks >= hard.min_train_pause_ticks
            and self.max_session_flashes <= hard.max_session_flashes
            and self.max_rate_millihertz <= hard.max_rate_millihertz
        )


def check_light(program: Program, lamp_outputs: int, limits: LightLimits) -> Refusal | None:
    """Return why the program would make too much light, or None."""
    for index, step in enumerate(program.steps):
        if step.output_mask & lamp_outputs and step.width_ticks > limits.max_flash_width_ticks:
            return Refusal(r.REFUSAL_REASONS_FLASH_TOO_LONG, index)
    for output in range(16):
        if not lamp_outputs >> output & 1:
            continue
        high_ticks = sum(s.width_ticks for s in program.steps if s.output_mask >> output & 1)
        # Duty and rate as PROTOCOL 7 writes them: products of integers,
        # so that no rounding decides whether there is light.
        if high_ticks * 1000 > limits.max_duty_permille * program.pulse_period_ticks:
            return Refusal(r.REFUSAL_REASONS_LAMP_DUTY_TOO_LARGE, output)
    if (
        program.makes_light(lamp_outputs)
        and limits.max_rate_millihertz * program.pulse_period_ticks < TICKS_PER_S * 1000
    ):
        return Refusal(r.REFUSAL_REASONS_LAMP_RATE_TOO_HIGH, 0)
    return None


class LightLedger:
    """Counts flashes, those of one pulse as one: in this train, in this light session, since boot."""

    def __init__(self) -> None:
        self.session_flashes = 0
        self.total_flashes = 0
        self._train_flashes = 0
        self._dark_since_ticks = 0
        self._lit_pulse_ticks: int | None = None

    def train_flashes(self, t_ticks: int, limits: LightLimits) -> int:
        """Return the flashes of the train under way; 0 once the pause is over."""
        if t_ticks - self._dark_since_ticks >= limits.min_train_pause_ticks:
            return 0
        return self._train_flashes

    def is_rate_held(self, t_ticks: int, limits: LightLimits) -> bool:
        """A pulse with light that begins now does not follow the last one too soon."""
        if self._lit_pulse_ticks is None:
            return True
        return (t_ticks - self._lit_pulse_ticks) * limits.max_rate_millihertz >= TICKS_PER_S * 1000

    def admit(self, t_ticks: int, limits: LightLimits) -> bool:
        """Count a pulse with light that begins now; False, and nothing counted, when it would be one too many."""
        train = self.train_flashes(t_ticks, limits)
        if train >= limits.max_train_flashes or self.session_flashes >= limits.max_session_flashes:
            return False
        self._train_flashes = train + 1
        self.session_flashes += 1
        self.total_flashes += 1
        # No dark time has passed at a lit pulse; the end of its last flash moves this on (see `went_dark`).
        self._dark_since_ticks = t_ticks
        self._lit_pulse_ticks = t_ticks
        return True

    def went_dark(self, t_ticks: int) -> None:
        """Note that the last lamp went off."""
        self._dark_since_ticks = t_ticks

    def begin_session(self) -> None:
        """Forget the light session's count; the train goes on."""
        # The train is left alone: a new light session must not shorten its pause (PROTOCOL 7.3).
        self.session_flashes = 0
