"""The wiring check against a small rig of wires that can be plugged wrongly.

In: cables plugged right, swapped and missing. Out: what is connected to what, and the sentence that tells a technician
which cable to move.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import ANY

import numpy as np
import pytest

from rigdriver.config import RigConfig
from rigdriver.devices.cameras.events import CameraLost
from rigdriver.errors import CameraError
from rigdriver.frames import Edge, Frame, PulseReport
from rigdriver.selftest.result import Status
from rigdriver.selftest.wiring import TRIGGERS, judge_wiring, probe_wiring

TICKS = 10_000_000
NAMES = ("left", "right", "top")
CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "sync": {"gap_timeout_s": 0.01},
        "cameras": [
            {"name": name, "serial": name.upper(), "output": 2 * i, "input": i, "latency_us": 20, "jitter_us": 5}
            for i, name in enumerate(NAMES)
        ],
    }
)


class FakeRig:
    """A box and cameras; `triggers` and `lines` say which camera hangs on which output and input."""

    def __init__(
        self, triggers: dict[int, str], lines: dict[str, int], latency_us: float = 20, exposure_us: float = 2000
    ):
        self.triggers, self.lines = triggers, lines
        self.latency, self.exposure = round(latency_us * 10), round(exposure_us * 10)
        self.is_running = False
        self.delivers = set(NAMES)
        self.masks: list[int] = []
        self.box_sinks: list[object] = []

    def subscribe(self, sink):
        self.to_box_sink = sink
        self.box_sinks.append(sink)

    def unsubscribe(self, sink):
        self.box_sinks.remove(sink)

    def commit(self, schedule):
        self.schedule = schedule

    def arm(self, generation):
        assert generation == self.schedule.generation

    def start(self, *args):
        if callable(args[0]):
            self.to_camera_sink = args[0]
            return
        (step,) = self.schedule.steps
        self.masks.append(step.output_mask)
        output = step.output_mask.bit_length() - 1
        for index in range(self.schedule.pulse_count):
            start = index * self.schedule.pulse_period_ticks
            camera = self.triggers.get(output)
            edges = [Edge(start, False, step.output_mask, step.output_mask)]
            if camera in self.lines:
                bit = 1 << self.lines[camera]
                edges.append(Edge(start + self.latency, True, bit, bit))
                edges.append(Edge(start + self.latency + self.exposure, True, bit, 0))
            self.to_box_sink(PulseReport(index, args[0], start, tuple(edges), True, 0))
            if camera in self.delivers:
                self.to_camera_sink(Frame(camera, index, 0, 0, "Mono8", np.zeros((2, 2), np.uint8)))

    def stop(self, now=True):
        self.is_running = False


RIGHT = {0: "left", 2: "right", 4: "top"}
LINES = {"left": 0, "right": 1, "top": 2}


def judge(rig: FakeRig) -> dict[str, str]:
    checks = judge_wiring(probe_wiring(rig, rig, CONFIG, TICKS), CONFIG)
    return {check.name: check.remedy for check in checks if check.status is not Status.GOOD}


def test_a_rig_that_is_wired_as_its_file_says_is_good():
    assert judge(FakeRig(RIGHT, LINES)) == {}


def test_each_output_is_pulsed_alone():
    rig = FakeRig(RIGHT, LINES)
    judge(rig)
    assert rig.masks == [1, 4, 16]


def test_nobody_listens_to_the_box_afterwards_even_if_the_probe_fails():
    rig = FakeRig(RIGHT, LINES)
    judge(rig)
    assert rig.box_sinks == []
    broken = FakeRig(RIGHT, LINES)
    broken.delivers = None
    with pytest.raises(TypeError):
        judge(broken)
    assert broken.box_sinks == []


def test_swapped_trigger_cables_name_both_cameras():
    found = judge(FakeRig({0: "right", 2: "left", 4: "top"}, LINES))
    assert "output 0 reaches right, and that of right reaches left" in found["wiring.left.frames"]
    assert "exchange the trigger cables of right and left" in found["wiring.right.frames"]
    assert "wiring.top.frames" not in found


def test_swapped_exposure_lines_show_although_the_frames_are_right():
    found = judge(FakeRig(RIGHT, {"left": 1, "right": 0, "top": 2}))
    assert set(found) == {"wiring.left.exposure_line", "wiring.right.exposure_line"}
    assert "exchange the cables of left and right at the box inputs" in found["wiring.left.exposure_line"]


def test_trigger_and_line_swapped_together_still_show_in_the_frames():
    found = judge(FakeRig({0: "right", 2: "left", 4: "top"}, {"left": 1, "right": 0, "top": 2}))
    assert set(found) == {"wiring.left.frames", "wiring.right.frames"}


def test_a_cut_trigger_cable_is_told_from_a_cut_data_cable():
    cut_trigger = judge(FakeRig({2: "right", 4: "top"}, LINES))
    assert "trigger cable at box output 0" in cut_trigger["wiring.left.frames"]
    rig = FakeRig(RIGHT, LINES)
    rig.delivers = {"right", "top"}
    cut_data = judge(rig)
    assert set(cut_data) == {"wiring.left.frames"}
    assert "data cable" in cut_data["wiring.left.frames"]


def test_a_camera_that_hangs_is_named_and_no_cable_is_blamed():
    rig = FakeRig({2: "right", 4: "top"}, LINES)
    begin = rig.start

    def start(*args):
        begin(*args)
        if callable(args[0]):
            args[0](CameraLost("left", CameraError("camera left (SN LEFT): does not answer; power it off and on")))

    rig.start = start
    assert judge(rig) == {
        "wiring.left.frames": "camera left (SN LEFT): does not answer; power it off and on",
        "wiring.left.exposure_line": ANY,
    }


def test_a_line_that_is_not_connected_fails_although_frames_come():
    found = judge(FakeRig(RIGHT, {"right": 1, "top": 2}))
    assert set(found) == {"wiring.left.exposure_line"}
    assert "input 0" in found["wiring.left.exposure_line"]


@pytest.mark.parametrize(
    ("latency_us", "exposure_us", "kind"), [(60, 2000, "latency"), (20, 5000, "exposure"), (20, 100, "exposure")]
)
def test_another_latency_or_exposure_than_configured_fails(latency_us, exposure_us, kind):
    found = judge(FakeRig(RIGHT, LINES, latency_us, exposure_us))
    assert set(found) == {f"wiring.{name}.{kind}" for name in NAMES}


def test_a_trigger_that_reaches_a_second_camera_as_well_names_it():
    first, *others = probe_wiring(rig := FakeRig(RIGHT, LINES), rig, CONFIG, TICKS)
    both = replace(first, frames={**first.frames, "right": TRIGGERS})
    found = {
        check.name: check.remedy for check in judge_wiring([both, *others], CONFIG) if check.status is not Status.GOOD
    }
    assert set(found) == {"wiring.left.frames"}
    assert "output 0 reaches right" in found["wiring.left.frames"]
