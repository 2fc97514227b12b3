"""Recording: what comes back, what the seal says, and what a disk that fails leaves.

In: frame sets made here, a disk that is slow, full or lies. Out: files that our reader and the official one read; a
seal that counts right; nothing that is called safe and is not there.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from mcap.reader import NonSeekingReader, make_reader

from rigdriver.errors import FileNotWritten, RecordingDamaged, UsageError
from rigdriver.recording import recorder as recorder_module
from rigdriver.recording.mcap import writer
from rigdriver.recording.recorder import Recorder, Trouble
from rigdriver.recording.recording_file import Recording, open_recording
from rigdriver.recording.seal import SealState
from tests.unit.recording.recorded import CAMERAS, frame_set, plan, same

SHAPE = (20, 30)
CHUNK_BYTES = 6 * 20 * 30
END_BYTES = 8_000
"""More than a plan, a seal or the end of a file; the frame sets here take more."""
"""Length that every chunk of images of that shape exceeds, and nothing else in a file does."""


def write_all(recorder: Recorder, count: int, shape: tuple[int, int] = (12, 16)) -> None:
    for index in range(count):
        recorder.write(frame_set(index, shape))


def record(path: Path, count: int = 5, planned: int | None = 5, lost: tuple[str, ...] = ()) -> Path:
    with Recorder(path, plan(planned)) as recorder:
        for index in range(count):
            recorder.write(frame_set(index, lost=lost if index == 2 else ()))
    return path


def test_every_frame_set_comes_back_as_it_was(tmp_path):
    record(tmp_path / "take.mcap", lost=("right",))
    with open_recording(tmp_path / "take.mcap") as recording:
        assert len(recording) == 5
        for index, taken in enumerate(recording):
            assert (taken.index, taken.name) == (index, f"{index:06d}")
            assert same(frame_set(index, lost=("right",) if index == 2 else ()), taken.frame_set)
        assert same(recording[-1].frame_set, frame_set(4))
        assert recording.by_index(3).frame_set.pulse_index == 3
        assert recording.by_time(frame_set(2).t_utc_ns - 1).index == 2
        with pytest.raises(KeyError):
            recording.by_index(5)
        assert recording.sizes_px() == dict.fromkeys(CAMERAS, (16, 12))


def test_a_recording_of_all_that_was_planned_is_complete(tmp_path):
    record(tmp_path / "take.mcap")
    with Recording(tmp_path / "take.mcap") as recording:
        assert recording.state is SealState.COMPLETE
        seal = recording.seal
        assert seal is not None
        assert (seal.reason, seal.frame_sets, seal.complete, seal.safe) == ("", 5, 5, 5)
        assert seal.frames == dict.fromkeys(CAMERAS, 5)
        assert list(recording.check()) == []


def test_gaps_and_missing_frame_sets_are_counted_and_named(tmp_path):
    record(tmp_path / "take.mcap", count=4, planned=9, lost=("left", "deep"))
    with Recording(tmp_path / "take.mcap") as recording:
        assert recording.state is SealState.INCOMPLETE
        seal = recording.seal
        assert seal is not None
        assert seal.reason == "4 of 9 frame sets came; 1 frame sets lack a camera"
        assert (seal.frames["left"], seal.frames["right"]) == (3, 4)
        assert seal.gaps == {name: {"NOT_DELIVERED": 1} for name in ("left", "deep")}


def test_the_official_reader_reads_every_message_with_its_checksums(tmp_path):
    record(tmp_path / "take.mcap")
    with (tmp_path / "take.mcap").open("rb") as file:
        topics = [channel.topic for _, channel, _ in make_reader(file, validate_crcs=True).iter_messages()]
        file.seek(0)
        in_order = [
            m.sequence for _, _, m in NonSeekingReader(file, validate_crcs=True).iter_messages(log_time_order=False)
        ]
    assert len(topics) == len(in_order) == 5 * (1 + len(CAMERAS))
    assert set(topics) == {"/rig/frame_sets", *(f"/cameras/{name}/image" for name in CAMERAS)}
    assert in_order == sorted(in_order)


def test_no_recording_takes_the_place_of_a_file(tmp_path):
    (tmp_path / "take.mcap").write_text("precious")
    with pytest.raises(FileNotWritten, match="exists"):
        Recorder(tmp_path / "take.mcap", plan())
    assert (tmp_path / "take.mcap").read_text() == "precious"


def test_its_owner_alone_can_read_a_recording(tmp_path):
    assert record(tmp_path / "take.mcap").stat().st_mode & 0o777 == 0o600


# ---------------------------------------------------------------- files that were cut or damaged


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    return record(tmp_path_factory.mktemp("whole") / "take.mcap").read_bytes()


def test_a_cut_file_gives_back_its_whole_frame_sets_at_every_length(tmp_path, whole):
    path = tmp_path / "cut.mcap"
    most = 0
    for length in range(len(whole) - 1, 900, -997):
        path.write_bytes(whole[:length])
        try:
            recording = Recording(path)
        except UsageError:
            assert most > 0
            assert length < 3000, "a file that holds its plan is a recording"
            continue
        with recording:
            assert recording.state is SealState.INTERRUPTED
            for index, taken in enumerate(recording):
                assert same(frame_set(index), taken.frame_set)
            assert list(recording.check()), "what is missing is told"
            most = max(most, len(recording))
    assert most == 5


def test_every_flipped_bit_is_found_and_none_is_decoded(tmp_path, whole):
    path = tmp_path / "flipped.mcap"
    chosen = [int(place) for place in range(0, 8 * len(whole), 8 * len(whole) // 250)]
    for bit in chosen:
        raw = bytearray(whole)
        raw[bit // 8] ^= 1 << bit % 8
        path.write_bytes(raw)
        try:
            recording = Recording(path)
        except UsageError:
            continue
        with recording:
            assert list(recording.check()), f"bit {bit} of {8 * len(whole)}"
            for place in range(len(recording)):
                try:
                    taken = recording[place]
                except RecordingDamaged:
                    continue
                assert same(frame_set(taken.index), taken.frame_set), f"bit {bit}"


def test_no_digit_of_plan_and_seal_can_change_unseen(tmp_path, whole):
    path = tmp_path / "changed.mcap"
    for text in (b'"rig":"bench', b'"sync_interval_s":1.0', b'"frame_sets":5'):
        raw = bytearray(whole)
        raw[raw.index(text) + len(text) - 1] ^= 1
        path.write_bytes(raw)
        with pytest.raises(UsageError, match="its plan is damaged"):
            Recording(path)
    for text in (b'"safe":5', b'"complete":5', b'"state":"complete"', b"crc32"):
        raw = bytearray(whole)
        raw[raw.rindex(text) + len(text) - 1] ^= 1
        path.write_bytes(raw)
        with Recording(path) as recording:
            assert (recording.state, recording.seal) == (SealState.DAMAGED, None), text
            assert any("seal" in str(damage) for damage in recording.check())


def test_a_recording_of_the_first_version_has_no_such_checksums_and_is_read(tmp_path, mocker):
    mocker.patch.object(recorder_module, "as_note", lambda value: {"json": value.model_dump_json()})
    with Recorder(tmp_path / "old.mcap", plan(1).model_copy(update={"version": 1})) as recorder:
        recorder.write(frame_set(0))
    with Recording(tmp_path / "old.mcap") as recording:
        assert recording.state is SealState.COMPLETE
    with Recorder(tmp_path / "new.mcap", plan(1)) as recorder:
        recorder.write(frame_set(0))
    with pytest.raises(UsageError, match="its plan is damaged"):
        Recording(tmp_path / "new.mcap")


def test_a_file_of_another_program_is_refused_by_its_name(tmp_path):
    for name, raw in {"text.mcap": b"hello", "empty.mcap": b"", "magic.mcap": b"\x89MCAP0\r\n"}.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UsageError, match=name):
            Recording(tmp_path / name)
    with pytest.raises(UsageError, match="No such file"):
        Recording(tmp_path / "none.mcap")


# ---------------------------------------------------------------- disks


def test_nothing_is_safe_before_the_disk_has_it_and_never_after_it_failed_once(tmp_path, mocker):
    calls = []

    def fdatasync(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:  # the plan, the first frame sets, and then a failure that the system forgets
            raise OSError(errno.EIO, "the disk is ill")

    mocker.patch.object(writer.os, "fdatasync", fdatasync)
    recorder = Recorder(tmp_path / "take.mcap", plan(20, interval_s=0.01))
    recorder.write(frame_set(0))
    wait_until(lambda: recorder.safe == 1)
    recorder.write(frame_set(1))
    wait_until(lambda: recorder.trouble is Trouble.FAILED)
    with pytest.raises(FileNotWritten, match="the disk is ill"):
        recorder.write(frame_set(2))
    with pytest.raises(FileNotWritten, match="the disk is ill"):
        recorder.close()
    assert recorder.safe == 1
    with Recording(tmp_path / "take.mcap") as recording:
        seal = recording.seal
        assert seal is not None
        assert (seal.state, seal.safe) == (SealState.INCOMPLETE, 1)
        assert "the disk is ill" in seal.reason
        assert seal.frame_sets == len(recording)


def test_a_full_disk_leaves_whole_frame_sets_and_a_seal(tmp_path, mocker):
    real = os.writev
    room = [60_000]

    def writev(handle: int, parts) -> int:
        whole = b"".join(parts)
        if len(whole) < END_BYTES:  # plan, seal and end fit into what was kept for them
            return real(handle, parts)
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(len(whole), room[0])
        room[0] -= taken
        return real(handle, [whole[:taken]])

    mocker.patch.object(writer.os, "writev", writev)
    recorder = Recorder(tmp_path / "take.mcap", plan(200))
    with pytest.raises(FileNotWritten, match="No space left"):
        write_all(recorder, 200, shape=SHAPE)
    with pytest.raises(FileNotWritten, match="No space left"):
        recorder.close()
    with Recording(tmp_path / "take.mcap") as recording:
        assert recording.is_whole
        assert recording.state is SealState.INCOMPLETE
        assert list(recording.check()) == []
        assert 0 < len(recording) < 60_000 / CHUNK_BYTES
        assert recording.seal is not None
        assert recording.seal.safe == len(recording), "a full disk forgets nothing"
        for index, taken in enumerate(recording):
            assert same(frame_set(index, SHAPE), taken.frame_set)


@pytest.mark.parametrize("seed", range(10))
def test_short_writes_lose_nothing(tmp_path, mocker, seed):
    import random

    real, chance = os.writev, random.Random(seed)

    def writev(handle: int, parts) -> int:
        whole = b"".join(parts)
        return real(handle, [whole[: chance.randint(1, len(whole))]])

    mocker.patch.object(writer.os, "writev", writev)
    record(tmp_path / "take.mcap")
    with Recording(tmp_path / "take.mcap") as recording:
        assert recording.state is SealState.COMPLETE
        assert list(recording.check()) == []
        assert all(same(frame_set(i), taken.frame_set) for i, taken in enumerate(recording))


def test_before_a_frame_set_is_lost_the_run_must_end(tmp_path, mocker):
    gate = threading.Event()
    real = os.writev

    def writev(handle: int, parts) -> int:
        if sum(memoryview(part).nbytes for part in parts) > 2000:
            assert gate.wait(60)
        return real(handle, parts)

    mocker.patch.object(writer.os, "writev", writev)
    recorder = Recorder(tmp_path / "take.mcap", plan(100), capacity=20)
    told = []
    for index in range(100):
        recorder.write(frame_set(index))
        told.append(recorder.trouble)
        if told[-1] is Trouble.FULL:
            break
    stopped_at = len(told)
    for index in range(stopped_at, stopped_at + 3):  # those that were on their way
        recorder.write(frame_set(index))
    gate.set()
    recorder.close()
    assert told[0] is None
    assert Trouble.SLOW in told
    assert stopped_at < 20
    seal = recorder.seal
    assert seal is not None
    assert (seal.state, seal.frame_sets) == (SealState.INCOMPLETE, stopped_at + 3)
    assert "the disk is too slow" in seal.reason


def test_a_recording_that_an_error_ends_is_sealed_with_it(tmp_path):
    def fail() -> None:
        with Recorder(tmp_path / "take.mcap", plan(100)) as recorder:
            write_all(recorder, 3)
            raise RuntimeError("a lamp fell")

    with pytest.raises(RuntimeError):
        fail()
    with Recording(tmp_path / "take.mcap") as recording:
        seal = recording.seal
        assert seal is not None
        assert (seal.state, seal.frame_sets) == (SealState.INCOMPLETE, 3)
        assert seal.reason == "3 of 100 frame sets came: a lamp fell"


def test_ctrl_c_while_a_recording_is_closed_seals_what_is_written(tmp_path, mocker):
    gate, closing = threading.Event(), threading.Event()
    real_write, real_wait = os.writev, recorder_module.wait_for

    def writev(handle: int, parts) -> int:
        if parts[0][:1] == b"\x06":  # a chunk
            assert gate.wait(60)
        return real_write(handle, parts)

    def wait_for(timebase, condition, is_so, time_s) -> bool:
        if closing.is_set() and threading.current_thread() is threading.main_thread() and not gate.is_set():
            gate.set()
            raise KeyboardInterrupt
        return real_wait(timebase, condition, is_so, time_s)

    def record_and_close() -> None:
        with Recorder(tmp_path / "take.mcap", plan(3)) as recorder:
            write_all(recorder, 3)
            closing.set()
            recorder.close()

    mocker.patch.object(writer.os, "writev", writev)
    mocker.patch.object(recorder_module, "wait_for", wait_for)
    with pytest.raises(KeyboardInterrupt):
        record_and_close()
    with Recording(tmp_path / "take.mcap") as recording:
        assert (recording.state, len(recording)) == (SealState.COMPLETE, 3)


def test_a_disk_that_never_answers_ends_in_time_and_leaves_no_seal(tmp_path, mocker):
    gate = threading.Event()

    def fdatasync(_handle: int) -> None:
        gate.wait(60)

    recorder = Recorder(tmp_path / "take.mcap", plan(2))
    mocker.patch.object(writer.os, "fdatasync", fdatasync)
    write_all(recorder, 2)
    wait_until(lambda: recorder.fill == 0)
    mocker.patch.object(recorder_module, "PATIENCE_S", 0.1)
    with pytest.raises(FileNotWritten, match="the disk takes nothing"):
        recorder.close()
    assert recorder.seal is None
    with Recording(tmp_path / "take.mcap") as recording:
        assert (recording.state, len(recording)) == (SealState.INTERRUPTED, 2)
    gate.set()


def wait_until(is_so) -> None:
    event = threading.Event()
    for _ in range(6000):
        if is_so():
            return
        event.wait(0.01)
    raise AssertionError("it never came")
