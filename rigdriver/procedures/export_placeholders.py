"""Frames that stand for missing ones, so that all cameras of an export have equally many images under equal names.

In: a recording, and its frame sets one after the other. Out: the same with black images where a camera has none, frame
sets for the indices that the recording lacks, and a list of all of them: placeholders.csv. Not here: the files (see
recording/capture_folder.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from rigdriver.errors import RecordingDamaged
from rigdriver.frames import Frame, FrameSet, Gap, GapReason, Proof, ProofVerdict
from rigdriver.recording.frame_source import Indexed, indexed
from rigdriver.recording.recording_file import Recording
from rigdriver.whole_file import write_whole

PLACEHOLDERS = "placeholders.csv"
NOT_THERE = "the recording holds no such frame set"


@dataclass(slots=True)
class Placeholders:
    """Makes black frames, and remembers them."""

    models: Mapping[str, Frame]
    """A frame of each camera, for size and pixel format."""
    rows: list[tuple[int, str, str]] = field(default_factory=list)
    """Index, camera and reason of each one."""

    def of(self, taken: Indexed) -> dict[str, Frame]:
        """Return a black frame for each camera that has none in this frame set."""
        made = {}
        for camera, gap in taken.frame_set.gaps.items():
            if (model := self.models.get(camera)) is not None:
                black = np.zeros_like(model.pixels)
                made[camera] = Frame(camera, 0, None, 0, model.pixel_format, black)
                self.rows.append((taken.index, camera, gap.reason.name))
        return made

    def write(self, folder: Path) -> None:
        """Write the list into the folder."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerows([("index", "camera", "reason"), *self.rows])
        write_whole(folder / PLACEHOLDERS, text.getvalue(), is_private=True)


def models_of(recording: Recording) -> dict[str, Frame]:
    """Return a frame of each camera; those that have none in the whole recording are left out."""
    found: dict[str, Frame] = {}
    for place in range(len(recording)):
        try:
            frame_set = recording[place].frame_set
        except RecordingDamaged:
            continue
        found = {**{frame.camera: frame for frame in frame_set}, **found}
        if len(found) == len(recording.plan.cameras):
            break
    return found


def without_holes(frame_sets: Iterator[Indexed], cameras: tuple[str, ...]) -> Iterator[Indexed]:
    """Yield the frame sets, and one without frames for each index that is missing between them."""
    expected: int | None = None
    for taken in frame_sets:
        for index in range(taken.index if expected is None else expected, taken.index):
            yield indexed(index, _nothing(index, cameras))
        expected = taken.index + 1
        yield taken


def _nothing(index: int, cameras: tuple[str, ...]) -> FrameSet:
    gaps = {name: Gap(name, GapReason.NOT_STORED) for name in cameras}
    proof = Proof(index, 0, 0, 0, MappingProxyType({}), float("nan"), ProofVerdict.UNPROVED, (NOT_THERE,))
    return FrameSet(index, 0, 0, MappingProxyType({}), MappingProxyType(gaps), proof)
