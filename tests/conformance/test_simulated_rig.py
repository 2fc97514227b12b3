"""The simulated rig as a stranger meets it: a box driven by bytes made here, cameras through plain harvesters.

Frames carry a stamp of the pulse that made them (rigdriver_sim.bench.stamp) and truth.jsonl tells what really
happened, so that box, wires, cameras and producer are checked against each other without the driver. Time waits for the
test's thread, which says when it has taken all that has come.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import pytest
from harvesters.core import Harvester

from rigdriver.config import load
from rigdriver.timebase import Timebase, open_timebase
from rigdriver_sim.bench import stamp
from rigdriver_sim.program.launch import RunningRig, launch
from rigdriver_sim.trigger_box import registers as r
from tests.unit.sim.trigger_box.box_host import (
    Answer,
    Bench,
    Edge,
    EdgeEvent,
    Step,
    edge_event,
    split,
    whole_messages,
    write,
)

SERIALS = [f"SIM000{n}" for n in range(1, 7)]
WAIT_S = 120.0
BUFFERS = 64
"""Buffers per camera: more than the frames of a run."""
WATCHDOG_S = 2.0
GEOMETRY, TEXTURE, PATTERN, WHITE = 0b011011, 0b100100, 0x00C0, 0x0300
STEPS = (Step(GEOMETRY, 0, 1000), Step(PATTERN, 500, 19_000), Step(TEXTURE, 25_000, 1000), Step(WHITE, 25_500, 19_000))
LIGHT = (50_000, 200, 100_000, 0, 1_000_000, 100_000)


class BoxHost:
    """Writes and reads on the pty, without a thread."""

    def __init__(self, path: str, timebase: Timebase) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._timebase = timebase
        self._fed_s = 0.0
        self._rest = b""
        self.events: list[EdgeEvent] = []

    def write(self, address: int, *values: int) -> Answer:
        """Write a register and wait for the reply."""
        os.write(self._fd, write(address, *values))
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            for answer in self._take():
                if answer.address == address:
                    assert not answer.is_error, f"register {address} refused"
                    return answer
            time.sleep(0.0005)
            self._timebase.idle()
        raise AssertionError(f"no reply of register {address}")

    def feed(self) -> None:
        """Feed the watchdog when a quarter of its time has passed, and take what came."""
        if self._timebase.now_s() - self._fed_s > WATCHDOG_S / 4:
            self._fed_s = self._timebase.now_s()
            os.write(self._fd, write(r.REG_WATCHDOG_FEED, 1))
        self._take()

    def idle(self) -> None:
        """Let time go on."""
        self._timebase.idle()

    def run(self, rate_hz: int, pulses: int) -> None:
        period = 10_000_000 // rate_hz
        count, crc = staged(STEPS, period, pulses)
        self.write(r.REG_OPERATION_CONTROL, 1)
        self.write(r.REG_LIGHT_LIMITS, *LIGHT)
        self.write(r.REG_WATCHDOG_TIMEOUT, round(WATCHDOG_S * 10_000_000))
        self.write(r.REG_STAGE_HEADER, period, pulses, count, 0)
        for index, step in enumerate(STEPS):
            self.write(r.REG_STAGE_STEP, index, step.mask, step.delay, step.width)
        self.write(r.REG_COMMIT, 7, count, crc)
        self.write(r.REG_WATCHDOG_FEED, 1)
        self.write(r.REG_ARM, 7)
        self.write(r.REG_START, 7)

    def close(self) -> None:
        os.close(self._fd)

    def _take(self) -> list[Answer]:
        with suppress(BlockingIOError):
            self._rest += os.read(self._fd, 65_536)
        data = b"".join(whole_messages(self._rest))
        self._rest = self._rest[len(data) :]
        answers = split(data)
        self.events += [edge_event(a.payload) for a in answers if a.kind == 3 and a.address == r.REG_EDGE_EVENT]
        return [a for a in answers if a.kind != 3]


def staged(steps: tuple[Step, ...], period: int, frames: int) -> tuple[int, int]:
    return Bench().stage(steps, period, frames)


@contextmanager
def launched(spec: str) -> Iterator[tuple[RunningRig, Timebase]]:
    """Launch a rig, in lockstep with this thread unless the spec says otherwise."""
    lockstep = "" if "lockstep=" in spec else "&lockstep=true&pace=0"
    with launch(spec + lockstep) as rig:
        timebase = open_timebase(load(rig.rig_file).timebase)
        with timebase.take_part("test"):
            yield rig, timebase


@contextmanager
def cameras(rig: RunningRig) -> Iterator[dict[str, Any]]:
    """All six cameras, triggered and started."""
    with ExitStack() as stack:
        harvester = Harvester()
        stack.callback(harvester.reset)
        harvester.add_file(str(rig.producer))
        harvester.update()
        acquirers = {}
        for serial in SERIALS:
            acquirer = harvester.create({"serial_number": serial})
            stack.callback(acquirer.destroy)
            nodes = acquirer.remote_device.node_map
            nodes.TriggerSelector.value = "FrameStart"
            nodes.TriggerMode.value = "On"
            nodes.TriggerSource.value = "Line0"
            nodes.ExposureTime.value = 2000
            acquirer.num_buffers = BUFFERS
            acquirer.start()
            stack.callback(acquirer.stop)
            acquirers[serial] = acquirer
        yield acquirers


def collect(acquirers: dict[str, Any], box: BoxHost, wanted: dict[str, int]) -> dict[str, list[tuple[Any, float]]]:
    """Fetch until every camera has given that many frames; return stamps and mean brightness."""
    got: dict[str, list[tuple[Any, float]]] = {serial: [] for serial in acquirers}
    deadline = time.monotonic() + WAIT_S
    while any(len(got[serial]) < wanted[serial] for serial in got):
        assert time.monotonic() < deadline, {serial: len(frames) for serial, frames in got.items()}
        box.feed()
        is_idle = True
        for serial, acquirer in acquirers.items():
            buffer = acquirer.try_fetch(timeout=0.001)
            if buffer is not None:
                is_idle = False
                part = buffer.payload.components[0]
                image = part.data.reshape(part.height, part.width)
                got[serial].append((stamp.read(image), float(image[image.shape[0] * 3 // 4 :].mean())))
                buffer.queue()
        if is_idle:
            box.idle()
    return got


def rows(rig: RunningRig, what: str) -> list[dict[str, Any]]:
    return [line for line in rig.truth() if line["what"] == what]


PACES = ["lockstep=true&pace=1", "lockstep=true&pace=0", "lockstep=false&pace=0"]
"""By the wall clock, but no faster than the consumer; as fast as the consumer; as fast as there is room for frames."""


SLOW = pytest.param("lockstep=false&pace=1", 5, marks=pytest.mark.realtime)
"""By the wall clock, at 5 Hz: the simulator keeps 8 frames for a consumer that is held up, which are 1.6 s."""


@pytest.mark.parametrize(("pace", "rate_hz"), [*((pace, 30) for pace in PACES), SLOW])
def test_every_frame_carries_the_stamp_of_its_pulse(pace: str, rate_hz: int) -> None:
    frames = 30
    with (
        launched(f"default?width=320&height=160&{pace}") as (rig, timebase),
        cameras(rig) as acquirers,
        closing(BoxHost(rig.port, timebase)) as box,
    ):
        box.run(rate_hz=rate_hz, pulses=frames)
        got = collect(acquirers, box, dict.fromkeys(SERIALS, frames))
        for number, serial in enumerate(SERIALS):
            assert [seen for seen, _ in got[serial]] == [stamp.Stamp(number, n, n) for n in range(frames)]
        exposures = rows(rig, "exposure")
    assert len(exposures) == 6 * frames
    assert not rows_of(exposures, "fault")


def rows_of(lines: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["what"] == what]


def test_frames_are_lit_by_the_lamps_that_flash_inside_their_exposure() -> None:
    with (
        launched("default?width=320&height=160") as (rig, timebase),
        cameras(rig) as acquirers,
        closing(BoxHost(rig.port, timebase)) as box,
    ):
        box.run(rate_hz=20, pulses=3)
        got = collect(acquirers, box, dict.fromkeys(SERIALS, 3))
    assert all(brightness > 80 for frames in got.values() for _, brightness in frames)


def test_the_box_stamps_both_edges_of_every_exposure_where_the_truth_says() -> None:
    frames = 10
    with (
        launched("default?width=128&height=64&seed=3") as (rig, timebase),
        cameras(rig) as acquirers,
        closing(BoxHost(rig.port, timebase)) as box,
    ):
        box.run(rate_hz=30, pulses=frames)
        collect(acquirers, box, dict.fromkeys(SERIALS, frames))
        deadline = time.monotonic() + WAIT_S
        while sum(event.flags & 2 for event in box.events) < 2 * frames:
            assert time.monotonic() < deadline
            box.feed()
            box.idle()
        exposures = rows(rig, "exposure")
    edges: list[Edge] = [edge for event in box.events for edge in event.edges if edge.is_input]
    assert len(edges) == 2 * 6 * frames
    names = {name: n for n, name in enumerate(("left_upper", "left_lower", "left_colour"))}
    names |= {name: n + 3 for n, name in enumerate(("right_upper", "right_lower", "right_colour"))}
    rises = {(n, e.t_ticks) for e in edges for n in range(6) if e.mask == 1 << n and e.levels >> n & 1}
    first = min(exposures, key=lambda line: line["start_ns"])
    first_ticks = min(ticks for n, ticks in rises if n == names[first["camera"]])
    for line in exposures:
        ticks = round((line["start_ns"] - first["start_ns"]) * (1 + 12e-6) / 100) + first_ticks
        near = [t for n, t in rises if n == names[line["camera"]] and abs(t - ticks) <= 2]
        assert len(near) == 1, line


def test_a_withheld_trigger_is_missed_by_exactly_that_camera_and_shifts_nobody() -> None:
    frames = 20
    spec = "default?width=320&height=160&faults.withhold_trigger.left_lower=[4, 11]"
    with launched(spec) as (rig, timebase):
        with cameras(rig) as acquirers, closing(BoxHost(rig.port, timebase)) as box:
            box.run(rate_hz=30, pulses=frames)
            wanted = dict.fromkeys(SERIALS, frames) | {"SIM0002": frames - 2}
            got = collect(acquirers, box, wanted)
        faults = rows(rig, "fault")
    assert [seen.pulse for seen, _ in got["SIM0002"]] == [n for n in range(frames) if n not in (4, 11)]
    assert [seen.pulse for seen, _ in got["SIM0001"]] == list(range(frames))
    assert [(f["fault"], f["camera"], f["pulse"]) for f in faults] == [
        ("withhold_trigger", "left_lower", 4),
        ("withhold_trigger", "left_lower", 11),
    ]


def test_the_same_seed_gives_the_same_exposures_at_any_pace() -> None:
    truths = []
    for pace in PACES:
        spec = f"default?width=128&height=64&{pace}&faults.withhold_trigger_every=5"
        with launched(spec) as (rig, timebase):
            with cameras(rig) as acquirers, closing(BoxHost(rig.port, timebase)) as box:
                box.run(rate_hz=50, pulses=20)
                collect(acquirers, box, dict.fromkeys(SERIALS, 16))
                deadline = time.monotonic() + WAIT_S
                while sum(event.flags & 2 for event in box.events) < 40:
                    assert time.monotonic() < deadline
                    box.feed()
                    box.idle()
            exposures = rows(rig, "exposure")
        start_ns = min(line["start_ns"] for line in exposures)
        truths.append(
            [(e["camera"], e["pulse"], e["ordinal"], round((e["start_ns"] - start_ns) / 1000)) for e in exposures]
        )
    assert truths[0] == truths[1] == truths[2]


def test_a_run_that_is_stopped_can_start_again_without_new_frames_in_between() -> None:
    with (
        launched("default?width=128&height=64") as (rig, timebase),
        cameras(rig) as acquirers,
        closing(BoxHost(rig.port, timebase)) as box,
    ):
        for _ in range(2):
            box.run(rate_hz=50, pulses=0)
            collect(acquirers, box, dict.fromkeys(SERIALS, 5))
            assert struct.unpack("<B", box.write(r.REG_STOP, 1).payload) == (1,)
            with rig.control() as control:
                assert control.get("status")["output_levels"] == 0
                assert control.get("status")["box_state"] == "COMMITTED"
