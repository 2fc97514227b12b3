"""A rig and its board views by OpenCV's projection alone: truth for the solver, made by other code than the solver's.

In: seed, counts, noise. Out: true cameras, noisy corners, and a score of any result against the truth. Lies:
corners have Gaussian noise and a share of gross outliers, nothing of optics or detection.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import CameraCalibration
from rigdriver.calibration.project import triangulate
from rigdriver.calibration.solve.all_cameras import CameraIdentity, SolveOptions, solve
from rigdriver.calibration.views.observations import Observations, make_observations

TEST_BOARD = Board("charuco", 13, 10, 20.0, 15.0, "DICT_5X5_100", nominal_square_mm=20.0)
NAMES = ("left_upper", "left_lower", "left_colour", "right_upper", "right_lower", "right_colour")


@dataclass
class TrueCamera:
    name: str
    K: np.ndarray
    distortion: np.ndarray
    T_cam_world: np.ndarray
    size_px: tuple[int, int] = (2048, 1536)

    def project(self, points_mm: np.ndarray) -> np.ndarray:
        T = self.T_cam_world
        vector = cv2.Rodrigues(T[:3, :3])[0]
        points = np.ascontiguousarray(points_mm, dtype=np.float64).reshape(-1, 1, 3)
        return cv2.projectPoints(points, vector, T[:3, 3], self.K, self.distortion)[0].reshape(-1, 2)


def look_at(eye: np.ndarray, target: np.ndarray, roll_deg: float = 0.0) -> np.ndarray:
    z = (target - eye) / np.linalg.norm(target - eye)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z])
    R = cv2.Rodrigues(np.array([0, 0, np.radians(roll_deg)]))[0] @ R
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, -R @ eye
    return T


@dataclass
class TrueRig:
    cameras: list[TrueCamera]
    board: Board
    board_shape_mm: np.ndarray
    views: list[np.ndarray] = field(default_factory=list)
    bad_rows: np.ndarray | None = None

    def seen(self, view: int, camera: TrueCamera) -> tuple[np.ndarray, np.ndarray]:
        """Ids and exact points of the corners that lie inside the image and face the camera."""
        T = self.views[view]
        world = self.board_shape_mm @ T[:3, :3].T + T[:3, 3]
        eye = -camera.T_cam_world[:3, :3].T @ camera.T_cam_world[:3, 3]
        to_eye = eye - T[:3, 3]
        if T[:3, 2] @ to_eye / np.linalg.norm(to_eye) > -np.cos(np.radians(65)):
            return np.zeros(0, int), np.zeros((0, 2))
        points = camera.project(world)
        width, height = camera.size_px
        inside = (points > 12).all(axis=1) & (points[:, 0] < width - 13) & (points[:, 1] < height - 13)
        if inside.sum() < 12:
            return np.zeros(0, int), np.zeros((0, 2))
        return np.flatnonzero(inside), points[inside]


def make_rig(
    seed: int, views: int = 36, size_px: tuple[int, int] = (2048, 1536), coefficients: int = 5,
    board: Board = TEST_BOARD, bow_mm: float = 0.0, horizontal: bool = True,
) -> TrueRig:  # fmt: skip
    """Two pods 90 degrees apart, 900 mm away, pairs 20 degrees (313 mm) apart, colour cameras in between."""
    rng = np.random.default_rng(seed)
    focal = 3.0 * size_px[0]
    cameras = []
    for pod, pod_deg in (("left", -45.0), ("right", 45.0)):
        for name, off_deg, up_mm in (("upper", -10.0, 0.0), ("lower", 10.0, 0.0), ("colour", 0.0, 40.0)):
            yaw = np.radians(pod_deg + (off_deg if horizontal else 0.0)) + rng.normal(0, 0.01)
            pitch = np.radians(0.0 if horizontal else off_deg)
            eye = 900 * np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])
            eye += np.array([0, up_mm, 0]) + rng.normal(0, 8, 3)
            T = look_at(eye, rng.normal(0, 5, 3), rng.normal(0, 1.5))
            f = focal * (1 + rng.normal(0, 0.01))
            centre = (np.array(size_px) - 1) / 2 + rng.normal(0, 12, 2)
            K = np.array([[f, 0, centre[0]], [0, f * (1 + rng.normal(0, 2e-4)), centre[1]], [0, 0, 1.0]])
            distortion = np.array([-0.12, 0.3, 0, 0, 0]) + rng.normal(0, [0.03, 0.1, 5e-4, 5e-4, 0])
            if coefficients == 8:
                distortion = np.r_[distortion, rng.normal(0, [0.02, 0.02, 0])]
            cameras.append(TrueCamera(f"{pod}_{name}", K, distortion, T, size_px))
    flat = board.corners_mm()
    shape = flat.copy()
    radius = (flat[:, :2] ** 2).sum(axis=1) / (flat[:, :2] ** 2).sum(axis=1).max()
    shape[:, 2] += bow_mm * radius
    rig = TrueRig(cameras, board, shape)
    for index in range(views):
        rig.views.append(_board_pose(rng, index))
    return rig


def _board_pose(rng: np.random.Generator, index: int) -> np.ndarray:
    """A hand-held board: facing the middle, one pod or the other, tilted and turned."""
    yaw = (0.0, -35.0, 35.0)[index % 3] + rng.uniform(-15, 15)
    R = (
        cv2.Rodrigues(np.radians([0, -yaw, 0.0]))[0]
        @ cv2.Rodrigues(np.radians([rng.uniform(-30, 30), rng.uniform(-10, 10), 0.0]))[0]
        @ cv2.Rodrigues(np.array([0, 0, rng.choice([0.0, 0.0, np.pi / 2, np.pi]) + rng.normal(0, 0.15)]))[0]
    )
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, rng.uniform([-60, -60, -90], [60, 60, 90])
    return T


def observe(
    rig: TrueRig, seed: int, noise_px: float = 0.04, outliers: float = 0.01, bad_views: Sequence[int] = (),
    moved_views: Sequence[int] = (), only: dict[str, Sequence[int]] | None = None,
) -> Observations:  # fmt: skip
    """Noisy corners of all views.

    `bad_views`: 30 % of the corners are 2 to 60 px off. `moved_views`: the board stands elsewhere for every other
    camera.
    `only`: views that a camera sees at all.
    """
    rng = np.random.default_rng([seed, 77])
    rows: list[tuple[np.ndarray, ...]] = []
    for v in range(len(rig.views)):
        at_rest = rig.views[v]
        for c, camera in enumerate(rig.cameras):
            if only and camera.name in only and v not in only[camera.name]:
                continue
            if v in moved_views and c % 2:
                moved = at_rest.copy()
                moved[:3, 3] += rng.normal(0, 0.6, 3)
                rig.views[v] = moved
            ids, points = rig.seen(v, camera)
            rig.views[v] = at_rest
            if len(ids) == 0:
                continue
            points = points + rng.normal(0, noise_px, points.shape)
            share, low, high = (0.3, 2.0, 60.0) if v in bad_views else (outliers, 0.5, 6.0)
            is_bad = rng.random(len(ids)) < share
            angle, size = rng.uniform(0, 2 * np.pi, len(ids)), rng.uniform(low, high, len(ids))
            points[is_bad] += (size[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))[is_bad]
            rows.append((np.full(len(ids), c), np.full(len(ids), v), ids, points, is_bad))
    cameras, views, corners, points, bad = (np.concatenate([r[i] for r in rows]) for i in range(5))
    rig.bad_rows = bad
    names = [c.name for c in rig.cameras]
    sizes = [c.size_px for c in rig.cameras]
    return make_observations(names, [f"{v:03d}" for v in range(len(rig.views))], sizes, cameras, views, corners, points)


def face_volume(count: int = 1500) -> np.ndarray:
    """Points of a 300 mm ball around the working point."""
    rng = np.random.default_rng(3)
    points = rng.uniform(-150, 150, (4 * count, 3))
    inside: np.ndarray = points[np.linalg.norm(points, axis=1) < 150]
    return inside[:count]


@dataclass
class Score:
    point_um: float
    """RMS over both pods' points after one rigid fit."""
    scale_ppm: float
    step_um: float
    """RMS distance of the two pods' answers for the same point."""


