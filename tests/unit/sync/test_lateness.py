"""A frame that may be of a later exposure than clock and counter name waits until each of those has its frame."""

from __future__ import annotations

from collections import defaultdict
from typing import cast

import numpy as np
import pytest

from rigdriver.frames import Frame
from rigdriver.sync.arrivals import Arrivals
from rigdriver.sync.exposures import Exposure, ExposureLog
from rigdriver.sync.lateness import LateFrames
from rigdriver.sync.trust import Anchor, Trust
from tests.unit.sync.campaign import planted_outcome
from tests.unit.sync.planted import ANSWER_NS, World, run

CAMERA = "camera_0"
RATE_HZ = 10
PERIOD_NS = 10**9 // RATE_HZ
USUAL_NS = 10_000_000
RESTART = 7
AT = 24
"""Pulse of the first fault, long after the restart: the arrivals have tied the camera again by then."""
PULSES = 40
Acts = tuple[tuple[int, str, float], ...]
"""(pulse, fault, by how many periods it is late)"""


def world_of(acts: Acts, lag: int, seed: int, arrival_ns: float | None = None) -> World:
    """Return a world of one camera with those faults, whose images have the headers of those `lag` before.

    Clock and counter begin anew meanwhile, so that arrivals alone tie the camera: the lag cannot be seen any more.
    """
    faults = defaultdict(list)
    world = World(
        seed, RATE_HZ, cameras=(CAMERA,), first_id=1000, arrival_jitter_ns=1e5 if arrival_ns else 1e6,
        arrival_ns=arrival_ns, exposure_us=1000,
    )  # fmt: skip
    lagging = [(RESTART - 1 - n, "lagging_header", 0.0) for n in range(lag)]
    restart = [(RESTART, "restart", 0.0)] if lag else []
    for pulse, fault, late in (*lagging, *restart, *acts):
        faults[CAMERA, pulse].append(fault)
        if fault == "late":
            world.late_of[CAMERA, pulse] = late
    world.step_of[CAMERA, RESTART] = 10**12
    world.faults.update({place: "+".join(names) for place, names in faults.items()})
    return world


def placed(world: World) -> list[tuple[int, int]]:
    """Return pulse of the frame set and of the frame, for each frame since the first fault."""
    resolved, _, _ = run(world, PULSES)
    pairs = [(r.pulse_index, int(f.pixels[0, 0])) for r in resolved for f in r.frames.values()]
    tied = range(RESTART + 4, AT - 3)
    assert set(tied) <= {placed for placed, true in pairs if placed == true}, "the camera is tied again"
    return [pair for pair in pairs if pair[0] >= AT - 3]


def wrong(world: World) -> list[tuple[int, int]]:
    return [(here, true) for here, true in placed(world) if here != true]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lag", [1, 2, 3])
@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_frame_that_was_overtaken_does_not_show_that_the_one_before_it_was_late(
    late: float, lag: int, seed: int
) -> None:
    """Both carry the headers of images before; the order in which they came says nothing of their exposures."""
    acts = ((AT, "lost_frame", 0.0), (AT + 1, "reordered", 0.0), *(((AT + 2, "late", late),) if late else ()))
    assert wrong(world_of(acts, lag, seed)) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lost", ["lost_frame", "uncounted_loss"])
@pytest.mark.parametrize("behind", [1, 2])
@pytest.mark.parametrize("late", [2.6, 3.0, 4.6])
def test_frames_that_a_stall_delivers_at_once_are_placed_only_where_each_later_place_is_taken(
    late: float, behind: int, lost: str, seed: int
) -> None:
    """A frame is lost among them, and those behind it have the headers of the images before."""
    acts = ((AT, "late", late), (AT + behind, lost, 0.0))
    assert wrong(world_of(acts, 1, seed)) == []


@pytest.mark.parametrize("arrival_ns", [None, 2e5])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("second", ["doubled_trigger", "noise_edge"])
def test_the_second_image_of_a_period_does_not_take_the_place_of_the_first_that_was_lost(
    second: str, seed: int, arrival_ns: float | None
) -> None:
    """Also where frames overtake the reports of their exposures, so that the second one is not reported yet."""
    world = world_of(((AT, f"{second}+lost_frame", 0.0),), 1, seed, arrival_ns)
    assert wrong(world) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("step", ["id_step", "clock_step"])
@pytest.mark.parametrize("late", [1, 2, 3])
def test_headers_that_lag_behind_a_step_of_clock_or_counter_place_no_late_frame_behind_a_lost_one(
    late: float, step: str, seed: int
) -> None:
    """The step makes one of the two right, so only six arrivals in a row have said that the other one is wrong."""
    world = world_of(((AT, "lost_frame", 0.0), (AT + 1, "late", late)), 0, seed)
    world.faults.update({(CAMERA, RESTART - 1): "lagging_header", (CAMERA, RESTART): step})
    world.ids_of[CAMERA, RESTART] = 1
    world.step_of[CAMERA, RESTART] = PERIOD_NS
    assert wrong(world) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("step", "step_ns"), [("id_step", 10**12), ("id_reset", PERIOD_NS)])
@pytest.mark.parametrize("late", [1, 2, 3])
def test_headers_that_may_lag_since_a_copy_of_one_place_no_late_frame_behind_a_lost_one(
    late: float, step: str, step_ns: int, seed: int
) -> None:
    """Clock and counter have both stepped since, so that one of the two seems to prove a step of the other."""
    world = world_of(((AT, "lost_frame", 0.0), (AT + 1, "late", late)), 0, seed)
    world.faults.update({(CAMERA, RESTART - 1): "lagging_header", (CAMERA, RESTART): f"{step}+clock_step"})
    world.ids_of[CAMERA, RESTART] = 1
    world.step_of[CAMERA, RESTART] = step_ns
    assert wrong(world) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("late", [1, 2])
