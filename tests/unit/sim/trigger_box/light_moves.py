"""Moves of a client that tries everything: sound messages, wrong ones, moved lines, passed time, in any order.

In: what hypothesis draws, or dice. Out: moves, and a client that has made them. Numbers lie around what limits, periods
and pauses make interesting; a few are anything.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hypothesis import strategies as st

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.light import LightLimits
from tests.unit.sim.trigger_box.box_host import MS, TYPES, Step, write
from tests.unit.sim.trigger_box.light_judge import HARD, INTERLOCK, SECOND, SOFT, SYNC, Client

Schedule = tuple[Sequence[Step], int, int, int]
"""Steps, period, pulses, start mode."""
Move = tuple[Any, ...]
"""Its kind, and what belongs to it."""
WRITABLE = [row[0] for row in r.TABLE if "w" in row[4] and row[0] not in (r.REG_OPERATION_CONTROL, r.REG_DEVICE_NAME)]
TIMES = (0, 1, 10, 5 * MS, 10 * MS, 66 * MS, 67 * MS, 100 * MS, 400 * MS, SECOND - 1, SECOND, 2 * SECOND, 3 * SECOND)
ODD_DELAYS = (0, 1, 1000, 10 * MS, 70 * MS, 150 * MS, SECOND)
ODD_WIDTHS = (10, 1000, 5000, 10_000, 20_000, 20_001, 33_333, 50_000, 50_001)
SOUND_PERIODS = (SECOND // 10, SECOND // 10, 666_667, 700_000, 250_000, SECOND)
KINDS = (
    *("sound",) * 8, *("odd",) * 2, *("again",) * 4, *("wait",) * 3, "starve", *("limits",) * 2, "commit",
    "write", "write", "end", "session", "reset", "sync", "sync", "interlock", "bytes", "replay",
)  # fmt: skip


class Choice(Protocol):
    """Whoever chooses: hypothesis, or dice."""

    def of(self, values: Sequence[Any]) -> Any:
        """Return one of the values."""
        ...

    def number(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        ...


class Dice:
    """A choice that is fast, and the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, values: Sequence[Any]) -> Any:
        return self._random.choice(values)

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)


@dataclass(frozen=True)
class Drawn:
    """A choice of hypothesis, which makes what it found as small as it can."""

    draw: st.DrawFn

    def of(self, values: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(values))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))


@st.composite
def sequences(draw: st.DrawFn) -> list[Move]:
    return a_sequence(Drawn(draw))


def a_sequence(choice: Choice) -> list[Move]:
    """Return 4 to 30 moves."""
    return [_move(choice, choice.of(KINDS)) for _ in range(choice.number(4, 30))]


def _move(choice: Choice, kind: str) -> Move:
    return _DRAWN[kind](choice)


def schedule_of(choice: Choice) -> Schedule:
    """Return one schedule, sound or odd."""
    return _sound_schedule(choice) if choice.of((True, False)) else _odd_schedule(choice)


def _sound_schedule(choice: Choice) -> Schedule:
    masks = choice.of(((0x40,), (0x80,), (0xC0,), (0x40, 0x80), (0x3F, 0xC0), (0xFF,)))
    steps = [Step(mask, choice.of((0, 1000, 10 * MS)), choice.of((1000, 5000, 10_000, 20_000))) for mask in masks]
    return steps, choice.of(SOUND_PERIODS), choice.of((0, 1, 2, 5, 8, 9)), choice.of((0, 0, 0, 1))


def _odd_schedule(choice: Choice) -> Schedule:
    steps = [
        Step(choice.of((0x40, 0x80, 0xC0, 0x41, 0x3F, 0xFF)), choice.of(ODD_DELAYS), choice.of(ODD_WIDTHS))
        for _ in range(choice.number(1, 4))
    ]
    period = choice.of((*SOUND_PERIODS, 99_999, 3 * SECOND, choice.number(60_000, 2 * SECOND)))
    return steps, period, choice.of((0, 1, 2, 5, 8, 9)), choice.of((0, 0, 0, 1))


