"""What the rays of one camera meet at one moment.

In: nothing. Out: the arrays that surfaces fill and lamps read. All are (H, W, ...) and belong to one camera, so
the albedo is what that camera's filters make of the surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.optics import Floats
from rigdriver_sim.scene.pods import CameraModel

Floats32 = npt.NDArray[np.float32]

MONO_WEIGHTS = (0.30, 0.42, 0.28)
"""How much of a mono pixel's answer comes from red, green and blue."""


@dataclass(frozen=True, slots=True)
class Gloss:
    """What mirrors on a surface (see gloss.py)."""

    share: Floats32
    """(H, W), share of the light that is mirrored; 0 on matt surface."""
    normal: Floats32
    """(H, W, 3), world, unit length: that of the surface, or of a pane before it."""
    exponent: Floats32
    """(H, W), sharpness of the lobe."""


@dataclass(frozen=True, slots=True)
class Hits:
    """One camera's view of the surfaces, before light."""

    depth_mm: Floats
    """(H, W) float64, z in the camera's frame; NaN where no surface is."""
    normal: Floats32
    """(H, W, 3), world, unit length."""
    material: Floats32
    """(H, W, 2), coordinates that stay with the surface: chart coordinates of the head, mm on plates."""
    albedo: Floats32
    """(C, H, W), Lambert: one channel of a mono camera, red, green and blue of a colour camera."""
    scatter: float | Floats32
    """Share of a pattern's contrast that the material scatters away: of all of it, or (H, W)."""
    gloss: Gloss | None = None
    """None where all of it is matt."""


def empty_hits(camera: CameraModel, scatter: float = 0.0) -> Hits:
    """Return hits that meet nothing."""
    shape = (camera.height, camera.width)
    return Hits(
        depth_mm=np.full(shape, np.nan),
        normal=np.zeros((*shape, 3), np.float32),
        material=np.zeros((*shape, 2), np.float32),
        albedo=np.zeros((3 if camera.is_colour else 1, *shape), np.float32),
        scatter=scatter,
    )


def no_gloss(hits: Hits) -> Gloss:
    """Return the gloss of surface that is matt."""
    shape = hits.depth_mm.shape
    return Gloss(np.zeros(shape, np.float32), hits.normal, np.ones(shape, np.float32))


def channel_weights(camera: CameraModel) -> Floats:
    """Return what red, green and blue of a surface count in each of the camera's channels, (C, 3) float64."""
    return np.eye(3) if camera.is_colour else np.array([MONO_WEIGHTS])
