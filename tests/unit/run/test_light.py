"""The light budget is kept from one run to the next."""

from __future__ import annotations

import pytest

from rigdriver.config import RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.findings import BrokenLimit
from rigdriver.run.light import await_light_budget, await_start
from rigdriver.schedule.plan import compile_schedule
from rigdriver.wire.registers import LightSessionRecord, LightWaitRecord
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
        self.starts = [0]
        """Waits before a start that it tells, in ticks."""

    def light_session(self) -> LightSessionRecord:
        session, train = self._sessions.pop(0) if len(self._sessions) > 1 else self._sessions[0]
        return LightSessionRecord(session, train)

    def light_wait(self) -> LightWaitRecord:
        start_ticks = self.starts.pop(0) if len(self.starts) > 1 else self.starts[0]
        return LightWaitRecord(start_ticks, 5 * TICKS)


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
    with pytest.raises(ScheduleError, match="60 flashes made, 50 more asked for"):
        await_light_budget(Box((60, 60)), config, compile_schedule(config, TICKS, 1, 50), timebase=clock)
    assert sum(clock.slept) < 7


def test_a_spent_session_is_refused_with_the_remedy(clock: FakeTime) -> None:
    config = rig()
    with pytest.raises(ScheduleError, match="clear_light_session") as spent:
        await_light_budget(Box((260, 0)), config, compile_schedule(config, TICKS, 1, 50), timebase=clock)
    assert spent.value.kinds == {BrokenLimit.SESSION_FLASHES}


def test_a_start_that_the_box_would_refuse_waits_for_as_long_as_the_box_says(clock: FakeTime) -> None:
    config, box = rig(), Box((0, 0))
    box.starts = [TICKS // 4, TICKS // 5, 5, 0]
    await_start(box, compile_schedule(config, TICKS, 1, 50), timebase=clock)
    assert clock.slept == [0.1, 0.1, 0.001]


def test_a_box_that_wants_darkness_for_ever_is_an_error_and_not_a_hang(clock: FakeTime) -> None:
    config, box = rig(), Box((0, 0))
    box.starts = [TICKS]
    with pytest.raises(ScheduleError, match=r"asks for 1\.0 s more of darkness"):
        await_start(box, compile_schedule(config, TICKS, 1, 50), timebase=clock)
    assert sum(clock.slept) < 3


def test_a_wait_for_darkness_ends_when_somebody_asks_for_it(clock: FakeTime) -> None:
    config, box = rig(), Box((60, 60))
    box.starts = [TICKS]

    def give_up() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await_start(box, compile_schedule(config, TICKS, 1, 50), give_up, clock)
    with pytest.raises(InterruptedError):
        await_light_budget(box, config, compile_schedule(config, TICKS, 1, 50), give_up, clock)
