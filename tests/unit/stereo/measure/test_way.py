"""Ways along surfaces whose shortest ways are known.

In: planes, boxes, cylinders, caps, holes, slits, grooves and a scan-like hill. Out: the length of the shortest way
within 0.05 %, or a refusal that says why there is none.
"""

from __future__ import annotations

import igl
import numpy as np
import potpourri3d
import pytest
import scipy.sparse
import scipy.sparse.csgraph
import trimesh
from scipy.spatial import cKDTree

from rigdriver.errors import UsageError
from rigdriver.stereo.measure.uncertainty import PointErrors
from rigdriver.stereo.measure.way import distance_along
from rigdriver.stereo.mesh.nearest import NearestOnSurface
from tests.unit.stereo.measure.shapes import box, bumpy, grid, without, wrap

BOUND = 5e-4
"""Largest relative error of a way's length."""

GROOVE = grid(81, 161, 0.5, lambda x, y: -20 * np.clip(1 - abs(y - 40) / 3.0, 0, 1))
PLANE = wrap(*grid(101, 101, 1.0))
SHEET_VERTICES, SHEET_FACES = grid(81, 81, 1.0)


def slab():
    body = trimesh.creation.box((60, 60, 1.0))
    for _ in range(5):
        body = body.subdivide()
    body.merge_vertices()
    return wrap(body.vertices, body.faces)


@pytest.mark.parametrize(
    ("mesh", "a", "b", "truth"),
    [
        (PLANE, (10, 10, 0), (90, 50, 0), np.hypot(80, 40)),
        (PLANE, (10.3, 90.2, 0), (89.9, 50.7, 0), np.hypot(79.6, 39.5)),
        (PLANE, (10.2, 10.3, 0), (10.4, 10.3, 0), 0.2),
        (box((200, 20, 20)), (-95, 0, 10), (95, 0, 10), 190),
        (box((200, 20, 20)), (95, 0, 10), (85, 0, 10), 10),
        (box((60, 60, 60)), (28, 28, 30), (-28, 28, 30), 56),
        (box((60, 60, 60)), (0, 0, 30), (30, 0, 0), 60),
        (without(SHEET_VERTICES, SHEET_FACES, lambda x, y: (abs(x - 40) < 10) & (abs(y - 40) < 10)),
         (20, 40, 0), (60, 40, 0), 20 + 2 * np.hypot(10, 10)),
        (without(SHEET_VERTICES, SHEET_FACES, lambda x, y: (y > 40) & (y < 44) & (x > 10) & (x < 70)),
         (40, 38, 0), (40, 46, 0), 4 + 2 * np.hypot(30, 2)),
        (wrap(*GROOVE), (20, 35, 0), (20, 45, 0), 4 + 2 * np.hypot(3, 20)),
        (slab(), (0.2, 0.1, 0.5), (0.2, 0.1, -0.5), 60.6),
    ],
    ids=["plane", "plane, off the vertices", "one triangle", "bar", "bar, short", "cube", "cube, round an edge", "hole",
         "slit", "groove", "thin sheet"],
)  # fmt: skip
def test_length_of_the_shortest_way_is_the_known_one(mesh, a, b, truth):
    found, way = distance_along(mesh, a, b)
    assert found.value == pytest.approx(truth, rel=BOUND)
    assert np.allclose(way[[0, -1]], [a, b])


def test_way_round_a_cylinder_is_the_line_on_its_unrolled_side():
    sides = 180
    body = trimesh.creation.cylinder(20, 100, sections=sides)
    a, b = np.array([20, 0, 40.0]), np.array([0, 20, -30.0])
    found, _ = distance_along(wrap(body.vertices, body.faces), a, b)
    arc = sides / 4 * 2 * 20 * np.sin(np.pi / sides)
    assert found.value == pytest.approx(np.hypot(arc, 70), rel=BOUND)


def test_way_over_a_cap_is_its_arc():
    body = trimesh.creation.icosphere(subdivisions=6, radius=50.0)
    body.update_faces(body.triangles_center[:, 2] > 20)
    body.remove_unreferenced_vertices()
    a, b = (50 * np.array([np.sin(t), 0.1, np.cos(t)]) / np.hypot(1, 0.1) for t in (-0.9, 0.8))
    found, _ = distance_along(wrap(body.vertices, body.faces), a, b)
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert found.value == pytest.approx(50 * angle, rel=BOUND)


