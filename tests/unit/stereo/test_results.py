"""From folders of images to folders of results, and who reconstructs."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from rigdriver.errors import FileNotWritten, UsageError
from rigdriver.recording.image_folder import ImageFolder
from rigdriver.stereo.reconstruct import CellReconstructor, StereoSettings
from rigdriver.stereo.reconstructors import open_reconstructor
from rigdriver.stereo.results import Results


@pytest.fixture
def folder(head, tmp_path):
    for name, image in head.images.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        for index in ("000003", "000004"):
            cv2.imwrite(str(tmp_path / "in" / name / f"{index}.png"), image)
    (tmp_path / "in" / "left_upper" / "000004.png").unlink()
    (tmp_path / "in" / "right_lower" / "000004.png").unlink()
    return tmp_path / "in"


def roles(views):
    return {camera.name: camera.role for camera in views.calibration}


def test_a_folder_of_images_becomes_clouds_meshes_pictures_and_figures(head, folder, tmp_path):
    with (
        Results(tmp_path / "out", head.calibration, ["ply"]) as results,
        CellReconstructor(head.calibration, settings=StereoSettings(point_mm=1.0)) as made,
    ):
        for taken in ImageFolder(folder, roles(head)):
            cloud, surfaces = made.reconstruct_surfaces(taken.frame_set)
            results.add(taken.name, cloud, surfaces, taken.frame_set.frames)
        summary = results.finish(dropped=2)
    assert summary.reconstructed == 1
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert figures["summary"]["dropped_frame_sets"] == 2
    good, bad = figures["frame_sets"]
    assert good["points"] > 1000
    assert good["pods"]["left"]["kept_share"] > 0.5
    assert bad["points"] == 0
    assert "left_upper" in bad["reason"]
    names = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    # Hair and shadow are shown, and told as a share of what is lit.
    assert {"000003-left-missing.png", "000003-right-missing.png"} <= names
    assert figures["summary"]["measured_share"]["left"] == pytest.approx(good["pods"]["left"]["kept_share"], abs=1e-3)
    assert {"000003.ply", "000003-mesh.ply", "000003-shaded.png", "000003-sigma.png", "000003-texture.png"} <= names
    assert "000004.ply" not in names


def test_a_second_frame_set_gets_a_map_of_its_distance_to_the_first(head, tmp_path):
    with CellReconstructor(head.calibration, settings=StereoSettings(point_mm=1.0)) as made:
        cloud, surfaces = made.reconstruct_surfaces(head.images)
    with Results(tmp_path, head.calibration) as results:
        for index in ("a", "b"):
            results.add(index, cloud, surfaces)
    picture = cv2.imread(str(tmp_path / "pictures" / "b-deviation.png"))
    assert picture is not None
    # The same surface twice: the map is yellow, which has most green; no blue or red but in the bar.
    inner = picture[60:, : picture.shape[1] - 110].astype(int)
    assert np.mean((inner[..., 1] < 140) & (np.ptp(inner, axis=2) > 40)) < 0.01


def test_a_folder_of_other_cameras_is_refused_with_both_names(folder):
    with pytest.raises(UsageError, match=r"left_lower.*one per camera of the calibration: top, bottom"):
        ImageFolder(folder, {"top": "geometry", "bottom": "geometry"})


def test_a_file_that_is_no_image_is_named(folder, head):
    (folder / "left_lower" / "000003.png").write_bytes(b"nothing")
    taken = next(iter(ImageFolder(folder, roles(head))))
    assert "000003.png: cannot be read as an image" in str(taken.frame_set.gaps["left_lower"])


def test_an_unknown_mesh_format_is_refused_before_any_work(head, tmp_path):
    with pytest.raises(UsageError, match=r"abc: unknown; expected one of ply"):
        Results(tmp_path, head.calibration, ["abc"])


def test_the_built_in_reconstructor_is_the_default_and_unknown_names_are_refused(head):
    made = open_reconstructor(head.calibration)
    made.close()
    assert isinstance(made, CellReconstructor)
    with pytest.raises(UsageError, match=r"reconstructor 'magic': no package registers it; expected one of .*cells"):
        open_reconstructor(head.calibration, "magic")


def test_another_packages_reconstructor_is_found_by_its_entry_point(head, mocker):
    class Theirs:
        def __init__(self, calibration):
            self.calibration = calibration

        def reconstruct(self, images):
            return "theirs"

        def close(self):
            pass

    entry = mocker.Mock(value="their.module:Theirs")
    entry.name = "theirs"
    entry.load.return_value = Theirs
    mocker.patch("rigdriver.stereo.reconstructors.entry_points", return_value=[entry])
    assert open_reconstructor(head.calibration, "theirs").reconstruct({}) == "theirs"
    entry.load.return_value = lambda calibration: object()
    with pytest.raises(UsageError, match="no method `reconstruct`"):
        open_reconstructor(head.calibration, "theirs")


def test_a_cloud_that_cannot_be_written_is_an_error_and_not_a_missing_file(head, tmp_path):
    with CellReconstructor(head.calibration, settings=StereoSettings(point_mm=1.0)) as made:
        cloud = made.reconstruct(head.images)
    (tmp_path / "a.ply").mkdir()
    with Results(tmp_path, head.calibration) as results:
        results.add("a", cloud)
        with pytest.raises(FileNotWritten, match=r"a\.ply: cannot be written: Is a directory"):
            results.finish()
