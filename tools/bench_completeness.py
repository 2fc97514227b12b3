"""Benchmark: how much of the visible surface is found, and how much could be, had the search nothing left to find.

    python tools/bench_completeness.py [--size 2048x1536 --seeds 101,102 --cache DIR]

In: simulated heads and the true cameras. Out: completeness by obliqueness, twice: as reconstruction finds it, and when
the least squares at full resolution start from the true disparity plane of every visible cell. The second is a bound:
what is missing then is missing because the images do not bear it out, not because it was not searched for. The truth
is put in here, in a tool, and nowhere else.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.interpolate import LinearNDInterpolator

from bench_stereo import Scene, make_scene
from rigdriver.stereo.cells import CELL_PX
from rigdriver.stereo.geometry.rectify import PairGeometry
from rigdriver.stereo.match.cell_matcher import CellMatcher
from rigdriver.stereo.reconstruct import CellReconstructor
from rigdriver_sim.score import CalibratedCamera, T_world_rig_of, score_cloud, visible_surface

Array = npt.NDArray[np.float64]
REACH_PX = 1.5
"""Half of the distance over which the true slopes are taken."""


class TrueStart(CellMatcher):
    """A matcher whose full resolution starts from given planes, (3, h, w), NaN where nothing is visible."""

    planes: Array

    def _solve(self, level, left, right, dark, k):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        if k == 0:
            level.field[:] = np.nan_to_num(self.planes)
            level.has[:] = np.isfinite(self.planes).all(axis=0)
        super()._solve(level, left, right, dark, k)


def true_planes(scene: Scene, pair: PairGeometry) -> Array:
    """Return the disparity planes of the cells in which a pod sees the true surface."""
    still, pods = scene.renderer.still(scene.t_s), scene.renderer.pods
    points = visible_surface(still, pods, stride_px=2).points_mm
    local = (points - pair.centre_mm) @ pair.R_pair_world.T
    slopes = local[:, :2] / local[:, 2:]
    u, v = (pair.focal_px * slopes + [pair.left_cx_px, pair.cy_px]).T
    # A rectified pair: d = b f / Z - d0, with d0 for principal points that differ.
    d = pair.baseline_mm * pair.focal_px / local[:, 2] - pair.depth_offset_px
    rows, columns = pair.size_px[1] // CELL_PX, pair.size_px[0] // CELL_PX
    inside = (u >= 0) & (v >= 0) & (u < columns * CELL_PX) & (v < rows * CELL_PX)
    # What the pod cannot see lies behind what it sees: of each cell the nearest surface counts.
    cell = (v[inside] // CELL_PX).astype(np.int64) * columns + (u[inside] // CELL_PX).astype(np.int64)
    nearest = np.full(rows * columns, -np.inf)
    np.maximum.at(nearest, cell, d[inside])
    front = inside.copy()
    front[inside] = d[inside] > nearest[cell] - 8.0
    surface = LinearNDInterpolator(np.stack([u[front], v[front]], axis=1), d[front])
    y, x = np.mgrid[:rows, :columns] * CELL_PX + (CELL_PX - 1) / 2
    along = (surface(x + REACH_PX, y) - surface(x - REACH_PX, y)) / (2 * REACH_PX)
    across = (surface(x, y + REACH_PX) - surface(x, y - REACH_PX)) / (2 * REACH_PX)
    planes = np.stack([surface(x, y), along, across])
    planes[:, ~np.isfinite(nearest).reshape(rows, columns)] = np.nan
    return planes


def tell(name: str, scene: Scene, made: CellReconstructor) -> str:
    """Reconstruct, score, and return one line."""
    cameras = {
        c.name: CalibratedCamera(c.K, tuple(float(k) for k in c.distortion), c.T_cam_world) for c in scene.calibration
    }
    points = np.asarray(made.reconstruct(scene.images).points_mm, np.float64)
    start = T_world_rig_of(cameras, scene.renderer.pods)
    s = score_cloud(points, scene.renderer.still(scene.t_s), scene.visible, start)
    bands = ", ".join(f"{b.completeness:.2f} of {b.area_share:.1%} up to {b.cosines[1]:g}" for b in s.bands)
    return f"  {name:12} complete {s.completeness:.3f} (by cosine: {bands}); RMS {s.rms_um:.1f} um"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="2048x1536")
    parser.add_argument("--seeds", default="101,102")
    parser.add_argument("--cache", type=Path, help="folder in which rendered images are kept")
    chosen = parser.parse_args(arguments)
    width, height = (int(v) for v in chosen.size.split("x"))
    for number, seed in enumerate(int(text) for text in chosen.seeds.split(",")):
        scene = make_scene(seed, number, (width, height), "true", chosen.cache)
        with CellReconstructor(scene.calibration) as made:
            print(f"{scene.name}\n{tell('found', scene, made)}", flush=True)
            for n, pair in enumerate(made.pairs):
                matcher = TrueStart(pair.size_px)
                matcher.planes = true_planes(scene, pair)
                made._matchers[n] = matcher  # noqa: SLF001  the truth has no door in the driver
            print(tell("true start", scene, made), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
