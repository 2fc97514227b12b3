"""A calibration against the true rig, by the 3D error that it alone causes.

In: calibrated cameras in any common frame, the true rig. Out: a `CalibrationScore`. True points of the face volume are
projected by the true cameras and triangulated by the calibrated ones, pod by pod; one rigid motion is fitted over both
pods. Projection here is the scene's own; only the result of a solve is compared, never its gauge. Not here: solving
(see the driver).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rigdriver_sim.scene.optics import Floats, Lens, inverse, transform
from rigdriver_sim.scene.pods import Pods
from rigdriver_sim.score.fit import rigid_between

FACE_VOLUME_MM = ((-85.0, 85.0), (-95.0, 95.0), (-60.0, 60.0))
_STEPS = 9


@dataclass(frozen=True, slots=True)
class CalibratedCamera:
    """One camera as a calibration has it."""

    matrix: Floats
    """(3, 3): camera matrix, pixels."""
    distortion: tuple[float, ...]
    """Distortion in OpenCV's order, 4 to 8 numbers."""
    T_cam_rig: Floats
    """(4, 4), mm, from a frame that all cameras share."""

    @property
    def lens(self) -> Lens:
        """The same as a lens of the scene."""
        m = self.matrix
        return Lens(float(m[0, 0]), float(m[1, 1]), float(m[0, 2]), float(m[1, 2]), tuple(self.distortion))


@dataclass(frozen=True, slots=True)
class CalibrationScore:
    """Errors that the calibration alone causes in the face volume."""

    point_rms_um: float
    point_p95_um: float
    point_max_um: float
    scale_ppm: float
    """Scale error of the calibration; positive where it measures too large."""
    pod_step_rms_um: float
    """Distance between the two pods' measurements of one point, before any fit."""
    pod_step_max_um: float
    colour_rms_px: float
    """Distance from where the colour cameras put the measured points to where they are; NaN without cameras."""
    T_world_rig: Floats
    points: int


def score_calibration(cameras: Mapping[str, CalibratedCamera], pods: Pods) -> CalibrationScore:
    """Score a calibration that holds both mono cameras of at least one pod.

    Raises:
        ValueError: no pod has both mono cameras.
    """
    measured, true = [], []
    by_pod: dict[str, tuple[Floats, Floats]] = {}
    for pod in ("left", "right"):
        names = (f"{pod}_upper", f"{pod}_lower")
        if all(name in cameras for name in names):
            points, in_view = _volume_seen_by(pods, names)
            got = _triangulate(cameras, pods, names, points)
            by_pod[pod] = (got, in_view)
            measured.append(got[in_view])
            true.append(points[in_view])
    if not measured:
        raise ValueError(f"calibration of {', '.join(cameras) or 'nothing'}: expected both mono cameras of a pod")
    all_measured, all_true = np.concatenate(measured), np.concatenate(true)
    # One fit over both pods: two would hide the step between them. The scale is reported, not taken out.
    T_world_rig, scale = rigid_between(all_measured, all_true)
    error_um = 1000 * np.linalg.norm(transform(T_world_rig, all_measured) - all_true, axis=1)
    step_um = _pod_step_um(by_pod)
    return CalibrationScore(
        point_rms_um=float(np.sqrt((error_um**2).mean())),
        point_p95_um=float(np.percentile(error_um, 95)),
        point_max_um=float(error_um.max()),
        scale_ppm=1e6 * (1 / scale - 1),
        pod_step_rms_um=float(np.sqrt((step_um**2).mean())),
        pod_step_max_um=float(step_um.max()),
        colour_rms_px=_colour_rms_px(cameras, pods, all_measured, all_true),
        T_world_rig=T_world_rig,
        points=len(all_true),
    )


def T_world_rig_of(cameras: Mapping[str, CalibratedCamera], pods: Pods) -> Floats:
    """Return T_world_rig, (4, 4): where a calibration's frame lies in the world, from the cameras' poses alone.

    Good to some tenths of a mm; clouds measured with that calibration begin their fit there.
    """
    # Each camera lends its centre and three points 900 mm along its axes.
    marks = np.concatenate([np.zeros((1, 3)), 900.0 * np.eye(3)])
    ours = [transform(inverse(camera.T_cam_rig), marks) for camera in cameras.values()]
    true = [transform(inverse(pods.cameras[name].T_cam_world), marks) for name in cameras]
    return rigid_between(np.concatenate(ours), np.concatenate(true))[0]


def _volume() -> Floats:
    axes = [np.linspace(low, high, _STEPS) for low, high in FACE_VOLUME_MM]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _volume_seen_by(pods: Pods, names: tuple[str, str]) -> tuple[Floats, Floats]:
    points = _volume()
    in_view = np.ones(len(points), dtype=bool)
    for name in names:
        model = pods.cameras[name]
        pixels = model.lens.project(transform(model.T_cam_world, points))
        in_view &= (pixels > 0).all(axis=1) & (pixels[:, 0] < model.width - 1) & (pixels[:, 1] < model.height - 1)
    return points, in_view


def _triangulate(cameras: Mapping[str, CalibratedCamera], pods: Pods, names: tuple[str, str], points: Floats) -> Floats:
    """Return where the calibration puts true points, (N, 3) mm in its frame: least squares over both rays."""
    normal, right = np.zeros((len(points), 3, 3)), np.zeros((len(points), 3))
    for name in names:
        model, camera = pods.cameras[name], cameras[name]
        slopes = camera.lens.slopes(model.lens.project(transform(model.T_cam_world, points)))
        T = camera.T_cam_rig
        for axis in range(2):
            # slope * z = x, in the frame of the rig: one plane an axis, scaled to mm at the working distance.
            # From x = slope z with (x, y, z, 1) = T_cam_rig p: (slope T_2 - T_axis) p = T_axis3 - slope T_23.
            row = slopes[:, axis, None] * T[2, :3] - T[axis, :3]
            offset = T[axis, 3] - slopes[:, axis] * T[2, 3]
            normal += row[:, :, None] * row[:, None, :]
            right += row * offset[:, None]
    solved: Floats = np.linalg.solve(normal, right[:, :, None])[:, :, 0].astype(np.float64)
    return solved


def _pod_step_um(by_pod: Mapping[str, tuple[Floats, Floats]]) -> Floats:
    if len(by_pod) < 2:
        return np.full(1, np.nan)
    (left, in_left), (right, in_right) = by_pod["left"], by_pod["right"]
    both = in_left.astype(bool) & in_right.astype(bool)
    step: Floats = 1000 * np.linalg.norm(left[both] - right[both], axis=1)
    return step


def _colour_rms_px(cameras: Mapping[str, CalibratedCamera], pods: Pods, measured: Floats, true: Floats) -> float:
    squares = []
    for name, camera in cameras.items():
        model = pods.cameras[name]
        if model.is_colour:
            should = model.lens.project(transform(model.T_cam_world, true))
            inside = (should > 0).all(axis=1) & (should[:, 0] < model.width) & (should[:, 1] < model.height)
            does = camera.lens.project(transform(camera.T_cam_rig, measured))
            squares.append(((does - should)[inside] ** 2).sum(axis=1))
    return float(np.sqrt(np.concatenate(squares).mean())) if squares else float("nan")
