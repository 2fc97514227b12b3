"""Runs of a box in tests: a schedule of 10 ms, its edges, and the events as they come.

In: an opened box. Out: schedules, a log of its events, what its pulses looked like. Not here: which box it is (see
box_makers.py).
"""

import threading
from collections.abc import Callable

from rigdriver.devices.box.events import BoxEvent, BoxStatus
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.frames import PulseReport
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.timebase import wait_for
from rigdriver.wire.registers import BoxStates, StageStepRecord
from rigdriver.wire.session import LinkCounters
from tests.conformance.box_makers import WAIT_S, Host

PERIOD = 100_000
"""10 ms."""
STEPS = (box_step(0x01, 0, 1000), box_step(0x3E, 1500, 1000), box_step(0x01, 3000, 500))
EDGES = ((0, 0x01, 0x01), (1000, 0x01, 0), (1500, 0x3E, 0x3E), (2500, 0x3E, 0), (3000, 0x01, 0x01), (3500, 0x01, 0))
"""What the steps must look like: (ticks after the pulse start, mask, levels)."""


class Log:
    """Events as they come."""

    def __init__(self, host: Host, box: TriggerBox) -> None:
        self.events: list[BoxEvent] = []
        self._timebase = host.timebase
        self._news = threading.Condition()
        box.subscribe(self._take)

    def _take(self, event: BoxEvent) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait_for(self, is_there: Callable[[list[BoxEvent]], bool]) -> None:
        with self._news:
            has_come = wait_for(self._timebase, self._news, lambda: is_there(self.events), WAIT_S)
        assert has_come, self.events[-5:]

    def wait_for_state(self, state: BoxStates, times: int = 1) -> None:
        self.wait_for(lambda events: sum(isinstance(e, BoxStatus) and e.state is state for e in events) >= times)

    def wait_for_end(self) -> None:
        running = BoxStates.RUNNING
        self.wait_for(lambda events: any(isinstance(e, BoxStatus) and e.previous_state is running for e in events))

    @property
    def pulses(self) -> list[PulseReport]:
        return [event for event in self.events if isinstance(event, PulseReport) and event.pulse_index >= 0]

    @property
    def states(self) -> list[BoxStates]:
        return [event.state for event in self.events if isinstance(event, BoxStatus)]


def schedule(
    generation: int, pulses: int = 0, steps: tuple[StageStepRecord, ...] = STEPS, period: int = PERIOD
) -> BoxSchedule:
    return BoxSchedule.of(generation, period, pulses, steps)


def run(box: TriggerBox, plan: BoxSchedule) -> None:
    box.commit(plan)
    box.arm(plan.generation)
    box.start(plan.generation)


def merged(pulses: list[PulseReport]) -> dict[int, list[tuple[int, int, int]]]:
    by_index: dict[int, list[tuple[int, int, int]]] = {}
    for pulse in pulses:
        edges = [(e.t_box_ticks - pulse.start_ticks, e.mask, e.levels) for e in pulse.edges if not e.is_input]
        by_index.setdefault(pulse.pulse_index, []).extend(edges)
    return by_index


def assert_link_is_sound(counters: LinkCounters) -> None:
    assert counters.requests == counters.replies
    assert (counters.differences, counters.abandoned, counters.stale, counters.doubled, counters.unsolicited) == (
        0,
    ) * 5
    assert (counters.bytes_skipped, counters.checksum_errors, counters.header_errors, counters.unfinished) == (0,) * 4
    assert counters.implausible_events == 0
