"""The rival al-dic-3d (PyPI, subset IC-GN) at work on rectified pairs; run by the Python of its own environment.

    VENV/bin/python tools/rival_aldic.py IN.npz OUT.npz

In: rectified images of each pod, its disparity range, the value below which a pixel is dark. Out: places and
disparities in the left image by pod and variant, and the best time. Two variants, both with its own quality gates:
`own` is as it comes: step and subset by default, seeded as for a first frame (normalised cross-correlation over the
range, a point at a time, so it runs once); `seeded` has a finer grid and smaller subsets, and begins its solver at what
OpenCV's SGBM finds at a quarter of the resolution, which is better for it.
Not here: rigdriver and any truth (see bench_stereo.py).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
from al_dic_3d.matching.primitives import make_dicpara, match_points  # type: ignore[import-not-found,unused-ignore]
from al_dic_3d.matching.stereo import stereo_match_pair  # type: ignore[import-not-found,unused-ignore]

OWN_GRID_PX, OWN_SUBSET_PX = 16, 32
"""The rival's default grid and subset."""
GRID_PX, SUBSET_PX = 4, 16
"""Grid of our cells, and subsets of 17 x 17 pixels."""
ZNSSD_MAX = 0.5
"""The rival's default gate on ZNSSD, which is 2 (1 - correlation)."""
ROW_MAX_PX = 1.0
"""Largest difference of rows; rows of a rectified pair agree, so its reprojection gate (2 px) adds nothing."""
Pod = dict[str, Any]
Variant = Callable[[Pod], tuple[Any, Any]]


def places(pod: Pod, step_px: int) -> Any:
    """Lit pixels on the grid, (N, 2)."""
    height, width = pod["left"].shape
    y, x = np.mgrid[SUBSET_PX : height - SUBSET_PX : step_px, SUBSET_PX : width - SUBSET_PX : step_px].reshape(2, -1)
    lit = pod["left"][y, x] > pod["dark"]
    return np.stack([x[lit], y[lit]], axis=1).astype(np.float64)


def parameters(pod: Pod, subset_px: int, step_px: int) -> Any:
    """Its own parameters for this image."""
    height, width = pod["left"].shape
    return make_dicpara((height, width), (0, width - 1, 0, height - 1), subset_px, step_px, min(8, step_px))


def own(pod: Pod) -> tuple[Any, Any]:
    """Seed by its own cross-correlation."""
    low, high = pod["range"]
    at = places(pod, OWN_GRID_PX)
    chosen = parameters(pod, OWN_SUBSET_PX, OWN_GRID_PX)
    found = stereo_match_pair(
        pod["left"], pod["right"], at, chosen, disparity_offset=(-(low + high) / 2, 0.0),
        search_radius=int(np.ceil((high - low) / 2)),
    )  # fmt: skip
    return gated(at, found.d, found.znssd, found.valid)


def seeded(pod: Pod) -> tuple[Any, Any]:
    """Seed by a coarse SGBM, and leave out what that did not find."""
    low, high = pod["range"]
    small = [
        cv2.resize(pod[side].astype(np.uint8), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) for side in SIDES
    ]
    first = int(np.floor(low / 4))
    count = -(-(int(np.ceil(high / 4)) - first) // 16) * 16
    coarse = cv2.StereoSGBM.create(
        minDisparity=first, numDisparities=count, blockSize=5, P1=200, P2=800, disp12MaxDiff=1, uniquenessRatio=10,
        speckleWindowSize=50, speckleRange=2, mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )  # fmt: skip
    before, after = max(first + count, 0), max(-first, 0)
    padded = [cv2.copyMakeBorder(image, 0, 0, before, after, cv2.BORDER_REPLICATE) for image in small]
    raw = coarse.compute(*padded)[:, before : before + small[0].shape[1]].astype(np.float32) / 16
    at = places(pod, GRID_PX)
    column, row = (np.clip((at[:, k] / 4).astype(int), 0, raw.shape[1 - k] - 1) for k in range(2))
    start = raw[row, column]
    at, start = at[start >= first], start[start >= first]
    u, znssd, valid = match_points(
        pod["left"],
        pod["right"],
        at,
        np.stack([-4.0 * start, np.zeros(len(start))], axis=1),
        parameters(pod, SUBSET_PX, GRID_PX),
    )
    return gated(at, u, znssd, valid)


def gated(at: Any, moved: Any, znssd: Any, valid: Any) -> tuple[Any, Any]:
    """Keep what its gates keep; return places and disparities."""
    with np.errstate(invalid="ignore"):
        good = valid & (znssd <= ZNSSD_MAX) & (np.abs(moved[:, 1]) <= ROW_MAX_PX)
    # It reports how far a place moves to the right; disparity counts to the left.
    return at[good], -moved[good, 0]


SIDES = ("left", "right")
VARIANTS: dict[str, Variant] = {"seeded": seeded, "own": own}
ROUNDS = {"seeded": 3, "own": 1}
"""Number of rounds by variant; the first one compiles."""


def main(source: str, target: str) -> int:
    """Run both variants on all pods, one thread per pod, after one round that compiles."""
    table = np.load(source)
    pods = [
        {name: table[f"{name}{n}"].astype(np.float64) for name in ("left", "right", "range", "dark")}
        for n in range(int(table["pods"]))
    ]
    out: dict[str, Any] = {}
    for name, variant in VARIANTS.items():
        times, found = [], []
        for _ in range(ROUNDS[name]):
            begin = time.perf_counter()
            with ThreadPoolExecutor(len(pods)) as pool:
                found = list(pool.map(variant, pods))
            times.append(1e3 * (time.perf_counter() - begin))
        out[f"{name}_ms"] = min(times)
        for n, (at, disparity) in enumerate(found):
            out[f"{name}_places{n}"], out[f"{name}_disparity{n}"] = at, disparity
    np.savez(target, **out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:3]))
