"""Images and proofs as files.

In: frame sets made here, and writers that fall behind or fail. Out: images, rows and JSON that other programs read;
what was taken for writing is copied first.
"""

import csv
import json
import math
import shutil
import threading

import cv2
import numpy as np
import pytest

from rigdriver.config import RigConfig
from rigdriver.frames import Frame, FrameProof, FrameSet, Gap, GapReason, Proof, ProofVerdict
from rigdriver.images import image_writer
from rigdriver.images.contact_sheet import contact_sheet
from rigdriver.images.image_writer import ImageFormat, ImageWriter
from rigdriver.recording.capture_folder import CaptureFolder
from rigdriver.recording.image_folder import ImageFolder
from rigdriver.recording.proof_files import ProofFiles

CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [
            {"name": "left", "serial": "1", "output": 0, "pod": "left"},
            {"name": "right", "serial": "2", "output": 1, "pod": "right"},
        ],
    }
)


def frame_set(index: int, pixels: np.ndarray, pixel_format: str = "Mono8", is_complete: bool = True) -> FrameSet:
    names = ("left", "right") if is_complete else ("left",)
    frames = {name: Frame(name, index, 5, 6, pixel_format, pixels) for name in names}
    gaps = {} if is_complete else {"right": Gap("right", GapReason.NOT_EXPOSED)}
    proofs = {name: FrameProof(name, 100, 300, 20_300, -1.25, 100.0, index) for name in names}
    skew = 4.0 if is_complete else math.nan
    return FrameSet(index, 7, 8, frames, gaps, Proof(index, 3, 90, 10**7, proofs, skew, ProofVerdict.PROVED))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 255, (12, 16), np.uint8)


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_images_lie_in_a_folder_for_each_camera_under_the_pulse_index(tmp_path, pixels, image_format):
    with ImageWriter(tmp_path, image_format) as writer:
        writer.write(frame_set(12, pixels), 12)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert files == [f"{name}/000012.{image_format.value}" for name in ("left", "right")]
    read = cv2.imread(str(tmp_path / files[0]), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read, pixels)


@pytest.mark.parametrize("image_format", list(ImageFormat))
@pytest.mark.parametrize(("pixel_format", "order"), [("RGB8", [2, 1, 0]), ("BGR8", [0, 1, 2])])
def test_colours_keep_their_names(tmp_path, image_format, pixel_format, order):
    colours = np.random.default_rng(8).integers(0, 255, (4, 5, 3), np.uint8)
    with ImageWriter(tmp_path, image_format) as writer:
        writer.write(frame_set(0, colours, pixel_format), 0)
    read = cv2.imread(str(writer.path_of("left", 0)), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read, colours[..., order])


def test_images_are_copied_before_write_returns(tmp_path, pixels, mocker):
    release = threading.Event()
    encode = image_writer.encode_png

    def slow_encode(*args, **kwargs):
        release.wait(60)
        return encode(*args, **kwargs)

    mocker.patch.object(image_writer, "encode_png", slow_encode)
    before = pixels.copy()
    with ImageWriter(tmp_path, ImageFormat.PNG) as writer:
        writer.write(frame_set(0, pixels), 0)
        pixels[:] = 0
        release.set()
    read = cv2.imread(str(tmp_path / "left" / "000000.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read, before)


def test_images_are_only_stored_when_the_writers_fall_behind(tmp_path, pixels, mocker):
    hurried = mocker.spy(image_writer, "encode_png")
    with ImageWriter(tmp_path, ImageFormat.PNG, buffer_bytes=pixels.nbytes) as writer:
        writer.write(frame_set(0, pixels), 0)
    assert [call.kwargs["is_hurried"] for call in hurried.call_args_list] == [True, True]


def test_a_full_buffer_makes_the_capture_wait_until_a_writer_is_done(tmp_path, pixels):
    with ImageWriter(tmp_path, ImageFormat.PNG, buffer_bytes=1) as writer:
        for index in range(5):
            writer.write(frame_set(index, pixels), index)
    assert len(list(tmp_path.rglob("*.png"))) == 10


def test_a_file_that_cannot_be_written_ends_the_capture(tmp_path, pixels):
    (tmp_path / "left").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="left"), ImageWriter(tmp_path, ImageFormat.PNG) as writer:
        writer.write(frame_set(0, pixels), 0)


def test_proofs_are_rows_with_a_row_for_each_gap(tmp_path, pixels):
    with ProofFiles(tmp_path, "bench") as proofs:
        proofs.write(frame_set(0, pixels), 0)
        proofs.write(frame_set(1, pixels, is_complete=False), 1)
    rows = list(csv.DictReader((tmp_path / "proofs.csv").read_text().splitlines()))
    assert [(row["index"], row["camera"], row["verdict"], row["gap"]) for row in rows] == [
        ("0", "left", "proved", ""),
        ("0", "right", "proved", ""),
        ("1", "left", "proved", ""),
        ("1", "right", "gap", "NOT_EXPOSED"),
    ]
    assert (rows[0]["residual_us"], rows[0]["skew_us"], rows[3]["skew_us"]) == ("-1.250", "4.000", "")


def test_proofs_as_json_hold_every_frame_set_and_are_strict_json(tmp_path, pixels):
    with ProofFiles(tmp_path, "bench") as proofs:
        proofs.write(frame_set(1, pixels, is_complete=False), 1)
    whole = json.loads((tmp_path / "proofs.json").read_text(), parse_constant=pytest.fail)
    assert whole["rig"] == "bench"
    assert whole["frame_sets"][0]["proof"]["skew_us"] is None
    assert whole["frame_sets"][0]["gaps"]["right"]["reason"] == "NOT_EXPOSED"


def test_the_csv_is_whole_up_to_a_crash(tmp_path, pixels):
    proofs = ProofFiles(tmp_path, "bench")
    proofs.write(frame_set(0, pixels), 0)
    assert len((tmp_path / "proofs.csv").read_text().splitlines()) == 3
    proofs.close()


@pytest.mark.parametrize("is_complete", [True, False])
@pytest.mark.parametrize(
    ("pixel_format", "dtype"), [("Mono8", np.uint8), ("Mono12", np.uint16), ("BayerRG8", np.uint8)]
)
def test_a_contact_sheet_has_a_row_for_each_pod(is_complete, pixel_format, dtype):
    pixels = np.random.default_rng(9).integers(0, 200, (60, 80)).astype(dtype)
    sheet = contact_sheet(
        frame_set(0, pixels, pixel_format, is_complete), "bench", {c.name: c.pod for c in CONFIG.cameras}
    )
    assert sheet.dtype == np.uint8
    assert sheet.ndim == 3
    assert sheet.shape[0] > sheet.shape[1]


def test_images_that_were_put_into_a_capture_lack_a_proof(tmp_path, pixels):
    with CaptureFolder(tmp_path, CONFIG) as sink:
        sink.write(frame_set(0, pixels), 0)
    for name in ("left", "right"):
        for other in ("000007.png", "late.png"):
            shutil.copy(tmp_path / name / "000000.png", tmp_path / name / other)
    folder = ImageFolder(tmp_path, dict.fromkeys(("left", "right"), "geometry"))
    assert {taken.name: taken.is_out_of_place for taken in folder} == {
        "000000": False, "000007": True, "late": True
    }  # fmt: skip
    (tmp_path / "proofs.json").unlink()
    elsewhere = ImageFolder(tmp_path, dict.fromkeys(("left", "right"), "geometry"))
    assert not any(taken.is_out_of_place for taken in elsewhere)
