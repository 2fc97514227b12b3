"""Points followed through a sequence, against how the simulated skin truly moved."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rigdriver.stereo.mesh.sequence import PointSequence, write_tracks
from rigdriver.stereo.mesh.surface_mesh import make_mesh
from rigdriver.stereo.reconstruct import CellReconstructor

TABLE = {"kind": "head", "seed": 23, "motion": {"sway_mm": 5.0, "period_s": 4.0}}


@pytest.fixture(scope="module")
def followed(render):
    views = [render(TABLE, index=n, with_colour=True) for n in range(3)]
    sequence, found = PointSequence(views[0].calibration), []
    with CellReconstructor(views[0].calibration) as made:
        for view in views:
            mesh = make_mesh(made.reconstruct_surfaces(view.images)[1], view.calibration, view.images)
            found.append(sequence.follow(mesh, view.images))
    return views, found


def test_points_go_with_the_skin_through_all_frame_sets(followed):
    views, found = followed
    start = found[0].points_mm
    T0, T2 = views[0].still.T_world_body, views[2].still.T_world_body
    truth = ((start - T0[:3, 3]) @ T0[:3, :3]) @ T2[:3, :3].T + T2[:3, 3] - start
    kept = np.isfinite(found[2].moved_mm).all(axis=1)
    assert len(start) > 2000
    assert kept.mean() > 0.6
    assert found[2].kept_share == pytest.approx(kept.mean())
    miss = np.linalg.norm(found[2].moved_mm[kept] - truth[kept], axis=1)
    # Two steps of about 0.8 mm, 1.6 px each; one pixel is 0.47 mm.
    assert np.linalg.norm(truth, axis=1).mean() > 1.0
    assert np.median(miss) < 0.3


def test_a_lost_point_stays_lost_and_an_image_that_is_missing_loses_its_points(render):
    view = render(TABLE, index=0, with_colour=True)
    with CellReconstructor(view.calibration) as made:
        mesh = make_mesh(made.reconstruct_surfaces(view.images)[1], view.calibration, view.images)
    sequence = PointSequence(view.calibration)
    first = sequence.follow(mesh, view.images)
    dark = {name: image for name, image in view.images.items() if name != "left_colour"}
    second, third = sequence.follow(mesh, dark), sequence.follow(mesh, view.images)
    assert first.kept_share == 1.0
    assert 0.2 < second.kept_share < 0.8
    assert third.kept_share <= second.kept_share
    lost = np.isnan(second.points_mm[:, 0])
    assert np.isnan(third.points_mm[lost]).all()


def test_without_colour_images_there_is_nothing_to_follow(render):
    view = render(TABLE, index=0, with_colour=True)
    with CellReconstructor(view.calibration) as made:
        mesh = make_mesh(made.reconstruct_surfaces(view.images)[1], view.calibration)
    assert PointSequence(view.calibration).follow(mesh, {}) is None


def test_the_file_holds_place_vector_and_number_of_the_points_that_are_left(followed, tmp_path):
    _, found = followed
    write_tracks(found[2], tmp_path / "tracks.ply")
    data = trimesh.load(tmp_path / "tracks.ply").metadata["_ply_raw"]["vertex"]["data"]
    kept = np.flatnonzero(np.isfinite(found[2].points_mm[:, 0]))
    assert np.array_equal(np.ravel(data["number"]), kept)
    assert np.allclose(np.ravel(data["dx_mm"]), found[2].moved_mm[kept, 0], atol=1e-5)
