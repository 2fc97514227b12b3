"""Raw clients at both ports of a simulated box try to get more light than a limit allows; the record of edges judges.

The tricks of test_light_attacks.py come from a second host on the socket, between flashes of the first on the pty; then
what only ports can do: two hosts at a time, replayed, cut and damaged bytes, pulled plugs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.line_noise import Damage
from rigdriver_sim.trigger_box.states import BoxState
from tests.unit.sim.trigger_box.box_host import MS, write
from tests.unit.sim.trigger_box.light_judge import HARD, INTERLOCK, SECOND, SYNC
from tests.unit.sim.trigger_box.light_port import PortClient
from tests.unit.sim.trigger_box.test_light_attacks import FLASH, PERIOD, TRICKS, flash

ROUNDS = 10
"""Number of flashes tried: more than a train of 8."""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[PortClient]:
    client = PortClient(tmp_path)
    client.wait(3 * SECOND)
    client.set_limits(HARD)
    yield client
    client.close()


def attack(client: PortClient, trick: Callable[[PortClient, int], object], mode: int = 0) -> None:
    """Flash, and flash again after each trick."""
    client.commit(FLASH, PERIOD, mode=mode)
    flash(client, mode)
    assert any(client.flashes().values()), "the attack begins with light"
    for number in range(ROUNDS):
        trick(client, number)
        client.is_second = False
        flash(client, mode)


def go_bytes(generation: int = 7) -> bytes:
    clear = write(r.REG_CLEAR_FAULT, 1) + write(r.REG_WATCHDOG_FEED, 1) + write(r.REG_STOP, 1)
    return clear + write(r.REG_ARM, generation) + write(r.REG_START, generation)


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_of_a_second_host_gets_a_lamp_beyond_a_limit(client: PortClient, trick: str) -> None:
    def by_second_host(client: PortClient, number: int) -> None:
        client.is_second = True
        TRICKS[trick](client, number)

    attack(client, by_second_host)
    assert client.verdict() == []


def flash_in_turn(c: PortClient, _: int) -> None:
    c.is_second = True
    flash(c, 0)


def both_at_once(c: PortClient, _: int) -> None:
    """Both hosts start their own schedule, message by message in between each other."""
    for one in (write(r.REG_STOP, 1), write(r.REG_WATCHDOG_FEED, 1), write(r.REG_ARM, 7), write(r.REG_START, 7)):
        for c.is_second in (True, False):
            c.send(one)
    c.wait(6 * MS)


def a_message_from_two_hosts(c: PortClient, _: int) -> None:
    """Half of each message comes from one host, the rest from the other."""
    data = go_bytes()
    for at in range(0, len(data), 5):
        c.is_second = at % 10 == 0
        c.send(data[at : at + 5])
    c.wait(60 * MS)


def replay_by_the_other_host(c: PortClient, _: int) -> None:
    c.is_second = True
    c.send(b"".join(c.sent[-30:]))
    c.sent.pop()


def replay_byte_by_byte(c: PortClient, _: int) -> None:
    recorded = b"".join(c.sent[-12:])
    kept = len(c.sent)
    for at in range(len(recorded)):
        c.send(recorded[at : at + 1])
    del c.sent[kept:]
    c.wait(6 * MS)


def replay_backwards(c: PortClient, _: int) -> None:
    c.send(b"".join(reversed(c.sent[-30:])))
    c.sent.pop()


def replay_in_the_middle_of_a_flash(c: PortClient, _: int) -> None:
    c.wait(2 * SECOND)
    c.send(go_bytes(c.committed))
    c.until_lit()
    for _ in range(3):
        c.send(go_bytes(c.committed))


def wrong_checksums(c: PortClient, _: int) -> None:
    for one in (write(r.REG_STOP, 1), write(r.REG_ARM, 7), write(r.REG_START, 7), write(r.REG_LIGHT_SESSION, 0, 0)):
        c.send(one[:-1] + bytes([one[-1] ^ 0x55]))


def noise_between_messages(c: PortClient, number: int) -> None:
    c.send(bytes((number * 37 + n * 101) % 256 for n in range(200)))
    c.wait(60 * MS)


def a_damaged_line(c: PortClient, number: int) -> None:
    c.box.damage_line(Damage(flip_every=7 + number, lose_every=31, insert_every=43), Damage())
    for _ in range(20):
        c.send(go_bytes())
    c.box.damage_line(Damage(), Damage())
    c.wait(60 * MS)


def pull_the_plug_in_a_flash(c: PortClient, _: int) -> None:
    c.wait(2 * SECOND)
    c.send(go_bytes(c.committed))
    c.until_lit()
    c.lose_link()


def reset_in_a_flash(c: PortClient, _: int) -> None:
    c.wait(2 * SECOND)
    c.send(go_bytes(c.committed))
    c.until_lit()
    c.write(r.REG_RESET_DEVICE, r.RESET_BITS_RESTORE_DEFAULT)


PORT_TRICKS: dict[str, Callable[[PortClient, int], object]] = {
    "two hosts flash in turn": flash_in_turn,
    "two hosts start at once": both_at_once,
    "a message from two hosts": a_message_from_two_hosts,
    "replay by the other host": replay_by_the_other_host,
    "replay byte by byte": replay_byte_by_byte,
    "replay backwards": replay_backwards,
    "start again in the middle of a flash": replay_in_the_middle_of_a_flash,
    "wrong checksums": wrong_checksums,
    "noise between messages": noise_between_messages,
    "a damaged line": a_damaged_line,
    "pull the plug in a flash": pull_the_plug_in_a_flash,
    "reset in a flash": reset_in_a_flash,
}


WAITS_FOR_LIGHT = {"start again in the middle of a flash", "pull the plug in a flash", "reset in a flash"}
"""Tricks in a flash that the box's own clock makes."""
CASES = [(trick, mode) for trick in PORT_TRICKS for mode in (0, 1) if not mode or trick not in WAITS_FOR_LIGHT]


@pytest.mark.parametrize(("trick", "mode"), CASES)
def test_no_trick_of_the_ports_gets_a_lamp_beyond_a_limit(client: PortClient, trick: str, mode: int) -> None:
    if (mode and "in a flash" in trick) or (mode and "middle" in trick):
        pytest.skip("waits for light of the box's own clock")
    attack(client, PORT_TRICKS[trick], mode)
    assert client.verdict() == []


@pytest.mark.parametrize("state", [*BoxState, "lit"])
def test_an_open_interlock_keeps_every_lamp_dark_whatever_two_hosts_send(
    client: PortClient, state: BoxState | str
) -> None:
    client.wait(2 * SECOND)
    if state is not BoxState.IDLE:
        client.commit(FLASH, SECOND)
    if state is BoxState.ARMED:
        client.write(r.REG_WATCHDOG_FEED, 1)
        client.write(r.REG_ARM, 7)
    if state in (BoxState.RUNNING, BoxState.FAULT, "lit"):
        client.go()
    if state is BoxState.FAULT:
        client.wait(SECOND, 0)
    if state == "lit":
        client.until_lit()
    assert state == "lit" or client.box.state is state
    client.line(INTERLOCK, 0)
    assert client.box.output_levels == 0
    before = {output: len(flashes) for output, flashes in client.flashes().items()}
    for number in range(6):
        client.is_second = number % 2 == 1
        client.write(r.REG_CLEAR_FAULT, 1)
        client.commit(FLASH, SECOND, mode=number % 2)
        client.go()
        client.line(SYNC, 1)
        client.line(SYNC, 0)
        client.wait(SECOND)
    assert {output: len(flashes) for output, flashes in client.flashes().items()} == before
    assert client.verdict() == []
