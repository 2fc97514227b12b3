"""What may be on its way to the box and back holds modelled time, for so many looks and no longer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rigdriver.devices.box.transit import FEEDS_ON_THE_WAY, Transit
from tests.fake_time import FakeTime

TIMEOUT_NS = 500_000_000
LOOKS = 5


@dataclass
class CountedTime(FakeTime):
    """Counts the turns in which time may go on and those in which it is held."""

    idles: int = 0
    holds: int = 0
    stepped: int = 0
    does_step: bool = True

    def idle(self) -> None:
        self.idles += 1

    def busy(self) -> None:
        self.holds += 1

    def may_be_in_transit(self, looks: int) -> bool:
        return looks < LOOKS

    def steps(self) -> int:
        self.stepped += self.does_step
        return self.stepped


@pytest.fixture
def time() -> CountedTime:
    return CountedTime()


@pytest.fixture
def transit(time: CountedTime) -> Transit:
    return Transit(time, TIMEOUT_NS)


def look(transit: Transit, times: int) -> None:
    for _ in range(times):
        transit.found_nothing()


def test_time_goes_on_while_nothing_was_sent(transit: Transit, time: CountedTime) -> None:
    look(transit, 3)
    assert (time.idles, time.holds) == (3, 0)


def test_a_request_lets_the_box_have_its_time_and_then_holds_it_for_so_many_looks(
    transit: Transit, time: CountedTime
) -> None:
    transit.ask()
    look(transit, 2)
    assert (time.idles, time.holds) == (2, 0)
    time.pass_s(0.3)
    assert transit.may_reply_come()
    look(transit, LOOKS)
    assert (time.idles, time.holds) == (5, 2)
    assert not transit.may_reply_come()


def test_looks_while_the_simulated_rig_has_no_turn_do_not_count(transit: Transit, time: CountedTime) -> None:
    transit.ask()
    time.pass_s(0.3)
    time.does_step = False
    look(transit, 10 * LOOKS)
    assert transit.may_reply_come()
    time.does_step = True
    look(transit, LOOKS)
    assert not transit.may_reply_come()


def test_an_answered_request_holds_nothing(transit: Transit, time: CountedTime) -> None:
    transit.ask()
    transit.forget_request()
    time.pass_s(0.3)
    look(transit, 1)
    assert (time.idles, time.holds, transit.may_reply_come()) == (1, 0, False)


def test_feeds_hold_time_once_the_next_could_come_too_late(transit: Transit, time: CountedTime) -> None:
    for count in range(1, FEEDS_ON_THE_WAY):
        transit.feed(count)
    look(transit, 1)
    assert (time.idles, time.holds) == (1, 0)
    transit.feed(FEEDS_ON_THE_WAY)
    look(transit, LOOKS)
    assert (time.idles, time.holds) == (2, LOOKS - 1)


def test_an_answer_to_a_later_feed_answers_those_before_it(transit: Transit, time: CountedTime) -> None:
    for count in range(1, FEEDS_ON_THE_WAY + 2):
        transit.feed(count)
    transit.fed(FEEDS_ON_THE_WAY)
    look(transit, 1)
    assert (time.idles, time.holds) == (1, 0)


def test_a_port_opened_again_carries_none_of_the_old_feeds(transit: Transit, time: CountedTime) -> None:
    for count in range(FEEDS_ON_THE_WAY):
        transit.feed(count)
    transit.forget_feeds()
    look(transit, 1)
    assert (time.idles, time.holds) == (1, 0)
