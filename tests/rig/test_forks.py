"""Forks of a process that has a rig open: what they do, drop and leave behind, the rig's owner never notices.

In: a running rig, and children that let go of frames, unwind and end like any Python. Out: frames that stay as they
were, a run that goes on to its end, a box that obeys its owner alone.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator

import pytest

from rigdriver.config import load
from rigdriver.errors import StateError
from rigdriver.frames import FrameSet
from rigdriver.lifecycle import RigState
from rigdriver.rig import Rig
from tests.rig.test_frame_sets import dark

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    # Python 3.12 warns of forks beside threads, for good reasons: a child that ends at once is what is left to them.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]


@pytest.fixture
def rig(rig_file) -> Iterator[Rig]:
    with Rig.open(dark(load(rig_file))) as opened:
        yield opened


def in_a_fork(act: Callable[[], object]) -> int:
    """Do it in a forked child; return its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except BaseException:  # noqa: BLE001  whatever it is, this process must not go on with the tests
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_frames_that_a_fork_drops_stay_as_they_are_for_its_parent(rig):
    held: list[FrameSet] = []
    looks = []

    def drop() -> None:
        held.clear()
        gc.collect()

    for frame_set in rig.run(frames=30):
        if len(held) < 2:
            held.append(frame_set)
            looks.append({frame.camera: frame.pixels.copy() for frame in frame_set})
            if len(held) == 2:
                del frame_set
                assert in_a_fork(drop) == 0
    assert len(held) == 2
    for kept, look in zip(held, looks, strict=True):
        assert all((frame.pixels == look[frame.camera]).all() for frame in kept)


def test_a_fork_that_unwinds_and_closes_everything_leaves_the_run_alone(rig):
    seen = []
    run = rig.run(frames=20)
    frame_sets = iter(run)

    def close_all() -> None:
        frame_sets.close()
        run.close()
        rig.cameras.close()
        rig.box.close()
        rig.close()

    for frame_set in frame_sets:
        seen.append(frame_set.pulse_index)
        if len(seen) == 3:
            assert in_a_fork(close_all) == 0
    assert seen == list(range(20))
    assert rig.state is RigState.OPEN
    assert rig.box.status().output_levels == 0


def test_a_fork_is_told_that_the_rig_is_not_its_own(rig):
    name = rig.config.cameras[0].name

    def use_it() -> None:
        for act in (
            lambda: rig.run(frames=1),
            lambda: rig.cameras.get(name, "Width"),
            rig.box.status,
            lambda: next(frame_sets),
        ):
            with pytest.raises(StateError, match="fork"):
                act()

    frame_sets = iter(rig.run(frames=4))
    next(frame_sets)
    assert in_a_fork(use_it) == 0
    assert [frame_set.pulse_index for frame_set in frame_sets] == [1, 2, 3]


def test_a_rig_can_be_opened_again_while_a_fork_of_its_first_owner_lives(rig_file):
    config = dark(load(rig_file))
    with Rig.open(config):
        ear, mouth = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(mouth)
            os.read(ear, 1)
            os._exit(0)
        os.close(ear)
    try:
        with Rig.open(config) as again:
            assert len(list(again.run(frames=2))) == 2
    finally:
        os.close(mouth)
        os.waitpid(pid, 0)
