"""What is printed on a ChArUco board, and how a pixel sees it.

In: a `BoardSpec`; places on the board. Out: albedo, averaged over each pixel's footprint, and the true corners.
Layout as OpenCV prints it since 4.6: square (0, 0) black, markers in the white squares, ids row by row. The
dictionary's bits come from OpenCV; its drawing and its detection do not (they are the tests' oracle).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.hits import Floats32, Hits
from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.optics import Floats
from rigdriver_sim.scene.spec import BoardSpec

WHITE = 0.62
BLACK = 0.04
"""Reflectance of bare paper and of ink, as a share of the light."""
_SUBSAMPLES = 8
"""Samples across a footprint, each way, where an edge of the print crosses it."""


@dataclass(frozen=True, slots=True)
class Print:
    """The print, in its true size."""

    numbers: Floats
    """Squares in x and y, square and marker in mm, (4,) float64."""
    cells: npt.NDArray[np.uint8]
    """(squares_y, squares_x, n, n): a white square's marker with its black border, 1 white; black squares all 0."""


def draw_print(board: BoardSpec) -> Print:
    """Return the print of a board."""
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    n = dictionary.markerSize + 2
    cells = np.zeros((board.squares_y, board.squares_x, n, n), np.uint8)
    marker_id = 0
    for j in range(board.squares_y):
        for i in range(board.squares_x):
            if (i + j) % 2:
                cells[j, i] = dictionary.generateImageMarker(marker_id, n) > 0
                marker_id += 1
    cells.flags.writeable = False
    scale = 1 + board.print_scale_ppm * 1e-6
    return Print(np.array([board.squares_x, board.squares_y, board.square_mm * scale, board.marker_mm * scale]), cells)


def board_corners_mm(board: BoardSpec) -> Floats:
    """Return the inner corners as printed, (N, 3) mm in the flat board's frame, in OpenCV's order of ids."""
    square = board.square_mm * (1 + board.print_scale_ppm * 1e-6)
    x, y = np.meshgrid(np.arange(1, board.squares_x) * square, np.arange(1, board.squares_y) * square)
    return np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)


def bowed(corners_mm: Floats, board: BoardSpec) -> Floats:
    """Return flat board points, (N, 3) mm, where the bow has put them."""
    scale = 1 + board.print_scale_ppm * 1e-6
    middle = np.array([board.squares_x, board.squares_y]) * board.square_mm * scale / 2
    half = middle + 0.6 * board.square_mm
    away2 = ((corners_mm[:, :2] - middle) ** 2).sum(axis=1)
    # A paraboloid: bow_mm towards the viewer in the middle, level with the flat board at the sheet's corners.
    lifted = corners_mm.copy()
    lifted[:, 2] -= board.bow_mm * (1 - away2 / float(half @ half))
    return lifted


def fill_albedo(printed: Print, hits: Hits, weights: Floats) -> None:
    """Fill the albedo of hits on a printed board."""
    shade = np.zeros(hits.depth_mm.shape, np.float32)
    _average(printed.numbers, printed.cells, np.isfinite(hits.depth_mm), hits.material, shade)
    for channel in range(len(hits.albedo)):
        hits.albedo[channel] = shade * np.float32(weights[channel].sum())


@kernel
def _ink(numbers: Floats, cells: npt.NDArray[np.uint8], x: float, y: float) -> float:
    """Return 1 where the board is white, 0 where it is black."""
    u, v = x / numbers[2], y / numbers[2]
    if not (0.0 <= u < numbers[0] and 0.0 <= v < numbers[1]):
        return 1.0
    i, j = int(u), int(v)
    if (i + j) % 2 == 0:
        return 0.0
    n = cells.shape[2]
    cell = numbers[3] / n
    margin = 0.5 * (numbers[2] - numbers[3])
    p = (x - i * numbers[2] - margin) / cell
    q = (y - j * numbers[2] - margin) / cell
    if not (0.0 <= p < n and 0.0 <= q < n):
        return 1.0
    return float(cells[j, i, int(q), int(p)])


@kernel
def _average(
    numbers: Floats, cells: npt.NDArray[np.uint8], seen: npt.NDArray[np.bool_], material: Floats32, shade: Floats32
) -> None:
    height, width = seen.shape
    for row in range(height):
        for column in range(width):
            if not seen[row, column]:
                continue
            right = column + 1 if column + 1 < width and seen[row, column + 1] else column - 1
            below = row + 1 if row + 1 < height and seen[row + 1, column] else row - 1
            if right < 0 or below < 0 or not (seen[row, right] and seen[below, column]):
                shade[row, column] = WHITE
                continue
            # The footprint is the parallelogram that the steps to the next pixels span on the board.
            x, y = float(material[row, column, 0]), float(material[row, column, 1])
            ax = (material[row, right, 0] - x) * (right - column)
            ay = (material[row, right, 1] - y) * (right - column)
            bx = (material[below, column, 0] - x) * (below - row)
            by = (material[below, column, 1] - y) * (below - row)
            # Corners and middles of the footprint first: most pixels see one shade only.
            total = 0.0
            for k in range(-1, 2):
                for m in range(-1, 2):
                    total += _ink(numbers, cells, x + 0.5 * (k * ax + m * bx), y + 0.5 * (k * ay + m * by))
            if 0.5 < total < 8.5:
                total = 0.0
                middle = (_SUBSAMPLES - 1) / 2
                for k in range(_SUBSAMPLES):
                    for m in range(_SUBSAMPLES):
                        s, t = (k - middle) / _SUBSAMPLES, (m - middle) / _SUBSAMPLES
                        total += _ink(numbers, cells, x + s * ax + t * bx, y + s * ay + t * by)
                total /= _SUBSAMPLES * _SUBSAMPLES
            else:
                total /= 9.0
            shade[row, column] = BLACK + (WHITE - BLACK) * total
