"""Where an artefact rests: one pose after the other, from the seed.

In: kind, seed, number of the pose. Out: T_world_body. Body frame as for printed boards: x right, y down, z away from
the viewer, origin in the middle. The poses face the left pod, the right pod and the middle in turn.
"""

from __future__ import annotations

import math

import numpy as np

from rigdriver_sim.scene.noise import generator
from rigdriver_sim.scene.optics import Floats, inverse, look_at


def pose_number(t_s: float, dwell_s: float, poses: int) -> int:
    """Return which pose holds at a time."""
    # Times are whole numbers of dwells up to rounding, which must not show the pose before.
    return math.floor(t_s / dwell_s + 1e-9) % poses


def rest_pose(kind: str, seed: int, number: int, facing_deg: float, spread: float) -> Floats:
    """Return T_world_body, (4, 4), of a pose; `facing_deg` is half the angle between the pods."""
    draw = generator("rest", kind, seed, number)
    shift = spread * draw.uniform(-1, 1, 3) * np.array([40.0, 25.0, 45.0])
    tilt = spread * draw.uniform(-1, 1, 2) * np.array([24.0, 28.0])
    roll = spread * draw.uniform(-1, 1) * 40.0
    azimuth = math.radians((-facing_deg, facing_deg, 0.0)[number % 3] * min(spread, 1.0) + tilt[0])
    elevation = math.radians(tilt[1])
    towards = np.array(
        [math.cos(elevation) * math.sin(azimuth), math.sin(elevation), math.cos(elevation) * math.cos(azimuth)]
    )
    pose = inverse(look_at(shift + 100.0 * towards, shift, math.radians(roll)))
    pose[:3, 3] = shift
    return pose
