"""Light of a run: the wait for the dark pause that is due.

In: the box's light counters before a run. Out: a wait, or a refusal. The schedule has been proved within the limits,
and the box enforces them by itself; here the host keeps the budget from one run to the next. Not here: the log of every
flash (see light_log.py), and cameras (see run.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from rigdriver.config import RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.findings import BrokenLimit
from rigdriver.schedule.planned import Schedule
from rigdriver.timebase import WALL_TIME, Timebase
from rigdriver.wire.registers import LightSessionRecord, LightWaitRecord

logger = logging.getLogger("rigdriver.light")
POLL_S = 0.1
SHORTEST_STEP_S = 0.001
MARGIN_S = 1.0


class LightCounter(Protocol):
    """The part of the trigger box that counts light."""

    def light_session(self) -> LightSessionRecord:
        """Return how many flashes the light session and the flash train under way have seen."""
        ...

    def light_wait(self) -> LightWaitRecord:
        """Return for how long the box still wants darkness."""
        ...


def await_light_budget(
    box: LightCounter,
    config: RigConfig,
    schedule: Schedule,
    look_up: Callable[[], None] = lambda: None,
    timebase: Timebase = WALL_TIME,
) -> None:
    """Wait until the schedule's flashes fit into a train; the wait ends with the dark pause at the latest.

    `look_up` is called now and then meanwhile; what it raises ends the wait.

    Raises:
        ScheduleError: the light session's flashes are used up.
    """
    light, frames = config.light, schedule.box.pulse_count
    spent = box.light_session()
    if spent.session_flashes + frames > light.max_session_flashes:
        raise ScheduleError(
            kind=BrokenLimit.SESSION_FLASHES, device="light session",
            seen=f"{spent.session_flashes} flashes made, {frames} more asked for",
            expected=f"at most {light.max_session_flashes} together (light.max_session_flashes)",
            remedy="begin a new light session with the next person (box.clear_light_session)",
        )  # fmt: skip
    # TrainFlashes reads 0 once the pause is over (PROTOCOL, LightSession); until then the box alone knows what is due.
    rest = _DarkTime(light.min_train_pause_s, look_up, timebase)
    while (train := box.light_session().train_flashes) and train + frames > light.max_train_flashes:
        rest.wait_s(
            box.light_wait().train_ticks / schedule.tick_rate_hz,
            f"{train} flashes made, {frames} more asked for, and the dark pause of {light.min_train_pause_s:g} s does "
            f"not end",
            f"at most {light.max_train_flashes} together (light.max_train_flashes), or the end of the pause",
        )


def await_start(
    box: LightCounter,
    schedule: Schedule,
    look_up: Callable[[], None] = lambda: None,
    timebase: Timebase = WALL_TIME,
) -> None:
    """Wait until the box would start the schedule that it holds: rates and shares of time count from run to run, too.

    `look_up` is called now and then meanwhile; what it raises ends the wait. ScheduleError when the wait does not end.
    """
    rest: _DarkTime | None = None
    while wait_ticks := box.light_wait().start_ticks:
        wait_s = wait_ticks / schedule.tick_rate_hz
        rest = rest or _DarkTime(wait_s, look_up, timebase)
        rest.wait_s(
            wait_s,
            f"asks for {wait_s:.1f} s more of darkness before the next flash",
            f"darkness of {rest.longest_s:.1f} s at most",
        )


class _DarkTime:
    """A wait for a dark pause, in steps short enough to be ended."""

    def __init__(self, longest_s: float, look_up: Callable[[], None], timebase: Timebase) -> None:
        self.longest_s = longest_s
        self._look_up, self._timebase = look_up, timebase
        self._end_s = timebase.now_s() + longest_s + MARGIN_S
        self._is_logged = False

    def wait_s(self, left_s: float, seen: str, expected: str) -> None:
        """Wait for one step of what is left; ScheduleError of these parts when it has lasted too long."""
        if self._timebase.now_s() > self._end_s:
            raise ScheduleError(
                kind=BrokenLimit.DARK_PAUSE, device="trigger box", seen=seen, expected=expected,
                remedy="look at `rigdriver box status`, then switch the box off and on",
            )  # fmt: skip
        if not self._is_logged:
            logger.info("waiting %.1f s for the dark pause between flashes", left_s)
            self._is_logged = True
        self._look_up()
        self._timebase.sleep(min(max(left_s, SHORTEST_STEP_S), POLL_S))
