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
from rigdriver.schedule.planned import Schedule
from rigdriver.timebase import WALL_TIME, Timebase
from rigdriver.wire.registers import LightSessionRecord

logger = logging.getLogger("rigdriver.light")
POLL_S = 0.1
MARGIN_S = 1.0


class LightCounter(Protocol):
    """The part of the trigger box that counts light."""

    def light_session(self) -> LightSessionRecord:
        """Return how many flashes the light session and the flash train under way have seen."""
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
            f"light session: {spent.session_flashes} flashes made, {frames} asked for; light.max_session_flashes "
            f"allows {light.max_session_flashes}; begin a new light session with the next person "
            "(box.clear_light_session)"
        )
    end = timebase.now_s() + light.min_train_pause_s + MARGIN_S
    # TrainFlashes reads 0 once the pause is over (PROTOCOL, LightSession); until then the box alone knows what is due.
    while (train := box.light_session().train_flashes) and train + frames > light.max_train_flashes:
        if timebase.now_s() > end:
            raise ScheduleError(
                f"flash train: {train} flashes made, {frames} asked for; light.max_train_flashes allows "
                f"{light.max_train_flashes}, and the dark pause of {light.min_train_pause_s:g} s does not end"
            )
        logger.info("waiting for the dark pause between flash trains (%g s)", light.min_train_pause_s)
        look_up()
        timebase.sleep(POLL_S)
