"""Find a board's corners in one image, to hundredths of a pixel.

In: a board, pixels. Out: a `Detection` with corner ids, points and the sharpness of the image. Markers are searched in
a reduced image, which finds the same ones in a quarter of the time; points come from the full image.
Not here: rejecting wrong corners, which needs the other views (see rigdriver.calibration.solve.outliers).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from rigdriver.arrays import Array, Bytes, Ints32, Pixels
from rigdriver.calibration.board.boards import DICTIONARIES, Board, opencv_board
from rigdriver.calibration.board.mosaic import to_grey
from rigdriver.calibration.board.sharpness import Blur, measure_blur

SEARCH_WIDTH_PX = 1280
"""Largest width, in px, of the image in which markers are searched."""
FEWEST_CORNERS = 6
"""Fewest corners that determine the pose of a board."""
THRESHOLD_WINDOWS_PX = ((7, 21), (5, 35))
"""Adaptive threshold windows, in px, of the first search and of the second, made when the first finds little."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """The corners of one board in one image.

    `ids`: (N,) int32, row by row from the board's upper left. `points_px`: (N, 2) float64, full image, pixel centres at
    integers.
    """

    ids: Ints32
    points_px: Array
    blur: Blur
    size_px: tuple[int, int]
    """Width and height of the image."""

    @property
    def is_found(self) -> bool:
        """Whether there are enough corners for a pose."""
        return len(self.ids) >= FEWEST_CORNERS


def detect(board: Board, pixels: Pixels, pixel_format: str = "") -> Detection:
    """Find the board in one image.

    `pixels`: (H, W) or (H, W, 3), uint8 or uint16; a Bayer mosaic is used as it is, not interpolated.
    A board that is not in the image gives an empty detection, not an error.
    """
    grey = to_grey(pixels, pixel_format)
    with _one_thread():
        ids, points = _charuco(board, grey) if board.kind == "charuco" else _chessboard(board, grey)
        if len(ids):
            ids, points = _refine(board, grey, ids, points)
    ids.flags.writeable = points.flags.writeable = False
    size = (int(grey.shape[1]), int(grey.shape[0]))
    return Detection(ids, points, measure_blur(board, grey, ids, points), size)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Images are the unit of parallel work here; OpenCV's own threads would only get in each other's way."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def reduced(grey: Bytes) -> tuple[Bytes, float]:
    """Return the image in which markers are searched, and by how much it was reduced."""
    scale = max(1, round(grey.shape[1] / SEARCH_WIDTH_PX))
    if scale == 1:
        return grey, 1.0
    height, width = grey.shape[0] // scale * scale, grey.shape[1] // scale * scale
    # By a whole number and by areas: each reduced pixel is the mean of whole pixels, and its centre is known exactly.
    small = cv2.resize(grey[:height, :width], (width // scale, height // scale), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), float(scale)


def _charuco(board: Board, grey: Bytes) -> tuple[Ints32, Array]:
    small, scale = reduced(grey)
    made = opencv_board(board)
    best_ids, best_points = np.zeros(0, np.int32), np.zeros((0, 2))
    for first, last in THRESHOLD_WINDOWS_PX:
        parameters = cv2.aruco.DetectorParameters()
        parameters.adaptiveThreshWinSizeMin, parameters.adaptiveThreshWinSizeMax = first, last
        parameters.adaptiveThreshWinSizeStep = max(last - first, 1)
        detector = cv2.aruco.CharucoDetector(made, cv2.aruco.CharucoParameters(), parameters)
        corners, found, marker_corners, _ = detector.detectBoard(small)
        ids = flat_ids(found)
        if len(ids) > len(best_ids):
            best_ids = ids
            best_points = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
        if len(best_ids) >= 0.4 * board.corner_count or len(marker_corners) == 0:
            break
    # The centre of a block of s pixels lies at (s - 1) / 2 when the centres of pixels lie at integers.
    return best_ids, best_points * scale + (scale - 1) / 2


def flat_ids(found: object) -> Ints32:
    """Return (N,) ids. OpenCV gives None for nothing, (N, 1) in version 4 and (N,) in 5."""
    return np.zeros(0, np.int32) if found is None else np.asarray(found, dtype=np.int32).ravel()


def _chessboard(board: Board, grey: Bytes) -> tuple[Ints32, Array]:
    small, scale = reduced(grey)
    flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE
    if grey.shape[1] > 1000:  # the quick check saves a second on a large empty image, but misses some small boards
        flags |= cv2.CALIB_CB_FAST_CHECK
    found, corners = cv2.findChessboardCorners(small, board.corner_grid, flags=flags)
    if not found:
        return np.zeros(0, np.int32), np.zeros((0, 2))
    across, down = board.corner_grid
    grid = np.asarray(corners, dtype=np.float64).reshape(down, across, 2)
    grid = _upright(small, grid)
    return np.arange(board.corner_count, dtype=np.int32), grid.reshape(-1, 2) * scale + (scale - 1) / 2


def _upright(grey: Bytes, grid: Array) -> Array:
    """Order a chessboard's corners so that the board is seen from its front and its upper left square is black."""
    right, down = grid[0, -1] - grid[0, 0], grid[-1, 0] - grid[0, 0]
    if right[0] * down[1] - right[1] * down[0] < 0:
        grid = grid[:, ::-1]
    centres = (grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:] + grid[1:, 1:]) / 4
    x = np.clip(centres[..., 0].round().astype(int), 0, grey.shape[1] - 1)
    y = np.clip(centres[..., 1].round().astype(int), 0, grey.shape[0] - 1)
    level = grey[y, x].astype(float)
    even = (np.indices(level.shape).sum(axis=0) % 2) == 0
    if level[even].mean() > level[~even].mean():  # square (1, 1) has the colour of the corner square
        grid = grid[::-1, ::-1]
    return np.asarray(grid)


