"""Whether numbers can be a camera: what every reader of a calibration checks before it uses a file.

In: camera matrix, coefficients, pose, image size. Out: the first thing that is wrong, in words; empty when nothing is.
Not here: how good a calibration is (see report/verdict.py).
"""

from __future__ import annotations

import numpy as np

from rigdriver.arrays import Array

COUNTS = (4, 5, 8, 12, 14)
"""Numbers of distortion parameters that OpenCV's models have."""
LARGEST_SKEW = 1e-6
"""Largest skew that counts as none, as a share of the focal length; the lens model here has none."""
LARGEST_OFF_ROTATION = 1e-4
"""Largest element of R R^T - 1 that comes of rounding; files with few digits stay below."""
FOCAL_WIDTHS = (0.1, 100.0)
"""Range of focal lengths in image widths."""
LONGEST_SIDE_PX = 100_000
"""Longest side of an image or a sensor, in px; line-scan sensors have 16,384."""
LARGEST_VALUE = 1e9
"""Largest number of a lens or a pose, in px or mm: a thousand kilometres."""
CENTRE_SIZES = (-0.5, 1.5)
"""Range of the principal point in image sizes; a region of the sensor can lie beside it."""


def camera_problem(K: Array, distortion: Array, T_cam_world: Array, size_px: tuple[int, int]) -> str:
    """Return what is wrong with a camera's numbers, or nothing."""
    if K.shape != (3, 3) or T_cam_world.shape != (4, 4):
        return f"camera matrix of shape {K.shape} and pose of shape {T_cam_world.shape}; expected (3, 3) and (4, 4)"
    if distortion.size not in COUNTS:
        return f"{distortion.size} distortion parameters; expected {', '.join(map(str, COUNTS[:-1]))} or {COUNTS[-1]}"
    for name, values in (("camera matrix", K), ("distortion", distortion), ("pose", T_cam_world)):
        if not np.isfinite(values).all():
            return f"its {name} holds a number that is not finite"
        if np.abs(values).max() > LARGEST_VALUE:
            return f"a value of its {name} is beyond {LARGEST_VALUE:g}"
    return _lens_problem(K, size_px) or _pose_problem(T_cam_world)


def _lens_problem(K: Array, size_px: tuple[int, int]) -> str:
    width = size_px[0]
    if min(size_px) < 1 or max(size_px) > LONGEST_SIDE_PX:
        return f"an image of {size_px[0]} x {size_px[1]} pixels"
    focal = np.array([K[0, 0], K[1, 1]])
    if not ((focal >= FOCAL_WIDTHS[0] * width) & (focal <= FOCAL_WIDTHS[1] * width)).all():
        return f"focal lengths of {focal[0]:g} and {focal[1]:g} px for images {width} px wide"
    if abs(K[0, 1]) > LARGEST_SKEW * focal[0] or K[1, 0] != 0 or not np.array_equal(K[2], [0, 0, 1]):
        return "a camera matrix with skew or another last row than 0 0 1"
    centre = K[:2, 2] / np.array(size_px)
    if not ((centre >= CENTRE_SIZES[0]) & (centre <= CENTRE_SIZES[1])).all():
        return f"a principal point at {K[0, 2]:g}, {K[1, 2]:g} px in images of {size_px[0]} x {size_px[1]} px"
    return ""


def _pose_problem(T: Array) -> str:
    R = T[:3, :3]
    if not np.array_equal(T[3], [0, 0, 0, 1]):
        return "a pose with another last row than 0 0 0 1"
    if np.abs(R @ R.T - np.eye(3)).max() > LARGEST_OFF_ROTATION:
        return "a pose whose axes are not at right angles, or not of length 1"
    if np.linalg.det(R) < 0:
        return "a mirrored pose (the determinant of its rotation is -1)"
    return ""
