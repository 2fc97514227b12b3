"""How a surface stands before the people who look at it: right, up and towards the viewer.

In: a calibration, whose world is the first camera's frame. Out: three directions in that world, and the same as text
in mesh files, so that whoever draws a mesh later draws it upright. Not here: pictures (see pictures.py) and files (see
files.py, reading.py).
"""

from __future__ import annotations

import re

import numpy as np

from rigdriver.arrays import Array
from rigdriver.calibration.calibration import RigCalibration

WORD = "view_axes"
"""Word before the nine numbers in comments and heads of mesh files, and key in a glTF's extras."""
_NUMBERS = re.compile(rb"\b" + WORD.encode("ascii") + rb"((?: -?\d\.\d{1,9}){9})")
_MOST_OFF = 1e-3
"""Largest deviation of the axes from perpendicular ones of unit length; four digits are off by less."""


def stance_of(calibration: RigCalibration) -> Array:
    """Return the rows right, up and towards the viewer, (3, 3), in the calibration's world.

    Up is that of the colour cameras, whose images people see, else of all cameras; the viewer stands among the cameras.
    """
    chosen = [c for c in calibration if c.role == "texture"] or list(calibration)
    up = -np.sum([camera.T_cam_world[1, :3] for camera in chosen], axis=0)
    towards = -np.sum([camera.T_cam_world[2, :3] for camera in calibration], axis=0)
    return axes(up, towards)


def axes(up: Array, towards: Array) -> Array:
    """Return the rows right, up and towards, (3, 3), perpendicular to each other; `up` stays as it is."""
    upwards = up / max(float(np.linalg.norm(up)), 1e-9)
    right = np.cross(upwards, towards)
    if np.linalg.norm(right) < 1e-3 * max(float(np.linalg.norm(towards)), 1e-9):
        # Seen from straight above or below any side serves.
        right = np.cross(upwards, np.eye(3)[int(np.argmin(np.abs(upwards)))])
    right /= np.linalg.norm(right)
    return np.stack([right, upwards, np.cross(right, upwards)])


def stance_text(stance: Array) -> str:
    """Return word and numbers, in fewer than the 80 letters that the head of an STL has."""
    return " ".join([WORD, *(f"{value:.4f}" for value in stance.ravel())])


def stance_in(head: bytes) -> Array | None:
    """Return the axes that the head of a mesh file holds; None where it holds none that could be believed."""
    found = _NUMBERS.search(head)
    return checked_stance([float(word) for word in found[1].split()]) if found else None


def checked_stance(numbers: object) -> Array | None:
    """Return nine numbers as perpendicular axes; None where they are none."""
    try:
        stance = np.array(numbers, np.float64).reshape(3, 3)
    except (TypeError, ValueError):
        return None
    is_turn = np.allclose(stance @ stance.T, np.eye(3), atol=_MOST_OFF) and np.linalg.det(stance) > 0
    if not is_turn:
        return None
    # The nearest turn (Schoenemann 1966): four digits of each number are not quite one.
    u, _, v = np.linalg.svd(stance)
    return np.asarray(u @ v)
