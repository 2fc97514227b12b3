"""What the views so far cover, what is missing, and how near "enough" they are.

In: observations and the board. Out: for each camera the covered part of its field, tilts and distances, for camera
pairs the shared views, hints on what is missing and a progress figure. Tilt and distance come from the homography of
each image, so no calibration is needed. Not here: taking views (see capture.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import numpy as np

from rigdriver.arrays import Array, Ints64
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.views.observations import Observations

CELLS = (6, 8)
"""Numbers of rows and columns of cells into which the field of view is divided."""
ENOUGH_VIEWS = 12
"""Views per camera that are enough."""
ENOUGH_CELLS = 0.8
"""Share of the cells that must hold corners."""
ENOUGH_TILTED = 2
"""Views per direction of tilt that are enough."""
TILT_DEG = 12.0
"""Smallest angle between the board's face and the camera that counts as a tilt, in degrees."""
ENOUGH_DEPTH = 0.12
"""Spread of the distances that is enough, as a share of the distance."""
ENOUGH_SHARED = 6
"""Views shared by two neighbouring cameras that are enough."""
FOCAL_SHARE = 3.0
"""Focal length in image widths that is assumed for tilts; a wrong one changes their size, not their direction."""


class HintKind(Enum):
    """What would make the views better; the value is the sentence, with the facts of `CoverageHint` to fill in."""

    SHOW = "show the board to {cameras[0]}: {seen} of {expected} views"
    FIELD = "move the board to the {where} of {cameras[0]}'s image"
    DEPTH = "hold the board nearer to and farther from {cameras[0]}"
    TILT = "tilt the board {where} for {cameras[0]}"
    SHARE = "hold the board where {cameras[0]} and {cameras[1]} both see it: {seen} of {expected} shared views"


@dataclass(frozen=True, slots=True)
class CoverageHint:
    """One thing that is missing, with its facts; `str` makes the sentence."""

    kind: HintKind
    cameras: tuple[str, ...]
    where: str = ""
    """Part of the image, or direction of the tilt."""
    seen: int = 0
    expected: int = 0

    def __str__(self) -> str:
        return self.kind.value.format(cameras=self.cameras, where=self.where, seen=self.seen, expected=self.expected)


