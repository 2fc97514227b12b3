"""Two witnesses that are bent by the same number of pulses agree on a wrong place; no frame is proved there."""

from __future__ import annotations

from collections import defaultdict

import pytest

from rigdriver.sync.hypotheses import ENOUGH_OF_ARRIVAL
from tests.unit.sync.campaign import planted_outcome
from tests.unit.sync.planted import World, run

CAMERA = "camera_0"
PERIOD_NS = 100_000_000
AT = 20
PULSES = 34
COUNTERS: dict[str, tuple[int, tuple[int, int] | None]] = {
    "64 bit": (1000, None),
    "16 bit from 1": (2**16 - AT - 7, (2**16, 1)),
    "16 bit from 0": (2**16 - AT - 6, (2**16, 0)),
    "8 bit": (2**8 - AT - 6, (2**8, 0)),
}
"""Counters of frame ids, the short ones begin again at about the pulse of the first fault; the preamble uses five."""
Acts = tuple[tuple[int, str, int], ...]
"""(pulse, fault, by how many periods, ids or frames)"""


def world_of(acts: Acts, counter: str, arrival_jitter_ns: float = 1e6, seed: int = 3) -> World:
    """Return a world of one camera with those faults."""
    faults = defaultdict(list)
    first_id, wrap = COUNTERS[counter]
    world = World(seed, 10, cameras=(CAMERA,), first_id=first_id, wrap=wrap, arrival_jitter_ns=arrival_jitter_ns)
    for pulse, fault, size in acts:
        place = (CAMERA, pulse)
        faults[place].append(fault)
        if fault in {"clock_step", "stamp_jump"}:
            world.step_of[place] = size * PERIOD_NS
        if fault in {"id_step", "id_jump"}:
            world.ids_of[place] = size
        if fault == "late":
            world.late_of[place] = size
    world.faults.update({place: "+".join(names) for place, names in faults.items()})
    return world


def wrong_frames(world: World, at_least: int = AT - 2) -> list[tuple[int, int]]:
    """Return pulse of the frame set and of the frame where they differ."""
    resolved, _, _ = run(world, PULSES)
    pairs = [(r.pulse_index, int(f.pixels[0, 0])) for r in resolved for f in r.frames.values()]
    assert len(pairs) >= at_least, "what came before the faults is proved"
    return [(placed, true) for placed, true in pairs if placed != true]


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("periods", [-2, -1, 1, 2])
@pytest.mark.parametrize("later", [0, 1, 2])
@pytest.mark.parametrize(
    ("fault", "size"),
    [("id_step", 0), ("id_jump", 0), ("id_reset", 0), ("frozen_stamp", 0), ("late", 1), ("late", 2), ("reordered", 0),
     ("lost_frame", 0), ("lagging_header", 0)],
)  # fmt: skip
def test_a_clock_that_steps_by_whole_periods_and_another_fault_put_no_frame_into_a_wrong_set(
    fault: str, size: int, later: int, periods: int, counter: str
) -> None:
    acts = ((AT, "clock_step", periods), (AT + later, fault, size or periods))
    assert wrong_frames(world_of(acts, counter)) == []


@pytest.mark.parametrize(
    "acts",
    [
        # A repeated id, then or at once an id that stands still for good, after a step of one period.
        ((AT, "clock_step", -1), (AT + 1, "id_jump", -1)),
        ((AT, "clock_step", -1), (AT, "id_step", -1)),
        ((AT, "clock_step", -2), (AT + 1, "id_jump", -1), (AT + 2, "id_jump", -2)),
        # Id and stamp skip as many pulses at once.
        ((AT, "clock_step", 1), (AT, "id_step", 1)),
        ((AT, "clock_step", 2), (AT, "id_step", 2)),
        ((AT, "stamp_jump", 1), (AT, "id_jump", 1)),
        ((AT, "stamp_jump", -1), (AT + 1, "clock_step", -1), (AT + 1, "id_step", -1)),
        # Each image comes with the header of the one before, for good.
        ((AT, "lagging_header", 1),),
        ((AT, "lagging_header", 1), (AT + 1, "lagging_header", 1)),
        # Frames are lost that use up no id while the clock steps back by as many periods: the next one looks late.
        ((AT - 1, "uncounted_loss", 1), (AT, "clock_step", -1)),
        ((AT - 2, "uncounted_loss", 1), (AT - 1, "uncounted_loss", 1), (AT, "clock_step", -2)),
        ((AT - 1, "uncounted_loss", 1), (AT, "clock_step", -1), (AT + 1, "id_jump", -1)),
        ((AT - 1, "lost_frame", 1), (AT, "stamp_jump", -1), (AT, "id_jump", -1)),
        # The second image of a period comes with the header of the first.
        ((AT, "lagging_header", 1), (AT + 3, "doubled_trigger", 1)),
        ((AT, "lagging_header", 1), (AT, "reordered", 1)),
        # The box misses an exposure while the clock steps ahead.
        ((AT, "stamp_jump", 1), (AT, "line_dead", 1)),
        # A clock that stepped, a counter that begins again and a frame that is overtaken.
        ((AT, "clock_step", 1), (AT + 3, "reordered", 1)),
    ],
)
@pytest.mark.parametrize("counter", COUNTERS)
def test_clock_and_counter_that_are_bent_alike_prove_nothing(acts: Acts, counter: str) -> None:
    assert wrong_frames(world_of(acts, counter)) == []


