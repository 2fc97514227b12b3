"""Speckle as a witness on cameras that belong to no pair: where a texture camera sees a surface, and where it should.

In: images of one moment in which all cameras see the pattern lamps' speckle. Out: for each texture camera places of the
surface that its pod measured, as the calibration predicts them in its image and as they were found there. Blocks of the
left image are searched in the texture camera's; what a turned camera shows differs from the prediction by nearly the
same shift everywhere, so the mean over many blocks of shrunk images finds it and each block then refines it. Not here:
how much of an offset is too much (see selftest/texture_checks.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from rigdriver.arrays import Array, Floats32, Mask
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.project import project, to_rays
from rigdriver.images.colours import to_rgb
from rigdriver.images.raw_image import AnyImage, with_format
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.rectify import WorkingVolume
from rigdriver.stereo.pod_surface import PodSurface, pod_matchers

BLOCK_CELLS = 6
"""Side of a block in cells: some thirty speckles."""
KEPT_SHARE = 0.9
"""Least share of a block's cells that must have been measured."""
MOST_BLOCKS = 400
"""Most blocks of an image that are searched, spread over the surface."""
MOST_COARSE = 60
"""Most blocks from which the common offset is found."""
COARSE_FOCAL_PX = 1500.0
"""Largest focal length of the images in which the common offset is searched; longer ones are shrunk to it."""
SEARCH_PX = 24
"""Largest common offset that is searched, in pixels of the shrunk images, each way: 16 mrad."""
NEAR_PX = 3
"""Largest distance of a block's own offset from the common one, beside what shrinking makes unsure: a roll shifts the
rims apart."""
LEAST_CORRELATION = 0.5
"""Least normalised correlation of a block that counts as found."""


@dataclass(frozen=True, slots=True, eq=False)
class TextureOffsets:
    """What one texture camera shows of a surface that a pod measured: N blocks."""

    camera: str
    predicted_px: Array
    """(N, 2) where the calibration says that the blocks' middles lie in its image."""
    seen_px: Array
    """(N, 2) where they lie; NaN where they were not found."""
    points_mm: Array
    """(N, 3) the middles, in the world."""

    @property
    def found(self) -> Mask:
        """Which blocks were found, (N,)."""
        return np.asarray(np.isfinite(self.seen_px).all(axis=1), bool)


def joined(offsets: Sequence[TextureOffsets]) -> TextureOffsets:
    """Join what one camera showed in several images."""
    return TextureOffsets(
        offsets[0].camera,
        np.concatenate([one.predicted_px for one in offsets]),
        np.concatenate([one.seen_px for one in offsets]),
        np.concatenate([one.points_mm for one in offsets]),
    )


def misplaced_mm(camera: CameraCalibration, offsets: TextureOffsets) -> Array:
    """Return how far from their places on the surface the found blocks appear, (N,): offset times distance."""
    found = offsets.found
    rays = [to_rays(camera, points[found]) for points in (offsets.predicted_px, offsets.seen_px)]
    T = camera.T_cam_world
    depth = (offsets.points_mm[found] @ T[:3, :3].T + T[:3, 3])[:, 2]
    return np.asarray(np.linalg.norm(rays[1] - rays[0], axis=1) * depth)


class TextureWitness:
    """Finds the pods' surfaces in the texture cameras' images. Keep one for a sequence; use it on one thread."""

    def __init__(self, calibration: RigCalibration, volume: WorkingVolume | None = None) -> None:
        """Raises CalibrationMismatch when the calibration holds no usable pair."""
        self._matchers = pod_matchers(calibration, volume)
        self._cameras = [camera for camera in calibration.cameras.values() if camera.role == "texture"]

    def observe_images(self, images: Mapping[str, AnyImage]) -> list[TextureOffsets]:
        """Return the offsets of each texture camera whose image, and whose pod's images, are there."""
        found = []
        for matcher in self._matchers:
            mine = [camera for camera in self._cameras if camera.pod == matcher.pair.left.pod and camera.name in images]
            surface = matcher.match(images) if mine else None
            if surface is not None:
                found += [_offsets(surface, camera, images[camera.name]) for camera in mine]
        return found


class _View(NamedTuple):
    """The left image and the texture camera's, both shrunk by one whole number."""

    left: Floats32
    seen: Floats32
    shrink: int


class _Block(NamedTuple):
    middle_px: Array
    """(2,) in the left image."""
    to_camera: Array
    """(2, 3) affine map from the left image to the texture camera's, by the measured surface."""
    scores: Floats32
    """Normalised correlation over offsets in the left image, by row and column."""


def _offsets(surface: PodSurface, camera: CameraCalibration, image: AnyImage) -> TextureOffsets:
    grey = cv2.cvtColor(to_rgb(with_format(image, "Mono8", f"camera {camera.name}")), cv2.COLOR_RGB2GRAY)
    whole = _View(surface.images.left, np.asarray(grey, np.float32), 1)
    small = _shrunk(whole, max(1, round(surface.pair.focal_px / COARSE_FOCAL_PX)))
    common_px = _common_px(surface, camera, small)
    reach_px = NEAR_PX + small.shrink
    blocks = _searched(surface, camera, whole, MOST_BLOCKS, common_px, reach_px)
    if not blocks:
        nothing = np.zeros((0, 2))
        return TextureOffsets(camera.name, nothing, nothing, np.zeros((0, 3)))
    middles = np.array([block.middle_px for block in blocks])
    away = common_px + np.array([_refined(block.scores) for block in blocks]) - reach_px
    slopes = np.array([block.to_camera[:, :2] for block in blocks])
    points = surface.points_mm(middles)
    predicted = project(camera, points)
    # The offset alone comes from the affine map; its error of the place itself would count as an offset, too.
    return TextureOffsets(camera.name, predicted, predicted + np.einsum("nij,nj->ni", slopes, away), points)


