"""However a capture ends, its images, proofs.csv and proofs.json are of the same frame sets.

In: frame sets, and a disk that is slow, stands still or is full, or an interrupt. Out: the first of the frame sets that
were taken, whole, and a sentence about those that were dropped. Conditions stand for time here.
"""

from __future__ import annotations

import csv
import json
import logging
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rigdriver.config import RigConfig
from rigdriver.errors import FileNotWritten
from rigdriver.frames import Frame, FrameProof, FrameSet, Gap, GapReason, Proof, ProofVerdict
from rigdriver.images import image_writer, png
from rigdriver.images.image_writer import ImageFormat
from rigdriver.line_file import JsonListFile, LineFile
from rigdriver.recording import capture_folder
from rigdriver.recording.capture_folder import CaptureFolder, refuse_used
from rigdriver.signal_safe import SafeCondition

NAMES = ("left", "right")
CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [{"name": name, "serial": name, "output": n} for n, name in enumerate(NAMES)],
    }
)
WAIT_S = 120.0
TAKEN = 8


def frame_set(index: int, pixels: np.ndarray | None = None) -> FrameSet:
    """Return a frame set whose pixels are its index; each third one misses a camera."""
    names = NAMES[:1] if index % 3 == 2 else NAMES
    grey = np.full((12, 16), index, np.uint8) if pixels is None else pixels
    frames = {name: Frame(name, index, 5, 6, "Mono8", grey) for name in names}
    gaps = {name: Gap(name, GapReason.NOT_EXPOSED) for name in NAMES if name not in names}
    proofs = {name: FrameProof(name, 100, 300, 20_300, -1.25, 100.0, index) for name in names}
    verdict = ProofVerdict.GAPS if gaps else ProofVerdict.PROVED
    proof = Proof(index, 3, 90, 10**7, proofs, math.nan if gaps else 4.0, verdict)
    return FrameSet(index, 7, 8, frames, gaps, proof)


def agreed(folder: Path) -> list[int]:
    """Return the indices of the frame sets that lie there, after a look that all files agree."""
    images = {(int(path.stem), path.parent.name) for path in folder.glob("*/*.png")}
    rows = list(csv.DictReader((folder / "proofs.csv").read_text().splitlines()))
    tables = json.loads((folder / "proofs.json").read_text())["frame_sets"]
    assert {(int(row["index"]), row["camera"]) for row in rows if row["verdict"] != "gap"} == images
    assert {(table["index"], name) for table in tables for name in table["arrivals"]} == images
    assert list(dict.fromkeys(int(row["index"]) for row in rows)) == [table["index"] for table in tables]
    assert not list(folder.rglob("*.part"))
    return [table["index"] for table in tables]


def lying_there(folder: Path) -> int:
    return len(json.loads((folder / "proofs.json").read_text())["frame_sets"])


def has_come_to(folder: Path, count: int) -> bool:
    try:
        return lying_there(folder) == count
    except json.JSONDecodeError:  # read while it is written
        return False


class SlowDisk:
    """A disk that takes images up to a number and then stands still until `go_on`; index by pixels."""

    def __init__(self, mocker, stands_at: int) -> None:
        self.stands_at = stands_at
        self.go_on = threading.Event()
        self.stands = threading.Event()
        encode = png.encode_png

        def slow(pixels, *args, **kwargs):
            if pixels[0, 0] >= self.stands_at:
                self.stands.set()
                assert self.go_on.wait(WAIT_S)
            return encode(pixels, *args, **kwargs)

        mocker.patch.object(image_writer, "encode_png", slow)


@pytest.fixture
def slow_disk(mocker) -> Iterator[SlowDisk]:
    disk = SlowDisk(mocker, TAKEN)
    yield disk
    disk.go_on.set()
    writers_are_gone()


def writers_are_gone() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("image-writer"):
            thread.join(WAIT_S)
            assert not thread.is_alive()


def take(folder: Path, frame_sets: Iterable[FrameSet], image_format: ImageFormat | None = ImageFormat.PNG) -> None:
    with CaptureFolder(folder, CONFIG, image_format) as sink:
        for one in frame_sets:
            sink.write(one)


def interrupted_after(frame_sets: Iterable[FrameSet], is_time: Callable[[], bool] = lambda: True) -> Iterator[FrameSet]:
    yield from frame_sets
    nothing = threading.Event()
    assert any(is_time() or nothing.wait(0.01) for _ in range(round(100 * WAIT_S)))
    raise KeyboardInterrupt


ALL = [frame_set(index) for index in range(TAKEN)]


def test_an_interrupt_leaves_everything_written_that_waits(tmp_path, slow_disk, caplog):
    with pytest.raises(KeyboardInterrupt):
        take(tmp_path, interrupted_after(ALL))
    assert slow_disk.stands_at == TAKEN
    assert agreed(tmp_path) == list(range(TAKEN))
    assert caplog.messages == []


@pytest.mark.parametrize("stands_at", [0, 1, 4, 7])
def test_an_interrupt_on_a_disk_that_stands_still_tells_what_was_dropped(
    tmp_path, mocker, slow_disk, caplog, stands_at
):
    slow_disk.stands_at = stands_at
    mocker.patch.object(capture_folder, "EARLY_END_S", 0.0)
    folder = tmp_path / "out"
    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        take(folder, interrupted_after(ALL, lambda: has_come_to(folder, stands_at)))
    if stands_at:
        assert agreed(folder) == list(range(stands_at))
    assert folder.exists() == bool(stands_at)
    (told,) = caplog.messages
    assert f"out: {TAKEN - stands_at} of {TAKEN} frame sets were dropped" in told
    # A disk that wakes up later changes nothing.
    slow_disk.go_on.set()
    writers_are_gone()
    if stands_at:
        assert agreed(folder) == list(range(stands_at))
    assert folder.exists() == bool(stands_at)


