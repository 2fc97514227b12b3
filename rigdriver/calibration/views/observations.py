"""Corners of all views in all cameras, as flat arrays: the input of the solver.

In: detections by view and camera. Out: one frozen table, sorted by view and camera, that can be cut down by a mask.
Not here: images (see rigdriver.calibration.board.detect) and geometry (see rigdriver.calibration.solve).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Array, Ints32, Ints64, Mask
from rigdriver.calibration.board.detect import Detection


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Table of N corners. Rows are sorted by view, then camera, then corner."""

    cameras: tuple[str, ...]
    views: tuple[str, ...]
    sizes_px: tuple[tuple[int, int], ...]
    """Width and height of the images, per camera."""
    camera: Ints32
    view: Ints32
    corner: Ints32
    points_px: Array
    """(N, 2) float64, pixels, full image."""

    def __len__(self) -> int:
        return len(self.camera)

    def keep(self, mask: Mask) -> Observations:
        """Return the rows that `mask` marks; cameras and views keep their numbers."""
        return Observations(
            self.cameras, self.views, self.sizes_px,
            self.camera[mask], self.view[mask], self.corner[mask], self.points_px[mask],
        )  # fmt: skip

    def group_ids(self) -> Ints64:
        """Return (N,) the number of each row's group; a group is one view in one camera."""
        return self.view.astype(np.int64) * len(self.cameras) + self.camera

    def groups(self) -> Iterator[tuple[int, int, slice]]:
        """Yield view, camera and rows of each group that has any."""
        ids = self.group_ids()
        if len(ids) == 0:
            return
        # The rows are sorted, so a group begins where its number changes.
        starts = np.flatnonzero(np.r_[True, np.diff(ids) != 0])
        for start, end in zip(starts, np.r_[starts[1:], len(ids)], strict=True):
            yield int(self.view[start]), int(self.camera[start]), slice(int(start), int(end))

    def counts(self) -> Ints64:
        """Count the corners of each view in each camera: (V, C)."""
        counts = np.bincount(self.group_ids(), minlength=len(self.views) * len(self.cameras))
        return counts.reshape(len(self.views), len(self.cameras)).astype(np.int64)


def make_observations(
    cameras: Sequence[str], views: Sequence[str], sizes_px: Sequence[tuple[int, int]],
    camera: npt.ArrayLike, view: npt.ArrayLike, corner: npt.ArrayLike, points_px: npt.ArrayLike,
) -> Observations:  # fmt: skip
    """Sort rows in any order into a table."""
    c, v, k = (np.asarray(a, dtype=np.int32) for a in (camera, view, corner))
    order = np.lexsort((k, c, v))
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)[order]
    return Observations(tuple(cameras), tuple(views), tuple(sizes_px), c[order], v[order], k[order], points)


def from_detections(
    detections: Mapping[str, Mapping[str, Detection]], sizes_px: Mapping[str, tuple[int, int]]
) -> Observations:
    """Put detections, by view and camera, into one table; boards that were not found are left out.

    `sizes_px` names the cameras in their order, with width and height.
    """
    cameras = tuple(sizes_px)
    views = tuple(detections)
    camera: list[Ints32] = []
    view: list[Ints32] = []
    corner: list[Ints32] = []
    points: list[Array] = [np.zeros((0, 2))]
    for v, name in enumerate(views):
        for c, camera_name in enumerate(cameras):
            found = detections[name].get(camera_name)
            if found is None or not found.is_found:
                continue
            camera.append(np.full(len(found.ids), c, np.int32))
            view.append(np.full(len(found.ids), v, np.int32))
            corner.append(found.ids)
            points.append(found.points_px)
    empty = [np.zeros(0, np.int32)]
    return make_observations(
        cameras, views, tuple(sizes_px.values()), np.concatenate(camera or empty), np.concatenate(view or empty),
        np.concatenate(corner or empty), np.concatenate(points),
    )  # fmt: skip