def score(rig: TrueRig, calibrated: Iterable[CameraCalibration]) -> Score:
    """Triangulate exact images with the solved cameras, pod by pod, and compare with the truth."""
    points = face_volume()
    solved = {c.name: c for c in calibrated}
    true = {c.name: c for c in rig.cameras}
    answers = []
    for pod in (("left_upper", "left_lower"), ("right_upper", "right_lower")):
        images = np.stack([true[name].project(points) for name in pod])
        answers.append(triangulate([solved[name] for name in pod], images)[0])
    cloud, target = np.concatenate(answers), np.concatenate([points] * 2)
    a, b = cloud - cloud.mean(axis=0), target - target.mean(axis=0)
    U, S, Vt = np.linalg.svd(a.T @ b)
    D = np.diag([1, 1, np.sign(np.linalg.det(U @ Vt))])
    rest = a @ (U @ D @ Vt) - b
    scale = float(np.trace(np.diag(S) @ D) / (a**2).sum())
    step = float(np.sqrt(((answers[0] - answers[1]) ** 2).sum(axis=1).mean()))
    return Score(1e3 * float(np.sqrt((rest**2).sum(axis=1).mean())), 1e6 * (1 / scale - 1), 1e3 * step)


def bump(rig: TrueRig, camera: str, axis: int, urad: float) -> TrueRig:
    """The rig with one camera turned about its own x (pitch), y (yaw) or z axis (roll)."""
    moved = copy.deepcopy(rig)
    for c in moved.cameras:
        if c.name == camera:
            vector = np.zeros(3)
            vector[axis] = urad * 1e-6
            turn = np.eye(4)
            turn[:3, :3] = cv2.Rodrigues(vector)[0]
            c.T_cam_world = turn @ c.T_cam_world
    return moved


IDENTITIES = {n: CameraIdentity(f"SN-{n}", n.split("_")[0], "texture" if "colour" in n else "geometry") for n in NAMES}


@pytest.fixture(scope="session")
def truth() -> SimpleNamespace:
    """The functions above: truth.make_rig(...), truth.observe(...), truth.score(...), truth.bump(...)."""
    return SimpleNamespace(
        make_rig=make_rig, observe=observe, score=score, face_volume=face_volume, look_at=look_at, bump=bump,
        names=NAMES, identities=IDENTITIES,
    )  # fmt: skip


@pytest.fixture(scope="session")
def solved(truth: SimpleNamespace) -> SimpleNamespace:
    """One rig with 36 views, and its solution: rig, observations, solution, calibration."""
    rig = make_rig(1)
    observations = observe(rig, 1)
    bad_rows = rig.bad_rows
    board = rig.board.measured(rig.board.square_mm, 0.0005)
    solution = solve(observations, board, SolveOptions(rig="face-rig", identities=IDENTITIES))
    return SimpleNamespace(
        rig=rig, observations=observations, board=board, solution=solution, calibration=solution.calibration,
        bad_rows=bad_rows,
    )  # fmt: skip
