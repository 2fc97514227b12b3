"""First look at the corners, one image at a time: which fit the board, and is it the board that was described.

In: observations and a board. Out: the observations without corners that no lens could explain and notes on what was
dropped, or a refusal that names the cause. Every image is compared with a plane seen through any smooth lens, so no
camera needs to be known yet. Not here: comparing cameras and views with each other (see outliers.py).
"""

from __future__ import annotations

import cv2
import numpy as np

from rigdriver.arrays import Array, Mask
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.solve.notes import NoteKind, SolveNote
from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import BoardMismatch, ViewsInsufficient

SMALLEST_GROUP = 6
"""Fewest corners that an image must keep to stay."""
SHARE_ON_PLANE = 0.5
"""Smallest share of its corners that lie on a plane in an image of this board."""
LENS_SHARE = 0.03
"""Largest bend of a board by a lens, as a share of the board's size in the image."""


def screen(observations: Observations, board: Board) -> tuple[Observations, list[SolveNote]]:
    """Drop corners and images that cannot be this board, with a note for each image.

    Raises:
        BoardMismatch: most images contradict the board's description.
        ViewsInsufficient: no image shows the board.
    """
    if len(observations) == 0:
        raise ViewsInsufficient(
            seen=f"board {board.name} was found in no image of {', '.join(observations.cameras)}",
            remedy="check that it is the board in use, that it is lit evenly and that it fills a third of the image",
        )
    flat = board.corners_mm()[:, :2]
    keep = np.ones(len(observations), dtype=bool)
    notes: list[SolveNote] = []
    total = mirrored = off_plane = 0
    for view, camera, part in observations.groups():
        total += 1
        where = (observations.views[view], observations.cameras[camera])
        fits, is_mirrored = fit_plane(flat[observations.corner[part]], observations.points_px[part])
        if fits.sum() < max(SMALLEST_GROUP, SHARE_ON_PLANE * len(fits)):
            off_plane += 1
            keep[part] = False
            notes.append(SolveNote(NoteKind.OFF_BOARD, *where, seen=float(fits.sum()), expected=float(len(fits))))
        elif is_mirrored:
            mirrored += 1
            keep[part] = False
            notes.append(SolveNote(NoteKind.MIRRORED, *where))
        else:
            keep[part] = fits
    _refuse_other_board(board, total, mirrored, off_plane)
    return observations.keep(keep), notes


def _refuse_other_board(board: Board, total: int, mirrored: int, off_plane: int) -> None:
    if mirrored > total / 2:
        raise BoardMismatch(
            device=f"board {board.name}",
            seen=f"{mirrored} of {total} images show it mirrored",
            expected="x to the right and y down on its front",
            remedy="turn off mirroring in the printer, the camera (ReverseX) or the image files",
        )
    if off_plane > total / 2:
        raise BoardMismatch(
            device=f"board {board.name}",
            seen=f"the corners in {off_plane} of {total} images do not fit this board; the images show another board "
            f"than {board.columns} x {board.rows} squares",
            remedy="count the squares, and check dictionary and legacy pattern",
        )


def fit_plane(board_mm: Array, points_px: Array) -> tuple[Mask, bool]:
    """Return which corners fit a plane behind a smooth lens, and whether the plane is seen mirrored.

    `board_mm`: (N, 2), `points_px`: (N, 2).
    """
    count = len(board_mm)
    none = np.zeros(count, dtype=bool)
    if count < SMALLEST_GROUP or np.linalg.matrix_rank(board_mm - board_mm.mean(axis=0), tol=1e-6) < 2:
        return none, False
    size = float(np.linalg.norm(np.ptp(points_px, axis=0)))
    # A homography holds no distortion. The tolerance is as wide as a lens bends; the cubic fit below judges finely.
    tolerance = max(3.0, LENS_SHARE * size / 2)
    H, inlier = cv2.findHomography(board_mm, points_px, cv2.RANSAC, tolerance, maxIters=500, confidence=0.999)
    H = np.asarray(H, dtype=np.float64)
    if H.shape != (3, 3) or not np.isfinite(H).all():
        return none, False
    fits = np.asarray(inlier).ravel().astype(bool)
    if fits.sum() < SMALLEST_GROUP:
        return none, False
    # A homography's Jacobian at a point has the determinant det(H) / w^3; it is negative where the plane is mirrored.
    is_mirrored = bool(np.linalg.det(H) * np.sign(H[2] @ np.r_[board_mm.mean(axis=0), 1]) < 0)
    # A cubic has ten coefficients per coordinate; fewer than twice as many corners would let it follow the outliers.
    if fits.sum() >= 20:
        fits = _fit_smooth(board_mm, points_px, np.asarray(H, dtype=np.float64), fits, max(2.0, 0.01 * size))
    return fits, is_mirrored


def _fit_smooth(board_mm: Array, points_px: Array, H: Array, fits: Mask, largest: float) -> Mask:
    """Judge again with a cubic lens on top of the homography, by weighted least squares."""
    seen = np.column_stack([board_mm, np.ones(len(board_mm))]) @ H.T
    rest = points_px - seen[:, :2] / seen[:, 2:]
    scaled = (board_mm - board_mm.mean(axis=0)) / np.abs(board_mm - board_mm.mean(axis=0)).max()
    x, y = scaled.T
    design = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=1)
    weight = fits.astype(float)
    miss = np.zeros(len(rest))
    for _ in range(12):
        fit = np.linalg.lstsq(design * weight[:, None], rest * weight[:, None], rcond=1e-9)[0]
        miss = np.linalg.norm(rest - design @ fit, axis=1)
        width = max(float(np.median(miss[fits])), 0.05)
        # Cauchy weights: the rows are scaled by the root of 1 / (1 + r^2 / c^2).
        weight = fits / np.sqrt(1 + (miss / (2 * width)) ** 2)
    return fits & np.asarray(miss < np.clip(12 * float(np.median(miss[fits])), 1.5, largest), dtype=np.bool_)
