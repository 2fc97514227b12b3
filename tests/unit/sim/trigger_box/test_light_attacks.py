"""A client that ignores every check of the driver's tries to get more light than a limit allows.

Each attack flashes, does something that might make a box forget, and flashes again as fast as the box lets it, with
pulses of the box's clock and with pulses from outside. Judged from the edges of the lamp outputs (light_judge.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from rigdriver_sim.trigger_box import registers as r
from tests.unit.sim.trigger_box.box_host import MS, Step, write
from tests.unit.sim.trigger_box.light_judge import FACTS, HARD, INTERLOCK, LAMPS, SECOND, SOFT, SYNC, Client

Trick = Callable[[Client, int], object]
ROUNDS = 16
FLASH = (Step(LAMPS, 0, 5000),)
PERIOD = 250_000


def interlock_at_rest(c: Client, _: int) -> None:
    c.line(INTERLOCK, 0)
    c.line(INTERLOCK, 1)


def interlock_while_running(c: Client, _: int) -> None:
    c.go()
    c.line(INTERLOCK, 0)
    c.wait(MS)
    c.line(INTERLOCK, 1)
    c.write(r.REG_CLEAR_FAULT, 1)


def starve(c: Client, _: int) -> None:
    c.write(r.REG_WATCHDOG_TIMEOUT, 100_000)
    c.go()
    c.wait(11 * MS, 0)
    c.write(r.REG_CLEAR_FAULT, 1)


def lower_and_raise_limits(c: Client, _: int) -> None:
    c.set_limits(SOFT)
    c.set_limits(HARD)


def shorten_and_lengthen_pause(c: Client, _: int) -> None:
    c.set_limits(replace(HARD, min_train_pause_ticks=3 * SECOND))
    c.set_limits(replace(HARD, min_train_pause_ticks=SECOND))


def write_limits_beyond(c: Client, number: int) -> None:
    words = [*HARD.words()]
    words[number % 6] = 0 if number % 6 == 3 else 2**32 - 1
    c.write(r.REG_LIGHT_LIMITS, *words)


def rename(c: Client, number: int) -> None:
    c.write(r.REG_DEVICE_NAME, *f"box{number}".encode().ljust(25, b"\0"))


def renumber(c: Client, number: int) -> None:
    c.write(r.REG_SERIAL_NUMBER, 65535)
    c.write(r.REG_SERIAL_NUMBER, number)


def save_and_restore(c: Client, _: int) -> None:
    c.write(r.REG_RESET_DEVICE, r.RESET_BITS_SAVE)
    c.write(r.REG_RESET_DEVICE, r.RESET_BITS_RESTORE_EEPROM)


def replay_everything(c: Client, _: int) -> None:
    c.send(b"".join(c.sent[-30:]))
    # A replay is not replayed itself: it would grow with each round.
    c.sent.pop()


def damaged_stop(c: Client, _: int) -> None:
    c.send(write(r.REG_STOP, 1)[:-1] + b"\0")


def half_a_message(c: Client, _: int) -> None:
    c.send(write(r.REG_LIGHT_SESSION, 0, 0)[:-3])
    c.wait(51 * MS)


def commit_with_a_wrong_crc(c: Client, _: int) -> None:
    count, crc = c.stage(FLASH, PERIOD)
    c.write(r.REG_COMMIT, 9, count, crc ^ 1)


def commit_while_running(c: Client, _: int) -> None:
    c.go()
    c.commit((Step(LAMPS, 0, 50_000),), 100_000)


def stage_while_running(c: Client, _: int) -> None:
    c.go()
    c.stage((Step(LAMPS, 0, 50_000),), 100_000)
    c.write(r.REG_START, 7)


def raise_limits_while_armed(c: Client, _: int) -> None:
    c.write(r.REG_WATCHDOG_FEED, 1)
    c.write(r.REG_ARM, 7)
    c.set_limits(HARD)
    c.write(r.REG_LIGHT_SESSION, 0, 0)
    c.write(r.REG_START, 7)


def a_second_host(c: Client, number: int) -> None:
    """Commands of two programs at one port, one between those of the other."""
    c.commit((Step(0x40, 1000 * (number % 7), 5000),), 100_000, generation=8)
    c.write(r.REG_WATCHDOG_FEED, 1)
    c.write(r.REG_ARM, 8)
    c.commit(FLASH, PERIOD)
    c.write(r.REG_START, 8)
    c.write(r.REG_START, 7)


def other_lamp(c: Client, number: int) -> None:
    c.commit((Step(0x40 << number % 2, 0, 5000),), PERIOD)


def late_then_early(c: Client, number: int) -> None:
    """A flash at the end of a pulse, then one at the begin of the next run."""
    c.commit((Step(LAMPS, 100_000 * (number % 2), 5000),), PERIOD)


def wide_then_narrow(c: Client, number: int) -> None:
    c.commit((Step(LAMPS, 0, (50_000, 10)[number % 2]),), PERIOD)


def fast_then_slow(c: Client, number: int) -> None:
    c.commit(FLASH, (100_000, SECOND)[number % 2])


def dark_between(c: Client, _: int) -> None:
    c.commit((Step(0x3F, 0, 1000),), 100_000, 1)
    c.go()
    c.wait(20 * MS)


def lose_the_link(c: Client, _: int) -> None:
    c.lose_link()


def does(address: int, *values: int) -> Trick:
    return lambda c, _: c.write(address, *values)


TRICKS: dict[str, Trick] = {
    "nothing": lambda _c, _n: None,
    "stop now": does(r.REG_STOP, 1),
    "stop after the pulse": does(r.REG_STOP, 0),
    "commit again": lambda c, _: c.commit(FLASH, PERIOD),
    "commit another generation": lambda c, n: c.commit(FLASH, PERIOD, generation=100 + n),
    "commit with a wrong CRC": commit_with_a_wrong_crc,
    "commit while running": commit_while_running,
    "stage while running": stage_while_running,
    "clear the staging": does(r.REG_STAGE_CLEAR, 1),
    "clear the fault": does(r.REG_CLEAR_FAULT, 1),
    "start twice": does(r.REG_START, 7),
    "begin a light session": does(r.REG_LIGHT_SESSION, 0, 0),
    "write a light session": does(r.REG_LIGHT_SESSION, 0, 1),
    "write the hard limits": lambda c, _: c.set_limits(HARD),
    "write limits beyond the hard ones": write_limits_beyond,
    "lower and raise the limits": lower_and_raise_limits,
    "lengthen and shorten the pause": shorten_and_lengthen_pause,
    "raise the limits while armed": raise_limits_while_armed,
    "reset to defaults": does(r.REG_RESET_DEVICE, r.RESET_BITS_RESTORE_DEFAULT),
    "reset and save": does(r.REG_RESET_DEVICE, r.RESET_BITS_SAVE),
    "reset to saved": save_and_restore,
    "reset the name": does(r.REG_RESET_DEVICE, r.RESET_BITS_RESTORE_NAME),
    "pull the reset line": lambda c, _: c.reset_line(),
    "rename": rename,
    "renumber": renumber,
    "open the interlock at rest": interlock_at_rest,
    "open the interlock while running": interlock_while_running,
    "starve the watchdog": starve,
    "longest watchdog": does(r.REG_WATCHDOG_TIMEOUT, 20_000_000),
    "standby": does(r.REG_OPERATION_CONTROL, 0),
    "active": does(r.REG_OPERATION_CONTROL, 1),
    "mute": does(r.REG_OPERATION_CONTROL, 0x11),
    "dump": does(r.REG_OPERATION_CONTROL, 0x09),
    "clock forward": does(r.REG_TIMESTAMP_SECONDS, 4_000_000_000),
    "clock back": does(r.REG_TIMESTAMP_SECONDS, 0),
    "lock the clock": does(r.REG_CLOCK_CONFIGURATION, 0x80),
    "replay": replay_everything,
    "a damaged message": damaged_stop,
    "half a message": half_a_message,
    "lose the link": lose_the_link,
    "a second host": a_second_host,
    "the other lamp": other_lamp,
    "late, then early": late_then_early,
    "wide, then narrow": wide_then_narrow,
    "fast, then slow": fast_then_slow,
    "darkness between": dark_between,
}


def flash(client: Client, mode: int) -> None:
    """Ask for a flash now, whatever the box holds."""
    client.write(r.REG_CLEAR_FAULT, 1)
    if not client.committed:
        client.set_limits(HARD)
        client.commit(FLASH, PERIOD, mode=mode)
    client.go(client.committed)
    client.line(SYNC, 1)
    client.line(SYNC, 0)
    client.wait(6 * MS)
    client.write(r.REG_STOP, 1)


@pytest.mark.parametrize("mode", [0, 1], ids=["box clock", "from outside"])
@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_between_two_flashes_gets_a_lamp_beyond_a_limit(trick: str, mode: int) -> None:
    client = Client()
    client.wait(3 * SECOND)
    client.set_limits(HARD)
    client.commit(FLASH, PERIOD, mode=mode)
    flash(client, mode)
    assert any(client.lit.values()), "the attack begins with light"
    for number in range(ROUNDS):
        TRICKS[trick](client, number)
        flash(client, mode)
    assert client.verdict() == []


@pytest.mark.parametrize("state", ["idle", "committed", "armed", "running", "lit", "fault"])
def test_an_interlock_that_is_open_in_any_state_leaves_every_lamp_dark(state: str) -> None:
    client = Client()
    client.wait(3 * SECOND)
    if state != "idle":
        client.commit(FLASH, SECOND)
    if state == "armed":
        client.write(r.REG_ARM, 7)
    if state in ("running", "lit", "fault"):
        client.go()
    if state == "lit":
        client.wait(5 * MS + 100)
    if state == "fault":
        client.wait(3 * SECOND, 0)
    client.line(INTERLOCK, 0)
    rises = sum(map(len, client.rises.values()))
    for number in range(6):
        client.write(r.REG_CLEAR_FAULT, 1)
        client.commit(FLASH, SECOND, mode=number % 2)
        client.go()
        client.line(SYNC, 1)
        client.line(SYNC, 0)
        client.wait(SECOND)
    assert client.machine.behaviour.output_levels == 0
    assert sum(map(len, client.rises.values())) == rises
    assert client.verdict() == []


PROGRAMS: dict[str, tuple[tuple[Step, ...], int]] = {
    "32 flashes in one pulse": (tuple(Step(LAMPS, 30_000 * n, 1000) for n in range(32)), SECOND),
    "32 flashes that touch but for a tick": (tuple(Step(LAMPS, 1001 * n, 1000) for n in range(32)), SECOND),
    "a long flash in two steps": ((Step(LAMPS, 0, 50_000), Step(LAMPS, 50_001, 50_000)), SECOND),
    "flashes at both ends of a pulse": ((Step(LAMPS, 0, 1000), Step(LAMPS, 999_000, 900)), 1_000_000),
    "the fastest": ((Step(LAMPS, 0, 20_000),), 100_000),
    "the fastest and a tick": ((Step(LAMPS, 0, 19_999),), 99_999),
    "the brightest of each pulse": ((Step(LAMPS, 0, 50_000),), 250_000),
    "too bright for some seconds": ((Step(LAMPS, 0, 50_000),), 256_000),
    "lamps in turn": ((Step(0x40, 0, 10_000), Step(0x80, 50_000, 10_000)), 100_000),
    "more flashes than a train": (tuple(Step(LAMPS, 100_000 * n, 1000) for n in range(9)), SECOND),
}


@pytest.mark.parametrize("mode", [0, 1], ids=["box clock", "from outside"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_no_program_gets_a_lamp_beyond_a_limit(program: str, mode: int) -> None:
    client = Client(replace(FACTS, hard_light=replace(HARD, max_train_flashes=2000, max_session_flashes=2000)))
    client.set_limits(client.facts.hard_light)
    client.wait(2 * SECOND)
    client.commit(*PROGRAMS[program], mode=mode)
    for _ in range(2):
        client.go()
        for number in range(150):
            client.line(SYNC, number % 2)
            client.wait(8 * MS)
        client.write(r.REG_STOP, 1)
        client.write(r.REG_CLEAR_FAULT, 1)
    assert client.verdict() == []


def test_a_light_session_outlives_resets() -> None:
    client = Client()
    client.set_limits(replace(HARD, max_session_flashes=6))
    client.wait(2 * SECOND)
    for _ in range(4):
        client.commit(FLASH, PERIOD, 4)
        client.go()
        client.wait(SECOND)
        client.write(r.REG_RESET_DEVICE, r.RESET_BITS_RESTORE_DEFAULT)
        client.set_limits(replace(HARD, max_session_flashes=6))
        client.wait(2 * SECOND)
    assert {output: len(flashes) for output, flashes in client.lit.items()} == {6: 6, 7: 6}
    assert client.verdict() == []
