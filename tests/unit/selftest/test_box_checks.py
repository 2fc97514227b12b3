"""The checks of the trigger box, on boxes with one thing wrong.

In: a box made for the test, with one fault each. Out: the verdict and the sentence of each check. No port is opened.
"""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from rigdriver.config import RigConfig
from rigdriver.devices.box.clock_probe import ClockProbe
from rigdriver.devices.box.events import BoxStatus
from rigdriver.devices.box.identity import BoxIdentity
from rigdriver.selftest.box_checks import Health, judge_box, judge_health, judge_watchdog
from rigdriver.selftest.result import Status
from rigdriver.wire.registers import INTERFACE_HASH, BoxStates, CountersRecord, Faults, HardLightLimitsRecord
from rigdriver.wire.session import LinkCounters
from tests.fake_time import FakeTime

CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null", "watchdog_s": 0.01},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [{"name": "left", "serial": "1", "output": 0}, {"name": "right", "serial": "2", "output": 1}],
        "lamps": [{"name": "flash", "kind": "white", "output": 9}],
    }
)
IDENTITY = BoxIdentity(
    device_name="TriggerBox",
    serial_number=7,
    uid="",
    firmware="1.0.0",
    interface_hash=INTERFACE_HASH.hex(),
    tick_rate_hz=10_000_000,
    outputs=10,
    inputs=8,
    max_steps=32,
    lamp_outputs=0x3C0,
    interlock_inputs=0x40,
    sync_inputs=0x80,
    hard_light=HardLightLimitsRecord(1, 1, 1, 1, 1, 1),
)
IDLE = BoxStatus(BoxStates.IDLE, Faults(0), 0, 0, 0x40, 0)
FAULTED = replace(IDLE, state=BoxStates.FAULT, fault=Faults.WATCHDOG_EXPIRED)
NO_COUNTS = CountersRecord(*[0] * 12)


class FakeBox:
    def __init__(self, identity=IDENTITY, status=IDLE, trip_ms=1.0, fault=FAULTED):
        self.identity, self._status, self._trip_ms, self._fault = identity, status, trip_ms, fault
        self.link_counters = LinkCounters()
        self.acts: list[str] = []
        self.sinks: list[object] = []
        self._ticks = 0

    def status(self):
        return self._status

    def counters(self):
        return NO_COUNTS

    def probe_clock(self):
        self._ticks += 1
        return ClockProbe(self._ticks, 0, round(self._trip_ms * 1e6), self._ticks)

    def subscribe(self, sink):
        self._sink = sink
        self.sinks.append(sink)

    def unsubscribe(self, sink):
        self.sinks.remove(sink)

    def commit(self, schedule):
        self.schedule = schedule

    def arm(self, generation):
        self.acts.append("arm")

    def start(self, generation):
        self.acts.append("start")

    def stop(self, now=True):
        self.acts.append("stop")

    def clear_fault(self):
        self.acts.append("clear_fault")

    def stop_feeding(self):
        self.acts.append("stop_feeding")
        if self._fault is not None:
            self._sink(self._fault)


def failures(checks) -> dict[str, str]:
    return {check.name: check.remedy for check in checks if check.status is not Status.GOOD}


def test_a_sound_box_is_good():
    assert failures(judge_box(FakeBox(), CONFIG)) == {}


@pytest.mark.parametrize(
    ("box", "name", "word"),
    [
        (FakeBox(replace(IDENTITY, interface_hash="00" * 20)), "box.interface", "the same release"),
        (FakeBox(replace(IDENTITY, outputs=9)), "box.outputs", "a box with more outputs"),
        (FakeBox(replace(IDENTITY, lamp_outputs=0x1C0)), "box.lamp_outputs", "flash on output 9"),
        (FakeBox(status=replace(IDLE, output_levels=1)), "box.state", "outputs 0 are on"),
        (FakeBox(status=FAULTED), "box.state", "this computer was silent for longer than box.watchdog_s"),
        (FakeBox(status=replace(IDLE, input_levels=0)), "box.interlock", "covers"),
        (FakeBox(replace(IDENTITY, interlock_inputs=0)), "box.interlock", "no interlock input"),
        (FakeBox(trip_ms=60), "box.clock_probe", "hub"),
    ],
)
def test_one_thing_wrong_fails_its_check_and_no_other(box, name, word):
    found = failures(judge_box(box, CONFIG))
    assert set(found) == {name}
    assert word in found[name]


