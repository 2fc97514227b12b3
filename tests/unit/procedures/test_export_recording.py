"""Exports of recordings: equal lengths where they are asked for, and nothing black is ever taken for an image.

In: a recording with a gap, a hole and a camera that came late. Out: files that other programs read; our own reader
still sees the gaps.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from rigdriver.config import RigConfig
from rigdriver.frames import FrameSet
from rigdriver.images.image_writer import ImageFormat
from rigdriver.procedures.export_recording import ExportOptions, GapPolicy, export_recording
from rigdriver.recording.image_folder import ImageFolder
from rigdriver.recording.recorder import Recorder
from tests.unit.recording.recorded import CAMERAS, frame_set, plan

HOLE, GAP = 3, 1
CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [{"name": name, "serial": f"SN{k}", "output": k} for k, name in enumerate(CAMERAS)],
    }
)


@pytest.fixture(scope="module")
def take(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("export") / "take.mcap"
    known = {"config": CONFIG.model_dump(mode="json"), "rate_hz": 10.0}
    with Recorder(path, plan().model_copy(update=known)) as recorder:
        for index in range(6):
            if index != HOLE:
                recorder.write(made(index), index)
    return path


def made(index: int) -> FrameSet:
    return frame_set(index, (24, 32), lost=("left", "deep") if index <= GAP else ())


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_placeholders_keep_all_cameras_at_equal_length_and_are_listed(take, tmp_path, image_format):
    options = ExportOptions(image_format, GapPolicy.PLACEHOLDER)
    done = export_recording(take, tmp_path / "out", options)
    assert (done.frame_sets, done.placeholders) == (6, 4 + len(CAMERAS))
    names = [f"{index:06d}.{image_format.value}" for index in range(6)]
    for camera in CAMERAS:
        assert sorted(path.name for path in (tmp_path / "out" / camera).iterdir()) == names
    rows = list(csv.DictReader((tmp_path / "out" / "placeholders.csv").read_text().splitlines()))
    assert {(row["index"], row["camera"]) for row in rows} == {
        *((str(index), camera) for index in (0, GAP) for camera in ("left", "deep")),
        *((str(HOLE), camera) for camera in CAMERAS),
    }
    for row in rows:
        file = tmp_path / "out" / row["camera"] / f"{int(row['index']):06d}.{image_format.value}"
        assert not cv2.imread(str(file), cv2.IMREAD_UNCHANGED).any()


def test_our_own_reader_takes_no_placeholder_for_an_image(take, tmp_path):
    export_recording(take, tmp_path / "out", ExportOptions(gaps=GapPolicy.PLACEHOLDER))
    folder = ImageFolder(tmp_path / "out", dict.fromkeys(CAMERAS, "geometry"))
    for taken in folder:
        lost = set(CAMERAS) if taken.index == HOLE else {"left", "deep"} if taken.index <= GAP else set()
        assert (set(taken.frame_set.gaps), taken.is_out_of_place) == (lost, False)
        for frame in taken.frame_set:
            assert np.array_equal(frame.pixels, made(taken.index)[frame.camera].pixels)


def test_without_placeholders_nothing_stands_for_what_is_missing(take, tmp_path):
    done = export_recording(take, tmp_path / "out")
    assert (done.frame_sets, done.placeholders) == (5, 0)
    assert len(list((tmp_path / "out" / "left").iterdir())) == 3
    assert not (tmp_path / "out" / "placeholders.csv").exists()


@pytest.mark.parametrize(("gaps", "left"), [(GapPolicy.PLACEHOLDER, 6), (GapPolicy.SKIP, 3)])
def test_a_video_has_a_picture_per_image_and_says_what_it_is(take, tmp_path, gaps, left):
    export_recording(take, tmp_path / "out", ExportOptions(gaps=gaps, has_videos=True))
    file = tmp_path / "out" / "recording-left_video.mp4"
    assert file.stat().st_mode & 0o777 == 0o600
    video = cv2.VideoCapture(str(file))
    pictures = []
    while (read := video.read())[0]:
        pictures.append(read[1])
    assert len(pictures) == left
    told = json.loads(file.with_suffix(".json").read_text())
    assert (told["VideoFrameCount"], told["VideoFrameRate"], told["DeviceSerialNumber"]) == (left, 10.0, "SN0")
    assert (told["ImageHeight"], told["ImageWidth"]) == pictures[0].shape[:2]
    # The captions differ from picture to picture, and are bright on dark.
    assert all(picture[-18:].max() > 60 for picture in pictures)
    assert not list((tmp_path / "out").glob(".rigdriver*"))
