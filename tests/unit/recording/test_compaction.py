"""Compacting: not one bit of an image changes, and the raw file stays until the compact one is proved.

In: recordings of every kind of pixels, a call that is stopped, a codec that drops bits, damage. Out: the same frame
sets from the compact file; a recording that is as it was wherever something is wrong.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from rigdriver.errors import RecordingDamaged, UsageError
from rigdriver.images.lossless import decode_lossless, encode_lossless
from rigdriver.recording import compaction
from rigdriver.recording.compaction import compact, parts_beside
from rigdriver.recording.recorder import Recorder
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.recovery import recover
from rigdriver.recording.rig_messages import LogLevel, LogLine, log_message
from rigdriver.recording.seal import SealState
from tests.unit.recording.recorded import BEGIN_NS, CAMERAS, frame_set, plan, same

COUNT = 4


@pytest.fixture
def take(tmp_path: Path) -> Path:
    path = tmp_path / "take.mcap"
    with Recorder(path, plan(COUNT)) as recorder:
        for index in range(COUNT):
            recorder.tell(log_message(LogLine(BEGIN_NS, LogLevel.WARNING, "run", f"note {index}")))
            recorder.write(made(index))
    return path


def made(index: int):
    return frame_set(index, lost=("right",) if index == 2 else ())


def is_as_recorded(path: Path, coding: str) -> bool:
    with Recording(path) as recording:
        assert list(recording.check()) == []
        assert all(same(made(index), taken.frame_set) for index, taken in enumerate(recording))
        assert [line.text for line in recording.log()] == [f"note {index}" for index in range(COUNT)]
        return (recording.plan.coding, len(recording)) == (coding, COUNT)


def stopped_after(done: int):
    def advance(now: int) -> None:
        if now == done:
            raise KeyboardInterrupt

    return advance


def test_a_compact_recording_gives_the_same_frame_sets_and_the_same_seal(take):
    with Recording(take) as raw:
        seal, state = raw.seal, raw.state
    done = compact(take)
    assert (done.frame_sets, done.taken_over) == (COUNT, 0)
    assert is_as_recorded(take, "jxl")
    assert parts_beside(take) == []
    with Recording(take) as recording:
        assert (recording.seal, recording.state) == (seal, state)
    with pytest.raises(UsageError, match="is compact already"):
        compact(take)


def test_the_official_reader_reads_a_compact_recording(take):
    compact(take)
    with take.open("rb") as file:
        topics = [channel.topic for _, channel, _ in make_reader(file, validate_crcs=True).iter_messages()]
    images = [topic for topic in topics if topic.endswith("/image")]
    assert len(images) == COUNT * len(CAMERAS) - 1


def test_a_compact_recording_that_is_cut_is_rescued_to_the_bit(take, tmp_path):
    compact(take)
    raw = take.read_bytes()
    with Recording(take) as recording:
        place = recording._chunks[-1].place
    (tmp_path / "cut.mcap").write_bytes(raw[: place + 100])
    done = recover(tmp_path / "cut.mcap", tmp_path / "new.mcap")
    assert done.frame_sets == COUNT - 1
    with Recording(tmp_path / "new.mcap") as recording:
        assert recording.plan.coding == "raw"
        assert all(same(made(index), taken.frame_set) for index, taken in enumerate(recording))


def test_a_call_that_was_stopped_leaves_the_recording_and_the_next_goes_on(take):
    before = take.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        compact(take, stopped_after(3))
    assert take.read_bytes() == before
    (part,) = parts_beside(take)
    assert part.stat().st_mode & 0o777 == 0o600
    part.write_bytes(part.read_bytes()[:-1000])  # as if the power had gone while it was written
    with pytest.raises(KeyboardInterrupt):
        compact(take, stopped_after(1))
    assert len(parts_beside(take)) == 2
    done = compact(take)
    assert done.taken_over == 2, "the third was cut, and the second call had only one"
    assert is_as_recorded(take, "jxl")
    assert parts_beside(take) == []


def test_a_part_of_another_recording_is_not_taken_over(take):
    with pytest.raises(KeyboardInterrupt):
        compact(take, stopped_after(3))
    other = take.with_name("other.mcap")
    with Recorder(other, plan(2)) as recorder:
        for index in (7, 8):
            recorder.write(frame_set(index))
    (part,) = parts_beside(take)
    part.rename(other.with_name(other.name + compaction.PARTS[0]))
    assert compact(other).taken_over == 0
    with Recording(other) as recording:
        assert [same(frame_set(k), taken.frame_set) for k, taken in zip((7, 8), recording, strict=True)] == [True] * 2


def test_a_codec_that_drops_bits_costs_nothing(take, mocker):
    before = take.read_bytes()
    mocker.patch.object(compaction, "encode_lossless", lambda pixels: encode_lossless(pixels & 0xFE))
    with pytest.raises(RecordingDamaged, match="compressed image is another one"):
        compact(take)
    assert take.read_bytes() == before


def test_a_damaged_or_unfinished_recording_stays_as_it_is(take):
    raw = bytearray(take.read_bytes())
    with Recording(take) as recording:
        raw[recording._chunks[2].records_place + 3000] ^= 4
    take.write_bytes(raw)
    with pytest.raises(RecordingDamaged, match="checksum"):
        compact(take)
    assert take.read_bytes() == raw
    take.write_bytes(raw[:-2000])
    with pytest.raises(UsageError, match="is interrupted"):
        compact(take)


def test_no_flipped_bit_of_a_compact_recording_is_decoded(take, tmp_path):
    compact(take)
    raw = take.read_bytes()
    path = tmp_path / "flipped.mcap"
    for bit in range(0, 8 * len(raw), 8 * len(raw) // 40):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            recording = Recording(path)
        except UsageError:
            continue
        with recording:
            assert list(recording.check()), bit
            for place in range(len(recording)):
                try:
                    taken = recording[place]
                except RecordingDamaged:
                    continue
                assert same(made(taken.index), taken.frame_set), bit


@pytest.mark.parametrize("raw", [b"", b"junk" * 9, None])
def test_bytes_that_are_no_such_image_are_refused(raw):
    pixels = np.arange(48, dtype=np.uint16).reshape(6, 8)
    whole = encode_lossless(pixels)
    for bad in (whole[:-6], whole[:9]) if raw is None else (raw,):
        with pytest.raises(ValueError, match="no JPEG XL image"):
            decode_lossless(bad, (6, 8), np.dtype(np.uint16))
    for shape, kind in (((6, 9), np.uint16), ((6, 8), np.uint8), ((6, 8, 3), np.uint16)):
        with pytest.raises(ValueError, match="no JPEG XL image"):
            decode_lossless(whole, shape, np.dtype(kind))


def test_a_recording_with_gaps_keeps_its_state(take):
    compact(take)
    with Recording(take) as recording:
        assert recording.state is SealState.INCOMPLETE
        assert recording.seal is not None
        assert recording.seal.reason == "1 frame sets lack a camera"


def test_a_compaction_that_does_not_fit_on_the_disk_is_refused_before_it_writes(tmp_path, mocker):
    with Recorder(tmp_path / "take.mcap", plan(3)) as recorder:
        for index in range(3):
            recorder.write(frame_set(index, (60, 80)))
    before = (tmp_path / "take.mcap").read_bytes()
    free = mocker.patch.object(compaction.shutil, "disk_usage")
    free.return_value.free = len(before) // 4
    with pytest.raises(UsageError, match=r"needs about .* GB more while it is compacted; the disk has .* free"):
        compact(tmp_path / "take.mcap")
    assert [path.name for path in tmp_path.iterdir()] == ["take.mcap"]
    assert (tmp_path / "take.mcap").read_bytes() == before
    free.return_value.free = 2 * len(before)
    assert compact(tmp_path / "take.mcap").frame_sets == 3