@pytest.mark.parametrize(
    ("a", "b"), [((25, 60), (95, 66)), ((50, 110), (75, 20)), ((38, 88), (82, 88)), ((52, 62), (68, 64))]
)
def test_way_over_a_scan_like_face_is_the_shortest_and_lies_on_triangles(a, b):
    mesh = bumpy()
    places = _raised(mesh, [a, b])
    found, way = distance_along(mesh, *places)
    assert found.value <= _fine_graph_length(mesh, way) * (1 + 1e-9)
    assert found.value == pytest.approx(_fine_graph_length(mesh, way), rel=BOUND)
    pieces = np.linspace(way[:-1], way[1:], 5).reshape(-1, 3)
    assert NearestOnSurface(mesh.vertices_mm, mesh.faces)(pieces).away_mm.max() < 1e-5


def test_way_does_not_stay_on_the_wrong_side_of_a_hill():
    # Edges alone lead over this hill's wrong side, and edge flips never cross its top.
    mesh = wrap(*grid(81, 81, 1.0, lambda x, y: 20 * np.exp(-(((x - 40) ** 2 + (y - 40) ** 2) / 36))))
    i, j = 70 * 81 + 12, 11 * 81 + 70
    alone = potpourri3d.EdgeFlipGeodesicSolver(mesh.vertices_mm, mesh.faces).find_geodesic_path(i, j)
    found, way = distance_along(mesh, mesh.vertices_mm[i], mesh.vertices_mm[j])
    assert np.linalg.norm(np.diff(alone, axis=0), axis=1).sum() > found.value * 1.01
    assert found.value == pytest.approx(_fine_graph_length(mesh, way), rel=BOUND)


@pytest.mark.parametrize("fineness", [3, 4])
@pytest.mark.parametrize("seed", range(6))
def test_way_round_a_bumpy_ball_is_the_shortest_of_many_nearly_as_short_ones(fineness, seed):
    mesh = _bumpy_ball(fineness, seed)
    starts, ends = np.array([[40, 0, 30], [0, 0, 50.0]]), np.array([[-48, 0, -14], [0.3, 0.4, -50]])
    i, j = (cKDTree(mesh.vertices_mm).query(places)[1] for places in (starts, ends))
    for a, b in zip(i, j, strict=True):
        found, way = distance_along(mesh, mesh.vertices_mm[a], mesh.vertices_mm[b])
        least = igl.exact_geodesic(mesh.vertices_mm, mesh.faces.astype(np.int64), VS=np.array([a]), VT=np.array([b]))
        assert found.value == pytest.approx(float(np.ravel(least)[0]), rel=1e-6)
        fine = _fine_graph_length(mesh, way)
        assert found.value <= fine * (1 + 1e-9)
        assert found.value == pytest.approx(fine, rel=BOUND)
        pieces = np.linspace(way[:-1], way[1:], 5).reshape(-1, 3)
        assert NearestOnSurface(mesh.vertices_mm, mesh.faces)(pieces).away_mm.max() < 1e-5


def test_half_of_a_way_whose_cut_out_triangles_touch_in_a_vertex_is_found():
    # Where this ball's way is halved, the triangles in reach of a half touch each other in one vertex alone.
    mesh = _bumpy_ball(3, 6)
    assert distance_along(mesh, (0, 0, 50), (0.3, 0.4, -50))[0].value == pytest.approx(50 * np.pi, rel=0.01)


def _bumpy_ball(fineness, seed):
    ball = trimesh.creation.icosphere(subdivisions=fineness, radius=50.0)
    noise = np.random.default_rng(seed).normal(0, 0.05, len(ball.vertices))
    return wrap(ball.vertices + noise[:, None] * ball.vertex_normals, ball.faces, 0.05)


def _raised(mesh, places):
    flat = wrap(np.column_stack([mesh.vertices_mm[:, :2], np.zeros(len(mesh.vertices_mm))]), mesh.faces)
    found = NearestOnSurface(flat.vertices_mm, flat.faces)(np.column_stack([np.array(places, float), np.zeros(2)]))
    corners = mesh.vertices_mm[mesh.faces[found.faces]]
    return np.einsum("nk,nkc->nc", found.shares, corners)


