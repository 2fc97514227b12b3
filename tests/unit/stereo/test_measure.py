"""Measuring on meshes whose sizes are known.

In: balls of known size, and skin that moves. Out: distances, areas, volumes and sections within a stated bound, or a
refusal where a mesh has none.
"""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rigdriver.errors import UsageError
from rigdriver.stereo.measure.areas import Ball, area_of, volume_of
from rigdriver.stereo.measure.deviation import deviations
from rigdriver.stereo.measure.sections import section_of
from rigdriver.stereo.measure.straight import distance_between
from rigdriver.stereo.measure.uncertainty import NOISE_AS_DETAIL, PointErrors
from rigdriver.stereo.measure.way import distance_along
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

RADIUS = 50.0


def wrap(body: trimesh.Trimesh, sigma_mm: float = 0.01) -> SurfaceMesh:
    vertices = np.array(body.vertices)
    return SurfaceMesh(
        vertices, np.array(body.faces, np.int32), np.array(body.vertex_normals, np.float32),
        np.full(len(vertices), sigma_mm, np.float32),
    )  # fmt: skip


@pytest.fixture(scope="module")
def ball():
    return wrap(trimesh.creation.icosphere(subdivisions=5, radius=RADIUS))


@pytest.fixture(scope="module")
def dome():
    body = trimesh.creation.icosphere(subdivisions=5, radius=RADIUS)
    body.update_faces(body.triangles_center[:, 2] > 0)
    body.remove_unreferenced_vertices()
    return wrap(body)


def test_straight_distance_between_the_poles_is_the_diameter(ball):
    found = distance_between(ball, np.array([0, 0, 51.5]), np.array([0, 0, -51.5]), scale_ppm=100)
    assert found.value == pytest.approx(2 * RADIUS, abs=0.02)
    # Two points of 10 um and 100 ppm of 100 mm, and what windows of this mesh's triangles would take off such a ball.
    lost = float(np.linalg.norm(PointErrors(ball).detail_mm[np.argmax(ball.vertices_mm[:, 2])]))
    assert 0.005 < lost < 0.02
    assert found.sigma == pytest.approx(np.sqrt(2 * 0.01**2 + (2 * lost) ** 2 + 0.01**2), rel=0.05)


def test_way_along_a_ball_is_its_arc(ball):
    found, way = distance_along(ball, np.array([RADIUS, 0, 0.0]), np.array([0, RADIUS * 0.6, RADIUS * 0.8]))
    assert found.value == pytest.approx(RADIUS * np.pi / 2, rel=2e-3)
    assert np.allclose(np.linalg.norm(way, axis=1), RADIUS, atol=0.1)


def test_area_and_volume_of_a_ball(ball):
    area, volume = area_of(ball, scale_ppm=50), volume_of(ball, scale_ppm=50)
    assert area.value == pytest.approx(4 * np.pi * RADIUS**2, rel=1e-3)
    assert volume.value == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=1e-3)
    assert area.sigma >= 1e-4 * area.value * 0.99
    assert volume.sigma >= 1.5e-4 * volume.value * 0.99


def test_an_open_mesh_has_no_volume(dome):
    with pytest.raises(UsageError, match="open"):
        volume_of(dome)


def test_section_through_the_middle_is_the_circumference(ball):
    length, pieces = section_of(ball, (0, 0, 0.01), (0, 0, 1))
    assert length.value == pytest.approx(2 * np.pi * RADIUS, rel=1e-3)
    assert np.allclose(pieces[..., 2], 0.01, atol=1e-6)


def test_deviation_of_a_larger_ball_is_positive_and_as_large_as_made(ball):
    larger = wrap(trimesh.creation.icosphere(subdivisions=4, radius=RADIUS + 0.3))
    found, sigma = deviations(larger, ball)
    assert np.isfinite(found).all()
    assert np.median(found) == pytest.approx(0.3, abs=0.03)
    assert np.median(deviations(ball, larger)[0]) == pytest.approx(-0.3, abs=0.06)
    assert np.allclose(sigma, 0.01 * np.sqrt(2), rtol=1e-3)


