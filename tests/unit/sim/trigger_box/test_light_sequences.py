"""Arbitrary sequences of valid and invalid messages, moved lines and passed time never get a lamp beyond a limit.

`tools/campaign_light.py` plays more of them. The other way round, a program that the box takes is one that it plays.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.light_ledger import LightLedger
from tests.unit.sim.trigger_box.box_host import MS, Step
from tests.unit.sim.trigger_box.light_judge import HARD, LAMPS, SECOND, Client
from tests.unit.sim.trigger_box.light_moves import Dice, Move, a_sequence, play, schedule_of, sequences

SEEDS = range(1_000_000, 1_000_500)
SEARCH = settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@given(sequences())
@SEARCH
def test_no_sequence_that_hypothesis_finds_breaks_a_limit(sequence: list[Move]) -> None:
    assert play(sequence).verdict() == []


def test_no_sequence_of_dice_breaks_a_limit_and_many_make_light() -> None:
    clients = {seed: play(a_sequence(Dice(seed))) for seed in SEEDS}
    assert {seed: found for seed, client in clients.items() if (found := client.verdict())} == {}
    assert sum(any(client.lit.values()) for client in clients.values()) > len(SEEDS) // 4


def test_the_judge_sees_a_box_without_a_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LightLedger, "admits", lambda *_: True)
    monkeypatch.setattr(LightLedger, "start_wait_ticks", lambda *_: 0)
    broken = [sentence for seed in range(60) for sentence in play(a_sequence(Dice(seed))).verdict()]
    for word in ("distance", "lit", "of a train", "after a boot"):
        assert any(word in sentence for sentence in broken), word


def test_a_program_that_a_rested_box_takes_is_played_for_its_whole_length() -> None:
    played = 0
    for seed in range(200):
        client, schedule = Client(), schedule_of(Dice(seed))
        client.set_limits(HARD)
        client.wait(2 * SECOND)
        steps, period, pulses, mode = schedule
        most = max(sum(bool(step.mask & bit) for step in steps) for bit in (0x40, 0x80))
        if mode or not pulses or pulses * most > HARD.max_train_flashes or not client.commit(*schedule):
            continue
        assert client.go(), seed
        client.wait(50_000 + pulses * period)
        assert client.machine.behaviour.state == r.BOX_STATES_COMMITTED, seed
        assert sum(map(len, client.lit.values())) == pulses * sum((step.mask & LAMPS).bit_count() for step in steps)
        played += 1
    assert played > 20


def test_after_the_wait_that_the_box_tells_a_refused_start_is_taken() -> None:
    client = Client()
    client.set_limits(HARD)
    client.wait(2 * SECOND)
    waits = []
    for period, width in ((100_000, 20_000), (700_000, 50_000), (250_000, 1000)) * 3:
        client.write(r.REG_STOP, 1)
        assert client.commit((Step(LAMPS, 0, width),), period, 3)
        started = client.go()
        wait = client.machine.behaviour.light_wait_ticks(client.now - client.booted)
        if not started:
            waits.append(wait)
            client.wait(wait)
            assert client.go()
        client.wait(50_000 + period + 10 * MS)
    assert len(waits) > 3
    assert client.verdict() == []
