"""Board, plate and ball bar: rays, distances and prints against closed formulas and OpenCV.

In: the scene's artefacts and rays. Out: points and distances that agree with the formula of the shape; prints that
OpenCV, which did not render them, reads.
"""

import cv2
import numpy as np
import pytest

from rigdriver_sim.scene.charuco import board_corners_mm, bowed, draw_print
from rigdriver_sim.scene.offline import RenderPlan, render_image
from rigdriver_sim.scene.optics import inverse, transform
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.sheet import SheetStill
from rigdriver_sim.scene.spec import BallBarSpec, BoardSpec, LightSpec, PlateSpec, SceneSpec
from rigdriver_sim.scene.spheres import SpheresStill


def seen_points_mm(renderer: Renderer, camera: str, t_s: float) -> np.ndarray:
    model = renderer.pods.cameras[camera]
    depth = renderer.view(camera, t_s, ()).hits.depth_mm
    rows, columns = np.nonzero(np.isfinite(depth))
    slopes = model.lens.slopes(np.stack([columns, rows], axis=1).astype(float))
    points = np.concatenate([slopes, np.ones((len(rows), 1))], axis=1) * depth[rows, columns][:, None]
    return transform(inverse(model.T_cam_world), points)


@pytest.mark.parametrize(
    "spec",
    [
        SceneSpec(kind="board", board=BoardSpec(bow_mm=0.8)),
        SceneSpec(kind="plate", plate=PlateSpec(bow_mm=-0.5)),
        SceneSpec(kind="plate", plate=PlateSpec(shape="square")),
        SceneSpec(kind="ball_bar", ball_bar=BallBarSpec(spheres=3, spacing_mm=80.0)),
    ],
    ids=["bowed board", "bowed disc", "square plate", "three balls"],
)
def test_depth_lies_on_the_surface(spec: SceneSpec) -> None:
    renderer = Renderer(spec, 320, 240)
    for t_s in (0.0, 0.1, 0.2):
        points = seen_points_mm(renderer, "left_upper", t_s)
        assert len(points) > 2000
        assert np.abs(renderer.still(t_s).signed_distance_mm(points)).max() < 1e-6


def test_the_distance_to_a_plate_ends_at_its_rim() -> None:
    still = Renderer(SceneSpec(kind="plate", plate=PlateSpec(size_mm=100.0)), 320, 240).still(0.0)
    assert isinstance(still, SheetStill)
    local = np.array([[0.0, 0.0, -2.0], [0.0, 0.0, 3.0], [53.0, 0.0, -4.0]])
    distance = still.signed_distance_mm(transform(still.T_world_body, local))
    assert np.allclose(distance, [2.0, -3.0, 5.0], atol=1e-9)


def test_distance_to_a_strongly_bowed_sheet_is_what_one_moves_along_its_normal() -> None:
    bow_mm, half_mm = 8.0, 50.0
    still = Renderer(SceneSpec(kind="plate", plate=PlateSpec(size_mm=100.0, bow_mm=bow_mm)), 320, 240).still(0.0)
    assert isinstance(still, SheetStill)
    spread = 2 * half_mm**2
    x, y = np.array([0.0, 20.0, -30.0]), np.array([0.0, 15.0, 10.0])
    foot = np.stack([x, y, -bow_mm * (1 - (x**2 + y**2) / spread)], axis=1)
    normal = np.stack([2 * bow_mm * x / spread, 2 * bow_mm * y / spread, -np.ones(3)], axis=1)
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    for moved_mm in (-6.0, 4.0):
        distance = still.signed_distance_mm(transform(still.T_world_body, foot + moved_mm * normal))
        assert np.allclose(distance, moved_mm, atol=1e-9)


def test_spheres_have_their_certified_size_and_spacing() -> None:
    still = Renderer(SceneSpec(kind="ball_bar"), 320, 240).still(0.3)
    assert isinstance(still, SpheresStill)
    assert abs(np.linalg.norm(still.centres_mm[1] - still.centres_mm[0]) - 150.0) < 1e-9
    assert abs(still.signed_distance_mm(still.centres_mm[:1])[0] + 20.0) < 1e-9


@pytest.mark.parametrize("squares", [(13, 10), (8, 7)])
def test_the_print_is_the_one_that_opencv_draws(squares: tuple[int, int]) -> None:
    board = BoardSpec(squares_x=squares[0], squares_y=squares[1], square_mm=14.0, marker_mm=10.0)
    printed = draw_print(board)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_1000)
    theirs = cv2.aruco.CharucoBoard(squares, 14.0, 10.0, dictionary).generateImage((squares[0] * 140, squares[1] * 140))
    n = printed.cells.shape[2]
    for j in range(squares[1]):
        for i in range(squares[0]):
            square = theirs[j * 140 : j * 140 + 140, i * 140 : i * 140 + 140]
            middles = (20 + (np.arange(n) + 0.5) * 100 / n).astype(int)
            expected = square[np.ix_(middles, middles)] > 127
            assert np.array_equal(printed.cells[j, i] > 0, expected)


@pytest.mark.parametrize("camera", ["left_upper", "right_lower", "right_colour"])
def test_opencv_finds_the_corners_within_a_tenth_of_a_pixel_of_the_truth(camera: str) -> None:
    board = BoardSpec(bow_mm=0.3, print_scale_ppm=500.0)
    renderer = Renderer(SceneSpec(kind="board", seed=3, board=board, light=LightSpec(peak=0.8)), 2048, 1536)
    model = renderer.pods.cameras[camera]
    plan = RenderPlan(width=2048, height=1536)
    index = {"left": 0, "right": 1}[model.pod]
    image = render_image(renderer, plan, index, camera)[0].astype(np.uint8)
    if model.is_colour:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BayerRGGB2GRAY), np.uint8)
    found = cv2.aruco.CharucoDetector(
        cv2.aruco.CharucoBoard((13, 10), 15.0, 11.25, cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_1000))
    ).detectBoard(image)
    corners, ids = found[0].reshape(-1, 2), found[1].ravel()
    still = renderer.still(index / plan.rate_hz)
    assert isinstance(still, SheetStill)
    true_world = transform(still.T_world_body, bowed(board_corners_mm(board), board))
    true = model.lens.project(transform(model.T_cam_world, true_world))
    error = np.linalg.norm(corners - true[ids], axis=1)
    assert len(ids) > 60
    assert np.median(error) < 0.06
    assert np.percentile(error, 90) < 0.1