def test_beyond_the_border_there_is_no_deviation(ball, dome):
    found, _ = deviations(ball, dome)
    behind = ball.vertices_mm[:, 2] < -6
    assert np.isnan(found[behind]).all()
    assert np.isfinite(found[ball.vertices_mm[:, 2] > 3]).mean() > 0.99


def test_a_tracked_point_moves_as_the_skin_does(render):
    from rigdriver.images.colours import to_rgb
    from rigdriver.images.raw_image import RawImage
    from rigdriver.stereo.mesh.track import track

    table = {"kind": "head", "seed": 23, "motion": {"sway_mm": 5.0, "period_s": 4.0}}
    first, second = (render(table, index=n, with_colour=True) for n in (0, 1))
    camera = first.calibration["left_colour"]
    picture = [to_rgb(RawImage(v.images["left_colour"], "BayerRG8")) for v in (first, second)]
    j, i = np.mgrid[120:360:9, 220:400:9].reshape(2, -1)
    depth = first.depth_mm["left_colour"][j, i]
    seen = np.isfinite(depth) & (depth > 0)
    points = _lift(camera, i[seen], j[seen], depth[seen])
    rows, columns = np.mgrid[4:476:2, 4:636:2].reshape(2, -1)
    there = second.depth_mm["left_colour"][rows, columns]
    good = np.isfinite(there) & (there > 0)
    surface = _lift(camera, columns[good], rows[good], there[good])
    normals = (camera.centre_mm - surface) / np.linalg.norm(camera.centre_mm - surface, axis=1, keepdims=True)
    found = track(points, camera, *picture, surface, normals)
    T0, T1 = first.still.T_world_body, second.still.T_world_body
    local = (points - T0[:3, 3]) @ T0[:3, :3]
    truth = local @ T1[:3, :3].T + T1[:3, 3] - points
    kept = np.isfinite(found.moved_mm).all(axis=1)
    assert kept.mean() > 0.6
    miss = np.linalg.norm(found.moved_mm[kept] - truth[kept], axis=1)
    # The move is about 0.8 mm, 1.6 pixels.
    assert np.linalg.norm(truth, axis=1).mean() > 0.5
    assert np.median(miss) < 0.25


def _lift(camera, i, j, depth):
    from rigdriver.calibration.project import to_rays

    rays = to_rays(camera, np.stack([i, j], axis=1).astype(float))
    points = np.column_stack([rays, np.ones(len(rays))]) * depth.astype(float)[:, None]
    return (points - camera.T_cam_world[:3, 3]) @ camera.T_cam_world[:3, :3]


def test_area_within_a_ball_is_the_caps(ball):
    # A ball about a point of the sphere cuts a cap of area pi r^2, whatever the sphere's radius.
    assert area_of(ball, Ball((0, 0, RADIUS), 20.0)).value == pytest.approx(np.pi * 20.0**2, rel=1e-3)
    with pytest.raises(UsageError, match=r"no surface within 5 mm; the nearest is 49\.9"):
        area_of(ball, Ball((0, 0, 0), 5.0))


@pytest.mark.parametrize("centre", [(0, 0, 50), (30, 20, 50), (48, 0, 50), (49, 49, 50), (10, 3, 47)])
def test_a_ball_cuts_the_triangles_of_a_cube_where_it_ends(centre):
    body = trimesh.creation.box((100, 100, 100))
    coarse = area_of(wrap(body), Ball(centre, 12.0)).value
    chance = np.random.default_rng(3)
    points, _ = trimesh.sample.sample_surface(body, 400_000, seed=int(chance.integers(1 << 30)))
    share = (np.linalg.norm(points - np.array(centre), axis=1) <= 12.0).mean()
    # 400,000 points tell a share of 0.5 % to 2.2 %; two and a half of those.
    assert coarse == pytest.approx(share * 60_000, rel=0.06)
    for _ in range(5):
        body = body.subdivide()
    assert area_of(wrap(body), Ball(centre, 12.0)).value == pytest.approx(coarse, rel=1e-9)