def test_no_writer_makes_a_folder_that_an_end_may_have_removed(tmp_path, mocker):
    make, threads = image_writer.make_folder, []

    def note_thread(*args, **kwargs):
        threads.append(threading.current_thread())
        make(*args, **kwargs)

    mocker.patch.object(image_writer, "make_folder", note_thread)
    take(tmp_path / "out", ALL)
    assert threads == [threading.current_thread()] * len(NAMES)


@pytest.mark.parametrize("camera", NAMES)
@pytest.mark.parametrize("full_at", [0, 1, 3, 7])
def test_a_full_disk_leaves_the_frame_sets_before_it(tmp_path, caplog, camera, full_at):
    folder = tmp_path / "out"
    (folder / camera).mkdir(parents=True)
    full = folder / camera / f"{full_at:06d}.png"
    full.symlink_to("/dev/full")
    with pytest.raises(FileNotWritten, match="No space left"):
        take(folder, ALL)
    full.unlink()
    if full_at:
        assert agreed(folder) == list(range(full_at))
        assert "were dropped" in caplog.text
    else:
        refuse_used(folder)  # the same command works again


@pytest.mark.parametrize("kind", [LineFile, JsonListFile])
@pytest.mark.parametrize("full_at", [1, 4])
def test_a_frame_set_whose_proofs_do_not_fit_leaves_no_image(tmp_path, mocker, kind, full_at):
    append = kind.append
    disk = iter(range(TAKEN * 2))
    heading = kind is LineFile

    def fill(self, *values, **kwargs):
        if next(disk) == full_at + heading:
            raise FileNotWritten(device=str(self.path), seen="cannot be written: No space left on device", remedy="x")
        append(self, *values, **kwargs)

    mocker.patch.object(kind, "append", fill)
    with pytest.raises(FileNotWritten, match="No space left"):
        take(tmp_path, ALL)
    assert agreed(tmp_path) == list(range(full_at))


def test_an_interrupt_within_a_frame_set_leaves_nothing_of_it(tmp_path):
    class Cut(np.ndarray):
        def copy(self, order="C"):
            del order
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(tmp_path, [frame_set(0), frame_set(1, np.zeros((12, 16), np.uint8).view(Cut))])
    assert agreed(tmp_path) == [0]


def test_an_interrupt_while_all_is_being_written_still_writes_it(tmp_path, slow_disk, mocker):
    slow_disk.stands_at = 2
    sink = CaptureFolder(tmp_path, CONFIG)
    wait, is_cut = SafeCondition.wait, []

    def cut(self, timeout=None):
        if threading.current_thread() is threading.main_thread() and not is_cut:
            is_cut.append(True)
            slow_disk.go_on.set()
            raise KeyboardInterrupt
        return wait(self, timeout)

    for index in range(4):
        sink.write(frame_set(index))
    mocker.patch.object(SafeCondition, "wait", cut)
    with pytest.raises(KeyboardInterrupt):
        sink.close()
    assert is_cut
    assert agreed(tmp_path) == [0, 1, 2, 3]


def test_a_killed_program_leaves_files_that_agree(tmp_path, slow_disk):
    slow_disk.stands_at = 3
    sink = CaptureFolder(tmp_path, CONFIG)
    for index in range(TAKEN):
        sink.write(frame_set(index))
    assert slow_disk.stands.wait(WAIT_S)
    assert lying_there(tmp_path) <= 3
    slow_disk.go_on.set()
    sink.close()
    assert agreed(tmp_path) == list(range(TAKEN))


def test_frame_sets_are_entered_in_their_order_whichever_image_is_ready_first(tmp_path, mocker):
    encode, first_may_end = png.encode_png, threading.Event()

    def encode_last_first(pixels, *args, **kwargs):
        if pixels[0, 0] == 0:
            assert first_may_end.wait(WAIT_S)
        if pixels[0, 0] == 1:
            first_may_end.set()
        return encode(pixels, *args, **kwargs)

    mocker.patch.object(image_writer, "encode_png", encode_last_first)
    with CaptureFolder(tmp_path, CONFIG, ImageFormat.PNG) as sink:
        for index in range(3):
            sink.write(frame_set(index))
    assert agreed(tmp_path) == [0, 1, 2]


def test_proofs_alone_agree_too(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        take(tmp_path, interrupted_after(ALL), None)
    tables = json.loads((tmp_path / "proofs.json").read_text())["frame_sets"]
    assert [table["index"] for table in tables] == list(range(TAKEN))


def test_a_list_of_json_is_whole_when_the_disk_takes_a_part_of_a_value(tmp_path, mocker):
    pwrite, room = os.pwrite, [10_000]

    def write_a_part(handle, raw, place):
        if len(raw) > room[0] > 0:
            room[0], part = 0, raw[: room[0]]
            return pwrite(handle, part, place)
        if len(raw) > 100:
            raise OSError(28, "No space left on device")
        return pwrite(handle, raw, place)

    path = tmp_path / "list.json"
    growing = JsonListFile(path, {"rig": "bench"}, "values")
    assert json.loads(path.read_text()) == {"rig": "bench", "values": []}
    growing.append({"a": 1})
    growing.append({"b": 2})
    growing.take_back()
    room[0] = 200
    mocker.patch("rigdriver.line_file.os.pwrite", write_a_part)
    with pytest.raises(FileNotWritten, match="No space left"):
        growing.append({"long": "x" * 500})
    assert json.loads(path.read_text()) == {"rig": "bench", "values": [{"a": 1}]}
    growing.append({"c": 3})
    growing.close()
    growing.close()
    assert json.loads(path.read_text()) == {"rig": "bench", "values": [{"a": 1}, {"c": 3}]}
