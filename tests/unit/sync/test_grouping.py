"""Without a box, frames are grouped by arrival and never called proved.

In: frames of free-running cameras at any phase, with losses. Out: frame sets by arrival, whose proof says that they are
unproved.
"""

from __future__ import annotations

import numpy as np

from rigdriver.frames import Frame, GapReason
from rigdriver.sync.grouping import ArrivalGroups

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
