"""A capture comes back as it was: pixels, pixel formats, proofs, gaps, rig. Files from elsewhere are asked for once.

In: frame sets written by a `CaptureFolder`, and folders as other programs leave them. Out: frame sets, or what to do.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from rigdriver.config import RigConfig
from rigdriver.errors import UsageError
from rigdriver.frames import Flash, Frame, FrameProof, FrameSet, Gap, GapReason, Proof, ProofVerdict
from rigdriver.gap_facts import Told
from rigdriver.images.folder import list_images
from rigdriver.images.image_writer import ImageFormat
from rigdriver.recording.capture_folder import CaptureFolder, refuse_used
from rigdriver.recording.image_folder import NO_PROOF, ImageFolder
from rigdriver.recording.stored_formats import FormatAnswers, format_of, read_sidecar

if TYPE_CHECKING:
    from rigdriver.procedures.flash_trains import FlashTrains
    from rigdriver.recording.frame_source import FrameSource

CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [
            {"name": "grey", "serial": "1", "output": 0, "pod": "left", "features": {"PixelFormat": "Mono12p"}},
            {"name": "colour", "serial": "2", "output": 1, "pod": "left", "role": "texture"},
        ],
        "lamps": [{"name": "lamp", "kind": "white", "output": 2, "radiant_power_w": 2.5}],
    }
)
ROLES = {"grey": "geometry", "colour": "texture"}


def frame_set(pulse: int, gap: Gap | None = None) -> FrameSet:
    rng = np.random.default_rng(pulse)
    frames = {
        "grey": Frame("grey", pulse + 4, 5, 6, "Mono12p", rng.integers(0, 900, (12, 16)).astype(np.uint16)),
        "colour": Frame("colour", pulse + 9, 5, 6, "BayerGB8", rng.integers(0, 255, (10, 8)).astype(np.uint8)),
    }
    if gap is not None:
        del frames[gap.camera]
    proofs = {
        name: FrameProof(
            name, 100, 300, 20_300, -1.25, 100.0, frame.frame_id, 7, {"lamp": 0.5}, ("odd",), ("wires",)
        )
        for name, frame in frames.items()
    }  # fmt: skip
    verdict = ProofVerdict.GAPS if gap else ProofVerdict.PROVED
    proof = Proof(
        pulse, 3, 90, 10**7, proofs, math.nan if gap else 4.0, verdict, (str(gap),) if gap else (),
        (Flash("lamp", 120, 20_000),), ("edges",),
    )  # fmt: skip
    return FrameSet(pulse, 7, 8, frames, {gap.camera: gap} if gap else {}, proof)


def write(folder: Path, image_format: ImageFormat | None = ImageFormat.PNG) -> list[FrameSet]:
    sets = [frame_set(0), frame_set(2, Gap("colour", GapReason.NOT_EXPOSED, Told("line 3"))), frame_set(1)]
    with CaptureFolder(folder, CONFIG, image_format) as sink:
        for index, one in enumerate(sets):
            sink.write(one, index)
    return sets


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_pixels_formats_proofs_gaps_and_rig_come_back_as_they_were(tmp_path, image_format):
    sets = write(tmp_path, image_format)
    folder = ImageFolder(tmp_path, ROLES)
    assert folder.config == CONFIG
    assert folder.sizes_px() == {"grey": (16, 12), "colour": (8, 10)}
    assert len(folder) == 3
    for taken, written in zip(folder, sets, strict=True):
        read = taken.frame_set
        assert (read.pulse_index, read.t_utc_ns) == (written.pulse_index, written.t_utc_ns)
        assert read.gaps == written.gaps
        assert read.proof.to_json() == written.proof.to_json()
        assert [f.camera for f in read] == [f.camera for f in written]
        for frame in read:
            assert (frame.pixel_format, frame.frame_id) == (
                written[frame.camera].pixel_format,
                written[frame.camera].frame_id,
            )
            assert np.array_equal(frame.pixels, written[frame.camera].pixels)
            assert not frame.pixels.flags.writeable


def test_names_and_numbers_are_those_of_the_files(tmp_path):
    write(tmp_path)
    assert [(t.index, t.name) for t in ImageFolder(tmp_path, ROLES)] == [(0, "000000"), (1, "000001"), (2, "000002")]


def test_a_capture_that_was_cut_short_says_its_pixel_formats(tmp_path):
    sink = CaptureFolder(tmp_path, CONFIG)
    sink.write(frame_set(0))
    sidecar = read_sidecar(tmp_path)
    assert sidecar is not None
    assert {name: stored.pixel_format for name, stored in sidecar.cameras.items()} == {
        "grey": "Mono12p",
        "colour": "BayerGB8",
    }
    sink.close()
    sink.close()


def test_colours_are_stored_as_red_green_blue_and_said_so(tmp_path):
    colours = np.random.default_rng(1).integers(0, 255, (4, 5, 3)).astype(np.uint8)
    proof = Proof(0, 1, 0, 1, MappingProxyType({}), math.nan, ProofVerdict.UNPROVED)
    one = FrameSet(0, 0, 0, {"colour": Frame("colour", 1, 0, 0, "BGR8", colours)}, {}, proof)
    with CaptureFolder(tmp_path, CONFIG) as sink:
        sink.write(one)
    (taken,) = ImageFolder(tmp_path, ROLES)
    assert taken.frame_set["colour"].pixel_format == "RGB8"
    assert np.array_equal(taken.frame_set["colour"].pixels, colours[..., ::-1])


def test_a_capture_of_proofs_alone_leaves_no_sidecar(tmp_path):
    write(tmp_path, None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["proofs.csv", "proofs.json"]
    with pytest.raises(UsageError, match="holds a capture already"):
        refuse_used(tmp_path)


def test_a_camera_whose_image_was_taken_away_is_a_gap(tmp_path):
    write(tmp_path)
    (tmp_path / "grey" / "000000.png").unlink()
    taken = next(iter(ImageFolder(tmp_path, ROLES)))
    assert taken.frame_set.gaps == {"grey": Gap("grey", GapReason.NOT_STORED)}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"format": 1}',
        '{"format": "rigdriver-images", "version": 9, "cameras": {}}',
        '{"format": "rigdriver-images", "version": 1, "cameras": {"a": {"pixel_format": "Mono11", "size_px": [1, 2]}}}',
    ],
)
def test_a_sidecar_that_cannot_be_understood_is_refused_with_what_to_do(tmp_path, text):
    (tmp_path / "images.json").write_text(text)
    with pytest.raises(UsageError, match=r"images\.json: does not say what the images are .*give --pixel-format"):
        read_sidecar(tmp_path)


def test_images_stay_readable_when_the_rig_was_described_by_another_version(tmp_path):
    write(tmp_path)
    table = json.loads((tmp_path / "images.json").read_text())
    table["rig"]["unheard_of"] = 1
    (tmp_path / "images.json").write_text(json.dumps(table))
    folder = ImageFolder(tmp_path, ROLES)
    assert folder.config is None
    assert folder.pixel_formats == {"grey": "Mono12p", "colour": "BayerGB8"}


# ---------------------------------------------------------------- files from elsewhere


def elsewhere(folder: Path, grey: type = np.uint8, colour: type = np.uint8) -> Path:
    for name, dtype in (("grey", grey), ("colour", colour)):
        (folder / name).mkdir(parents=True)
        for index in ("9", "10"):
            assert cv2.imwrite(str(folder / name / f"{index}.png"), np.full((8, 8), 200, dtype))
    return folder


def test_8_bit_files_need_no_answer_and_carry_no_proof(tmp_path):
    folder = ImageFolder(elsewhere(tmp_path), ROLES)
    assert folder.pixel_formats == {"grey": "Mono8", "colour": "BayerRG8"}
    taken = list(folder)
    assert [t.name for t in taken] == ["9", "10"]
    assert {t.frame_set.proof.verdict for t in taken} == {"unproved"}
    assert taken[0].frame_set.proof.reasons == (NO_PROOF,)
    assert folder.config is None


def test_16_bit_files_are_asked_for_with_the_remedy(tmp_path):
    with pytest.raises(UsageError, match=r"camera grey: .*16 bits per sample.*--bits \(10, 12, 14 or 16\).*Mono12"):
        ImageFolder(elsewhere(tmp_path, np.uint16), ROLES)
    with pytest.raises(UsageError, match=r"camera colour: .*--bits \(10, 12 or 16\).*BayerRG12"):
        ImageFolder(elsewhere(tmp_path / "deep", np.uint8, np.uint16), ROLES)


@pytest.mark.parametrize(
    ("depths", "answers", "expected"),
    [
        ((np.uint16, np.uint8), FormatAnswers(bits=12), ("Mono12", "BayerRG8")),
        ((np.uint16, np.uint16), FormatAnswers(bits=10), ("Mono10", "BayerRG10")),
        ((np.uint16, np.uint16), FormatAnswers(("BayerGB8",), 12), ("Mono12", "BayerGB12")),
        ((np.uint16, np.uint16), FormatAnswers(("Mono12", "BayerBG12")), ("Mono12", "BayerBG12")),
        ((np.uint16, np.uint8), FormatAnswers(("Mono14",)), ("Mono14", "BayerRG8")),
        ((np.uint8, np.uint8), FormatAnswers(("BayerGR8",)), ("Mono8", "BayerGR8")),
        ((np.uint8, np.uint8), FormatAnswers(("Mono8",)), ("Mono8", "Mono8")),
        ((np.uint16, np.uint16), FormatAnswers(("grey=Mono10", "Mono16", "BayerRG16")), ("Mono10", "BayerRG16")),
        ((np.uint16, np.uint16), FormatAnswers(("Mono12",)), ("Mono12", "Mono12")),
    ],
)
def test_an_answer_counts_for_the_cameras_that_it_fits(tmp_path, depths, answers, expected):
    folder = ImageFolder(elsewhere(tmp_path, *depths), ROLES, answers)
    assert (folder.pixel_formats["grey"], folder.pixel_formats["colour"]) == expected


def test_a_number_that_the_named_bits_cannot_hold_is_refused(tmp_path):
    elsewhere(tmp_path, np.uint16)
    assert cv2.imwrite(str(tmp_path / "grey" / "10.png"), np.full((8, 8), 1024, np.uint16))
    taken = iter(ImageFolder(tmp_path, ROLES, FormatAnswers(bits=10)))
    assert not next(taken).frame_set.gaps
    told = str(next(taken).frame_set.gaps["grey"])
    assert re.search(r"10\.png: holds the value 1024, and Mono10 ends at 1023; .*--bits", told)


def test_colour_files_are_rgb():
    assert format_of("colour", "texture", np.zeros((2, 2, 3), np.uint8), FormatAnswers()) == "RGB8"


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"bits": 11}, "--bits: 11; expected 10, 12, 14 or 16"),
        ({"pixel_formats": ("Foo8",)}, "pixel format Foo8: is not known"),
        ({"pixel_formats": ("left=Foo8",)}, "pixel format Foo8: is not known"),
    ],
)
def test_answers_that_say_nothing_are_refused(answers, told):
    with pytest.raises(UsageError, match=told):
        FormatAnswers(**answers)


def test_an_answer_for_a_camera_that_its_files_contradict_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--pixel-format grey=Mono12: its files hold 8 bits per sample"):
        ImageFolder(elsewhere(tmp_path), ROLES, FormatAnswers(("grey=Mono12",)))


def test_a_file_of_another_depth_than_the_others_is_named(tmp_path):
    elsewhere(tmp_path, np.uint16)
    assert cv2.imwrite(str(tmp_path / "grey" / "9.png"), np.full((8, 8), 3, np.uint8))
    folder = ImageFolder(tmp_path, ROLES, FormatAnswers(bits=12))
    nine, ten = folder
    assert re.search(
        r"9\.png: holds 8 bits per sample and 1 channels, which are no Mono12", str(nine.frame_set.gaps["grey"])
    )
    assert not ten.frame_set.gaps


@pytest.mark.parametrize("bad", ["0", "1", "2"])
@pytest.mark.parametrize("kind", ["damaged", "cut", "colour", "deep"])
def test_one_bad_file_is_a_gap_and_decides_nothing_for_the_others(tmp_path, bad, kind):
    rng = np.random.default_rng(3)
    for name in ROLES:
        (tmp_path / name).mkdir()
        for index in "012":
            cv2.imwrite(str(tmp_path / name / f"{index}.png"), rng.integers(0, 255, (8, 8), np.uint8))
    path = tmp_path / "grey" / f"{bad}.png"
    if kind == "damaged":
        path.write_bytes(path.read_bytes()[:20])
    elif kind == "cut":
        cv2.imwrite(str(path), np.zeros((6, 8), np.uint8))
    else:
        cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8) if kind == "colour" else np.zeros((8, 8), np.uint16))
    folder = ImageFolder(tmp_path, ROLES)
    assert folder.pixel_formats == {"grey": "Mono8", "colour": "BayerRG8"}
    assert folder.sizes_px() == {"grey": (8, 8), "colour": (8, 8)}
    for taken in folder:
        is_bad = taken.name == bad and kind != "cut"  # a size is judged against the calibration
        assert set(taken.frame_set.gaps) == ({"grey"} if is_bad else set())
        assert all(gap.reason is GapReason.UNUSABLE_FILE for gap in taken.frame_set.gaps.values())
        assert "colour" in taken.frame_set.frames


def test_a_camera_without_a_usable_file_is_a_gap_in_each_frame_set(tmp_path):
    elsewhere(tmp_path)
    for path in (tmp_path / "grey").iterdir():
        path.write_bytes(b"nothing")
    folder = ImageFolder(tmp_path, ROLES)
    assert [set(taken.frame_set.gaps) for taken in folder] == [{"grey"}, {"grey"}]
    for path in (tmp_path / "colour").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="cannot be read as an image"):
        ImageFolder(tmp_path, ROLES)


def test_hidden_files_and_folders_and_previews_are_no_images(tmp_path):
    elsewhere(tmp_path)
    for name in ("._9.png", ".9.png.part.png"):
        (tmp_path / "grey" / name).write_bytes(b"\0\5\26\7Mac OS X")
    (tmp_path / ".thumbnails").mkdir()
    cv2.imwrite(str(tmp_path / ".thumbnails" / "9.png"), np.zeros((2, 2), np.uint8))
    (tmp_path / "grey" / "12.png").mkdir()
    cv2.imwrite(str(tmp_path / "grey" / "9.jpg"), np.zeros((2, 2), np.uint8))
    (tmp_path / "grey" / "10.png").rename(tmp_path / "grey" / "10.PNG")
    assert list(list_images(tmp_path)) == ["colour", "grey"]
    folder = ImageFolder(tmp_path, ROLES)
    assert folder.names == ("9", "10")
    assert all(not taken.frame_set.gaps and taken.frame_set["grey"].pixels.shape == (8, 8) for taken in folder)


def test_a_folder_and_a_live_rig_are_frame_sources(tmp_path):
    """The type checker reads this: both have the parts that consumers use."""

    def consume(source: FrameSource) -> object:
        return source.config, source.sizes_px(), iter(source)

    def consume_live(trains: FlashTrains) -> object:
        return consume(trains)

    assert consume(ImageFolder(elsewhere(tmp_path), ROLES))
    assert consume_live.__name__