@pytest.mark.parametrize("later", [1, 3])
@pytest.mark.parametrize("fault", ["id_jump", "id_step", "lost_frame", "frozen_stamp", "late"])
def test_images_with_the_headers_of_those_before_prove_nothing_even_where_arrivals_scatter_over_half_a_period(
    fault: str, later: int
) -> None:
    acts = ((AT, "lagging_header", 1), (AT + later, fault, 1))
    assert wrong_frames(world_of(acts, "64 bit", arrival_jitter_ns=PERIOD_NS / 2)) == []


@pytest.mark.parametrize("periods", [1, 2, 3, 8])
@pytest.mark.parametrize("fault", ["late", "reordered"])
def test_frames_that_come_late_by_whole_periods_are_no_gaps(fault: str, periods: int) -> None:
    """The frames behind the late one show that it was late."""
    resolved, _, _ = run(world_of(((AT, fault, periods),), "64 bit"), PULSES)
    assert [r.pulse_index for r in resolved if r.gaps] == []
    notes = [n for r in resolved for p in r.proof.frames.values() for n in p.notes]
    assert notes == (["delivered out of order"] if fault == "reordered" else [])


def test_one_stall_of_a_camera_does_not_end_its_lock_at_the_next_fault() -> None:
    """The late frames are a fifth of those that say what is usual; the frame of the step waits for the next one."""
    world = world_of(((AT - 10, "late", 6), (AT, "id_jump", -1), (AT + 2, "clock_step", 1)), "64 bit")
    resolved, _, _ = run(world, PULSES)
    assert [r.pulse_index for r in resolved if r.gaps] == [AT]


@pytest.mark.parametrize("counter", [name for name in COUNTERS if name != "8 bit"])
@pytest.mark.parametrize("periods", [-2, -1, 1, 2])
def test_a_frame_is_proved_again_as_soon_as_the_arrivals_say_which_of_two_witnesses_was_bent(
    periods: int, counter: str
) -> None:
    world = world_of(((AT - 8, "clock_step", periods), (AT - 7, "id_jump", -1)), counter)
    resolved, _, _ = run(world, PULSES)
    assert {r.pulse_index for r in resolved if r.gaps} <= set(range(AT - 8, AT - 4))


@pytest.mark.parametrize("counter", [name for name in COUNTERS if name != "8 bit"])
@pytest.mark.parametrize("lost", [0, 1, 2])
@pytest.mark.parametrize("late", range(1, ENOUGH_OF_ARRIVAL))
@pytest.mark.parametrize("pulses", [1, 2, 3])
@pytest.mark.parametrize("fault", ["id_step", "clock_step"])
def test_a_counter_or_clock_and_so_many_arrivals_in_a_row_that_are_bent_alike_prove_nothing(
    fault: str, pulses: int, late: int, lost: int, counter: str
) -> None:
    """Each late frame is late by a fault of its own; `lost` frames are lost after the first of them.

    A counter of 8 bits begins again just then, which bends the third witness.
    """
    after = [AT + 1 + lost + n for n in range(late - 1)]
    acts = [(AT, fault, pulses), *((pulse, "late", pulses) for pulse in [AT, *after])]
    acts += [(AT + 1 + n, "lost_frame", 0) for n in range(lost)]
    assert wrong_frames(world_of(tuple(acts), counter)) == []


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("free", [("frozen_stamp", 0), ("stamp_jump", -1), ("id_jump", -1), ("lost_frame", 0)])
@pytest.mark.parametrize("behind", [1, 2, 3])
def test_a_frame_whose_clock_and_counter_lag_alike_does_not_take_an_older_place_that_is_free(
    behind: int, free: tuple[str, int], counter: str
) -> None:
    here = AT + behind
    acts = ((AT, *free), (here, "stamp_jump", -behind), (here, "id_jump", -behind))
    assert wrong_frames(world_of(acts, counter)) == []


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("jitter", [0.01, 0.06, 0.1])
@pytest.mark.parametrize("faults", [("lost_frame",), ("lost_frame", "reordered"), ("uncounted_loss", "reordered")])
def test_images_with_the_headers_of_those_before_take_no_place_of_a_lost_one(
    faults: tuple[str, ...], jitter: float, seed: int
) -> None:
    lagging = ((AT - 12, "lagging_header", 1), (AT - 11, "id_step", 1))
    acts = (*lagging, *((AT + n, fault, 0) for n, fault in enumerate(faults)))
    assert wrong_frames(world_of(acts, "64 bit", jitter * PERIOD_NS, seed), at_least=AT - 12) == []


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("second", ["doubled_trigger", "noise_edge"])
@pytest.mark.parametrize("later", [0, 1, 2])
def test_the_second_image_of_a_period_does_not_take_the_place_of_the_first_by_its_header(
    later: int, second: str, seed: int
) -> None:
    acts = ((AT, "lagging_header", 1), (AT + later, second, 0))
    assert wrong_frames(world_of(acts, "64 bit", seed=seed)) == []


def test_arrivals_alone_tie_no_camera_where_they_scatter_over_a_period() -> None:
    """Frames that wait for each other are late together, so that a few of them deceive."""
    assert planted_outcome("late and jittering", 20011, 300).wrong == 0


@pytest.mark.parametrize("seed", [20038, 20101, 20135, 20141, 20143, 20152, 20175])
def test_the_worlds_in_which_two_witnesses_were_bent_alike_have_no_wrong_frame(seed: int) -> None:
    assert planted_outcome("bent alike", seed, 300).wrong == 0


def test_the_world_in_which_a_repeated_id_followed_a_step_of_one_period_has_no_wrong_frame() -> None:
    assert planted_outcome("16-bit frame ids", 5013, 300).wrong == 0
