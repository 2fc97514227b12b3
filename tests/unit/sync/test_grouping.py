"""Without a box, frames are grouped by arrival and never called proved.

In: frames of free-running cameras at any phase, with losses. Out: frame sets by arrival, whose proof says that they are
unproved.
"""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver.frames import Frame, Gap, GapReason
from rigdriver.gap_facts import Told
from rigdriver.sync.grouping import ANY_PHASE, NO_BOX, ArrivalGroups, Grouped

PERIOD_NS = 100_000_000


def frame(camera: str, t_host_ns: int) -> Frame:
    return Frame(camera, 0, 0, t_host_ns, "Mono8", np.zeros((1, 1), np.uint8))


def test_frames_that_arrive_together_make_one_unproved_group() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    assert groups.take(frame("a", 0)) == []
    (group,) = groups.take(frame("b", 20_000_000))
    assert set(group.frames) == {"a", "b"}
    assert group.proof.verdict == "unproved"


def test_a_camera_that_skips_a_period_leaves_a_gap_and_the_next_group_is_whole() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    done = [
        *groups.take(frame("a", 0)),
        *groups.take(frame("a", PERIOD_NS)),
        *groups.take(frame("b", PERIOD_NS + 1000)),
        *groups.tick(2 * PERIOD_NS),
    ]
    assert [sorted(g.frames) for g in done] == [["a"], ["a", "b"]]
    assert done[0].gaps["b"].reason is GapReason.NOT_DELIVERED


def test_what_is_open_at_the_end_is_closed_with_gaps() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    groups.take(frame("b", 0))
    (group,) = groups.finish()
    assert list(group.gaps) == ["a"]


# ---------------------------------------------------------------- what was lost


def numbered(camera: str, frame_id: int, t_host_ns: int, t_camera_ns: int | None = 1) -> Frame:
    return Frame(camera, frame_id, t_camera_ns, t_host_ns, "Mono8", np.zeros((1, 1), np.uint8))


def told(groups: list[Grouped]) -> list[dict[str, str]]:
    """Each group's gaps by name of their reason; an empty one is complete."""
    return [{name: gap.reason.name for name, gap in group.gaps.items()} for group in groups]


