"""What is about a head: glasses, a wall, a chair, and what is wet on it; each with one true surface."""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver_sim.scene.glasses import PASSED
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import parse_scene

SIZE = (160, 120)
CAMERA = "left_upper"
ABOUT = {"looks": {"wet": 1.0, "glasses_mm": 3.0}, "room": {"wall_mm": 700.0, "has_chair": True}}


def rendered(table):
    renderer = Renderer(parse_scene({"kind": "head", "seed": 61, **table}), *SIZE)
    return renderer, renderer.view(CAMERA, 0.0, ("left_white",))


@pytest.fixture(scope="module")
def bare():
    return rendered({})[1]


@pytest.fixture(scope="module")
def about():
    return rendered(ABOUT)


def points_of(camera, hits):
    rows, columns = np.nonzero(np.isfinite(hits.depth_mm))
    slopes = camera.lens.slopes(np.stack([columns, rows], axis=1).astype(np.float64))
    local = np.column_stack([slopes, np.ones(len(rows))]) * hits.depth_mm[rows, columns][:, None]
    return (local - camera.T_cam_world[:3, 3]) @ camera.T_cam_world[:3, :3]


def test_rays_end_on_the_nearest_of_all_surfaces(about):
    renderer, view = about
    points = points_of(renderer.pods.cameras[CAMERA], view.hits)
    assert np.abs(renderer.still(0.0).signed_distance_mm(points)).max() < 1e-3


def test_a_wall_fills_what_was_empty_and_glasses_hide_what_is_behind_their_wire(bare, about):
    before, after = bare.hits.depth_mm, about[1].hits.depth_mm
    head = np.isfinite(before)
    assert np.isfinite(after).all()
    nearer = head & (after < before)
    assert 0.005 < nearer.sum() / head.sum() < 0.1
    assert np.array_equal(after[head & ~nearer], before[head & ~nearer])


def test_panes_dim_what_is_behind_them_and_wet_places_and_panes_alone_mirror(bare, about):
    before, after = bare.hits, about[1].hits
    same = np.isfinite(before.depth_mm) & (after.depth_mm == before.depth_mm)
    share = after.albedo[0][same] / before.albedo[0][same]
    through = np.isclose(share, PASSED, rtol=1e-4)
    assert 0.01 < through.mean() < 0.2
    assert np.allclose(share[~through], 1.0, rtol=1e-4)
    mirrors = after.gloss.share[same] > 0
    assert mirrors[through].all()
    assert mirrors.mean() < 0.25
