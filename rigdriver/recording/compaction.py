"""Makes a recording smaller without loss: each image as JPEG XL, in a new file that then takes the old one's name.

In: a sealed recording without damage. Out: the same recording, whose readers notice nothing. Each image is decoded and
compared before it is written; the raw file goes after the whole new one was checked on the disk, never before. What was
done when somebody stops it stays beside the recording, and the next call goes on from there: it takes the compressed
images over and compares them again. Not here: the codec (see images/lossless.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rigdriver.announcing import announce
from rigdriver.errors import RecordingDamaged, UsageError
from rigdriver.frames import Frame
from rigdriver.images.lossless import decode_lossless, encode_lossless
from rigdriver.recording.channels import IMAGES, Channels
from rigdriver.recording.frame_set_messages import JXL, messages_of
from rigdriver.recording.frame_source import Indexed
from rigdriver.recording.mcap.writer import McapWriter, keep_name_of
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.recovery import copy_told
from rigdriver.recording.seal import PLAN, SEAL, VERSION, as_note
from rigdriver.whole_file import not_written

PARTS = (".compact-1.part", ".compact-2.part")
"""Endings of the new file while it is made; a second call writes the one and takes over what the other one holds."""

SAMPLES = 3
"""Number of frame sets that are compressed to know how long the new file will be."""
SPARE = 1.1
"""Factor for frame sets that compress less than these."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of a recording."""

    path: Path
    frame_sets: int
    taken_over: int
    """Frame sets that an earlier call had compressed."""
    before_bytes: int
    after_bytes: int


def compact(path: Path, advance: Callable[[int], object] = lambda _done: None) -> Compacted:
    """Compress all images of a recording; `advance` is told how many frame sets are done.

    Raises:
        UsageError: the file is no recording, is compact already, is not whole, or the new one will not fit on the disk.
        RecordingDamaged: a part is not what was written; the recording stays as it was.
        FileNotWritten: the new file cannot be written; the recording stays as it was.
    """
    with Recording(path) as recording:
        _refuse_unfit(recording)
        old, new = _parts_of(path)
        _refuse_if_too_large(recording)
        with ThreadPoolExecutor(max_workers=len(recording.plan.cameras), thread_name_prefix="compaction") as pool:
            taken_over = _write(recording, new, old, pool, advance)
        before = recording.size
    after = _checked(new)
    try:
        new.replace(path)
        keep_name_of(path)
        if old is not None:
            old.unlink(missing_ok=True)
    except OSError as exc:
        raise not_written(path, exc) from exc
    return Compacted(path, after[0], taken_over, before, after[1])


def parts_beside(path: Path) -> list[Path]:
    """Return the files that an interrupted call has left beside a recording."""
    return [part for ending in PARTS if (part := path.with_name(path.name + ending)).exists()]


def _refuse_unfit(recording: Recording) -> None:
    if recording.plan.coding == JXL:
        raise UsageError(device=str(recording.path), seen="is compact already", remedy="there is nothing to do")
    if recording.seal is None or not recording.is_whole:
        raise UsageError(
            device=str(recording.path),
            seen=f"is {recording.state}",
            expected="a sealed recording",
            remedy="`rigdriver recording recover` makes one of what is whole",
        )


def _refuse_if_too_large(recording: Recording) -> None:
    """Refuse when the new file will not fit beside the old one; some frame sets are compressed to know its length."""
    places = sorted({k * (len(recording) - 1) // max(SAMPLES - 1, 1) for k in range(SAMPLES)} if len(recording) else ())
    frames = [frame for place in places for frame in recording[place].frame_set]
    raw = sum(frame.pixels.nbytes for frame in frames)
    ratio = sum(len(encode_lossless(frame.pixels)) for frame in frames) / raw if raw else 1.0
    need, free = SPARE * ratio * recording.size, shutil.disk_usage(recording.path.parent).free
    if need > free:
        raise UsageError(
            device=str(recording.path),
            seen=f"needs about {need / 1e9:.2f} GB more while it is compacted; the disk has {free / 1e9:.2f} GB free",
            remedy="free space on that disk; nothing was done",
        )


def _parts_of(path: Path) -> tuple[Path | None, Path]:
    """Return the file to go on from, and the name of the new one, which does not exist."""
    left = sorted(parts_beside(path), key=_frame_sets_of)
    old = left[-1] if left and _frame_sets_of(left[-1]) else None
    for part in left:
        announce(part)  # whoever knows of it hears that it goes
        if part != old:
            part.unlink(missing_ok=True)
    first, second = (path.with_name(path.name + ending) for ending in PARTS)
    return old, second if old == first else first


def _frame_sets_of(part: Path) -> int:
    try:
        with Recording(part) as begun:
            return len(begun)
    except UsageError:
        return 0


def _write(
    recording: Recording, new: Path, old: Path | None, pool: ThreadPoolExecutor, advance: Callable[[int], object]
) -> int:
    """Write the new file, and return how many frame sets were taken over."""
    plan = recording.plan.model_copy(update={"coding": JXL, "version": VERSION})
    seal = recording.seal
    assert seal is not None, "others are refused before"
    begun = Recording(old) if old is not None else None
    file = McapWriter(new, f"rigdriver {plan.driver}".rstrip(), "rigdriver")
    try:
        channels = Channels.added_to(file, plan.cameras, is_compact=True)
        file.write_note(PLAN, as_note(plan))
        taken_over = 0
        for place in range(len(recording)):
            copy_told(recording, place, file, channels)
            taken = recording[place]
            coded = _taken_over(begun, place, taken)
            taken_over += coded is not None
            file.write_chunk(messages_of(taken, channels, coded or _coded(taken, pool)))
            advance(place + 1)
        copy_told(recording, len(recording), file, channels)
        file.write_note(SEAL, as_note(seal))
        file.finish()
    finally:
        file.abandon()
        if begun is not None:
            begun.close()
    return taken_over


def _taken_over(begun: Recording | None, place: int, taken: Indexed) -> dict[str, bytes] | None:
    """Return the images of an earlier call, where they are those of this frame set to the bit."""
    if begun is None or place >= len(begun):
        return None
    with suppress(RecordingDamaged, ValueError, KeyError):
        found = begun.coded_images(place)
        coded = {frame.camera: found[IMAGES.format(frame.camera)] for frame in taken.frame_set}
        if all(_is_same(frame, coded[frame.camera]) for frame in taken.frame_set):
            return coded
    return None


def _coded(taken: Indexed, pool: ThreadPoolExecutor) -> dict[str, bytes]:
    frames = list(taken.frame_set)
    return dict(zip((frame.camera for frame in frames), pool.map(_checked_code, frames), strict=True))


def _checked_code(frame: Frame) -> bytes:
    raw = encode_lossless(frame.pixels)
    if not _is_same(frame, raw):
        raise RecordingDamaged(
            device=f"camera {frame.camera}",
            seen="its compressed image is another one; the recording stays as it was",
            remedy="report this with the versions of imagecodecs and of this program",
        )
    return raw


def _is_same(frame: Frame, raw: bytes) -> bool:
    """Return whether the compressed image is that frame's to the bit."""
    return np.array_equal(decode_lossless(raw, frame.pixels.shape, frame.pixels.dtype), frame.pixels)


def _checked(new: Path) -> tuple[int, int]:
    """Look at every byte and every image of the new file; return its frame sets and bytes."""
    with Recording(new) as made:
        for damage in made.check():
            raise damage
        return len(made), made.size
