"""A client that keeps no rule, and a judge of the light that it gets: from edges of the lamp outputs alone.

In: bytes that the client sends and lines that it moves, in box time. Out: every limit that a lamp output broke. Written
without a look at the box's own ledger; time counts on through resets, as eyes do.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.light import LightLimits
from rigdriver_sim.trigger_box.machine import Machine
from rigdriver_sim.trigger_box.non_volatile import NonVolatile
from tests.unit.sim.trigger_box.box_host import MS, Step, split, write

SECOND = 10_000_000
INTERLOCK, SYNC = 6, 7
LAMPS = 0xC0
HARD = LightLimits(50_000, 200, 8, SECOND, 40, 100_000)
"""5 ms, 20 %, trains of 8, 1 s of pause, 40 in a light session, 100 Hz: few enough to be met within seconds."""
SOFT = LightLimits(20_000, 50, 5, 2 * SECOND, 20, 15_000)
FACTS = BoxFacts(hard_light=HARD, boot_light=SOFT, lamp_outputs=LAMPS)


@dataclass(frozen=True)
class Lit:
    """A flash that was seen, in ticks since the first boot."""

    rise: int
    fall: int
    limits: LightLimits
    """The host's limits when it rose."""
    session: int
    """Number of the light session."""
    booted: int
    """Tick of the boot before."""

    @property
    def width(self) -> int:
        return self.fall - self.rise


@dataclass
class Client:
    """Sends bytes to a box of its own; keeps the clock, the lines, and what the lamps did."""

    facts: BoxFacts = FACTS
    now: int = 0
    """Ticks since the first boot."""
    booted: int = 0
    sent: list[bytes] = field(default_factory=list)
    lit: dict[int, list[Lit]] = field(default_factory=lambda: defaultdict(list))
    broken: list[str] = field(default_factory=list)
    session: int = 0
    inputs: int = 1 << INTERLOCK
    refused: int = 0

    def __post_init__(self) -> None:
        self.memory = NonVolatile(self.facts)
        self.machine = Machine(self.facts, self.inputs, self.memory)
        self.limits = self.facts.boot_light
        self._rose: dict[int, int] = {}
        self._limits_at: dict[int, LightLimits] = {}

    # -- what it does ------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Let bytes arrive now."""
        self.sent.append(data)
        self.machine.receive(data, self.now - self.booted)
        self._settle()

    def write(self, address: int, *values: int) -> bool:
        """Write a register; whether the box obeyed."""
        refused = self.refused
        self.send(write(address, *values))
        return self.refused == refused

    def wait(self, ticks: int, feed_every: int = 400 * MS) -> None:
        """Let time pass; feed the watchdog unless `feed_every` is 0."""
        until = self.now + ticks
        while self.now < until:
            self.now = min(self.now + (feed_every or ticks), until)
            self.machine.advance(self.now - self.booted)
            self._settle()
            if feed_every:
                self.write(r.REG_WATCHDOG_FEED, 1)

    def line(self, line: int, level: int) -> None:
        """Move an input line."""
        self.inputs = self.inputs | 1 << line if level else self.inputs & ~(1 << line)
        self.machine.input_edge(line, level, self.now - self.booted)
        self._settle()

    def reset_line(self) -> None:
        """Pull the reset line."""
        self.machine.behaviour.stop(1, self.now - self.booted)
        self._see()
        self._boot()

    def stage(self, steps: Iterable[Step], period: int, pulses: int = 0, mode: int = 0) -> tuple[int, int]:
        """Stage a schedule; return step count and CRC-32."""
        words = [(period, pulses, len(tuple(steps)), mode)]
        words += [(i, s.mask, s.delay, s.width) for i, s in enumerate(steps)]
        self.write(r.REG_STAGE_CLEAR, 1)
        self.send(write(r.REG_STAGE_HEADER, *words[0]) + b"".join(write(r.REG_STAGE_STEP, *w) for w in words[1:]))
        return len(words) - 1, zlib.crc32(b"".join(struct.pack("<4I", *w) for w in words))

    def commit(self, steps: Iterable[Step], period: int, pulses: int = 0, mode: int = 0, generation: int = 7) -> bool:
        """Stage and commit."""
        return self.write(r.REG_COMMIT, generation, *self.stage(steps, period, pulses, mode))

    def go(self, generation: int = 7) -> bool:
        """Feed, arm, start; whether it was started."""
        self.write(r.REG_WATCHDOG_FEED, 1)
        self.write(r.REG_ARM, generation)
        return self.write(r.REG_START, generation)

    def set_limits(self, limits: LightLimits) -> bool:
        """Write LightLimits."""
        return self.write(r.REG_LIGHT_LIMITS, *limits.words())

    def lose_link(self) -> None:
        """Pull the cable, and put it back."""
        self.machine.link_lost()

    @property
    def committed(self) -> int:
        """Generation of the committed program, or 0."""
        return self.machine.behaviour.committed_generation

    @property
    def rises(self) -> dict[int, list[int]]:
        """Ticks at which each lamp output rose, flashes that are not over included."""
        found = {output: [f.rise for f in flashes] for output, flashes in self.lit.items()}
        for output, tick in self._rose.items():
            found.setdefault(output, []).append(tick)
        return found

    # -- what it sees ------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        self._see()
        data = bytes(self.machine.outbox.waiting)
        self.machine.outbox.waiting.clear()
        for answer in split(data):
            self.refused += bool(answer.is_error)
            if answer.kind == 2 and answer.address == r.REG_LIGHT_LIMITS:
                self.limits = LightLimits(*answer.values)
            elif answer.kind == 2 and answer.address == r.REG_LIGHT_SESSION:
                self.session += 1
        if self.machine.wants_reboot:
            self._boot()

    def _boot(self) -> None:
        self.booted = self.now
        self.limits = self.facts.boot_light
        self.machine = Machine(self.facts, self.inputs, self.memory)

    def _see(self) -> None:
        """Judge what rose, note what fell; before answers are read, so that limits are those of the flash."""
        for change in self.machine.take_changes():
            tick = self.booted + change.t_ticks
            for output in range(16):
                bit = 1 << output
                if not change.changed & bit & self.facts.lamp_outputs:
                    continue
                if change.levels & bit:
                    self._rose[output], self._limits_at[output] = tick, self.limits
                    if ~self.inputs & self.facts.interlock_inputs:
                        self.broken.append(f"output {output} rose at {tick} with the interlock open")
                else:
                    flash = self._lit(output, tick)
                    del self._rose[output]
                    self.lit[output].append(flash)

    def _lit(self, output: int, fall: int) -> Lit:
        return Lit(self._rose[output], fall, self._limits_at[output], self.session, self.booted)

    # -- what it finds -----------------------------------------------------------------------------------------------

    def verdict(self) -> list[str]:
        """Return every broken limit; lamps that are still lit count to now."""
        found = list(self.broken)
        for output in range(16):
            flashes = list(self.lit.get(output, ()))
            if output in self._rose:
                flashes.append(self._lit(output, self.now))
            found += broken_by_lamp(output, flashes, self.facts.hard_light)
        return found


