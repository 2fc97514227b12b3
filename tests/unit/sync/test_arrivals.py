"""The usual time of arrival, worked out once per matched frame, against the same figures worked out anew each time."""

from __future__ import annotations

import random
from itertools import count, islice
from statistics import median

import numpy as np
import pytest

from rigdriver.frames import Frame
from rigdriver.sync import arrivals
from rigdriver.sync.arrivals import LEAST_SHARE, SPELL, SURE, USUAL, Arrivals
from rigdriver.sync.exposures import Exposure

PERIOD_NS = 100_000_000
PIXELS = np.zeros((1, 1), np.uint8)


def frame(t_host_ns: int) -> Frame:
    return Frame("left_upper", 1, t_host_ns, t_host_ns, "Mono8", PIXELS)


def exposure(start_ns: int) -> Exposure:
    return Exposure("left_upper", 0, 0, 1, None, start_ns, start_ns + 1, True, False, 0)


def usual_of(latencies_ns: list[int]) -> tuple[float, float]:
    """Return the median, and by how much a single arrival may differ from it by chance: of the newest ones, sorted."""
    ordered = sorted(latencies_ns[-USUAL:])
    cut = len(ordered) // 4
    scatter = (ordered[-1 - cut] - ordered[cut]) / 1.35 if len(ordered) >= 8 else float(ordered[-1] - ordered[0])
    return median(ordered), SURE * scatter * (1 + 1 / len(ordered)) ** 0.5


@pytest.mark.parametrize("seed", range(3))
def test_what_is_usual_is_that_of_the_newest_frames_however_many_came_before(seed: int) -> None:
    rng, known = random.Random(seed), Arrivals(1.0)
    heard: list[int] = []
    known.expect(PERIOD_NS)
    for n in range(3 * USUAL):
        # Some are alike to the nanosecond, and each leaves once.
        latency_ns = 10_000_000 + 10_000 * rng.randrange(40) + rng.choice((0, 0, 0, 4_000_000))
        known.add(frame(n * PERIOD_NS + latency_ns), exposure(n * PERIOD_NS))
        heard.append(latency_ns)
        if len(heard) < 3:
            continue
        middle, chance = usual_of(heard)
        sure = max(chance, LEAST_SHARE * PERIOD_NS)
        assert known.are_steady == (chance < 0.4 * PERIOD_NS)
        for late in (-sure - 1, -sure + 1, sure - 1, sure + 1):
            one = frame(round(middle + late))
            assert known.is_surely_usual(one, exposure(0)) == (known.are_steady and abs(late) < sure)
        reach = min(sure, 0.4 * PERIOD_NS)
        assert known.latest_start_ticks(frame(0)) == pytest.approx(reach - min(heard[-USUAL:]))


def test_the_late_frames_of_a_bad_spell_do_not_change_what_is_usual_and_those_of_a_slower_computer_do() -> None:
    known = Arrivals(1.0)
    known.expect(PERIOD_NS)
    pulses = count()

    def come(frames: int, latency_ns: int) -> None:
        for n in islice(pulses, frames):
            known.add(frame(n * PERIOD_NS + latency_ns + n), exposure(n * PERIOD_NS))

    come(20, 10_000_000)
    for _ in range(10):
        come(SPELL, 90_000_000)
        come(1, 10_000_000)
    assert known.are_steady
    assert known.is_surely_usual(frame(10_000_000), exposure(0))
    come(SPELL + 2 * USUAL, 90_000_000)
    assert known.is_surely_usual(frame(90_000_000), exposure(0))


def test_the_questions_about_one_frame_are_answered_from_one_calculation(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand between the last byte of a pulse and the consumer."""
    known = Arrivals(1.0)
    known.expect(PERIOD_NS)
    for n in range(10):
        known.add(frame(n * PERIOD_NS + 10_000_000 + n), exposure(n * PERIOD_NS))
    asked: list[int] = []

    def counted(latencies_ns: list[int]) -> float:
        asked.append(len(latencies_ns))
        return median(latencies_ns)

    monkeypatch.setattr(arrivals, "median", counted)
    for _ in range(2):
        assert known.are_steady
        assert known.is_surely_usual(frame(10_000_000), exposure(0))
        assert known.is_usual(frame(10_000_000), exposure(0))
    assert asked == [10]
