"""Detection on images of the simulator's scene, whose optics and noise are not this project's solver's.

In: rendered boards and the scene's own truth. Out: corners within a stated part of a pixel of that truth.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from rigdriver.calibration.board.boards import PRESETS
from rigdriver.calibration.board.detect import detect
from rigdriver_sim.scene.charuco import board_corners_mm
from rigdriver_sim.scene.offline import RenderPlan, render_image, truth_table
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import BoardSpec, SceneSpec


@pytest.mark.parametrize("camera", ["left_upper", "left_colour"])
def test_corners_of_a_rendered_board_lie_where_the_scene_has_them(camera: str) -> None:
    scene = SceneSpec(kind="board", seed=4, board=BoardSpec(spread=0.5))
    plan = RenderPlan(width=1280, height=1024, has_depth=False)
    renderer = Renderer(scene, plan.width, plan.height)
    pixels, _ = render_image(renderer, plan, 1, camera)
    found = detect(PRESETS["face"], pixels.astype(np.uint8), "BayerRG8" if camera.endswith("colour") else "Mono8")
    assert len(found.ids) > 80
    model = renderer.pods.cameras[camera]
    T_world_board = np.array(truth_table(renderer, replace(plan, frames=2))["frames"][1]["T_world_body"])  # type: ignore[index]
    world = board_corners_mm(scene.board) @ T_world_board[:3, :3].T + T_world_board[:3, 3]
    T = model.T_cam_world
    exact = cv2.projectPoints(
        world.reshape(-1, 1, 3),
        cv2.Rodrigues(T[:3, :3])[0],
        T[:3, 3],
        model.lens.matrix,
        np.array(model.lens.distortion),
    )[0].reshape(-1, 2)
    miss = found.points_px - exact[found.ids]
    near = np.linalg.norm(miss, axis=1) < 0.5
    assert near.mean() > 0.97
    assert np.sqrt((miss[near] ** 2).mean()) < 0.05
    assert np.abs(miss[near].mean(axis=0)).max() < 0.015