def test_the_watchdog_is_good_when_an_unfed_box_turns_everything_off():
    box = FakeBox()
    assert failures(judge_watchdog(box, CONFIG)) == {}
    assert box.acts == ["arm", "start", "stop_feeding", "stop", "clear_fault"]
    assert box.sinks == []


def test_the_watchdog_check_lights_no_lamp_and_holds_its_outputs_past_the_deadline():
    box = FakeBox()
    list(judge_watchdog(box, CONFIG))
    (step,) = box.schedule.steps
    assert step.output_mask == 0b11
    assert step.width_ticks > CONFIG.box.watchdog_s * IDENTITY.tick_rate_hz


def test_outputs_that_stay_on_fail_although_the_box_says_that_it_tripped():
    box = FakeBox(status=replace(FAULTED, output_levels=3))
    assert set(failures(judge_watchdog(box, CONFIG))) == {"box.outputs_cut"}


def test_no_remedy_or_figure_is_written_in_python():
    faulted = FakeBox(status=replace(FAULTED, output_levels=3), fault=replace(FAULTED, fault=Faults.INTERLOCK_OPEN))
    checks = [*judge_box(faulted, CONFIG), *judge_watchdog(faulted, CONFIG)]
    told = " ".join(f"{check.measured} {check.expected} {check.remedy}" for check in checks)
    assert "the interlock opened" in told
    assert not re.search(r"<\w+\.|Faults|0x[0-9a-f]+>", told)


@pytest.mark.parametrize("fault", [None, replace(FAULTED, fault=Faults.INTERLOCK_OPEN)])
def test_a_watchdog_that_does_not_trip_fails_and_the_box_is_stopped(fault):
    box = FakeBox(fault=fault)
    assert "box.watchdog" in failures(judge_watchdog(box, CONFIG, FakeTime()))
    assert box.acts[-2:] == ["stop", "clear_fault"]
    assert box.sinks == []


def test_counters_fail_for_what_was_added_only():
    old = Health(replace(NO_COUNTS, checksum_errors=5), LinkCounters(stale=1, bytes_skipped=2))
    assert failures(judge_health(old, old)) == {}
    worse = Health(replace(old.box, checksum_errors=6), replace(old.link, bytes_skipped=9))
    found = failures(judge_health(old, worse))
    assert found["box.counters"].startswith("checksum_errors 1")
    assert found["box.link_counters"].startswith("bytes_skipped 7")


@pytest.mark.parametrize(
    ("link", "name", "word"),
    [
        (LinkCounters(abandoned=3), "box.replies", "abandoned 3"),
        (LinkCounters(unfinished=1, bytes_skipped=2), "box.replies", "unfinished 1"),
        (LinkCounters(abandoned=1, checksum_errors=1), "box.link_counters", "abandoned 1"),
        (LinkCounters(abandoned=1, bytes_skipped=2), "box.link_counters", "bytes_skipped 2"),
    ],
)
def test_what_time_alone_explains_is_told_apart_from_damage(link, name, word):
    found = failures(judge_health(Health(NO_COUNTS, LinkCounters()), Health(NO_COUNTS, link)))
    assert list(found) == [name]
    assert word in found[name]


def test_ordinary_traffic_is_no_error():
    busy = SimpleNamespace(
        counters=lambda: replace(NO_COUNTS, events_sent=9, watchdog_trips=1), link_counters=LinkCounters(5, 5)
    )
    before = Health(NO_COUNTS, LinkCounters())
    assert failures(judge_health(before, Health(busy.counters(), busy.link_counters))) == {}
