"""Light of a run: waits for the dark pause that is due, and writes down every emission.

In: the box's light counters before a run, proofs during it. Out: a wait, a refusal, or lines in the light log. The
schedule has been proved within the limits, and the box enforces them by itself; here the host keeps the budget from
one run to the next. This file refuses to know cameras.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from rigdriver.clock import us_from_ticks
from rigdriver.config import RigConfig
from rigdriver.devices.trigger_box import TriggerBox
from rigdriver.errors import ScheduleError
from rigdriver.frames import FrameSet
from rigdriver.schedule.planned import Schedule

logger = logging.getLogger("rigdriver.light")
POLL_S = 0.1
MARGIN_S = 1.0


def await_light_budget(
    box: TriggerBox, config: RigConfig, schedule: Schedule, look_up: Callable[[], None] = lambda: None
) -> None:
    """Wait until the schedule's flashes fit into a train; the wait ends with the dark pause at the latest.

    `look_up` is called now and then meanwhile; what it raises ends the wait.

    Raises:
        ScheduleError: the session's flashes are used up.
    """
    light, frames = config.light, schedule.box.frame_count
    spent = box.light_session()
    if spent.session_pulses + frames > light.max_session_pulses:
        raise ScheduleError(
            f"light session: {spent.session_pulses} flashes made, {frames} asked for; light.max_session_pulses allows "
            f"{light.max_session_pulses}; begin a new session with the next person (box.clear_light_session)"
        )
    end = time.monotonic() + light.min_train_pause_s + MARGIN_S
    while (train := box.light_session().train_pulses) and train + frames > light.max_train_pulses:
        if time.monotonic() > end:
            raise ScheduleError(
                f"flash train: {train} flashes made, {frames} asked for; light.max_train_pulses allows "
                f"{light.max_train_pulses}, and the dark pause of {light.min_train_pause_s:g} s does not end"
            )
        logger.info("waiting for the dark pause between flash trains (%g s)", light.min_train_pause_s)
        look_up()
        time.sleep(POLL_S)


class LightLog:
    """Appends every light emission of a run to a file, one JSON line each, and sums them up for the log."""

    def __init__(self, path: Path | None, rig: str, power_w: Mapping[str, float | None]) -> None:
        """`power_w`: lamp -> radiant power while lit, None where it is not known."""
        self._path = path
        self._rig = rig
        self._power_w = power_w
        self._file: IO[str] | None = None
        self._pulses: dict[str, int] = {}

    def __enter__(self) -> Self:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._pulses:
            logger.info(
                "light emitted by rig %s: %s", self._rig, ", ".join(f"{n} x{c}" for n, c in self._pulses.items())
            )

    def write(self, frame_set: FrameSet) -> None:
        """Write down the emissions of one pulse."""
        proof = frame_set.proof
        for strobe in proof.strobes:
            self._pulses[strobe.lamp] = self._pulses.get(strobe.lamp, 0) + 1
            if self._file is None:
                continue
            width_us = us_from_ticks(strobe.fall_ticks - strobe.rise_ticks, proof.tick_rate_hz)
            power_w = self._power_w.get(strobe.lamp)
            line = {
                "t_utc_ns": frame_set.t_utc_ns,
                "rig": self._rig,
                "generation": proof.generation,
                "pulse": frame_set.index,
                "lamp": strobe.lamp,
                "width_us": width_us,
                "energy_mj": None if power_w is None else power_w * width_us * 1e-3,
            }
            self._file.write(json.dumps(line) + "\n")
