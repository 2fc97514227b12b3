"""The light that was made: of each lamp output over time, and of all of them in this train and light session.

In: edges of the lamp outputs, pulses that are to be lit, limits. Out: whether a pulse may happen, and how much dark
time is due. Every rise of a lamp output counts. A boot begins as if a train had just ended, with each lamp lit until
then; nothing that a host writes takes anything out of the ledger but a new light session, which takes that alone.
Not here: what a program may ask for (see light.py), and states (see states.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rigdriver_sim.trigger_box.contract import TICKS_PER_S
from rigdriver_sim.trigger_box.light import LightLimits
from rigdriver_sim.trigger_box.program import Flash, Program

Flashes = Mapping[int, Sequence[Flash]]
"""Flashes in time order, by lamp output."""

_SPENT = 0xFFFFFFFF
"""Number of flashes of a train that counts as full under any limit."""
_FOREVER = 0xFFFFFFFF
"""Longest wait that the box reports, in ticks."""


@dataclass(slots=True)
class KeptLight:
    """What outlives a reset."""

    session_flashes: int = 0


class LampLedger:
    """The light of one lamp output."""

    def __init__(self) -> None:
        # Nobody knows what was lit before the boot: as if the lamp had flashed with it, in a second full of light.
        self._last = Flash(0, 0)
        self._dark_until_ticks = TICKS_PER_S
        self._recent: deque[Flash] = deque()
        """Flashes of the last second, at least."""
        self._lit_since_ticks: int | None = None

    def rose(self, t_ticks: int) -> None:
        """Note a rise."""
        while self._recent and self._recent[0].fall_ticks <= t_ticks - TICKS_PER_S:
            self._recent.popleft()
        self._lit_since_ticks = t_ticks

    def fell(self, t_ticks: int) -> None:
        """Note a fall."""
        if self._lit_since_ticks is not None:
            self._last = Flash(self._lit_since_ticks, t_ticks)
            self._recent.append(self._last)
            self._lit_since_ticks = None

    def allows(self, planned: Sequence[Flash], limits: LightLimits) -> bool:
        """Whether these flashes, all to come, keep distance, dark time and the light of every second."""
        seen, before = deque(self._recent), self._last
        lit = sum(flash.width_ticks for flash in seen)
        for flash in planned:
            distance = flash.rise_ticks - before.rise_ticks
            if flash.rise_ticks < self._dark_until_ticks or not limits.is_far_enough(distance):
                return False
            # The second that holds most light is one that ends together with a flash.
            since = flash.fall_ticks - TICKS_PER_S
            seen.append(flash)
            lit += flash.width_ticks
            while seen[0].fall_ticks <= since:
                lit -= seen.popleft().width_ticks
            lit_in_second = lit - max(0, since - seen[0].rise_ticks)
            if not limits.is_dark_enough(before.width_ticks, distance) or (
                not limits.is_dark_enough(lit_in_second, TICKS_PER_S)
            ):
                return False
            before = flash
        return True

    @property
    def is_remembered_until_ticks(self) -> int:
        """Tick from which no second holds any light of before."""
        return self._recent[-1].fall_ticks + TICKS_PER_S if self._recent else self._dark_until_ticks

    def is_rested_at_ticks(self, limits: LightLimits) -> int:
        """Return the tick from which on any program that Commit takes may flash."""
        if not (limits.max_rate_millihertz and limits.max_duty_permille):
            return self._last.rise_ticks + _FOREVER
        distance = -(-TICKS_PER_S * 1000 // limits.max_rate_millihertz)
        dark = -(-self._last.width_ticks * 1000 // limits.max_duty_permille)
        return max(self._last.rise_ticks + max(distance, dark), self.is_remembered_until_ticks)


class LightLedger:
    """The light of one box since its boot, and of the light session under way."""

    def __init__(self, lamp_outputs: int, hard: LightLimits, boot: LightLimits, kept: KeptLight) -> None:
        self.limits = boot.bounded_by(hard)
        """Limits in force."""
        self.total_flashes = 0
        self._hard = hard
        self._kept = kept
        self._lamp_outputs = lamp_outputs
        outputs = [output for output in range(lamp_outputs.bit_length()) if lamp_outputs >> output & 1]
        self._lamps = {output: LampLedger() for output in outputs}
        self._train_flashes = _SPENT
        self._dark_since_ticks = 0
        self._lit_outputs = 0
        self._lit_pulse_ticks = 0
        self._rises_in_pulse: dict[int, int] = {}

    @property
    def session_flashes(self) -> int:
        """Flashes of this light session; each pulse counts as many as its busiest lamp."""
        return self._kept.session_flashes

    def set_limits(self, limits: LightLimits) -> bool:
        """Take other limits; False when they allow more light than the hard ones."""
        if not limits.is_within(self._hard):
            return False
        if limits.min_train_pause_ticks > self.limits.min_train_pause_ticks:
            # The train was counted by the shorter pause, and may be longer by this one.
            self._train_flashes = _SPENT
        self.limits = limits
        return True

    def begin_session(self) -> None:
        """Forget the light session's count; the train goes on."""
        # The train is left alone: a new light session must not shorten its pause (PROTOCOL 7.6).
        self._kept.session_flashes = 0

    def train_flashes(self, t_ticks: int) -> int:
        """Return the flashes of the train under way; 0 once the pause is over."""
        return 0 if self._is_train_over(t_ticks) else min(self._train_flashes, self.limits.max_train_flashes)

    def train_wait_ticks(self, t_ticks: int) -> int:
        """Return the dark time that is due until the train is over."""
        since = t_ticks if self._lit_outputs else self._dark_since_ticks
        return min(max(0, since + self.limits.min_train_pause_ticks - t_ticks), _FOREVER)

    # ---------------------------------------------------------------- what is to come

    def fits_session(self, program: Program) -> bool:
        """The light session has light left for one pulse."""
        return self.session_flashes + self._most(self._flashes(program)) <= self.limits.max_session_flashes

    def admits(self, program: Program, start_ticks: int) -> bool:
        """Whether the pulse that starts then may happen."""
        flashes = self._flashes(program, start_ticks)
        return self._fits_train(flashes) and self.fits_session(program) and self._is_kept(flashes, start_ticks)

    def start_wait_ticks(self, program: Program, start_ticks: int) -> int:
        """Return by how much the run that begins with that pulse must begin later; 0: it may begin.

        Its pulses are looked at as long as a second may hold light of before and of the run.
        """
        wait = 0
        if not self._fits_train(self._flashes(program, start_ticks)):
            wait = max(1, self.train_wait_ticks(start_ticks))
        if not self._is_kept(self._first_flashes(program, start_ticks), start_ticks):
            rested = max(lamp.is_rested_at_ticks(self.limits) for lamp in self._lamps.values())
            wait = max(1, wait, rested - start_ticks)
        return min(wait, _FOREVER)

    def _first_flashes(self, program: Program, start_ticks: int) -> Flashes:
        """Return the flashes of the first pulse, and of those after it that share a second with light of before."""
        until = max((lamp.is_remembered_until_ticks for lamp in self._lamps.values()), default=0)
        planned: dict[int, list[Flash]] = {}
        pulses = range(start_ticks, max(until, start_ticks + 1), program.pulse_period_ticks)
        for pulse_ticks in pulses[: program.pulse_count or None]:
            for output, of_lamp in self._flashes(program, pulse_ticks).items():
                planned.setdefault(output, []).extend(of_lamp)
        return planned

    def _flashes(self, program: Program, start_ticks: int = 0) -> Flashes:
        flashes = program.flashes(self._lamp_outputs)
        return {output: [f.after(start_ticks) for f in of_lamp] for output, of_lamp in flashes.items()}

    def _most(self, flashes: Flashes) -> int:
        return max((len(of_lamp) for of_lamp in flashes.values()), default=0)

    def _fits_train(self, flashes: Flashes) -> bool:
        first = min((of_lamp[0].rise_ticks for of_lamp in flashes.values()), default=0)
        return self.train_flashes(first) + self._most(flashes) <= self.limits.max_train_flashes

    def _is_kept(self, flashes: Flashes, start_ticks: int) -> bool:
        return self.limits.is_far_enough(start_ticks - self._lit_pulse_ticks) and all(
            self._lamps[output].allows(of_lamp, self.limits) for output, of_lamp in flashes.items()
        )

    def _is_train_over(self, t_ticks: int) -> bool:
        return not self._lit_outputs and t_ticks - self._dark_since_ticks >= self.limits.min_train_pause_ticks

    # ---------------------------------------------------------------- what happens

    def begin_pulse(self, start_ticks: int) -> None:
        """Note that a pulse with light starts."""
        self._lit_pulse_ticks = start_ticks
        self._rises_in_pulse = {}

    def note(self, changed: int, levels: int, t_ticks: int) -> None:
        """Take a change of the outputs."""
        for output, lamp in self._lamps.items():
            if changed >> output & 1:
                if levels >> output & 1:
                    self._rose(output, t_ticks)
                else:
                    lamp.fell(t_ticks)
                    self._lit_outputs &= ~(1 << output)
                    self._dark_since_ticks = t_ticks

    def _rose(self, output: int, t_ticks: int) -> None:
        # A train that ended before a pulse is forgotten at its first flash; dark time within a pulse ends none.
        if not self._rises_in_pulse and self._is_train_over(t_ticks):
            self._train_flashes = 0
        most = max(self._rises_in_pulse.values(), default=0)
        self._rises_in_pulse[output] = self._rises_in_pulse.get(output, 0) + 1
        if self._rises_in_pulse[output] > most:
            self._train_flashes = min(self._train_flashes + 1, _SPENT)
            self._kept.session_flashes += 1
            self.total_flashes += 1
        self._lit_outputs |= 1 << output
        self._lamps[output].rose(t_ticks)
