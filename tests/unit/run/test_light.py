"""The light budget is kept from one run to the next, and every emission is written down."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pytest
from pytest_mock import MockerFixture

from rigdriver.config import RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.frames import FrameSet, Proof, StrobePulse
from rigdriver.run.light import LightLog, await_light_budget
from rigdriver.schedule.plan import compile_schedule
from tests.unit.sync.planted import TICKS, rig_config

LAMP = {"name": "flash", "kind": "pattern", "output": 6}


def rig(**light: float) -> RigConfig:
    table = rig_config().model_dump()
    table["lamps"] = [LAMP]
    table["light"] = {"max_train_pulses": 100, "max_session_pulses": 300, "min_train_pause_s": 5, **light}
    return RigConfig.model_validate(table, strict=False)


class Box:
    """Tells what was scripted, the last entry for ever."""

    def __init__(self, *sessions: tuple[int, int]) -> None:
        self._sessions = list(sessions)

    def light_session(self) -> SimpleNamespace:
        session, train = self._sessions.pop(0) if len(self._sessions) > 1 else self._sessions[0]
        return SimpleNamespace(session_pulses=session, train_pulses=train)


@pytest.fixture
def slept(mocker: MockerFixture) -> list[float]:
    """A clock that only sleeping moves."""
    slept: list[float] = []
    mocker.patch("rigdriver.run.light.time.monotonic", side_effect=lambda: sum(slept))
    mocker.patch("rigdriver.run.light.time.sleep", side_effect=slept.append)
    return slept


def test_a_run_that_fits_into_the_train_starts_at_once(slept: list[float]) -> None:
    config = rig()
    await_light_budget(Box((50, 50)), config, compile_schedule(config, TICKS, 1, 50))
    assert slept == []


def test_a_run_that_does_not_fit_waits_until_the_dark_pause_is_over(slept: list[float]) -> None:
    config = rig()
    await_light_budget(Box((60, 60), (60, 60), (60, 60), (60, 0)), config, compile_schedule(config, TICKS, 1, 50))
    assert 0 < sum(slept) < 5


def test_a_pause_that_does_not_end_is_an_error_and_not_a_hang(slept: list[float]) -> None:
    config = rig()
    with pytest.raises(ScheduleError, match="60 flashes made, 50 asked for"):
        await_light_budget(Box((60, 60)), config, compile_schedule(config, TICKS, 1, 50))
    assert sum(slept) < 7


def test_a_spent_session_is_refused_with_the_remedy(slept: list[float]) -> None:
    config = rig()
    with pytest.raises(ScheduleError, match="clear_light_session"):
        await_light_budget(Box((260, 0)), config, compile_schedule(config, TICKS, 1, 50))


def frame_set() -> FrameSet:
    strobes = (StrobePulse("flash", 1000, 16_000),)
    proof = Proof(3, 7, 0, TICKS, {}, float("nan"), "proved", strobes=strobes)
    return FrameSet(3, 0, 1_700_000_000_000_000_000, MappingProxyType({}), MappingProxyType({}), proof)


def test_every_emission_is_a_line_with_time_lamp_width_and_energy(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "light.jsonl"
    for _ in range(2):
        with LightLog(path, "bench", {"flash": 2.0}) as log:
            log.write(frame_set())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 2
    assert lines[0] == {
        "t_utc_ns": 1_700_000_000_000_000_000,
        "rig": "bench",
        "generation": 7,
        "pulse": 3,
        "lamp": "flash",
        "width_us": 1500.0,
        "energy_mj": 3.0,
    }


def test_without_a_file_emissions_are_summed_up_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="rigdriver.light")
    with LightLog(None, "bench", {}) as log:
        log.write(frame_set())
        log.write(frame_set())
    assert caplog.messages == ["light emitted by rig bench: flash x2"]