@dataclass(frozen=True, slots=True)
class CameraCoverage:
    """Coverage of one camera."""

    camera: str
    views: int
    cells: Ints64
    """(6, 8) int64, corners in each cell of the image."""
    tilted: Mapping[str, int]
    """Number of views in which the board faces left, right, up or down in the image by 12 degrees or more."""
    depth_spread: float
    """95th minus 5th percentile of the distances, as a share of the median distance."""
    progress: float

    @property
    def covered(self) -> float:
        """Share of the cells that hold corners."""
        return float((self.cells > 0).mean())


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of all cameras."""

    cameras: Mapping[str, CameraCoverage]
    shared: Ints64
    """(C, C) int64, views that two cameras share."""
    progress: float
    """Progress from 0 to 1; 1 is enough."""
    hints: tuple[CoverageHint, ...]
    """Sentences that say what is missing, the most useful one first; empty when it is enough."""

    @property
    def advice(self) -> tuple[str, ...]:
        """The hints as sentences."""
        return tuple(str(hint) for hint in self.hints)

    @property
    def is_enough(self) -> bool:
        """Whether nothing is missing."""
        return not self.hints


@dataclass(frozen=True, slots=True)
class _Wish:
    progress: float
    hint: CoverageHint
    weight: float = 1.0


def assess(observations: Observations, board: Board) -> Coverage:
    """Return what the views cover and what is missing."""
    flat = board.corners_mm()[:, :2]
    facts: dict[int, list[tuple[Array, float]]] = {c: [] for c in range(len(observations.cameras))}
    for _, camera, part in observations.groups():
        fact = tilt_and_distance(
            flat[observations.corner[part]], observations.points_px[part], observations.sizes_px[camera]
        )
        if fact is not None:
            facts[camera].append(fact)
    cameras: dict[str, CameraCoverage] = {}
    wishes: list[_Wish] = []
    for c, name in enumerate(observations.cameras):
        points = observations.points_px[observations.camera == c]
        cells = count_cells(points, observations.sizes_px[c])
        own, cameras[name] = _judge_camera(name, cells, facts[c])
        wishes += own
    seen = (observations.counts() > 0).astype(np.int64)
    shared = seen.T @ seen
    wishes += _links(observations.cameras, shared)
    total = sum(w.weight for w in wishes)
    progress = sum(w.weight * w.progress for w in wishes) / total if total else 0.0
    open_wishes = sorted((w for w in wishes if w.progress < 1), key=lambda w: w.progress)
    return Coverage(MappingProxyType(cameras), shared, progress, tuple(dict.fromkeys(w.hint for w in open_wishes)))


def count_cells(points_px: Array, size_px: tuple[int, int]) -> Ints64:
    """Count the points in each cell of the image: (6, 8)."""
    rows, columns = CELLS
    counts, _, _ = np.histogram2d(
        points_px[:, 1], points_px[:, 0], bins=(rows, columns), range=((0, size_px[1]), (0, size_px[0]))
    )
    return counts.astype(np.int64)


def tilt_and_distance(board_mm: Array, points_px: Array, size_px: tuple[int, int]) -> tuple[Array, float] | None:
    """Estimate where the board's face points, (3,) unit vector in the camera's frame, and its distance in mm."""
    if len(board_mm) < 6:
        return None
    focal = FOCAL_SHARE * size_px[0]
    rays = (points_px - (np.array(size_px) - 1) / 2) / focal
    # Homography by the direct linear transform: two rows per point (Hartley, Zisserman, Multiple View Geometry, 4.1);
    # columns of like size keep it well conditioned.
    X = np.column_stack([board_mm, np.ones(len(board_mm))])
    zero = np.zeros_like(X)
    rows = np.vstack([np.hstack([X, zero, -rays[:, :1] * X]), np.hstack([zero, X, -rays[:, 1:] * X])])
    scale = np.abs(board_mm).max()
    rows[:, [0, 1, 3, 4, 6, 7]] /= scale
    H = np.linalg.svd(rows, full_matrices=False)[2][-1].reshape(3, 3)
    H[:, :2] /= scale
    # The board lies in front of the camera, which settles the sign that the null vector leaves open.
    H = H * np.sign(H[2, 2])
    # H = size * [r1 r2 t] for a plane in normalised coordinates (Zhang 2000): the columns give its turn and distance.
    size = (np.linalg.norm(H[:, 0]) + np.linalg.norm(H[:, 1])) / 2
    if not size > 0:
        return None
    inward = np.cross(H[:, 0], H[:, 1])
    return -inward / np.linalg.norm(inward), float(np.linalg.norm(H[:, 2]) / size)


def _judge_camera(name: str, cells: Ints64, facts: list[tuple[Array, float]]) -> tuple[list[_Wish], CameraCoverage]:
    sine = np.sin(np.radians(TILT_DEG))
    faces = np.array([face for face, _ in facts]).reshape(-1, 3)
    tilted = {
        "left": int((faces[:, 0] < -sine).sum()),
        "right": int((faces[:, 0] > sine).sum()),
        "up": int((faces[:, 1] < -sine).sum()),
        "down": int((faces[:, 1] > sine).sum()),
    }
    distances = np.array([distance for _, distance in facts])
    # The nearest and farthest of a few views may be misjudged ones, seen at a slant.
    near, far = np.percentile(distances, [5, 95]) if len(distances) else (0.0, 0.0)
    spread = float((far - near) / np.median(distances)) if len(distances) else 0.0
    covered = float((cells > 0).mean())
    show = CoverageHint(HintKind.SHOW, (name,), seen=len(facts), expected=ENOUGH_VIEWS)
    wishes = [
        _Wish(min(len(facts) / ENOUGH_VIEWS, 1.0), show, 2.0),
        _Wish(min(covered / ENOUGH_CELLS, 1.0), CoverageHint(HintKind.FIELD, (name,), _empty_side(cells)), 2.0),
        _Wish(min(spread / ENOUGH_DEPTH, 1.0), CoverageHint(HintKind.DEPTH, (name,))),
    ]
    for direction, count in tilted.items():
        wishes.append(_Wish(min(count / ENOUGH_TILTED, 1.0), CoverageHint(HintKind.TILT, (name,), direction), 0.5))
    total = sum(w.weight for w in wishes)
    progress = sum(w.weight * w.progress for w in wishes) / total
    return wishes, CameraCoverage(name, len(facts), cells, MappingProxyType(tilted), spread, progress)


def _empty_side(cells: Ints64) -> str:
    """Name the part of the image in which the smallest share of cells holds corners."""
    rows, columns = np.array_split(np.arange(CELLS[0]), 3), np.array_split(np.arange(CELLS[1]), 3)
    names = (("upper left", "top", "upper right"), ("left", "middle", "right"), ("lower left", "bottom", "lower right"))
    share = np.array([[(cells[np.ix_(r, c)] > 0).mean() for c in columns] for r in rows])
    row, column = np.unravel_index(int(np.argmin(share)), share.shape)
    return names[int(row)][int(column)]


def _links(names: tuple[str, ...], shared: Ints64) -> list[_Wish]:
    """Return one wish per branch of the tree that ties all cameras by the most shared views."""
    wishes, done = [], {0}
    while len(done) < len(names):
        # Prim's algorithm, for the spanning tree of the most shared views; the signs let the lower camera win a tie.
        options = [(int(shared[a, b]), -a, -b) for a in done for b in range(len(names)) if b not in done]
        count, a, b = max(options)
        done.add(-b)
        hint = CoverageHint(HintKind.SHARE, (names[-a], names[-b]), seen=count, expected=ENOUGH_SHARED)
        wishes.append(_Wish(min(count / ENOUGH_SHARED, 1.0), hint, 2.0))
    return wishes