def _fine_graph_length(mesh, way, stops=48):
    """Length over a graph of points on the edges that the way crosses: slightly more than the least one there."""
    near = NearestOnSurface(mesh.vertices_mm, mesh.faces)(
        np.concatenate([way[:1], 0.5 * (way[1:] + way[:-1]), way[-1:]])
    )
    ends = near.points_mm[[0, -1]]
    touched = np.unique(near.faces)
    points, faces = [*ends], []
    table: dict[tuple[int, int, int], int] = {}
    for face in mesh.faces[touched]:
        nodes = set()
        for u, v in ((face[0], face[1]), (face[1], face[2]), (face[2], face[0])):
            u, v = sorted((int(u), int(v)))
            for k in range(stops + 1):
                key = (u, u, 0) if k == 0 else (v, v, 0) if k == stops else (u, v, k)
                if key not in table:
                    table[key] = len(points)
                    points.append(mesh.vertices_mm[u] + k / stops * (mesh.vertices_mm[v] - mesh.vertices_mm[u]))
                nodes.add(table[key])
        faces.append((face, sorted(nodes)))
    rows, columns = [], []
    for n, end in ((0, near.faces[0]), (1, near.faces[-1])):
        for face, nodes in faces:
            if (face == mesh.faces[end]).all():
                rows += [n] * len(nodes)
                columns += nodes
    for _, nodes in faces:
        a, b = np.meshgrid(nodes, nodes)
        rows += a[a < b].tolist()
        columns += b[a < b].tolist()
    where = np.array(points)
    lengths = np.linalg.norm(where[rows] - where[columns], axis=1)
    pairs = np.array([rows, columns])
    _, first = np.unique(pairs[0] * len(points) + pairs[1], return_index=True)
    graph = scipy.sparse.coo_matrix((lengths[first] + 1e-12, pairs[:, first]), shape=(len(points), len(points)))
    return scipy.sparse.csgraph.dijkstra(graph.tocsr(), directed=False, indices=0)[1]


def test_separate_parts_have_no_way_between_them():
    two = trimesh.util.concatenate(
        [trimesh.creation.icosphere(2, 5.0), trimesh.creation.icosphere(2, 5.0).apply_translation([50, 0, 0])]
    )
    with pytest.raises(UsageError, match="separate parts"):
        distance_along(wrap(two.vertices, two.faces), (0, 0, 5.0), (50, 0, 5.0))


def test_parts_that_touch_in_one_point_have_no_way_between_them():
    vertices = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0], [-10, 0, 0], [0, -10, 0.0]])
    mesh = wrap(vertices, np.array([[0, 1, 2], [0, 3, 4]]))
    with pytest.raises(UsageError, match="separate parts"):
        distance_along(mesh, (3, 3, 0), (-3, -3, 0))


def test_a_surface_in_more_layers_than_one_is_refused_by_its_cause():
    vertices, faces = grid(11, 11, 1.0)
    three = np.concatenate([faces, [[0, 1, 5 * 11 + 5]]])
    with pytest.raises(UsageError, match="more than two triangles"):
        distance_along(wrap(vertices, np.concatenate([three, [[1, 0, 7 * 11 + 7]]])), (1, 1, 0), (9, 9, 0))


def test_a_way_at_a_scan_s_border_carries_where_the_border_runs():
    free = distance_along(wrap(SHEET_VERTICES, SHEET_FACES), (20, 40, 0), (60, 40, 0))[0]
    bent = distance_along(
        without(SHEET_VERTICES, SHEET_FACES, lambda x, y: (abs(x - 40) < 10) & (abs(y - 40) < 10)),
        (20, 40, 0),
        (60, 40, 0),
    )[0]
    # Four bends of 45 degrees together, each uncertain by half an edge.
    assert bent.sigma > 0.5
    assert free.sigma < 0.05


def test_uncertainty_of_a_way_is_how_far_it_scatters():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=50.0)
    body = wrap(ball.vertices, ball.faces, 0.2)
    errors = PointErrors(body)
    a, b = np.array([40.0, 0, 30]), np.array([-30.0, 0, 40])
    rng = np.random.default_rng(5)
    found = [distance_along(wrap(body.vertices_mm + errors.draw(rng), body.faces, 0.2), a, b)[0] for _ in range(40)]
    true = distance_along(body, a, b)[0]
    # Roughness makes a way longer, so the error about the smooth ball's way is looked at, not the scatter alone.
    error = np.sqrt(np.mean([(q.value - true.value) ** 2 for q in found]))
    # 40 trials tell it to 11 %; three of those, nearly.
    assert error == pytest.approx(true.sigma, rel=0.3)
    # Roughness that is noise is not counted again as detail that matching took: once it made this 1.3 times as wide.
    assert np.median([q.sigma for q in found]) == pytest.approx(error, rel=0.25)
