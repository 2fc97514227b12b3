"""What a pod saw and did not measure: hair, shadows, shiny or steep places.

In: a pod's surface and the images that it was made of. Out: a picture, as the pod's upper camera sees it, with what is
lit and was not measured in a colour of its own, and the share. Not here: why a cell was rejected (see match/screen.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from rigdriver.arrays import Array, Bytes, Mask
from rigdriver.images.raw_image import AnyImage
from rigdriver.stereo.cells import CELL_PX
from rigdriver.stereo.cloud import Figures
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.images import PairImages
from rigdriver.stereo.mesh.picture_parts import Colour, with_words

MISSING: Colour = (225, 60, 160)
"""Colour of what is missing; neither grey images nor the scales of maps have it."""


def draw_missing(
    surface: Surface, images: Mapping[str, AnyImage], figures: Figures, up: Array, height_px: int
) -> Bytes | None:
    """Return the picture, (H, W, 3) uint8, with `up` of the world upwards; None without the pod's images.

    The share is that of the pod's own figures, as it stands everywhere else.
    """
    pair = surface.pair
    if not {pair.left.name, pair.right.name} <= set(images):
        return None
    rectified = PairImages(pair).rectify(images[pair.left.name], images[pair.right.name])
    if rectified.problem is not None:
        return None
    lit = rectified.lit_cells()[: surface.keep.shape[0], : surface.keep.shape[1]]
    missing = lit & (surface.keep == 0)
    share = {pod.pod: pod.kept_share for pod in figures.pods}[pair.pod]
    grey = np.clip(rectified.left, 0, 255).astype(np.uint8)
    picture = np.repeat(grey[..., None], 3, axis=2)
    there = np.kron(missing, np.ones((CELL_PX, CELL_PX), bool))
    tinted: Mask = np.zeros(grey.shape, bool)
    tinted[: there.shape[0], : there.shape[1]] = there
    picture[tinted] = (0.35 * picture[tinted] + 0.65 * np.array(MISSING)).astype(np.uint8)
    # Rows of a rectified pair run along its baseline, so that it lies on its side when cameras stand above each other.
    upright = np.rot90(picture, _quarter_turns(pair.R_pair_world, up))
    width = round(upright.shape[1] * height_px / upright.shape[0])
    drawn = cv2.resize(np.ascontiguousarray(upright), (width, height_px), interpolation=cv2.INTER_AREA)
    legend = [(MISSING, "lit, not measured: hair, shadow, shiny, steep"), ((90, 90, 90), "grey: measured, or dark")]
    title = f"{pair.pod}: {share:.1%} of what is lit was measured"
    return with_words(np.asarray(drawn, np.uint8), title, legend)


def _quarter_turns(R_pair_world: Array, up: Array) -> int:
    """Return the number of turns to the left by 90 degrees after which the image stands upright."""
    right, upwards = float(R_pair_world[0] @ up), -float(R_pair_world[1] @ up)
    # Where up points in the image: 0 upwards, 1 to the right, and so on; each turn to the left brings one less.
    return round(float(np.arctan2(right, upwards)) / (np.pi / 2)) % 4
