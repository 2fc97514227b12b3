"""The head's surface: what the renderer hits is what the truth says.

In: heads of several seeds and expressions. Out: depth, normals and distances that agree with each other and with
differences. Nothing is lit.
"""

import numpy as np
import pytest

from rigdriver_sim.scene.expression import Expression
from rigdriver_sim.scene.head import HeadStill
from rigdriver_sim.scene.optics import inverse, transform
from rigdriver_sim.scene.pods import build_pods
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import MotionSpec, SceneSpec, SubjectSpec
from rigdriver_sim.scene.spline import radius, trace_ray

WIDTH, HEIGHT = 320, 240
SPEC = SceneSpec(seed=5, motion=MotionSpec(smile=0.8, mouth=0.5, brow=0.5, sway_mm=6.0, turn_mm_s=100.0))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(SPEC, WIDTH, HEIGHT)


def head(renderer: Renderer, t_s: float) -> HeadStill:
    still = renderer.still(t_s)
    assert isinstance(still, HeadStill)
    return still


@pytest.mark.parametrize("t_s", [0.0, 0.7])
@pytest.mark.parametrize("camera", ["left_upper", "right_colour"])
def test_depth_lies_on_the_surface_to_a_thousandth_of_a_micrometre(renderer: Renderer, camera: str, t_s: float) -> None:
    model = renderer.pods.cameras[camera]
    depth = renderer.view(camera, t_s, ()).hits.depth_mm
    rows, columns = np.nonzero(np.isfinite(depth))
    assert 0.2 < len(rows) / depth.size < 0.8
    slopes = model.lens.slopes(np.stack([columns, rows], axis=1).astype(float))
    points = np.concatenate([slopes, np.ones((len(rows), 1))], axis=1) * depth[rows, columns][:, None]
    world = transform(inverse(model.T_cam_world), points)
    assert np.abs(head(renderer, t_s).signed_distance_mm(world)).max() < 1e-6


def test_signed_distance_is_what_one_moves_along_the_normal(renderer: Renderer) -> None:
    view = renderer.view("left_lower", 0.3, ())
    model = renderer.pods.cameras["left_lower"]
    depth, normal = view.hits.depth_mm, view.hits.normal
    rows, columns = np.nonzero(np.isfinite(depth))
    slopes = model.lens.slopes(np.stack([columns, rows], axis=1).astype(float))
    points = np.concatenate([slopes, np.ones((len(rows), 1))], axis=1) * depth[rows, columns][:, None]
    world = transform(inverse(model.T_cam_world), points)
    for moved_mm in (-0.2, 0.05, 0.5):
        got = head(renderer, 0.3).signed_distance_mm(world + moved_mm * normal[rows, columns].astype(float))
        # Never farther than the move; nearer only where the surface folds back towards the point.
        assert np.abs(got).max() <= abs(moved_mm) + 1e-4
        assert np.mean(np.abs(got - moved_mm) < 1e-3) > 0.97


def test_the_quick_way_to_a_depth_agrees_with_cautious_marching(renderer: Renderer) -> None:
    still, model = head(renderer, 0.0), renderer.pods.cameras["right_upper"]
    depth = renderer.view("right_upper", 0.0, ()).hits.depth_mm
    T_head_cam = inverse(model.T_cam_world @ still.T_world_body)
    pixels = np.stack(np.meshgrid(np.arange(4, WIDTH, 8), np.arange(4, HEIGHT, 8)), axis=-1).reshape(-1, 2)
    slopes = model.lens.slopes(pixels.astype(float))
    differing = 0
    for (column, row), (x, y) in zip(pixels, slopes, strict=True):
        v = T_head_cam[:3, :3] @ np.array([x, y, 1.0])
        slow = trace_ray(still.control, np.ascontiguousarray(T_head_cam[:3, 3]), v[0], v[1], v[2], 700.0, 1100.0)
        quick = depth[row, column]
        if np.isnan(slow) and np.isnan(quick):
            continue
        differing += not abs(slow - quick) < 1e-5
    # Only rays that graze an edge may see it differently.
    assert differing <= 3


def test_the_surface_is_smooth_to_the_second_order() -> None:
    control = np.random.default_rng(2).normal(100, 5, (41, 41))
    knot = -2.6 + 5.2 / 40 * 17
    below, above = radius(control, knot - 1e-9, 0.31), radius(control, knot + 1e-9, 0.31)
    assert abs(below[0] - above[0]) < 1e-6
    assert abs(below[1] - above[1]) < 1e-3
    step = 1e-5
    bend_left = (radius(control, knot - step, 0.31)[1] - radius(control, knot - 2 * step, 0.31)[1]) / step
    bend_right = (radius(control, knot + 2 * step, 0.31)[1] - radius(control, knot + step, 0.31)[1]) / step
    assert abs(bend_left - bend_right) < 0.02 * abs(bend_left)


def test_slopes_of_the_radius_are_its_derivatives() -> None:
    control = np.random.default_rng(2).normal(100, 5, (41, 41))
    step = 1e-6
    _value, da, db = radius(control, 0.123, -0.456)
    assert (
        abs((radius(control, 0.123 + step, -0.456)[0] - radius(control, 0.123 - step, -0.456)[0]) / (2 * step) - da)
        < 1e-4
    )
    assert (
        abs((radius(control, 0.123, -0.456 + step)[0] - radius(control, 0.123, -0.456 - step)[0]) / (2 * step) - db)
        < 1e-4
    )


