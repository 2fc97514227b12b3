"""Calibrate the rendered rig from board images and score the result against the scene's truth.

In: seed, views, size, bow of the board. Out: one JSON object: times, residuals, 3D error after a rigid fit, scale, step
between the pods, and what the calibration itself expected. Images are rendered once and kept in --folder.
The tool has no limits; those stand in the tests. It projects the truth with OpenCV, not with the driver's code.
"""

# ruff: noqa: N806  (T, K, U, S, Vt are what the formulas call them)
from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rigdriver.calibration.board.boards import PRESETS
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.folder import detect_folder
from rigdriver.calibration.project import triangulate
from rigdriver.calibration.report.page import write_report
from rigdriver.calibration.solve.all_cameras import CameraIdentity, SolveOptions, solve
from rigdriver_sim.scene.offline import RenderPlan, render_to
from rigdriver_sim.scene.pods import CAMERAS
from rigdriver_sim.scene.spec import BoardSpec, OpticsSpec, SceneSpec

PODS = (("left_upper", "left_lower"), ("right_upper", "right_lower"))


def project(camera: dict[str, Any], points_mm: np.ndarray) -> np.ndarray:
    """(N, 2) pixels of world points by OpenCV."""
    T = np.array(camera["T_cam_world"])
    K, d = np.array(camera["camera_matrix"]), np.array(camera["distortion"])
    found = cv2.projectPoints(points_mm.reshape(-1, 1, 3), cv2.Rodrigues(T[:3, :3])[0], T[:3, 3], K, d)[0]
    return np.asarray(found, dtype=np.float64).reshape(-1, 2)


def score(truth: dict[str, Any], calibration: RigCalibration, is_visible_only: bool) -> dict[str, float]:
    """3D error of both pods in a 300 mm ball, one rigid fit taken off."""
    points = np.random.default_rng(3).uniform(-150, 150, (6000, 3))
    # Drawn in the cube and kept in the ball: that spreads them evenly over its volume.
    points = points[np.linalg.norm(points, axis=1) < 150][:1500]
    images = {name: project(truth["cameras"][name], points) for pod in PODS for name in pod}
    if is_visible_only:
        size = truth["plan"]["width"], truth["plan"]["height"]
        seen = np.all([((p >= 0) & (p < size)).all(axis=1) for p in images.values()], axis=0)
        points, images = points[seen], {name: p[seen] for name, p in images.items()}
    answers = [triangulate([calibration[n] for n in pod], np.stack([images[n] for n in pod]))[0] for pod in PODS]
    cloud, target = np.concatenate(answers), np.concatenate([points] * 2)
    a, b = cloud - cloud.mean(axis=0), target - target.mean(axis=0)
    U, S, Vt = np.linalg.svd(a.T @ b)
    # Kabsch: without the sign a mirror image could pass for a rotation. The scale is Umeyama's (1991).
    D = np.diag([1, 1, np.sign(np.linalg.det(U @ Vt))])
    rest = a @ (U @ D @ Vt) - b
    return {
        "point_um": 1e3 * float(np.sqrt((rest**2).sum(axis=1).mean())),
        "step_um": 1e3 * float(np.sqrt(((answers[0] - answers[1]) ** 2).sum(axis=1).mean())),
        "scale_ppm": 1e6 * (float((a**2).sum() / np.trace(np.diag(S) @ D)) - 1),
    }


def bench(arguments: argparse.Namespace) -> dict[str, object]:
    width, height = arguments.size
    folder = (
        arguments.folder / f"s{arguments.seed}-v{arguments.views}-{width}x{height}-b{arguments.bow:g}-d{arguments.lens}"
    )
    if not (folder / "truth.json").is_file():
        scene = SceneSpec(
            kind="board", seed=arguments.seed, board=BoardSpec(bow_mm=arguments.bow),
            optics=OpticsSpec(distortion_parameters=arguments.lens),
        )  # fmt: skip
        plan = RenderPlan(
            frames=arguments.views, width=width, height=height, has_depth=False, workers=arguments.workers
        )
        render_to(folder, scene, plan, lambda done, all_: print(f"\rrendered {done}/{all_}", end="", file=sys.stderr))
    truth = json.loads((folder / "truth.json").read_text())
    board = PRESETS["face"]
    # CPU time: what else runs on the machine does not count.
    start = time.process_time()
    found = detect_folder(folder, board, CAMERAS, workers=1)
    detected = time.process_time()
    who = {n: CameraIdentity(n, n.split("_")[0], "texture" if n.endswith("colour") else "geometry") for n in CAMERAS}
    solution = solve(found.observations, board, SolveOptions("bench", arguments.lens, identities=who))
    solved = time.process_time()
    if arguments.report:
        write_report(solution, board, arguments.report)
    calibration = solution.calibration
    accuracy = calibration.accuracy
    return {
        "images": found.images,
        "detect_cpu_ms_an_image": 1e3 * (detected - start) / found.images,
        "solve_cpu_s": solved - detected,
        "rms_px": calibration.rms_px,
        "kept_share": calibration.kept_share,
        "bow_mm": calibration.bow_mm,
        "ball": score(truth, calibration, is_visible_only=False),
        "visible": score(truth, calibration, is_visible_only=True),
        "expected": None
        if accuracy is None
        else {
            "point_um": accuracy.point_um, "point_um_95": accuracy.point_um_95,
            "step_um_95": accuracy.step_um_95, "scale_ppm_95": accuracy.scale_ppm_95,
        },
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--views", type=int, default=36)
    parser.add_argument("--size", type=int, nargs=2, default=(2048, 1536), metavar=("W", "H"))
    parser.add_argument("--bow", type=float, default=0.2, help="mm")
    parser.add_argument("--lens", type=int, choices=(5, 8), default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("out/bench-calibration"))
    parser.add_argument("--report", type=Path)
    print(json.dumps(bench(parser.parse_args()), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
