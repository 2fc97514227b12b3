"""Least-squares motions between point sets.

In: paired points. Out: the rigid or similar motion between them (Kabsch; Umeyama 1991 for the scale).
Not here: which points belong together (see cloud.py and calibration.py).
"""

from __future__ import annotations

import numpy as np

from rigdriver_sim.scene.optics import Floats, rigid


def rigid_between(source_mm: Floats, target_mm: Floats) -> tuple[Floats, float]:
    """Return T_target_source, (4, 4), without scale, and the scale that would fit best beside it."""
    source_mean, target_mean = source_mm.mean(axis=0), target_mm.mean(axis=0)
    a, b = source_mm - source_mean, target_mm - target_mean
    u, singular, vt = np.linalg.svd(b.T @ a)
    # Without the sign a mirror image could fit better than any rotation (Umeyama 1991).
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn: Floats = (u * sign) @ vt
    scale = float((singular * sign).sum() / (a**2).sum())
    return rigid(turn, target_mean - turn @ source_mean), scale