def test_a_ball_about_a_vertex_has_the_uncertainty_of_one_beside_it(ball):
    for vertex in ball.vertices_mm[::997]:
        there, beside = (area_of(ball, Ball(tuple(place), 10.0)) for place in (vertex, vertex + 1e-3))
        assert there.value == pytest.approx(beside.value, rel=1e-3)
        assert there.sigma == pytest.approx(beside.sigma, rel=0.05)


def test_a_place_far_from_the_surface_is_refused_and_not_moved_onto_it(ball):
    for act in (distance_between, distance_along):
        with pytest.raises(UsageError, match=r"place 900,0,0: the surface is 850 mm away"):
            act(ball, np.array([900.0, 0, 0]), np.array([0, RADIUS, 0.0]))


def test_a_section_needs_a_direction_and_a_mesh_in_its_way(ball):
    with pytest.raises(UsageError, match="expected a direction"):
        section_of(ball, (0, 0, 0), (0, 0, 0))
    with pytest.raises(UsageError, match="does not meet"):
        section_of(ball, (0, 0, 300), (0, 0, 1))


def test_without_sigma_the_uncertainty_is_unknown_and_not_zero():
    body = wrap(trimesh.creation.icosphere(3, RADIUS), sigma_mm=np.nan)
    for quantity in (area_of(body), volume_of(body), section_of(body, (0, 0, 1), (0, 0, 1))[0]):
        assert np.isnan(quantity.sigma)
        assert "sigma unknown" in str(quantity)


def test_noise_alone_is_not_taken_for_detail():
    """A plane has no detail, so what its noise makes of a height is all that its uncertainty may hold."""
    rng = np.random.default_rng(11)
    x, y = np.meshgrid(np.arange(60.0), np.arange(60.0))
    flat = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    corner = (np.arange(59)[:, None] * 60 + np.arange(59)).ravel()
    faces = np.concatenate([corner[:, None] + [0, 1, 61], corner[:, None] + [0, 61, 60]]).astype(np.int32)
    normals, sigma = np.tile([0.0, 0.0, 1.0], (3600, 1)).astype(np.float32), np.full(3600, 0.05, np.float32)
    plane = PointErrors(SurfaceMesh(flat, faces, normals, sigma))
    gradient = np.zeros_like(flat)
    gradient[30 * 60 + 30, 2] = 1.0
    stated, seemed = [], []
    for _ in range(40):
        rough = SurfaceMesh(flat + plane.draw(rng), faces, normals, sigma)
        errors = PointErrors(rough)
        seemed.append(float((gradient * errors.detail_mm).sum()))
        stated.append(errors.detail_sigma(lambda moves: float((gradient * moves).sum()), gradient))
    # The noise looks like half of itself in detail; 40 trials tell that to 11 %, three of those.
    assert np.sqrt(np.mean(np.square(seemed))) == pytest.approx(0.05 * np.sqrt(NOISE_AS_DETAIL), rel=0.33)
    # What is left after the variance was taken off stems from trials in which noise seemed more than usual.
    assert np.median(stated) < 0.2 * 0.05


def test_uncertainty_of_a_distance_is_how_far_it_scatters():
    rng = np.random.default_rng(7)
    found = []
    body = wrap(trimesh.creation.icosphere(subdivisions=5, radius=RADIUS), sigma_mm=0.05)
    errors = PointErrors(body)
    for _ in range(60):
        rough = SurfaceMesh(body.vertices_mm + errors.draw(rng), body.faces, body.normals, body.sigma_mm)
        found.append(distance_between(rough, np.array([0, 0, RADIUS]), np.array([0, 0, -RADIUS])))
    spread = np.std([q.value for q in found])
    # 60 trials tell a standard deviation to 9 %; three of those.
    assert spread == pytest.approx(np.median([q.sigma for q in found]), rel=0.3)