def _shrunk(view: _View, shrink: int) -> _View:
    sizes = [(image.shape[1] // shrink, image.shape[0] // shrink) for image in (view.left, view.seen)]
    # Cut to whole blocks first, so that a pixel of the shrunk image is the mean of `shrink` squared others.
    cut = (
        view.left[: sizes[0][1] * shrink, : sizes[0][0] * shrink],
        view.seen[: sizes[1][1] * shrink, : sizes[1][0] * shrink],
    )
    left, seen = (
        np.asarray(cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA), np.float32)
        for image, size in zip(cut, sizes, strict=True)
    )
    return _View(left, seen, shrink)


def _common_px(surface: PodSurface, camera: CameraCalibration, small: _View) -> Array:
    """Return the offset, (2,) whole pixels of the left image, at which all blocks together fit best."""
    blocks = _searched(surface, camera, small, MOST_COARSE, np.zeros(2), SEARCH_PX)
    if not blocks:
        return np.zeros(2)
    # The mean over all blocks has one peak where a single block may have several.
    row, column = _peak(np.mean([block.scores for block in blocks], axis=0))
    return (np.array([column, row], np.float64) - SEARCH_PX) * small.shrink


def _searched(
    surface: PodSurface, camera: CameraCalibration, view: _View, most: int, centre_px: Array, reach_px: int
) -> list[_Block]:
    """Search blocks around an offset; `centre_px` in pixels of the left image, `reach_px` of the view."""
    side = BLOCK_CELLS * view.shrink
    rows, columns = surface.keep.shape
    corners = [
        (row, column)
        for row in range(0, rows - side + 1, side)
        for column in range(0, columns - side + 1, side)
        if surface.keep[row : row + side, column : column + side].mean() >= KEPT_SHARE
    ]
    some = corners[:: -(-len(corners) // most) or 1]
    blocks = (_block(surface, corner, camera, view, centre_px, reach_px) for corner in some)
    return [block for block in blocks if block is not None]


def _block(
    surface: PodSurface,
    corner: tuple[int, int],
    camera: CameraCalibration,
    view: _View,
    centre_px: Array,
    reach_px: int,
) -> _Block | None:
    """Search one block; None where its surroundings do not lie inside the texture camera's image."""
    shrink, size = view.shrink, BLOCK_CELLS * CELL_PX
    side = BLOCK_CELLS * shrink
    first = np.array([corner[1], corner[0]], np.float64) * CELL_PX
    rows, columns = slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)
    cells = np.argwhere(surface.keep[rows, columns])[:, ::-1].astype(np.float64) * CELL_PX + MIDDLE_PX + first
    there = project(camera, surface.points_mm(cells))
    middle = first + (size * shrink - 1) / 2
    slopes = np.linalg.lstsq(np.column_stack([cells - middle, np.ones(len(cells))]), there, rcond=None)[0].T
    to_camera = np.column_stack([slopes[:, :2], slopes[:, 2] - slopes[:, :2] @ middle])
    # From pixels of the patch to shrunk pixels of the texture camera: the middle of pixel n is s n + (s - 1) / 2.
    half = (shrink - 1) / 2
    start = first + centre_px + half - reach_px * shrink
    from_patch = np.column_stack([to_camera[:, :2], (to_camera @ np.r_[start, 1.0] - half) / shrink])
    whole = size + 2 * reach_px
    ends = from_patch @ np.array([[0, whole - 1, 0, whole - 1], [0, 0, whole - 1, whole - 1], [1, 1, 1, 1]])
    if not (ends.min() >= 0 and (ends.max(axis=1) <= [view.seen.shape[1] - 1, view.seen.shape[0] - 1]).all()):
        return None
    patch = cv2.warpAffine(view.seen, from_patch, (whole, whole), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    x, y = (int(v) // shrink for v in first)
    block = view.left[y : y + size, x : x + size]
    return _Block(middle, to_camera, np.asarray(cv2.matchTemplate(patch, block, cv2.TM_CCOEFF_NORMED), np.float32))


def _peak(scores: Floats32) -> tuple[int, int]:
    """Return row and column of the largest score."""
    row, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return int(row), int(column)


def _refined(scores: Floats32) -> Array:
    """Return where the scores are highest, (2,) column and row; NaN where no peak stands out inside."""
    row, column = _peak(scores)
    inside = 0 < row < scores.shape[0] - 1 and 0 < column < scores.shape[1] - 1
    if not inside or scores[row, column] < LEAST_CORRELATION:
        return np.full(2, np.nan)
    return np.array(
        [column + _vertex(scores[row, column - 1 : column + 2]), row + _vertex(scores[row - 1 : row + 2, column])]
    )


def _vertex(three: Floats32) -> float:
    """Return where the parabola through three scores is highest, from their middle."""
    bend = float(three[0] - 2 * three[1] + three[2])
    return 0.5 * float(three[0] - three[2]) / bend if bend < 0 else 0.0