def test_a_late_frame_with_the_header_of_the_lost_one_before_it_does_not_take_its_place(late: float, seed: int) -> None:
    """The preamble ties the camera, and the frame behind overtakes this one by clock and counter."""
    world = world_of(((AT, "lost_frame", 0.0), (AT + 1, "late", late)), 0, seed)
    world.faults[CAMERA, AT + 1] += "+stamp_jump+id_jump"
    world.step_of[CAMERA, AT + 1] = -PERIOD_NS
    world.ids_of[CAMERA, AT + 1] = -1
    assert wrong(world) == []


@pytest.mark.parametrize(("lost", "late"), [(1, 2.6), (1, 3.0), (1, 4.6), (2, 3.0), (2, 4.6)])
def test_where_a_frame_is_lost_in_a_stall_no_frame_outside_of_the_stall_is_a_gap(lost: int, late: float) -> None:
    resolved, _, _ = run(world_of(((AT, "late", late), (AT + lost, "lost_frame", 0.0)), 0, 3), PULSES)
    gaps = {r.pulse_index for r in resolved if r.gaps}
    assert {AT + lost} <= gaps <= set(range(AT, AT + 1 + int(late)))
    assert all(r.pulse_index == int(f.pixels[0, 0]) for r in resolved for f in r.frames.values())


@pytest.mark.parametrize(
    ("kind", "seed"), [("other cameras", 31000), ("other cameras", 31036), ("faults in pairs", 31035)]
)
def test_the_worlds_in_which_headers_lagged_behind_a_lost_frame_have_no_wrong_frame(kind: str, seed: int) -> None:
    assert planted_outcome(kind, seed, 300).wrong == 0


def test_no_hypothesis_places_a_frame_that_came_before_its_exposure() -> None:
    """It waits for the box's reports, and its time stamp is ahead by two pulses, whose exposures happen meanwhile."""
    assert planted_outcome("bent alike", 31031, 300).wrong == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("late", [0.06, 0.1, 0.3, 0.7])
def test_a_late_frame_leaves_when_the_box_has_answered_how_far_it_has_reported(late: float, seed: int) -> None:
    """The end of its pulse is reported up to a period later, which is far longer than a question and its answer."""
    world = world_of(((AT, "late", late),), 0, seed, arrival_ns=2e7)
    left_ns: dict[int, int] = {}
    resolved, _, _ = run(world, PULSES, left_ns=left_ns)
    waited_ns = {r.pulse_index: left_ns[r.pulse_index] - r.frames[CAMERA].t_host_ns for r in resolved[AT - 5 :]}
    assert waited_ns == {n: ANSWER_NS if n == AT else 0 for n in waited_ns}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("second", ["doubled_trigger", "noise_edge"])
def test_an_answer_places_no_frame_of_a_second_exposure_that_was_not_reported_when_it_came(
    second: str, seed: int
) -> None:
    """The first image is lost, and the second one has its header: the first that lags."""
    world = world_of(((AT, f"{second}+lost_image", 0.0),), 0, seed, arrival_ns=2e5)
    resolved, _, _ = run(world, PULSES)
    pairs = [(r.pulse_index, int(f.pixels[0, 0])) for r in resolved for f in r.frames.values()]
    assert [pair for pair in pairs if pair[0] != pair[1]] == []


class Reported:
    """An exposure log whose box has reported up to `complete_ticks`; one tick is 1 ns."""

    complete_ticks = 0

    def by_ordinal(self, _ordinal: int) -> None:
        return None

    def ordinal_before(self, _ticks: float) -> int:
        return -1


def test_a_late_frame_that_waits_for_its_report_counts_among_those_behind_another_one() -> None:
    arrivals, log, used = Arrivals(1.0), Reported(), set[int]()
    arrivals.expect(PERIOD_NS)
    late_frames = LateFrames(cast(ExposureLog, log), arrivals, Trust(arrivals), used)
    late_frames.expect(PERIOD_NS)

    def exposure(n: int) -> Exposure:
        return Exposure(CAMERA, n, n, 1, None, n * PERIOD_NS, n * PERIOD_NS + 1, True, False, 0)

    def frame(n: int, late_ns: int) -> Frame:
        return Frame(CAMERA, n, n, n * PERIOD_NS + USUAL_NS + late_ns, "Mono8", np.zeros((1, 1), np.uint8))

    for n in range(7):
        arrivals.add(frame(n, n * 1000), exposure(n))
    seven, eight, nine = frame(7, 185_000_000), frame(8, 86_000_000), frame(9, 0)
    before, after = Anchor(6, 6, frame(6, 0).t_host_ns, 0), Anchor(9, 9, nine.t_host_ns, 0)
    for number, one in ((7, seven), (8, eight)):
        late_frames.arrived(number, one.t_host_ns)
        assert late_frames.is_in_its_place(one, exposure(number), before) is None
    log.complete_ticks = 20 * PERIOD_NS
    late_frames.arrived(9, nine.t_host_ns)
    assert late_frames.is_in_its_place(nine, exposure(9), before)
    used.add(9)
    assert late_frames.is_in_its_place(seven, exposure(7), after)
