"""Gloss: what a wet or polished surface mirrors of a lamp towards a camera, beside what it scatters.

In: hits with a share of gloss per pixel, a camera, a lamp. Out: an albedo to be added, as if the surface were so much
brighter for this lamp and this camera. The lobe is Blinn's (1977) with the usual norm: beside Lambert's albedo / pi
stands share (m + 8) / (8 pi) (n h)^m, with h between the ways to lamp and camera.
Lies: the share does not grow at grazing angles (Fresnel); what mirrors shows the pattern as blurred as the skin does.
"""

from __future__ import annotations

import numpy as np

from rigdriver_sim.scene.hits import Floats32, Gloss, Hits
from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.optics import Floats, undistort
from rigdriver_sim.scene.pods import CameraModel, LampModel


def shine(hits: Hits, gloss: Gloss, camera: CameraModel, lamp: LampModel) -> Floats32:
    """Return the albedo, (H, W) float32, that gloss adds for this lamp."""
    out = np.zeros((camera.height, camera.width), np.float32)
    centre = -lamp.T_lamp_world[:3, :3].T @ lamp.T_lamp_world[:3, 3]
    _shine(
        hits.depth_mm, gloss.share, gloss.normal, gloss.exponent, camera.lens.packed, camera.T_cam_world, centre, out
    )
    return out


@kernel
def _shine(
    depth: Floats,
    share: Floats32,
    normal: Floats32,
    exponent: Floats32,
    lens: Floats,
    T: Floats,
    lamp: Floats,
    out: Floats32,
) -> None:
    height, width = depth.shape
    towards, h = np.empty(3), np.empty(3)
    for row in range(height):
        for column in range(width):
            if not share[row, column] > 0.0:
                continue
            z = depth[row, column]
            x, y = undistort(lens, float(column), float(row))
            size = np.sqrt(x * x + y * y + 1.0)
            away = 0.0
            for k in range(3):
                # The ray in the world, and the point on it: p = centre + z * ray.
                ray = T[0, k] * x + T[1, k] * y + T[2, k]
                eye = -(T[0, k] * T[0, 3] + T[1, k] * T[1, 3] + T[2, k] * T[2, 3])
                towards[k] = lamp[k] - (eye + z * ray)
                away += towards[k] * towards[k]
                h[k] = -ray / size
            length = 0.0
            for k in range(3):
                h[k] += towards[k] / np.sqrt(away)
                length += h[k] * h[k]
            along = 0.0
            for k in range(3):
                along += normal[row, column, k] * h[k] / np.sqrt(length)
            if along > 0.0:
                m = exponent[row, column]
                out[row, column] = share[row, column] * (m + 8.0) / 8.0 * along**m