def _limits(choice: Choice) -> LightLimits:
    return replace(
        choice.of((SOFT, HARD)),
        max_duty_permille=choice.of((50, 200, 200, 201, 10)),
        max_train_flashes=choice.of((5, 8, 8, 9, 2)),
        min_train_pause_ticks=choice.of((SECOND, SECOND, SECOND - 1, 2 * SECOND, 4 * SECOND, 0)),
        max_rate_millihertz=choice.of((15_000, 100_000, 100_000, 100_001, 1000, 0)),
    )


def _word(choice: Choice) -> int:
    return choice.of((0, 1, 2, 7, 8, 100, 65535, 2**31, 2**32 - 1, choice.number(0, 2**32 - 1)))


_DRAWN: dict[str, Callable[[Choice], Move]] = {
    "sound": lambda c: ("play", _sound_schedule(c), c.of(TIMES)),
    "odd": lambda c: ("play", _odd_schedule(c), c.of(TIMES)),
    "again": lambda c: ("again", c.of(TIMES)),
    "wait": lambda c: ("wait", c.of((*TIMES, c.number(0, 2 * SECOND))), 400 * MS),
    "starve": lambda c: ("wait", c.of(TIMES), 0),
    "limits": lambda c: ("limits", _limits(c)),
    "commit": lambda c: ("commit", _odd_schedule(c)),
    "write": lambda c: ("write", c.of(WRITABLE), [_word(c) for _ in range(12)]),
    "end": lambda c: ("write", c.of((r.REG_STOP, r.REG_CLEAR_FAULT)), [c.number(0, 1)] * 12),
    "session": lambda _: ("session",),
    "reset": lambda c: ("reset", c.of((0, 1, 2, 4, 8))),
    "sync": lambda c: ("sync", c.number(1, 6), c.of(TIMES)),
    "interlock": lambda c: ("interlock", c.of((True, True, True, False))),
    "bytes": lambda c: ("bytes", bytes(c.number(0, 255) for _ in range(c.number(0, 20)))),
    "replay": lambda c: ("replay", c.number(0, 30), c.of((False, True))),
}


def play(sequence: Sequence[Move], client: Client | None = None) -> Client:
    """Make the moves."""
    client = client or Client()
    client.wait(3 * SECOND, 0)  # else most sequences would end in the pause after the boot
    for kind, *what in sequence:
        _MOVES[kind](client, *what)
    return client


def _play(client: Client, schedule: Schedule, ticks: int) -> None:
    client.write(r.REG_STOP, 1)
    client.write(r.REG_CLEAR_FAULT, 1)
    client.commit(*schedule)
    client.go()
    client.wait(ticks)


def _again(client: Client, ticks: int) -> None:
    client.write(r.REG_STOP, 1)
    client.go()
    client.wait(ticks)


def _write(client: Client, address: int, words: Sequence[int]) -> None:
    payload_type, elements = TYPES[address]
    client.write(address, *(word & (1 << 8 * payload_type) - 1 for word in words[:elements]))


def _reset(client: Client, bits: int) -> None:
    if bits:
        client.write(r.REG_RESET_DEVICE, bits)
    else:
        client.reset_line()


def _sync(client: Client, count: int, apart: int) -> None:
    for _ in range(count):
        client.line(SYNC, 1)
        client.line(SYNC, 0)
        client.wait(min(apart, SECOND))


def _interlock(client: Client, is_closed_again: bool) -> None:
    client.line(INTERLOCK, 0)
    client.line(INTERLOCK, int(is_closed_again))


def _bytes(client: Client, data: bytes) -> None:
    # Muted, the box would not tell what limits it took.
    if r.REG_OPERATION_CONTROL not in data:
        client.send(data)


def _replay(client: Client, back: int, is_damaged: bool) -> None:
    data = client.sent[-1 - back % len(client.sent)] if client.sent else b"x"
    client.send(data[:-1] + bytes([data[-1] ^ 1]) if is_damaged and data else data)


_MOVES: dict[str, Callable[..., None]] = {
    "play": _play,
    "again": _again,
    "wait": lambda client, ticks, feed: client.wait(ticks, feed),
    "limits": lambda client, asked: client.set_limits(asked),
    "commit": lambda client, schedule: client.commit(*schedule),
    "write": _write,
    "session": lambda client: client.send(write(r.REG_LIGHT_SESSION, 0, 0)),
    "reset": _reset,
    "sync": _sync,
    "interlock": _interlock,
    "bytes": _bytes,
    "replay": _replay,
}