def _spacing_px(board: Board, ids: Ints32, points: Array) -> float:
    """Return the median distance of neighbouring corners along x or y, the smaller of the two."""
    across = board.corner_grid[0]
    place = {int(i): p for i, p in zip(ids, points, strict=True)}
    x = [np.linalg.norm(place[i + 1] - p) for i, p in place.items() if i % across != across - 1 and i + 1 in place]
    y = [np.linalg.norm(place[i + across] - p) for i, p in place.items() if i + across in place]
    medians = [float(np.median(d)) for d in (x, y) if d]
    return min(medians) if medians else 10.0


def _refine(board: Board, grey: Bytes, ids: Ints32, points: Array) -> tuple[Ints32, Array]:
    """Refine corners to sub-pixel saddle points; drop those near the edge and those that moved too far."""
    spacing = _spacing_px(board, ids, points)
    quiet = (board.square_mm - board.marker_mm) / 2 / board.square_mm if board.kind == "charuco" else 0.4
    # The window must end before the markers: their edges would pull the saddle point.
    half_window = int(np.clip(spacing * min(quiet, 0.4) * 0.75, 3, 13))
    margin = half_window + 2
    height, width = grey.shape
    inside = (points > margin).all(axis=1) & (points[:, 0] < width - 1 - margin) & (points[:, 1] < height - 1 - margin)
    ids, points = ids[inside], points[inside]
    if len(ids) == 0:
        return ids.copy(), points.copy()
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 0.001)
    start = np.ascontiguousarray(points.reshape(-1, 1, 2), dtype=np.float32)
    window = (half_window, half_window)
    refined = np.asarray(cv2.cornerSubPix(grey, start.copy(), window, (-1, -1), stop), dtype=np.float64).reshape(-1, 2)
    keep = np.linalg.norm(refined - points, axis=1) < max(2.0, 0.6 * half_window)
    return ids[keep].copy(), refined[keep].copy()


def guess_dictionaries(pixels: Pixels) -> dict[str, int]:
    """Count the markers of each known dictionary in an image, for the message that a board is not the described one."""
    small, _ = reduced(to_grey(pixels))
    counts: dict[str, int] = {}
    for name in (n for n in DICTIONARIES if n.endswith("_250")):
        dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[name])
        _, ids, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(small)
        if len(flat_ids(ids)) >= 4:
            counts[name] = len(ids)
    return counts
