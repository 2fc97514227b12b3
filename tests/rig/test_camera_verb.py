"""`rigdriver camera` and `rig.cameras[NAME].features` on simulated cameras, also one with the names of SFNC 1.x.

In: command lines, and calls from Python. Out: features as they are printed, what a camera makes of changes, files, one
image; nothing that is there is overwritten, and the camera's trigger is as before.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from rigdriver.cli.verbs import app
from rigdriver.config import load
from rigdriver.errors import CameraError, StateError, UsageError
from rigdriver.rig import Rig
from tests.rig.played import dark, play

pytestmark = pytest.mark.sim

CAMERA = "left_upper"


class Verb:
    """`rigdriver camera left_upper` on one rig."""

    def __init__(self, rig_file: Path) -> None:
        self.rig_file = rig_file

    def __call__(self, *words: object, camera: str = CAMERA) -> Result:
        return CliRunner().invoke(app, ["camera", camera, "--rig", str(self.rig_file), *map(str, words)])

    def told(self, *words: object) -> dict[str, Any]:
        done = self(*words, "--json")
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def values(self) -> dict[str, object]:
        return {feature["name"]: feature["value"] for feature in self.told()["features"]}


@pytest.fixture(params=["", "gige1"])
def make(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def verb(launch_rig, make: str) -> Verb:
    return Verb(Path(launch_rig(**({"make": make} if make else {})).rig_file))


@pytest.fixture
def plain(launch_rig) -> Verb:
    return Verb(Path(launch_rig().rig_file))


@pytest.fixture
def names(make: str) -> tuple[str, str]:
    """Names of exposure time and gain of that make."""
    return ("ExposureTimeAbs", "GainRaw") if make == "gige1" else ("ExposureTime", "Gain")


def test_features_are_listed_by_category_and_searched(verb, names):
    exposure, gain = names
    listed = verb()
    assert listed.exit_code == 0, listed.output
    lines = [" ".join(line.split()) for line in listed.stdout.splitlines()]
    assert lines[0] == f"camera {CAMERA}: rigdriver Sim3M, SN SIM0001"
    assert lines.index("AcquisitionControl") < lines.index(f"{exposure} float 2000 us 10 to 1000000 read/write")
    assert "Width integer 320 px 16 to 320 step 4 read/write" in lines
    assert "TriggerMode[TriggerSelector] enumeration Off Off, On read/write" in lines
    found = verb.told("--search", "gain")
    assert {gain, "GainAuto"} <= {feature["name"] for feature in found["features"]} < set(verb.values())
    nothing = verb("--search", "flux")
    assert nothing.exit_code == 1
    assert "no feature's name or tooltip holds 'flux'" in nothing.stderr


def test_a_change_is_told_as_the_camera_made_it_and_a_clamped_one_is_status_1(verb, names):
    exposure, gain = names
    good = verb("--set", f"{exposure}=1500", "--set", "TriggerMode[TriggerSelector=FrameStart]=On")
    assert good.exit_code == 0, good.output
    assert f"{exposure}: asked 1500, got 1500.0\n" in good.stdout
    assert verb.values()[exposure] == 1500.0
    assert verb.values()["TriggerMode"] == "On"
    clamped = verb("--set", f"{gain}=999")
    assert clamped.exit_code == 1
    assert f"{gain}: asked 999, got 24" in clamped.stdout
    assert "clamped; the camera allows 0 to 24" in clamped.stdout


def test_an_unknown_name_is_status_2_with_the_nearest_names_and_ends_the_changes(verb, names):
    exposure, _ = names
    refused = verb("--set", f"{exposure}=1500", "--set", "TriggerModus=On", "--set", f"{exposure}=1700")
    assert refused.exit_code == 2
    assert "has no feature TriggerModus; nearest are TriggerMode" in refused.stderr
    assert f"{exposure}: asked 1500" in refused.stdout
    assert verb.values()[exposure] == 1500.0
    unknown = verb(camera="left_uper")
    assert unknown.exit_code == 2
    assert "camera left_uper: is not in the rig file; expected one of left_upper, left_lower" in unknown.stderr


def test_saved_settings_come_back_after_a_change(verb, names, tmp_path):
    exposure, gain = names
    file, second = tmp_path / "left.toml", tmp_path / "again.toml"
    verb("--set", "Width=160", "--set", "OffsetX=80", "--set", f"{gain}=7", "--set", "TriggerMode=On")
    assert verb("--save", file).exit_code == 0
    saved = tomllib.loads(file.read_text())["features"]
    assert (saved["OffsetX"], saved[gain], saved["TriggerMode[TriggerSelector=FrameStart]"]) == (80, 7, "On")
    before = verb.values()
    changes = ("OffsetX=0", "Width=320", f"{gain}=3", f"{exposure}=900", "TriggerMode=Off", "TriggerSource=Software")
    assert verb(*(word for change in changes for word in ("--set", change))).exit_code == 0
    assert verb.values() != before
    loaded = verb("--load", file)
    assert loaded.exit_code == 0, loaded.output
    assert f"loaded {file}: {len(saved)} features" in loaded.stdout
    assert verb.values() == before
    assert verb("--save", second).exit_code == 0
    assert tomllib.loads(second.read_text())["features"] == saved


@pytest.mark.parametrize("make", ["source_locked_on+auto_locked+chunk_locked"])
def test_settings_that_lock_each_other_come_back(verb, tmp_path):
    file = tmp_path / "left.toml"
    locking = ("TriggerSource=Software", "TriggerMode=On", "Width=160", "ChunkModeActive=true", "GainAuto=Continuous")
    assert verb(*(word for change in locking for word in ("--set", change))).exit_code == 0
    saved = verb.told("--save", file)["saved"]
    assert saved["left_out"] == ["Gain"]
    assert saved["values"]["TriggerSource[TriggerSelector=FrameStart]"] == "Software"
    before = verb.values()
    opening = ("TriggerMode=Off", "TriggerSource=Line0", "ChunkModeActive=false", "Width=320", "GainAuto=Off")
    assert verb(*(word for change in opening for word in ("--set", change))).exit_code == 0
    assert verb("--load", file).exit_code == 0
    assert verb.values() == before


def test_what_cannot_be_loaded_is_status_1_and_named_and_the_rest_is_written(plain, tmp_path):
    file = tmp_path / "other.toml"
    file.write_text('[features]\nGain = 99.0\nGainRaw = 3\nExposureTime = 1200.0\nDeviceVendorName = "me"\n')
    loaded = plain("--load", file)
    assert loaded.exit_code == 1
    assert "Gain: asked 99.0, got 24.0 (clamped" in loaded.stdout
    assert "has no feature GainRaw" in loaded.stderr
    assert "DeviceVendorName = 'me' refused: it is 'rigdriver' and cannot be written now" in loaded.stderr
    assert plain.values()["ExposureTime"] == 1200.0


def test_files_are_never_overwritten(plain, tmp_path):
    for option, name in (("--save", "left.toml"), ("--snap", "left.png")):
        (tmp_path / name).write_text("mine")
        kept = plain(option, tmp_path / name)
        assert kept.exit_code == 2
        assert "exists already and is never overwritten" in kept.stderr
        assert (tmp_path / name).read_text() == "mine"
    assert "a name that ends in .png" in plain("--snap", tmp_path / "left.jpg").stderr
    both = plain("--save", tmp_path / "a.toml", "--load", tmp_path / "b.toml")
    assert "--save: was given together with --load" in both.stderr


@pytest.mark.parametrize(
    ("make", "told", "before"),
    [("", "triggered by a command", "On"), ("gige1", "triggered by a command", "On"),
     ("no_software", "running freely", "On")],
)  # fmt: skip
def test_one_image_is_taken_with_the_rigs_settings_and_the_trigger_is_put_back(verb, told, before, tmp_path):
    file = tmp_path / "left.png"
    verb("--set", "Width=160")  # left by an earlier program; the rig's settings put it right
    done = verb("--snap", file)
    assert done.exit_code == 0, done.output
    assert f"one image, 320 x 240 Mono8, {told}, written to {file}" in done.stdout
    image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert image is not None
    assert (image.shape, image.dtype) == ((240, 320), np.uint8)
    assert image.std() > 0
    with Image.open(file) as stored:
        assert (stored.info["PixelFormat"], stored.info["Camera"]) == ("Mono8", CAMERA)
    values = verb.values()
    assert (values["TriggerMode"], values["TriggerSelector"]) == (before, "FrameStart")
    assert str(values["TriggerSource"]).startswith("Line")


def test_the_same_from_python_on_an_open_rig_which_then_still_runs(launch_rig, tmp_path):
    config = dark(load(Path(launch_rig().rig_file)))
    with Rig.open(config) as rig:
        features = rig.cameras[CAMERA].features
        assert {"Width", "Gain", "TriggerMode"} <= {feature.name for feature in features}
        assert {feature.name for feature in features.search("exposuretime")} >= {"ExposureTime"}
        assert features.set("Gain", 99.0).is_clamped
        assert features.get("Gain") == 24.0
        features.save(tmp_path / "left.toml")
        with pytest.raises(UsageError, match="never overwritten"):
            features.save(tmp_path / "left.toml")
        features.set("Gain", 1.0)
        assert features.load(tmp_path / "left.toml").is_as_asked
        assert features.get("Gain") == 24.0
        with pytest.raises(CameraError, match="has no feature Gian; nearest are Gain"):
            features.get("Gian")
        frame = rig.snap(CAMERA)
        assert (frame.camera, frame.pixel_format, frame.pixels.shape) == (CAMERA, "Mono8", (240, 320))
        with pytest.raises(StateError, match="camera upper_left: not opened; expected one of left_upper"):
            rig.snap("upper_left")
        played = play(rig, 5)
        assert (played.error, played.gaps, played.indices) == (None, {}, list(range(5)))
        assert rig.snap(CAMERA).pixels.shape == (240, 320)
        run = rig.run(frames=50)
        frame_sets = iter(run)
        next(frame_sets)
        with pytest.raises(StateError, match="end that run first"):
            rig.snap(CAMERA)
        run.close()
    with pytest.raises(StateError, match="is closed"):
        rig.snap(CAMERA)