def test_frames_that_every_camera_lost_become_groups_of_gaps() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    done: list[Grouped] = []
    for number in (0, 1, 3, 4, 6):
        for camera in ("a", "b"):
            done += groups.take(numbered(camera, number, number * PERIOD_NS))
    lost = {"a": "LOST_ON_THE_WAY", "b": "LOST_ON_THE_WAY"}
    assert told(done) == [{}, {}, lost, {}, {}, lost, {}]
    assert [group.pulse_index for group in done] == list(range(7))
    assert [group.t_host_ns // PERIOD_NS for group in done] == list(range(7))


def test_a_frame_that_one_camera_lost_is_one_gap_with_its_id() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    done: list[Grouped] = []
    for number in range(4):
        done += groups.take(numbered("a", number, number * PERIOD_NS))
        if number != 2:
            done += groups.take(numbered("b", number, number * PERIOD_NS + 5))
    assert told(done) == [{}, {}, {"b": "LOST_ON_THE_WAY"}, {}]
    assert "frame id 2" in str(done[2].gaps["b"])


def test_an_id_that_shows_late_is_not_counted_twice() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    done: list[Grouped] = []
    for number in range(6):
        done += groups.take(numbered("a", number, number * PERIOD_NS))
        if number not in (2, 3, 4):
            done += groups.take(numbered("b", number, number * PERIOD_NS + 5))
    assert len(done) == 6
    assert [sorted(group.gaps) for group in done] == [[], [], ["b"], ["b"], ["b"], []]


def test_a_belated_frame_fills_its_place_or_is_counted() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    for number, camera in ((0, "a"), (0, "b"), (2, "a")):
        groups.take(numbered(camera, number, number * PERIOD_NS))
    done = groups.take(numbered("a", 1, 2 * PERIOD_NS + 1))
    done += groups.take(numbered("b", 2, 2 * PERIOD_NS + 2))
    done += groups.take(numbered("b", 1, 2 * PERIOD_NS + 3))
    assert told(done) == [{"b": "LOST_ON_THE_WAY"}, {}]
    assert done[0].frames["a"].frame_id == 1
    assert groups.late_frames == 1


@pytest.mark.parametrize("cameras", [("a",), ("a", "b")])
def test_damaged_frames_that_have_the_ids_of_later_ones_cost_no_whole_frame(cameras: tuple[str, ...]) -> None:
    groups = ArrivalGroups(cameras, PERIOD_NS)
    done: list[Grouped] = []
    for number in range(1, 31):
        t_host_ns = number * PERIOD_NS
        if number % 3:
            done += groups.take(numbered("a", number, t_host_ns))
        else:
            done += groups.take_loss("a", number + 5, GapReason.INCOMPLETE, 1, t_host_ns)
        for camera in cameras[1:]:
            done += groups.take(numbered(camera, number, t_host_ns + 5))
    done += groups.finish()
    assert told(done) == [{} if number % 3 else {"a": "INCOMPLETE"} for number in range(1, 31)]
    assert groups.late_frames == 0


def test_a_damaged_frame_after_lost_ones_opens_no_group_that_nobody_triggered() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    done: list[Grouped] = []
    for number in range(1, 9):
        t_host_ns = number * PERIOD_NS
        done += groups.take(numbered("b", number, t_host_ns))
        if number == 5:  # its frames 3 and 4 were lost
            done += groups.take_loss("a", 5, GapReason.INCOMPLETE, 1, t_host_ns + 5)
        elif number not in (3, 4):
            done += groups.take(numbered("a", number, t_host_ns + 5))
    assert [group.frames["b"].frame_id for group in done] == list(range(1, 9))
    assert told(done)[4] == {"a": "INCOMPLETE"}
    assert [index for index, group in enumerate(done) if group.gaps] == [2, 3, 4]


def test_damaged_frames_of_all_cameras_are_groups_of_gaps() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    done: list[Grouped] = []
    for number in range(3):
        for camera in ("a", "b"):
            done += groups.take_loss(camera, number, GapReason.INCOMPLETE, 1, number * PERIOD_NS)
    assert told(done) == [{"a": "INCOMPLETE", "b": "INCOMPLETE"}] * 3


def test_a_loss_for_which_this_computer_had_no_room_gives_its_reason_to_the_missing_id() -> None:
    groups = ArrivalGroups(["a"], PERIOD_NS)
    groups.take(numbered("a", 0, 0))
    groups.take_loss("a", None, GapReason.NO_SLOT, 1, PERIOD_NS)
    assert told(groups.take(numbered("a", 2, 2 * PERIOD_NS))) == [{"a": "NO_SLOT"}, {}]


def test_a_lost_camera_is_a_gap_at_once_and_for_good() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    groups.take(numbered("a", 0, 0))
    groups.take_absence(Gap("b", GapReason.CAMERA_LOST, Told("its cable is out")))
    done = [*groups.tick(1), *groups.take(numbered("a", 1, PERIOD_NS))]
    assert told(done) == [{"b": "CAMERA_LOST"}] * 2
    assert "its cable is out" in str(done[1].gaps["b"])


def test_a_silent_camera_is_awaited_again_when_it_speaks() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    groups.take_absence(Gap("b", GapReason.NOT_DELIVERED, Told("nothing for 2 s")))
    assert told(groups.take(numbered("a", 0, 0))) == [{"b": "NOT_DELIVERED"}]
    groups.take(numbered("b", 0, PERIOD_NS))
    assert told(groups.take(numbered("a", 1, PERIOD_NS))) == [{}]
    assert groups.take(numbered("a", 2, 2 * PERIOD_NS)) == []


def test_what_comes_of_a_silent_camera_after_its_group_has_left_opens_no_second_one() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    groups.take(numbered("a", 0, 0))
    groups.take(numbered("b", 0, 1000))
    groups.take_absence(Gap("b", GapReason.NOT_DELIVERED, Told("no whole frame for 1 s")))
    (second,) = groups.take(numbered("a", 1, PERIOD_NS))
    assert groups.take_loss("b", 1, GapReason.INCOMPLETE, 1, PERIOD_NS + 500_000) == []
    groups.take_loss("b", 2, GapReason.INCOMPLETE, 1, 2 * PERIOD_NS)
    (third,) = groups.take(numbered("a", 2, 2 * PERIOD_NS + 1000))
    assert told([second, third]) == [{"b": "NOT_DELIVERED"}, {"b": "INCOMPLETE"}]
    assert [group.pulse_index for group in (second, third)] == [1, 2]
    groups.take_absence(Gap("b", GapReason.NOT_DELIVERED, Told("no whole frame for 1 s")))
    groups.take(numbered("a", 3, 3 * PERIOD_NS))
    assert groups.take(numbered("b", 3, 3 * PERIOD_NS + 500_000)) == []
    assert groups.late_frames == 1
    assert groups.finish() == []


def test_a_trigger_that_nothing_answers_becomes_a_group_of_gaps() -> None:
    groups = ArrivalGroups(["a"], PERIOD_NS, unanswered_ns=10 * PERIOD_NS)
    done: list[Grouped] = []
    for number in range(8):  # the camera obeys each second trigger, and its ids know nothing of the others
        groups.take_trigger(number * PERIOD_NS)
        if number % 2 == 0:
            done += groups.take(numbered("a", number // 2, number * PERIOD_NS + 5))
    assert told(done) == [{}] * 4
    assert told(groups.tick(30 * PERIOD_NS)) == [{"a": "NOT_DELIVERED"}] * 4


def test_frames_that_this_computer_took_up_late_and_all_at_once_are_in_order_and_whole() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS, unanswered_ns=10 * PERIOD_NS)
    for number in range(3):
        groups.take_trigger(number * PERIOD_NS)
    done: list[Grouped] = []
    for camera in ("a", "b"):
        for number in (0, 2) if camera == "b" else (0, 1, 2):
            done += groups.take(numbered(camera, number, 5 * PERIOD_NS))
    assert told(done) == [{}, {"b": "LOST_ON_THE_WAY"}, {}]
    assert all({frame.frame_id for frame in group.frames.values()} == {n} for n, group in enumerate(done))


def test_free_running_cameras_whose_phases_cross_lose_nothing() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS, ANY_PHASE)
    done: list[Grouped] = []
    for number in range(5):
        done += groups.take(numbered("a", number, number * PERIOD_NS))
        jitter = PERIOD_NS // 50 if number % 2 else -PERIOD_NS // 50
        done += groups.take(numbered("b", number, number * PERIOD_NS + PERIOD_NS + jitter))
    assert told(done) == [{}] * 5


def test_a_proof_says_that_there_was_no_box_and_which_camera_gave_no_time_stamps() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    groups.take(numbered("a", 0, 0, t_camera_ns=None))
    (group,) = groups.take(numbered("b", 0, 0))
    assert group.proof.unchecked == (NO_BOX, "time stamps: none from a")


# ---------------------------------------------------------------- frames that this computer hears of late


def test_a_frame_that_a_busy_computer_reports_late_is_awaited() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS, ANY_PHASE, patience_ns=8 * PERIOD_NS)
    assert groups.take(numbered("a", 0, 0)) == []
    assert groups.tick(PERIOD_NS * 5 // 2) == []
    assert told(groups.take(numbered("b", 0, PERIOD_NS * 9 // 10))) == [{}]
    assert groups.late_frames == 0


def test_patience_places_no_frame_of_a_free_running_camera_further_back() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS, ANY_PHASE, patience_ns=8 * PERIOD_NS)
    done: list[Grouped] = []
    for number in range(9):  # b, whose ids tell nothing, stands still for three periods
        done += groups.take(frame("a", number * PERIOD_NS))
        if number not in (2, 3, 4):
            done += groups.take(frame("b", number * PERIOD_NS + 5))
    apart_ns = [abs(g.frames["a"].t_host_ns - g.frames["b"].t_host_ns) for g in done if len(g.frames) == 2]
    assert max(apart_ns) <= 2 * PERIOD_NS + 5


@pytest.mark.parametrize("delay", [0.6, 1.2])
def test_a_frame_that_was_held_up_on_its_way_is_put_into_the_set_that_its_cameras_clock_names(delay: float) -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS, patience_ns=8 * PERIOD_NS)
    delays = {3: round(delay * PERIOD_NS), 4: round(0.3 * PERIOD_NS)}  # the next one waits behind it
    frames = [numbered("a", n, n * PERIOD_NS, n * PERIOD_NS) for n in range(6)]
    frames += [numbered("b", n, n * PERIOD_NS + delays.get(n, 0) + 5, 10**9 + n * PERIOD_NS) for n in range(6)]
    done = [g for f in sorted(frames, key=lambda f: f.t_host_ns) for g in groups.take(f)]
    assert [{f.frame_id for f in g.frames.values()} for g in done] == [{n} for n in range(6)]
    assert told(done) == [{}] * 6


def test_a_camera_that_missed_a_trigger_is_placed_by_its_clock_into_the_next_set() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS, patience_ns=8 * PERIOD_NS)
    done: list[Grouped] = []
    for number in range(6):
        done += groups.take(numbered("a", number, number * PERIOD_NS, number * PERIOD_NS))
        if number != 3:
            b_id = number - (number > 3)
            done += groups.take(numbered("b", b_id, number * PERIOD_NS + 5, 10**9 + number * PERIOD_NS))
    assert [sorted(g.gaps) for g in done] == [[], [], [], ["b"], [], []]


def test_time_in_which_nobody_read_frames_closes_no_group() -> None:
    groups = ArrivalGroups(["a", "b"], PERIOD_NS)
    groups.take(numbered("a", 0, 0))
    groups.excuse(5 * PERIOD_NS)
    assert groups.tick(6 * PERIOD_NS) == []
    (whole,) = groups.take(numbered("b", 0, PERIOD_NS // 3))
    assert whole.gaps == {}
    groups.take(numbered("a", 1, 7 * PERIOD_NS))
    assert told(groups.tick(9 * PERIOD_NS)) == [{"b": "NOT_DELIVERED"}]
