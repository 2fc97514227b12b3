"""The light budget is kept from one run to the next."""

from __future__ import annotations

import pytest

from rigdriver.config import RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.run.light import await_light_budget
from rigdriver.schedule.plan import compile_schedule
from rigdriver.wire.registers import LightSessionRecord
from tests.fake_time import FakeTime
from tests.unit.sync.planted import TICKS, rig_config

LAMP = {"name": "flash", "kind": "pattern", "output": 6}


def rig(**light: float) -> RigConfig:
    table = rig_config().model_dump()
    table["lamps"] = [LAMP]
    table["light"] = {"max_train_flashes": 100, "max_session_flashes": 300, "min_train_pause_s": 5, **light}
    return RigConfig.model_validate(table, strict=False)


class Box:
    """Tells what was scripted, the last entry for ever."""

    def __init__(self, *sessions: tuple[int, int]) -> None:
        self._sessions = list(sessions)

    def light_session(self) -> LightSessionRecord:
        session, train = self._sessions.pop(0) if len(self._sessions) > 1 else self._sessions[0]
        return LightSessionRecord(session, train)


@pytest.fixture
def clock() -> FakeTime:
    """A clock that only sleeping moves."""
    return FakeTime()


def test_a_run_that_fits_into_the_train_starts_at_once(clock: FakeTime) -> None:
    config = rig()
    await_light_budget(Box((50, 50)), config, compile_schedule(config, TICKS, 1, 50), timebase=clock)
    assert clock.slept == []


def test_a_run_that_does_not_fit_waits_until_the_dark_pause_is_over(clock: FakeTime) -> None:
    config = rig()
    await_light_budget(
        Box((60, 60), (60, 60), (60, 60), (60, 0)), config, compile_schedule(config, TICKS, 1, 50), timebase=clock
    )
    assert 0 < sum(clock.slept) < 5


def test_a_pause_that_does_not_end_is_an_error_and_not_a_hang(clock: FakeTime) -> None:
    config = rig()
    with pytest.raises(ScheduleError, match="60 flashes made, 50 asked for"):
        await_light_budget(Box((60, 60)), config, compile_schedule(config, TICKS, 1, 50), timebase=clock)
    assert sum(clock.slept) < 7


def test_a_spent_session_is_refused_with_the_remedy(clock: FakeTime) -> None:
    config = rig()
    with pytest.raises(ScheduleError, match="clear_light_session"):
        await_light_budget(Box((260, 0)), config, compile_schedule(config, TICKS, 1, 50), timebase=clock)
