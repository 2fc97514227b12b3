"""The time before a trigger: which frame sets are kept, in which order, and what a slow disk does to them.

In: frame sets made here, a button, a recorder whose disk stands still. Out: a file that holds the newest frame sets
before the press and all after it, indexed from 0, and says which are which.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigdriver.errors import UsageError
from rigdriver.procedures.pre_trigger import Keeper, await_button
from rigdriver.progress import SILENT
from rigdriver.recording import recorder as recorder_module
from rigdriver.recording.frame_source import Indexed, indexed
from rigdriver.recording.mcap import writer
from rigdriver.recording.pre_trigger import FrameSetRing, SaveButton
from rigdriver.recording.recorder import Recorder, Trouble
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.seal import SealState
from tests.unit.recording.recorded import frame_set, plan, same

PRESSED_AT = 12


def came(button: SaveButton | None = None, dropped: tuple[int, ...] = (), last: int = 40) -> Iterator[Indexed]:
    """Yield frame sets; the button is pressed while one is on its way."""
    for index in range(last):
        if button is not None and index == PRESSED_AT:
            button.save()
        if index not in dropped:
            yield indexed(index, frame_set(index))


def keep_all(path: Path, ring: FrameSetRing, frames: int, dropped: tuple[int, ...] = ()) -> None:
    button = SaveButton()
    source = came(button, dropped)
    trigger = await_button(ring, source, button, SILENT)
    planned = plan(frames + trigger.frame_sets).model_copy(update={"trigger_index": trigger.index})
    with Recorder(path, planned) as recorder:
        keeper = Keeper(recorder, ring, frames)
        for taken in source:
            keeper.keep(taken)
            if keeper.has_all:
                break
        keeper.write_rest()


def test_a_button_that_nobody_can_press_any_more_ends_the_wait():
    button = SaveButton()
    button.withdraw()
    with pytest.raises(UsageError, match="nobody can press Enter"):
        await_button(FrameSetRing(5), came(), button, SILENT)


def test_the_newest_before_the_press_and_all_after_it_are_kept_in_order(tmp_path):
    keep_all(tmp_path / "take.mcap", FrameSetRing(5), frames=7)
    with Recording(tmp_path / "take.mcap") as recording:
        assert recording.state is SealState.COMPLETE
        assert [taken.index for taken in recording] == list(range(12))
        assert recording.plan.trigger_index == 5
        # The press came while pulse 12 was on its way, and the ring held the five newest then.
        assert [taken.frame_set.pulse_index for taken in recording] == list(range(8, 20))
        assert all(same(frame_set(taken.index + 8), taken.frame_set) for taken in recording)


def test_a_dropped_frame_set_leaves_its_hole_in_the_numbers(tmp_path):
    keep_all(tmp_path / "take.mcap", FrameSetRing(4), frames=3, dropped=(10, 14))
    with Recording(tmp_path / "take.mcap") as recording:
        pulses = [taken.frame_set.pulse_index for taken in recording]
        assert pulses == [8, 9, 11, 12, 13, 15, 16]
        assert [taken.index for taken in recording] == [pulse - 8 for pulse in pulses]
        assert recording.plan.trigger_index == 5


def test_the_ring_holds_copies_because_a_camera_uses_its_memory_again():
    ring, taken = FrameSetRing(2), indexed(0, frame_set(0))
    ring.push(taken)
    for frame in taken.frame_set:
        frame.pixels[:] = 0
    assert same(frame_set(0), ring.pop().frame_set)


def test_the_ring_never_grows_beyond_its_capacity_while_the_disk_stands_still(tmp_path, mocker):
    gate, real = threading.Event(), os.writev

    def writev(handle: int, parts) -> int:
        if sum(memoryview(part).nbytes for part in parts) > 2000:
            assert gate.wait(60)
        return real(handle, parts)

    button, ring = SaveButton(), FrameSetRing(5)
    source = came(button)
    await_button(ring, source, button, SILENT)
    mocker.patch.object(writer.os, "writev", writev)
    recorder = Recorder(tmp_path / "take.mcap", plan(100), capacity=10)
    keeper = Keeper(recorder, ring, 100)
    for taken in source:
        keeper.keep(taken)
        assert len(ring) <= 5
        if keeper.trouble is Trouble.FULL:
            break
    assert keeper.trouble is Trouble.FULL
    gate.set()
    keeper.write_rest()
    recorder.close()
    with Recording(tmp_path / "take.mcap") as recording:
        pulses = [taken.frame_set.pulse_index for taken in recording]
        assert pulses == list(range(8, 8 + len(pulses))), "nothing before the stop is lost"
        assert len(pulses) == 5 + keeper.came
        assert recording.state is SealState.INCOMPLETE


def test_frame_sets_that_end_before_the_press_record_nothing():
    with pytest.raises(UsageError, match="ended before the trigger"):
        await_button(FrameSetRing(3), came(last=5), SaveButton(), SILENT)


def test_an_early_end_does_not_wait_for_the_disk_and_counts_what_of_the_ring_is_lost(tmp_path, mocker):
    gate, real = threading.Event(), os.writev

    def writev(handle: int, parts) -> int:
        if sum(memoryview(part).nbytes for part in parts) > 2000:
            assert gate.wait(60)
        return real(handle, parts)

    mocker.patch.object(writer.os, "writev", writev)
    mocker.patch.object(recorder_module, "EARLY_END_S", 0.0)
    mocker.patch.object(recorder_module, "PATIENCE_S", 1e9)  # who waited for this disk would wait for ever
    ring, button = FrameSetRing(5), SaveButton()
    source = came(button)
    await_button(ring, source, button, SILENT)

    def stopped() -> None:
        with Recorder(tmp_path / "take.mcap", plan(None), capacity=10) as recorder:
            kept.append(recorder)
            Keeper(recorder, ring, None).write_rest(is_early=True)
            assert (recorder.taken, len(ring)) == (5, 0)
            raise KeyboardInterrupt

    kept: list[Recorder] = []
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert kept[0].lost == 5
    gate.set()
