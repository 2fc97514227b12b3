"""The calibration file: what goes in comes out, and what does not belong is refused.

In: a calibration, and files that were cut, edited, or made for another rig. Out: the same calibration, or one line that
names the key or the camera.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rigdriver.calibration import file as file_module
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import load, parse, save, to_text
from rigdriver.config import CameraConfig, RigConfig
from rigdriver.errors import CalibrationMismatch, RigError
from rigdriver.findings import MismatchKind
from rigdriver.images.region import ImageRegion


def _rig(names: tuple[str, ...], name: str = "face-rig", swap: str = "") -> RigConfig:
    cameras = [
        {"name": n, "serial": "OTHER" if n == swap else f"SN-{n}", "output": i, "pod": n.split("_")[0]}
        for i, n in enumerate(names)
    ]
    table = {"name": name, "box": {"url": "/dev/null"}, "genicam": {"producers": ["/x.cti"]}, "cameras": cameras}
    return RigConfig.model_validate(table)


def test_a_saved_calibration_loads_as_it_was(solved: SimpleNamespace, tmp_path: Path) -> None:
    save(solved.calibration, tmp_path / "a" / "rig.json")
    again = load(tmp_path / "a" / "rig.json")
    for camera in solved.calibration:
        copy = again[camera.name]
        assert np.array_equal(copy.K, camera.K)
        assert np.array_equal(copy.distortion, camera.distortion)
        assert np.array_equal(copy.T_cam_world, camera.T_cam_world)
        assert dict(copy.sigmas) == dict(camera.sigmas)
        assert (copy.serial, copy.pod, copy.role, copy.size_px) == (
            camera.serial,
            camera.pod,
            camera.role,
            camera.size_px,
        )
        assert not copy.K.flags.writeable
    assert again.accuracy == solved.calibration.accuracy
    assert again.board == solved.calibration.board
    assert again.covariance is not None
    assert solved.calibration.covariance is not None
    assert np.allclose(again.covariance.matrix, solved.calibration.covariance.matrix, rtol=1e-8)
    assert to_text(again) == to_text(solved.calibration)


def test_the_file_is_written_whole_or_not_at_all(solved: SimpleNamespace, tmp_path: Path) -> None:
    save(solved.calibration, tmp_path / "rig.json")
    save(solved.calibration, tmp_path / "rig.json")
    assert [p.name for p in tmp_path.iterdir()] == ["rig.json"]


def test_the_rig_it_was_made_on_is_accepted(solved: SimpleNamespace, truth: SimpleNamespace, tmp_path: Path) -> None:
    save(solved.calibration, tmp_path / "rig.json")
    assert load(tmp_path / "rig.json", _rig(truth.names), {"left_upper": (2048, 1536)}).rig == "face-rig"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "other"}, "is of rig 'face-rig'; expected rig 'other', as in the rig file"),
        ({"swap": "left_lower"}, "camera left_lower: SN OTHER; expected SN SN-left_lower, as calibrated"),
    ],
)
def test_another_rig_or_camera_is_refused(
    solved: SimpleNamespace, truth: SimpleNamespace, tmp_path: Path, change: dict[str, str], words: str
) -> None:
    save(solved.calibration, tmp_path / "rig.json")
    with pytest.raises(CalibrationMismatch, match=words) as info:
        load(tmp_path / "rig.json", _rig(truth.names, **change))
    assert info.value.kinds == {MismatchKind.OTHER_RIG}
    assert str(info.value).startswith(f"{tmp_path / 'rig.json'}: ")
    assert isinstance(info.value, ValueError)
    assert isinstance(info.value, RigError)


def test_missing_and_surplus_cameras_are_told_together(solved: SimpleNamespace, truth: SimpleNamespace) -> None:
    config = _rig(truth.names[:5])
    extra = CameraConfig(name="third", serial="SN-third", output=9)
    with pytest.raises(
        CalibrationMismatch, match=r"camera third .*but not calibrated; camera right_colour: is calibrated, but not in"
    ):
        solved.calibration.check_rig(config.model_copy(update={"cameras": (*config.cameras, extra)}))


def test_another_resolution_is_refused_with_both_sizes(solved: SimpleNamespace) -> None:
    with pytest.raises(
        CalibrationMismatch, match=r"left_upper: images of 1280x1024 px; expected 2048x1536 px, as calibrated"
    ):
        solved.calibration.check_sizes({"left_upper": (1280, 1024), "left_lower": (2048, 1536)})


def test_each_kind_of_mismatch_is_told_apart_without_reading_text(solved: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(CalibrationMismatch) as both:
        solved.calibration.check_sizes({"left_upper": (1280, 1024), "third": (2048, 1536)})
    assert [(f.kind, f.device) for f in both.value.findings] == [
        (MismatchKind.OTHER_IMAGES, "camera left_upper"),
        (MismatchKind.OTHER_RIG, "camera third"),
    ]
    with pytest.raises(CalibrationMismatch) as missing:
        load(tmp_path / "nothing.json")
    assert missing.value.kinds == {MismatchKind.UNREADABLE}


def _placed(calibration: RigCalibration, region: ImageRegion | None) -> RigCalibration:
    return calibration.with_camera(replace(calibration["left_upper"], region=region))


def test_a_moved_region_is_refused_though_the_size_fits(solved: SimpleNamespace, tmp_path: Path) -> None:
    made = ImageRegion((160, 120), is_reversed=(True, False))
    save(_placed(solved.calibration, made), tmp_path / "rig.json")
    assert load(tmp_path / "rig.json", regions={"left_upper": made})["left_upper"].region == made
    for other in (
        ImageRegion((164, 120), is_reversed=(True, False)),
        replace(made, binning=(2, 2)),
        ImageRegion((160, 120)),
    ):
        with pytest.raises(
            CalibrationMismatch, match=r"left_upper: images with offset .*; expected offset 160,120 px.*as calibrated"
        ):
            load(tmp_path / "rig.json", regions={"left_upper": other})


def _of_version(calibration: RigCalibration, version: int) -> str:
    table = json.loads(to_text(calibration))
    table["version"] = version
    del table["has_square_sigma"]
    if version == 1:
        for camera in table["cameras"].values():
            del camera["region"]
    bare = {key: value for key, value in table.items() if key != "sha256"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    table["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps(table)


def test_a_file_says_whether_its_sigmas_hold_the_square(solved: SimpleNamespace) -> None:
    assert parse(to_text(solved.calibration), "x.json").has_square_sigma
    old = parse(_of_version(solved.calibration, 2), "x.json")
    assert not old.has_square_sigma
    assert not parse(to_text(old), "x.json").has_square_sigma


def test_a_file_of_version_1_is_read_and_says_that_only_sizes_are_checked(solved: SimpleNamespace) -> None:
    (note,) = parse(_of_version(solved.calibration, 1), "x.json").check_regions({"left_upper": ImageRegion((8, 8))})
    assert note.startswith("camera left_upper: the calibration does not say which region")
    assert note.endswith("only the size was checked")


def test_images_of_an_unknown_region_are_noted(solved: SimpleNamespace) -> None:
    (note,) = _placed(solved.calibration, ImageRegion()).check_regions({"left_upper": None})
    assert note.startswith("camera left_upper: the images do not say")


def test_a_file_changed_by_hand_is_refused(solved: SimpleNamespace) -> None:
    table = json.loads(to_text(solved.calibration))
    table["cameras"]["left_upper"]["K"][0][0] += 0.001
    with pytest.raises(CalibrationMismatch, match="hash does not fit"):
        parse(json.dumps(table), "x.json")


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", MismatchKind.UNREADABLE, "is no JSON"),
        ("[]", MismatchKind.UNREADABLE, "is no rigdriver-calibration file"),
        (
            '{"format": "rigdriver-calibration", "version": 99}',
            MismatchKind.OTHER_VERSION,
            "has version 99; expected version 1 to 3",
        ),
        ('{"format": "rigdriver-calibration", "version": 1}', MismatchKind.DAMAGED, "Field required"),
    ],
)
def test_what_is_no_calibration_is_refused_in_one_line(text: str, kind: MismatchKind, words: str) -> None:
    with pytest.raises(CalibrationMismatch, match=words) as info:
        parse(text, "x.json")
    assert info.value.kinds == {kind}
    assert "\n" not in str(info.value)


def test_cutting_a_file_anywhere_is_noticed(solved: SimpleNamespace, tmp_path: Path) -> None:
    text = to_text(solved.calibration)
    for share in (0.1, 0.5, 0.9, 0.999):
        with pytest.raises(CalibrationMismatch):
            parse(text[: int(len(text) * share)], "x.json")
    with pytest.raises(CalibrationMismatch, match="cannot be read"):
        load(tmp_path / "nothing.json")


def test_unknown_keys_are_refused_by_name(solved: SimpleNamespace) -> None:
    table = json.loads(to_text(solved.calibration))
    table["surplus"] = 1
    with pytest.raises(CalibrationMismatch, match="surplus"):
        parse(json.dumps(table), "x.json")


def test_a_camera_that_is_not_there_is_named_with_those_that_are(solved: SimpleNamespace) -> None:
    with pytest.raises(KeyError, match="no camera top; there are left_upper"):
        solved.calibration["top"]


def test_pods_hold_their_geometry_cameras(solved: SimpleNamespace) -> None:
    assert solved.calibration.pods() == {"left": ("left_upper", "left_lower"), "right": ("right_upper", "right_lower")}
    assert solved.calibration.pods("texture") == {"left": ("left_colour",), "right": ("right_colour",)}


def _hashed(table: dict[str, Any]) -> str:
    """Return the text of a file whose hash fits, as somebody would write it who means harm."""
    table["sha256"] = file_module._digest(table)
    return json.dumps(table)


@pytest.mark.parametrize("name", ["../../up", "/etc/cron", "..", ".hidden", "a/b", ""])
def test_a_camera_name_that_leads_out_of_a_folder_is_refused(solved: SimpleNamespace, name: str) -> None:
    table = json.loads(to_text(solved.calibration))
    table["cameras"][name] = table["cameras"].pop("left_upper")
    with pytest.raises(CalibrationMismatch, match="is no name of a camera"):
        parse(_hashed(table), "x.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size_px", [-3, 5]),
        ("size_px", [10**9, 5]),
        ("K", [[0, 0, 0], [0, 0, 0], [0, 0, 0]]),
        ("K", [[1e300, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ("T_cam_world", [[0] * 4] * 4),
        ("distortion", [0.0] * 9),
        ("distortion", [None] * 5),
        ("pod", "../x"),
        ("views", -1),
    ],
)
def test_values_that_are_no_camera_are_refused_in_one_line(solved: SimpleNamespace, key: str, value: object) -> None:
    table = json.loads(to_text(solved.calibration))
    table["cameras"]["left_upper"][key] = value
    with pytest.raises(CalibrationMismatch, match=r"x\.json: ") as told:
        parse(_hashed(table), "x.json")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "change", [{"cameras": {}}, {"version": [1]}, {"board": 3}, {"notes": "x" * 3, "views": 1e400}]
)
def test_a_table_of_wrong_types_is_refused_in_one_line(solved: SimpleNamespace, change: dict[str, Any]) -> None:
    table = {**json.loads(to_text(solved.calibration)), **change}
    with pytest.raises(CalibrationMismatch, match=r"x\.json: ") as told:
        parse(json.dumps(table), "x.json")
    assert "\n" not in str(told.value)


def test_a_board_that_cannot_be_is_refused_as_the_file_s(solved: SimpleNamespace) -> None:
    table = json.loads(to_text(solved.calibration))
    table["board"]["columns"] = 2
    with pytest.raises(CalibrationMismatch, match=r"x\.json: board"):
        parse(_hashed(table), "x.json")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000, "NaN"])
def test_a_text_that_nests_too_deep_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(CalibrationMismatch, match="is no JSON"):
        parse(text, "x.json")
