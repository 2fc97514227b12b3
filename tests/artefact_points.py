"""Points on artefacts, drawn with a known noise; for tests of the acceptance test.

In: sizes and a random generator. Out: points, or a cloud of them.
"""

from __future__ import annotations

import numpy as np

from rigdriver.stereo.cloud import PointCloud


def cloud_of(points):
    n = len(points)
    return PointCloud(
        np.asarray(points, np.float32), np.full(n, 0.01, np.float32), np.zeros((n, 3), np.float32),
        np.ones(n, np.float32), np.zeros(n, np.uint8), ("left",),
    )  # fmt: skip


def half_balls(rng, spacing=150.0, radius=20.0, noise=0.01, count=6000):
    parts = []
    for x in (-spacing / 2, spacing / 2):
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        directions[:, 2] = np.abs(directions[:, 2])
        parts.append(directions * (radius + rng.normal(0, noise, (count, 1))) + [x, 0, 0])
    return np.concatenate(parts)
