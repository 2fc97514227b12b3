"""The light budget is kept from one run to the next, and every flash is written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rigdriver.config import RigConfig
from rigdriver.devices.box.events import EventsLost
from rigdriver.errors import ConfigError, ScheduleError
from rigdriver.frames import Edge, PulseReport
from rigdriver.run.light import LightLog, await_light_budget, await_start
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
    with pytest.raises(ScheduleError, match="60 flashes made, 50 asked for"):
        await_light_budget(Box((60, 60)), config, compile_schedule(config, TICKS, 1, 50), timebase=clock)
    assert sum(clock.slept) < 7


def test_a_spent_session_is_refused_with_the_remedy(clock: FakeTime) -> None:
    config = rig()
    with pytest.raises(ScheduleError, match="clear_light_session"):
        await_light_budget(Box((260, 0)), config, compile_schedule(config, TICKS, 1, 50), timebase=clock)


def test_a_start_that_the_box_would_refuse_waits_for_as_long_as_the_box_says(clock: FakeTime) -> None:
    config, box = rig(), Box((0, 0))
    box.starts = [TICKS // 4, TICKS // 5, 5, 0]
    await_start(box, compile_schedule(config, TICKS, 1, 50), timebase=clock)
    assert clock.slept == [0.1, 0.1, 0.001]


def test_a_box_that_wants_darkness_for_ever_is_an_error_and_not_a_hang(clock: FakeTime) -> None:
    config, box = rig(), Box((0, 0))
    box.starts = [TICKS]
    with pytest.raises(ScheduleError, match=r"wants 1\.0 s more of darkness"):
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


def part(*edges: tuple[int, int], index: int = 3) -> PulseReport:
    """A part of a pulse: (tick, level of output 6) each."""
    return PulseReport(index, 7, 0, tuple(Edge(tick, False, 1 << 6, level << 6) for tick, level in edges), False, 0)


def light_log(path: Path | None, power_w: float | None = 2.0) -> LightLog:
    table = rig().model_dump()
    table["lamps"] = [{**LAMP, "radiant_power_w": power_w}]
    table["light"]["log"] = path
    return LightLog(
        RigConfig.model_validate(table, strict=False), TICKS, lambda tick: 1_700_000_000 * 10**9 + tick * 100
    )


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_flash_is_a_line_with_time_lamp_width_and_energy(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "light.jsonl"
    for _ in range(2):
        log = light_log(path)
        log.open()
        log.hear(part((1000, 1), (16_000, 0)))
        log.write()
        log.close()
        log.close()
    assert len(lines_of(path)) == 2
    assert lines_of(path)[0] == {
        "t_utc_ns": 1_700_000_000_000_100_000,
        "rig": "planted",
        "generation": 7,
        "pulse_index": 3,
        "lamp": "flash",
        "width_us": 1500.0,
        "energy_mj": 3.0,
    }


def test_a_flash_in_two_reports_is_one_line_and_one_without_an_end_says_so(tmp_path: Path) -> None:
    log = light_log(tmp_path / "light.jsonl")
    log.open()
    log.hear(part((1000, 1)))
    log.hear(part((16_000, 0)))
    log.hear(part((1_001_000, 1), index=4))
    log.close()
    assert [(x["pulse_index"], x["width_us"], x["energy_mj"]) for x in lines_of(tmp_path / "light.jsonl")] == [
        (3, 1500.0, 3.0),
        (4, None, None),
    ]


def test_reports_of_the_box_that_were_lost_stand_in_the_log(tmp_path: Path) -> None:
    log = light_log(tmp_path / "light.jsonl")
    log.open()
    log.hear(EventsLost(4, 1, 5, 0))
    log.close()
    assert [line["reports_lost"] for line in lines_of(tmp_path / "light.jsonl")] == [4]


def test_a_log_that_cannot_be_written_is_told_before_there_is_light(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"light\.log = .*cannot be written"):
        light_log(tmp_path / "file" / "light.jsonl").open()


def test_without_a_file_flashes_are_summed_up_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="rigdriver.light")
    log = light_log(None, power_w=None)
    log.open()
    for index in (0, 1):
        log.hear(part((1000, 1), (16_000, 0), index=index))
    log.close()
    assert caplog.messages == ["light emitted by rig planted: flash x2"]
