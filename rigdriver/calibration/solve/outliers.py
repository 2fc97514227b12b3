"""Which corners, images and views contradict the rest, and in which words to say so.

In: observations and their residuals after a robust adjustment. Out: masks and notes, or a refusal that names the cause.
The scale of "too far" comes from the data itself: its median. This file refuses to change the solution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import ViewsInconsistent

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

RAYLEIGH_MEDIAN = 1.1774
"""Median distance of a two-dimensional Gaussian, in its standard deviation an axis."""
CORNER_SIGMAS = 4.0
"""A corner farther off than this is an outlier; of good ones 3 in 10,000 are lost."""
GROUP_TIMES = 3.0
"""An image whose median residual is so many times the typical one contradicts the others."""
NOISY_TIMES = 1.4
"""An image whose median residual is so many times the typical one counts less."""
SMALLEST_PX = 0.12
"""Median residual below which an image is never dropped."""
MOVED_CAMERA_SHARE = 0.25
"""A camera that contradicts the others in more of its views than this was moved."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Rows that stay, and what was found."""

    keep: Mask
    notes: tuple[str, ...]
    dropped_views: tuple[int, ...]
    dropped_images: tuple[tuple[int, int], ...]
    """(view, camera) dropped alone."""


def noise_px(residuals_px: Array) -> float:
    """Robust standard deviation an axis."""
    return float(max(np.median(np.linalg.norm(residuals_px, axis=1)) / RAYLEIGH_MEDIAN, 1e-6))


def judge_images(observations: Observations, residuals_px: Array) -> Judged:
    """Find images, and whole views, that contradict the others."""
    distance = np.linalg.norm(residuals_px, axis=1)
    medians = {(v, c): float(np.median(distance[part])) for v, c, part in observations.groups()}
    typical = float(np.median(list(medians.values())))
    limit = max(GROUP_TIMES * typical, SMALLEST_PX)
    keep = np.ones(len(distance), dtype=bool)
    notes, dropped_views, dropped_images = [], [], []
    for view in range(len(observations.views)):
        mine = {c: m for (v, c), m in medians.items() if v == view}
        bad = [c for c, m in mine.items() if m > limit]
        if not bad:
            continue
        worst = max(mine.values())
        where = observations.describe_view(view)
        if 2 * len(bad) >= len(mine) and len(mine) > 1:
            keep[observations.view == view] = False
            dropped_views.append(view)
            notes.append(
                f"{where}: dropped; cameras disagree where the board stands by up to {worst:.1f} px (typical "
                f"{typical:.2f} px): it moved between the exposures, or the images are of different moments"
            )
            continue
        for c in bad:
            keep[(observations.view == view) & (observations.camera == c)] = False
            dropped_images.append((view, c))
            notes.append(
                f"{where}, camera {observations.cameras[c]}: image dropped; it misses by {mine[c]:.2f} px (typical "
                f"{typical:.2f} px)"
            )
    return Judged(keep, tuple(notes), tuple(dropped_views), tuple(dropped_images))


def refuse_contradiction(observations: Observations, judged: Judged) -> None:
    """Refuse when too much contradicts.

    Raises:
        ViewsInconsistent: a camera was moved meanwhile, or the board in most views.
    """
    counts = (observations.counts() > 0).astype(int)
    bad = np.zeros_like(counts)
    for view, camera in judged.dropped_images:
        bad[view, camera] = 1
    alone = bad.sum(axis=0)
    for c, name in enumerate(observations.cameras):
        others = alone.sum() - alone[c]
        if alone[c] >= 3 and alone[c] > MOVED_CAMERA_SHARE * counts[:, c].sum() and alone[c] > 3 * others:
            views = np.flatnonzero(bad[:, c])
            raise ViewsInconsistent(
                f"camera {name}: contradicts the other cameras in {alone[c]} of {counts[:, c].sum()} views "
                f"(first {observations.views[views[0]]}, last {observations.views[views[-1]]}); expected the "
                "same place in all; it was moved during the capture, or its images are of other moments: fix it "
                "and capture again"
            )
    seen = int((counts.sum(axis=1) > 0).sum())
    if 2 * len(judged.dropped_views) >= seen:
        raise ViewsInconsistent(
            f"in {len(judged.dropped_views)} of {seen} views the cameras disagree where the board stands; "
            "expected less than half; rest the board on a stand, shorten the exposure and use frame sets that "
            "are proved synchronous"
        )


def weigh_images(observations: Observations, residuals_px: Array) -> Array:
    """(N,) weights: 1, or less in images that are clearly noisier than the typical one (oblique, smeared)."""
    distance = np.linalg.norm(residuals_px, axis=1)
    typical = float(np.median(distance)) if len(distance) else 1.0
    weights = np.ones(len(distance))
    for _, _, part in observations.groups():
        own = float(np.median(distance[part]))
        if own > NOISY_TIMES * typical:
            weights[part] = typical / own
    return weights


def judge_corners(observations: Observations, residuals_px: Array) -> Mask:
    """Rows that stay: within four sigma of their own image's noise, which is bounded by three times the typical one."""
    distance = np.linalg.norm(residuals_px, axis=1)
    typical = noise_px(residuals_px)
    keep = np.ones(len(distance), dtype=bool)
    for _, _, part in observations.groups():
        own = float(np.median(distance[part])) / RAYLEIGH_MEDIAN
        keep[part] = distance[part] < CORNER_SIGMAS * np.clip(own, typical, 3 * typical)
    return keep
