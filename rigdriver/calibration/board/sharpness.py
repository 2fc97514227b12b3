"""How sharp a board's image is, and whether it moved: measured on the edges between its squares.

In: a grey image and the corners found in it. Out: the spread of the edges, isotropic (focus) and along one direction
(motion). The line between two neighbouring corners is always an edge between black and white, so its profile is known
except for its spread. Not here: the limits (see rigdriver.calibration.views.capture).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rigdriver.arrays import Array, Bytes, Ints32, Mask
from rigdriver.calibration.board.boards import Board


@dataclass(frozen=True, slots=True)
class Blur:
    """Spread of the board's edges; NaN where nothing could be measured."""

    edge_sigma_px: float
    """Standard deviation of the edge spread in the sharpest direction; 0.5 to 1 is a good lens in focus."""
    motion_px: float
    """Length of the smear in the least sharp direction; a smear below 1 does no harm."""
    motion_direction_deg: float
    """Direction of the smear in the image, 0 along x, 90 along y."""
    contrast: float
    """Typical difference between white and black, digital numbers of the 8-bit grey image."""


TEN_TO_NINETY = 2.563
"""Distance from 10 % to 90 % of a Gaussian edge's rise, in its standard deviations."""

UNKNOWN = Blur(float("nan"), float("nan"), float("nan"), float("nan"))
"""Blur of an image in which nothing could be measured."""


def measure_blur(board: Board, grey: Bytes, ids: Ints32, points: Array) -> Blur:
    """Measure the edges between neighbouring corners.

    `grey`: (H, W) uint8. `ids`: (N,) int32. `points`: (N, 2) float64, pixels.
    """
    starts, ends, is_row = _neighbours(board, ids, points)
    if is_row.sum() < 4 or (~is_row).sum() < 4:
        return UNKNOWN
    along = ends - starts
    length = np.linalg.norm(along, axis=1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / length[:, None]
    quiet = (board.square_mm - board.marker_mm) / 2 / board.square_mm if board.kind == "charuco" else 0.4
    room = min(_room(along[is_row], across[~is_row]), _room(along[~is_row], across[is_row]))
    reach = int(np.clip(0.9 * quiet * room, 3, 14))
    variance, contrast = _edge_variance(grey, starts, along, across, reach)
    good = np.isfinite(variance)
    if good.sum() < 8:
        return UNKNOWN
    return _directional(variance[good], across[good], is_row[good], contrast[good])


def _room(sides: Array, normals: Array) -> float:
    """Return the width of a square across an edge, pixels: less than its side where the board is tilted."""
    side, normal = np.median(sides, axis=0), np.median(normals, axis=0)
    return float(abs(side @ normal))


def _neighbours(board: Board, ids: Ints32, points: Array) -> tuple[Array, Array, Mask]:
    """Return both ends of each edge, and whether it runs along a row."""
    across, down = board.corner_grid
    grid = np.full((down, across, 2), np.nan)
    grid.reshape(-1, 2)[ids] = points
    starts = np.concatenate([grid[:, :-1].reshape(-1, 2), grid[:-1].reshape(-1, 2)])
    ends = np.concatenate([grid[:, 1:].reshape(-1, 2), grid[1:].reshape(-1, 2)])
    is_row = np.arange(len(starts)) < down * (across - 1)
    seen = np.isfinite(starts).all(axis=1) & np.isfinite(ends).all(axis=1)
    return starts[seen], ends[seen], is_row[seen]


def _edge_variance(grey: Bytes, starts: Array, along: Array, across: Array, reach: int) -> tuple[Array, Array]:
    """Return the variance of each edge's spread, from profiles across it; NaN where the profile is no clean edge."""
    steps = np.arange(-reach, reach + 0.25, 0.5)
    places = np.array([0.35, 0.425, 0.5, 0.575, 0.65])
    base = starts[:, None, :] + places[None, :, None] * along[:, None, :]
    at = base[:, :, None, :] + steps[None, None, :, None] * across[:, None, None, :]
    flat = at.reshape(len(starts), -1, 2).astype(np.float32)
    sampled = cv2.remap(grey, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    profile = sampled.reshape(len(starts), len(places), len(steps)).astype(np.float64).mean(axis=1)
    # Edges from bright to dark are turned round, so that all of them rise.
    profile *= np.sign(profile[:, -3:].mean(axis=1) - profile[:, :3].mean(axis=1))[:, None]
    contrast = profile[:, -3:].mean(axis=1) - profile[:, :3].mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        low_to_high = _crossing(profile, contrast, steps)
    bad = (contrast < 10) | ~(low_to_high > 0)
    return np.where(bad, np.nan, (low_to_high / TEN_TO_NINETY) ** 2), contrast


def _crossing(profile: Array, contrast: Array, steps: Array) -> Array:
    """Return the distance from 10 % to 90 % of each edge's rise, pixels."""
    level = (profile - profile[:, :3].mean(axis=1)[:, None]) / contrast[:, None]
    count = level.shape[1]
    low = count - 1 - np.argmax(level[:, ::-1] < 0.1, axis=1)
    high = np.argmax(level > 0.9, axis=1)
    low, high = np.clip(low, 0, count - 2), np.clip(high, 1, count - 1)
    rows = np.arange(len(level))
    rise_low = level[rows, low + 1] - level[rows, low]
    rise_high = level[rows, high] - level[rows, high - 1]
    at_low = low + np.where(rise_low > 0, (0.1 - level[rows, low]) / rise_low, np.nan)
    at_high = high - np.where(rise_high > 0, (level[rows, high] - 0.9) / rise_high, np.nan)
    return np.asarray((at_high - at_low) * (steps[1] - steps[0]))


def _directional(variance: Array, across: Array, is_row: Mask, contrast: Array) -> Blur:
    """Compare the edges along the board's two directions; a smear diagonal to both shows in `edge_sigma_px` alone."""
    if is_row.sum() < 4 or (~is_row).sum() < 4:
        return UNKNOWN
    rows, columns = float(np.median(variance[is_row])), float(np.median(variance[~is_row]))
    smeared = across[is_row] if rows > columns else across[~is_row]
    direction = np.median(smeared, axis=0)
    return Blur(
        edge_sigma_px=float(np.sqrt(min(rows, columns))),
        # A smear of length L is a box of variance L^2 / 12, and variances of blurs add up.
        motion_px=float(np.sqrt(12 * abs(rows - columns))),
        motion_direction_deg=float(np.degrees(np.arctan2(direction[1], direction[0]))) % 180.0,
        contrast=float(np.median(contrast)),
    )
