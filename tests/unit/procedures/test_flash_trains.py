"""Many frame sets in trains, on a rig that only counts."""

from __future__ import annotations

from contextlib import closing
from types import MappingProxyType, SimpleNamespace
from typing import cast

import pytest

from rigdriver.errors import RunCutShort, SyncError
from rigdriver.frames import FrameSet, Proof
from rigdriver.procedures.flash_trains import FlashTrains
from rigdriver.rig import Rig
from rigdriver.run.cut_short import cut_short
from rigdriver.run_end import EndCause


def frame_set(pulse):
    proof = Proof(pulse, 1, 0, 1_000_000, MappingProxyType({}), float("nan"), "proved")
    return FrameSet(pulse, 0, 0, MappingProxyType({}), MappingProxyType({}), proof)


class CountedRig:
    """Trains of three flashes; each run drops its first frame set, or others, and may fail."""

    def __init__(self, fails_in=None, lamps=("lamp",), delivered=slice(1, None), failure=None):
        self.failure = failure or SyncError("lost")
        self.config = SimpleNamespace(lamps=lamps, light=SimpleNamespace(max_train_flashes=3))
        self.runs = []
        self.closed = 0
        self._fails_in = fails_in
        self.delivered = delivered

    def run(self, frames=None, rate_hz=None):
        self.runs.append((frames, rate_hz))
        return CountedRun(self, frames, len(self.runs) == self._fails_in)


class CountedRun:
    def __init__(self, rig, frames, fails):
        self._rig, self._frames, self._fails = rig, frames, fails

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._rig.closed += 1

    def __iter__(self):
        for pulse in range(self._frames)[self._rig.delivered]:
            yield frame_set(pulse)
        if self._fails:
            raise self._rig.failure

    @property
    def statistics(self):
        return SimpleNamespace(
            frame_sets=self._frames,
            dropped_frame_sets=1,
            gap_reasons={"LOST": 2},
            gaps_by_camera={"a": 2},
            rate_hz=10.0,
        )


def trains_of(rig, *words):
    return FlashTrains(cast("Rig", rig), *words)


def test_pulses_are_numbered_through_and_no_train_is_longer_than_allowed():
    rig = CountedRig()
    trains = trains_of(rig, 7, 5.0)
    assert [(n.index, n.frame_set.pulse_index) for n in trains] == [(1, 1), (2, 2), (4, 1), (5, 2)]
    assert rig.runs == [(3, 5.0), (3, 5.0), (1, 5.0)]
    assert (trains.pulses, trains.dropped, rig.closed) == (7, 3, 3)
    assert trains.gap_reasons == {"LOST": 6}


def test_pulses_whose_frame_sets_are_lost_at_the_end_of_a_train_count_too():
    rig = CountedRig(delivered=slice(None, -1))
    assert [n.index for n in trains_of(rig, 6)] == [0, 1, 3, 4]
    assert rig.runs == [(3, None), (3, None)]


def test_a_train_without_any_frame_set_ends_the_loop():
    rig = CountedRig(delivered=slice(0))
    assert list(trains_of(rig, 9)) == []
    assert len(rig.runs) == 1


def test_without_lamps_there_is_one_run():
    rig = CountedRig(lamps=())
    assert len(list(trains_of(rig, 7))) == 6
    assert rig.runs == [(7, None)]


def test_a_loop_that_is_left_closes_the_run_and_its_counts_are_there():
    rig = CountedRig()
    trains = trains_of(rig)
    with closing(iter(trains)) as frame_sets:
        next(frame_sets)
    assert (rig.closed, trains.pulses, trains.dropped) == (1, 3, 1)


def test_a_run_that_fails_ends_the_loop_with_its_error_and_is_counted():
    rig = CountedRig(fails_in=2)
    trains = trains_of(rig, 9)
    with pytest.raises(SyncError, match="lost"):
        list(trains)
    assert (rig.closed, trains.pulses) == (2, 6)


def test_a_train_that_is_cut_short_ends_the_loop_with_what_all_trains_have_brought():
    rig = CountedRig(fails_in=2, failure=cut_short(EndCause.REPORTS_LOST, 3, 3))
    with pytest.raises(
        RunCutShort, match=r"run: 6 of 9 frame sets came; the trigger box has made all pulses"
    ) as caught:
        list(trains_of(rig, 9))
    assert (caught.value.frame_sets, caught.value.asked, caught.value.cause) == (6, 9, EndCause.REPORTS_LOST)
