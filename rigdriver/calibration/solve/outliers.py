"""Which corners, images and views contradict the rest.

In: observations and their residuals after a robust adjustment. Out: masks and notes, or a refusal that names the cause.
The scale of "too far" comes from the data itself: its median. Not here: changing the solution (see all_cameras.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Array, Mask
from rigdriver.calibration.solve.notes import NoteKind, SolveNote
from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import ViewsInconsistent

RAYLEIGH_MEDIAN = 1.1774
"""Median distance of a two-dimensional Gaussian, in standard deviations per axis."""
CORNER_SIGMAS = 4.0
"""Distance beyond which a corner is an outlier, in standard deviations; 3 in 10,000 good corners are lost."""
GROUP_TIMES = 3.0
"""Median residual from which an image contradicts the others, as a multiple of the typical one."""
NOISY_TIMES = 1.4
"""Median residual from which an image counts less, as a multiple of the typical one."""
SMALLEST_PX = 0.12
"""Median residual below which an image is never dropped, in pixels."""
MOVED_CAMERA_SHARE = 0.25
"""Share of its views in which a camera contradicts the others, from which it counts as moved."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Rows that stay, and what was found."""

    keep: Mask
    notes: tuple[SolveNote, ...]
    dropped_views: tuple[int, ...]
    dropped_images: tuple[tuple[int, int], ...]
    """(view, camera) of images that were dropped while their view stayed."""


def noise_px(residuals_px: Array) -> float:
    """Return the robust standard deviation per axis."""
    return float(max(np.median(np.linalg.norm(residuals_px, axis=1)) / RAYLEIGH_MEDIAN, 1e-6))


def judge_images(observations: Observations, residuals_px: Array) -> Judged:
    """Find images, and whole views, that contradict the others."""
    distance = np.linalg.norm(residuals_px, axis=1)
    medians = {(v, c): float(np.median(distance[part])) for v, c, part in observations.groups()}
    # The median over images, not over corners: images with many corners would hide that most images contradict.
    typical = float(np.median(list(medians.values())))
    limit = max(GROUP_TIMES * typical, SMALLEST_PX)
    keep = np.ones(len(distance), dtype=bool)
    notes: list[SolveNote] = []
    dropped_views: list[int] = []
    dropped_images: list[tuple[int, int]] = []
    for view in range(len(observations.views)):
        mine = {c: m for (v, c), m in medians.items() if v == view}
        bad = [c for c, m in mine.items() if m > limit]
        if not bad:
            continue
        name = observations.views[view]
        # When half of the cameras contradict, the board moved between the exposures; when fewer do, the cameras are at
        # fault.
        if 2 * len(bad) >= len(mine) and len(mine) > 1:
            keep[observations.view == view] = False
            dropped_views.append(view)
            notes.append(SolveNote(NoteKind.VIEW_MOVED, name, seen=max(mine.values()), expected=typical))
            continue
        for c in bad:
            keep[(observations.view == view) & (observations.camera == c)] = False
            dropped_images.append((view, c))
            notes.append(SolveNote(NoteKind.IMAGE_FAR, name, observations.cameras[c], seen=mine[c], expected=typical))
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
        # A moved camera spoils the fit of its neighbours too. It is named only when it stands out from all others
        # together.
        others = alone.sum() - alone[c]
        if alone[c] >= 3 and alone[c] > MOVED_CAMERA_SHARE * counts[:, c].sum() and alone[c] > 3 * others:
            views = np.flatnonzero(bad[:, c])
            raise ViewsInconsistent(
                device=f"camera {name}",
                seen=f"contradicts the other cameras in {alone[c]} of {counts[:, c].sum()} views "
                f"(first {observations.views[views[0]]}, last {observations.views[views[-1]]})",
                expected="the same place in all",
                remedy="it was moved during the capture, or its images are of other moments: fix it and capture again",
            )
    seen = int((counts.sum(axis=1) > 0).sum())
    if 2 * len(judged.dropped_views) >= seen:
        raise ViewsInconsistent(
            seen=f"the cameras do not agree on the place of the board in {len(judged.dropped_views)} of {seen} views",
            expected="less than half",
            remedy="rest the board on a stand, shorten the exposure and use frame sets that are proved synchronous",
        )


def weigh_images(observations: Observations, residuals_px: Array) -> Array:
    """Return (N,) weights: 1, or less in images that are clearly noisier than the typical one (oblique, smeared)."""
    distance = np.linalg.norm(residuals_px, axis=1)
    typical = float(np.median(distance)) if len(distance) else 1.0
    weights = np.ones(len(distance))
    for _, _, part in observations.groups():
        own = float(np.median(distance[part]))
        if own > NOISY_TIMES * typical:
            weights[part] = typical / own
    return weights


def judge_corners(observations: Observations, residuals_px: Array) -> Mask:
    """Return the rows that stay: within four sigma of their image's noise, at most three times the typical noise."""
    distance = np.linalg.norm(residuals_px, axis=1)
    typical = noise_px(residuals_px)
    keep = np.ones(len(distance), dtype=bool)
    for _, _, part in observations.groups():
        own = float(np.median(distance[part])) / RAYLEIGH_MEDIAN
        # Oblique or smeared images may be noisier than the others, up to three times; beyond that the noise is no
        # excuse.
        keep[part] = distance[part] < CORNER_SIGMAS * np.clip(own, typical, 3 * typical)
    return keep
