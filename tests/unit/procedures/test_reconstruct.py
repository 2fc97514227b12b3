"""`reconstruct` with a reconstructor that another package registers, and what a folder of 12-bit files needs.

In: a folder of face images, fake entry points. Out: who was asked, with what, and what was written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import save
from rigdriver.cli.verbs import app
from rigdriver.config import VolumeConfig
from rigdriver.errors import CalibrationMismatch, UsageError
from rigdriver.frames import Frame, FrameSet, Proof
from rigdriver.images.region import ImageRegion
from rigdriver.procedures.fitting_images import without_unfit
from rigdriver.procedures.reconstruct import (
    ReconstructOptions,
    reconstruct_folder,
    reconstruct_recording,
    reconstruct_source,
)
from rigdriver.recording.frame_source import Indexed
from rigdriver.recording.image_folder import ImageFolder
from rigdriver.recording.recorder import Recorder
from rigdriver.recording.seal import Plan
from rigdriver.recording.stored_formats import FormatAnswers
from rigdriver.stereo.cloud import PointCloud


class Theirs:
    """Finds one point in every frame set."""

    made: ClassVar[list[Theirs]] = []

    def __init__(self, calibration: RigCalibration) -> None:
        self.calibration = calibration
        self.seen: list[dict[str, str]] = []
        self.closed = 0
        self.made.append(self)

    def reconstruct(self, images: FrameSet) -> PointCloud:
        self.seen.append({frame.camera: frame.pixel_format for frame in images})
        one = np.ones(1, np.float32)
        return PointCloud(np.ones((1, 3), np.float32), one, np.ones((1, 3), np.float32), one, np.zeros(1, np.uint8))

    def close(self) -> None:
        self.closed += 1


class Notes:
    """Progress that is read afterwards."""

    def __init__(self) -> None:
        self.totals: list[int | None] = []
        self.told: list[str] = []

    @contextmanager
    def stage(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        del what
        self.totals.append(total)
        yield lambda _done: None

    def note(self, what: object) -> None:
        self.told.append(str(what))

    def go_on(self) -> None:
        pass


@pytest.fixture
def theirs(mocker):
    Theirs.made = []
    entry = mocker.Mock(value="their.module:Theirs")
    entry.name = "theirs"
    entry.load.return_value = Theirs
    mocker.patch("rigdriver.stereo.reconstructors.entry_points", return_value=[entry])
    return Theirs.made


@pytest.fixture
def calibration(rig_calibration, tmp_path):
    save(rig_calibration, tmp_path / "calibration.json")
    return tmp_path / "calibration.json"


@pytest.fixture
def folder(rig_calibration, tmp_path):
    for camera in rig_calibration:
        (tmp_path / "in" / camera.name).mkdir(parents=True)
        for index in ("000001", "000002"):
            cv2.imwrite(str(tmp_path / "in" / camera.name / f"{index}.png"), np.full((480, 640), 900, np.uint16))
    return tmp_path / "in"


def test_reconstruct_calls_the_reconstructor_that_is_named_and_closes_it(theirs, folder, calibration, tmp_path):
    words = ["reconstruct", folder, "-c", calibration, "-o", tmp_path / "out", "--bits", "12"]
    done = CliRunner().invoke(app, [str(word) for word in [*words, "--reconstructor", "theirs", "--json"]])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["frame_sets"], told["reconstructed"], told["time_ms_median"]) == (2, 2, None)
    (made,) = theirs
    assert made.closed == 1
    assert len(made.seen) == 2
    assert {f for seen in made.seen for f in seen.values()} == {"Mono12", "BayerRG12"}
    assert sorted(p.name for p in (tmp_path / "out").glob("*.ply")) == ["000001.ply", "000002.ply"]


def test_a_reconstructor_without_surfaces_is_told_before_any_work(theirs, folder, calibration, tmp_path):
    options = ReconstructOptions(tmp_path / "out", calibration, "theirs", meshes=("ply",))
    with pytest.raises(UsageError, match="reconstructor theirs: gives points and no surfaces; leave --mesh"):
        reconstruct_folder(folder, options, FormatAnswers(bits=12))
    assert theirs[0].closed == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["0,0,900", "0,0,900,0", "0,0,900,-5", "a,b,c,d", "nan,0,900,150", "0,0,900,150,7"])
def test_a_volume_that_is_no_ball_is_refused(theirs, folder, calibration, tmp_path, text):
    done = CliRunner().invoke(app, ["reconstruct", str(folder), "-c", str(calibration), "--volume", text])
    assert done.exit_code == 2
    assert "expected X,Y,Z,R in mm" in " ".join(done.stderr.split())


def test_a_volume_for_a_reconstructor_that_takes_none_is_refused(theirs, folder, calibration, tmp_path):
    ball = VolumeConfig(centre_mm=(0.0, 0.0, 0.0), radius_mm=150.0)
    options = ReconstructOptions(tmp_path / "out", calibration, "theirs", volume=ball)
    with pytest.raises(UsageError, match="theirs: takes no working volume"):
        reconstruct_folder(folder, options, FormatAnswers(bits=12))
    assert not (tmp_path / "out").exists()


def test_an_unknown_reconstructor_is_refused_with_the_known_ones(theirs, folder, calibration, tmp_path):
    with pytest.raises(
        UsageError, match="reconstructor 'magic': no package registers it; expected one of cells, theirs"
    ):
        reconstruct_folder(folder, ReconstructOptions(tmp_path / "out", calibration, "magic"), FormatAnswers(bits=12))


def test_16_bit_files_without_an_answer_are_refused_before_anything_is_written(theirs, folder, calibration, tmp_path):
    words = ["reconstruct", folder, "-c", calibration, "-o", tmp_path / "out", "--reconstructor", "theirs"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 2
    assert "give --bits (10, 12, 14 or 16)" in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_formats_of_a_rig_are_not_asked(tmp_path):
    done = CliRunner().invoke(app, ["reconstruct", "--sim", "--bits", "12", "-o", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "its cameras report their pixel format" in " ".join(done.stderr.split())


def test_images_of_another_place_on_the_sensor_are_refused_though_their_size_fits(
    theirs, folder, moved_region, tmp_path
):
    calibration = moved_region(folder, 12)
    with pytest.raises(CalibrationMismatch, match=r"images with offset 16,0 px; expected offset 0,0 px, as calibrated"):
        reconstruct_folder(folder, ReconstructOptions(tmp_path / "out", calibration, "theirs"))
    assert theirs[0].seen == []


class Kept:
    """A source that nobody here has met: frame sets that were kept in memory, and whose number it does not know."""

    config = None

    def __init__(self, kept: Sequence[Indexed]) -> None:
        self._kept = kept

    def sizes_px(self) -> dict[str, tuple[int, int]]:
        return {}

    def regions(self) -> dict[str, ImageRegion | None]:
        return {}

    def __iter__(self) -> Iterator[Indexed]:
        yield from self._kept


def test_any_source_is_measured_under_the_names_that_it_gives(theirs, folder, rig_calibration, calibration, tmp_path):
    roles = {camera.name: camera.role for camera in rig_calibration}
    first, second = ImageFolder(folder, roles, FormatAnswers(bits=12))
    source = Kept([Indexed(3, "a", first.frame_set), Indexed(5, "b", second.frame_set, is_out_of_place=True)])
    notes = Notes()
    done = reconstruct_source(source, ReconstructOptions(tmp_path / "out", calibration, "theirs"), notes)
    assert (done.frame_sets, done.reconstructed, done.asked) == (2, 2, None)
    assert sorted(p.name for p in (tmp_path / "out").glob("*.ply")) == ["a.ply", "b.ply"]
    assert notes.totals == [None]
    (told,) = notes.told
    assert told.startswith("frame set b: the folder's proofs do not hold this frame set")


@pytest.mark.parametrize("planned", [2, 5])
def test_a_recording_is_measured_as_the_folder_of_its_images_is_and_what_it_lacks_is_told_first(
    theirs, folder, rig_calibration, calibration, tmp_path, planned
):
    images = ImageFolder(folder, {camera.name: camera.role for camera in rig_calibration}, FormatAnswers(bits=12))
    names = tuple(camera.name for camera in rig_calibration)
    plan = Plan(rig="bench", cameras=names, t_utc_ns=1, frame_sets=planned, sync_interval_s=1.0)
    with Recorder(tmp_path / "take.mcap", plan) as recorder:
        for taken in images:
            recorder.write(taken.frame_set)
    notes = Notes()
    options = ReconstructOptions(tmp_path / "out", calibration, "theirs")
    done = reconstruct_recording(tmp_path / "take.mcap", options, notes)
    assert (done.frame_sets, done.reconstructed) == (2, 2)
    assert theirs[0].seen == [{frame.camera: frame.pixel_format for frame in taken.frame_set} for taken in images]
    told = "incomplete: 2 of 5 frame sets came"
    assert [told in note for note in notes.told] == ([True] if planned == 5 else [])


@pytest.mark.parametrize("kind", ["damaged", "cut", "colour"])
def test_a_bad_image_ends_its_own_frame_set_only(folder, calibration, tmp_path, kind):
    for camera in ("left_upper", "right_lower"):
        path = folder / camera / "000001.png"
        if kind == "damaged":
            path.write_bytes(path.read_bytes()[:100])
        else:
            cv2.imwrite(str(path), np.full((400, 640) if kind == "cut" else (480, 640, 3), 900, np.uint16))
    done = reconstruct_folder(folder, ReconstructOptions(tmp_path / "out", calibration), FormatAnswers(bits=12))
    assert (done.frame_sets, done.reconstructed) == (2, 0)
    first, second = json.loads((tmp_path / "out" / "figures.json").read_text())["frame_sets"]
    assert "left_upper: its image file cannot be used" in first["reason"]
    assert "right_lower: its image file cannot be used" in first["reason"]
    assert "blank image" in second["reason"]


def test_a_colour_image_of_another_size_costs_its_texture_and_is_noted(rig_calibration):
    given = {c.name: np.zeros(c.size_px[::-1], np.uint8) for c in rig_calibration} | {
        "left_colour": np.zeros((4, 4), np.uint8)
    }
    frames = {name: Frame(name, 0, None, 0, "Mono8", pixels) for name, pixels in given.items()}
    proof = Proof(0, 0, 0, 0, {}, float("nan"), "unproved")
    fitting = without_unfit(rig_calibration, FrameSet(0, 0, 0, frames, {}, proof))
    assert set(fitting.frames) == set(given) - {"left_colour"}
    assert "images of 4x4 px; expected " in str(fitting.gaps["left_colour"])