def broken_by_lamp(output: int, flashes: list[Lit], hard: LightLimits) -> list[str]:
    """Return every limit that the flashes of one lamp output broke, those of the host and the hard ones."""
    found = [
        f"output {output}, {whose} limit: {sentence}"
        for whose in ("the host's", "the hard")
        for n, flash in enumerate(flashes)
        for sentence in _broken_by(flash, flashes[:n], flash.limits if whose == "the host's" else hard)
    ]
    return found + [f"output {output}: {sentence}" for f in flashes for sentence in _after_boot(f)]


def _after_boot(flash: Lit) -> Iterable[str]:
    dark = max(SECOND, flash.limits.min_train_pause_ticks)
    if flash.rise - flash.booted < dark:
        yield f"{flash.rise - flash.booted} ticks after a boot, {dark} are due"


def _broken_by(flash: Lit, before: list[Lit], limits: LightLimits) -> Iterable[str]:
    if flash.width > limits.max_flash_width_ticks:
        yield f"width {flash.width}"
    if before:
        distance = flash.rise - before[-1].rise
        if distance * limits.max_rate_millihertz < SECOND * 1000:
            yield f"distance {distance}"
        if before[-1].width * 1000 > limits.max_duty_permille * distance:
            yield f"{before[-1].width} of {distance} lit"
    seen = [*before, flash]
    lit = sum(max(0, f.fall - max(f.rise, flash.fall - SECOND)) for f in seen)
    if lit * 1000 > limits.max_duty_permille * SECOND:
        yield f"{lit} of a second lit"
    rises = sum(f.rise > flash.rise - SECOND for f in seen)
    if (rises - 1) * 1000 >= limits.max_rate_millihertz:
        yield f"{rises} flashes in a second"
    train = 1
    for earlier, later in reversed(list(pairwise(seen))):
        if later.rise - earlier.fall >= limits.min_train_pause_ticks:
            break
        train += 1
    if train > limits.max_train_flashes:
        yield f"flash {train} of a train"
    session = sum(f.session == flash.session for f in seen)
    if session > limits.max_session_flashes:
        yield f"flash {session} of a light session"