def test_a_skin_point_keeps_its_material_coordinates_through_an_expression(renderer: Renderer) -> None:
    """What a camera sees at a pixel must be where the material's path says it is."""
    model = renderer.pods.cameras["left_upper"]
    hits = renderer.view("left_upper", 0.7, ()).hits
    rows, columns = np.nonzero(np.isfinite(hits.depth_mm))
    chosen = slice(None, None, 7)
    rows, columns = rows[chosen], columns[chosen]
    slopes = model.lens.slopes(np.stack([columns, rows], axis=1).astype(float))
    points = np.concatenate([slopes, np.ones((len(rows), 1))], axis=1) * hits.depth_mm[rows, columns][:, None]
    seen = transform(inverse(model.T_cam_world), points)
    told = head(renderer, 0.7).material_points_mm(hits.material[rows, columns].astype(float))
    assert np.percentile(np.abs(told - seen).max(axis=1), 99) < 1e-2


def test_an_expression_never_folds_the_skin() -> None:
    axis = np.linspace(-0.6, 0.6, 601)
    a, b = np.meshgrid(axis, axis)
    for expression in (Expression(smile=1.0), Expression(mouth=1.0), Expression(brow=1.0), Expression(1.0, 1.0, 1.0)):
        ma, mb, _swell = expression.material_of(a, b)
        ma_b, ma_a = np.gradient(ma, axis, axis)
        mb_b, mb_a = np.gradient(mb, axis, axis)
        assert (ma_a * mb_b - ma_b * mb_a).min() > 0.01


def test_a_smile_moves_the_corners_of_the_mouth_and_leaves_the_brow_alone(renderer: Renderer) -> None:
    rest = Renderer(SceneSpec(seed=5), WIDTH, HEIGHT)
    smile = Renderer(SceneSpec(seed=5, motion=MotionSpec(smile=1.0)), WIDTH, HEIGHT)
    corner_and_brow = np.array([[0.137, -0.374], [0.15, 0.10]])
    moved = head(smile, 1.0).material_points_mm(corner_and_brow) - head(rest, 1.0).material_points_mm(corner_and_brow)
    assert np.linalg.norm(moved[0]) > 5.0
    assert np.linalg.norm(moved[1]) < 1e-9


@pytest.mark.parametrize(
    ("motion", "moves_mm"),
    [
        (MotionSpec(mouth=1.0), {"chin": (9.0, 12.0), "brow": (0.0, 0.0), "nose": (0.0, 0.0)}),
        (MotionSpec(brow=1.0), {"chin": (0.0, 0.0), "brow": (4.0, 6.0), "nose": (0.0, 0.0)}),
        (MotionSpec(sway_mm=10.0), {"chin": (10.0, 10.0), "brow": (10.0, 10.0), "nose": (10.0, 10.0)}),
    ],
)
def test_mouth_brow_and_sway_move_what_they_name(motion: MotionSpec, moves_mm: dict[str, tuple[float, float]]) -> None:
    places = {"chin": (0.0, -0.55), "brow": (0.15, 0.10), "nose": (0.0, -0.17)}
    rest = Renderer(SceneSpec(seed=5), WIDTH, HEIGHT)
    moved = Renderer(SceneSpec(seed=5, motion=motion), WIDTH, HEIGHT)
    for name, (least, most) in moves_mm.items():
        place = np.array([places[name]])
        away = np.linalg.norm(head(moved, 1.0).material_points_mm(place) - head(rest, 1.0).material_points_mm(place))
        assert least - 1e-6 <= away <= most + 1e-6, name


def test_a_turning_nose_reaches_the_speed_that_the_scenario_asks_for() -> None:
    spec = SceneSpec(motion=MotionSpec(turn_mm_s=200.0, period_s=2.0))
    still = Renderer(spec, WIDTH, HEIGHT)
    nose = np.array([[0.0, -0.17]])
    before, after = head(still, -0.001).material_points_mm(nose), head(still, 0.001).material_points_mm(nose)
    assert 170 < np.linalg.norm(after - before) / 0.002 < 230


def test_seeds_and_proportions_give_different_heads() -> None:
    def nose_tip_mm(spec: SceneSpec) -> float:
        return float(head(Renderer(spec, WIDTH, HEIGHT), 0.0).control.max())

    assert nose_tip_mm(SceneSpec(seed=1)) != nose_tip_mm(SceneSpec(seed=2))
    short = SceneSpec(seed=1, subject=SubjectSpec(nose_length=0.8))
    tall = SceneSpec(seed=1, subject=SubjectSpec(nose_length=1.3))
    lattice = [head(Renderer(spec, WIDTH, HEIGHT), 0.0).lattice_mm[:, 2].max() for spec in (short, tall)]
    assert 4.0 < lattice[1] - lattice[0] < 8.0


def test_both_pods_together_see_from_ear_to_ear() -> None:
    pods = build_pods(SPEC, 2048, 1536)
    ears = np.array([[-78.0, 4.0, -60.0], [78.0, 4.0, -60.0]])
    for camera, ear in (("left_upper", ears[:1]), ("left_lower", ears[:1]), ("right_upper", ears[1:])):
        model = pods.cameras[camera]
        pixel = model.lens.project(transform(model.T_cam_world, ear))[0]
        assert 0 < pixel[0] < 2048
        assert 0 < pixel[1] < 1536


def test_the_mono_cameras_of_a_pod_stand_as_in_a_real_rig() -> None:
    cameras = build_pods(SPEC, 2048, 1536).cameras
    for pod in ("left", "right"):
        upper, lower = cameras[f"{pod}_upper"], cameras[f"{pod}_lower"]
        baseline = np.linalg.norm(upper.centre_mm - lower.centre_mm)
        angle = np.degrees(np.arccos(upper.T_cam_world[2, :3] @ lower.T_cam_world[2, :3]))
        assert 300 < baseline < 326
        assert 18.5 < angle < 21.5
        assert 885 < np.linalg.norm(upper.centre_mm) < 915
        assert abs(upper.lens.fx_px - 6144) < 90
