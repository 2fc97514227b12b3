"""A measured point cloud against the true surface.

In: points in any frame, the still scene at mid-exposure, the rig. Out: a `CloudScore`. One rigid motion of the whole
cloud is fitted, never a scale; then every point counts. Completeness is the share of the visible surface that was
measured; visible is what both mono cameras of at least one pod see. It is also given for the part that faces these
cameras by better than 72 degrees, and for bands of obliqueness: where a surface is seen by less than 6 degrees, a pixel
covers 1.5 mm of it and more. Not here: how a cloud is measured (see the driver).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from rigdriver_sim.scene.hits import Hits
from rigdriver_sim.scene.optics import Floats, inverse, rigid, rotation, transform
from rigdriver_sim.scene.pods import CameraModel, Pods
from rigdriver_sim.scene.world import Still

Marks = npt.NDArray[np.bool_]
PROMISE_MM = 0.2
FACING_COSINE = 0.3
BANDS = (-1.0, 0.1, 0.2, 0.3, 1.0)
"""Cosines at which completeness is divided into bands."""
_FIT_POINTS = 20_000
_FIT_WIDTH_MM = 0.1


@dataclass(frozen=True, slots=True)
class Patch:
    """Places on the true surface that both mono cameras of a pod see; no place twice."""

    points_mm: Floats
    """(N, 3), world."""
    area_mm2: Floats
    """(N,), how much surface each stands for."""
    cosine: Floats
    """(N,), of the steeper of the two cameras' views, in the pod that sees it better."""


@dataclass(frozen=True, slots=True)
class Band:
    """The visible surface between two cosines of the better pod's steeper view."""

    cosines: tuple[float, float]
    area_share: float
    """Share of the whole visible surface."""
    completeness: float


@dataclass(frozen=True, slots=True)
class CloudScore:
    """How far a cloud lies from the true surface, over all of its points."""

    points: int
    median_um: float
    rms_um: float
    p95_um: float
    p99_um: float
    bias_um: float
    """Mean signed distance; above 0 outside."""
    share_within_200um: float
    completeness: float
    completeness_facing: float
    bands: tuple[Band, ...]
    """Completeness by obliqueness, the most oblique first."""
    T_world_points: Floats
    """Rigid motion that was fitted."""


def score_cloud(points_mm: Floats, still: Still, visible: Patch, T_world_points: Floats | None = None) -> CloudScore:
    """Score points, (N, 3) mm; `T_world_points` is where the fit starts (see `T_world_rig_of`).

    Raises:
        ValueError: there are no points, or some are no numbers.
    """
    points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3)
    if len(points) == 0 or not np.isfinite(points).all():
        raise ValueError(f"cloud of {len(points)} points: expected at least one, and finite numbers only")
    T = _fit(points, still, np.eye(4) if T_world_points is None else T_world_points)
    fitted = transform(T, points)
    signed_um = 1000 * still.signed_distance_mm(fitted)
    away_um = np.abs(signed_um)
    found = cKDTree(fitted).query(visible.points_mm, distance_upper_bound=PROMISE_MM)[0] <= PROMISE_MM
    facing = visible.cosine > FACING_COSINE
    bands = tuple(_band(visible, found, low, high) for low, high in pairwise(BANDS))
    return CloudScore(
        points=len(points),
        median_um=float(np.median(away_um)),
        rms_um=float(np.sqrt((away_um**2).mean())),
        p95_um=float(np.percentile(away_um, 95)),
        p99_um=float(np.percentile(away_um, 99)),
        bias_um=float(signed_um.mean()),
        share_within_200um=float((away_um <= 1000 * PROMISE_MM).mean()),
        completeness=_share(found, visible.area_mm2),
        completeness_facing=_share(found[facing], visible.area_mm2[facing]),
        bands=bands,
        T_world_points=T,
    )


def _band(visible: Patch, found: Marks, low: float, high: float) -> Band:
    inside = (visible.cosine > low) & (visible.cosine <= high)
    area = visible.area_mm2[inside]
    return Band((low, high), float(area.sum() / visible.area_mm2.sum()), _share(found[inside], area))


def _share(found: Marks, area_mm2: Floats) -> float:
    return float((found * area_mm2).sum() / area_mm2.sum()) if len(area_mm2) else float("nan")


def _fit(points: Floats, still: Still, start: Floats) -> Floats:
    """Return T_world_points that brings the cloud closest to the surface: Gauss-Newton with Huber's weights."""
    # The fit alone takes a sample; every point is scored under it.
    some = points[:: max(1, len(points) // _FIT_POINTS)]
    T = start.copy()
    for _ in range(20):
        at = transform(T, some)
        away = still.signed_distance_mm(at)
        # Point to plane (Chen and Medioni 1991): with p' = p + w x (p - c) + t
        # the distance changes by w . ((p - c) x n) + t . n.
        normal = np.stack([_slope(still, at, axis) for axis in range(3)], axis=1)
        middle = at.mean(axis=0)
        jacobian = np.concatenate([np.cross(at - middle, normal), normal], axis=1)
        # Huber's weights (1964): outliers pull with a constant force, so that a few of them cannot turn the cloud.
        weight = np.minimum(1.0, _FIT_WIDTH_MM / np.maximum(np.abs(away), 1e-12))
        usable = np.isfinite(jacobian).all(axis=1) & np.isfinite(away)
        weighted = jacobian[usable] * weight[usable, None]
        # What a plate or a sphere leaves free stays as it is.
        step = -np.linalg.pinv(weighted.T @ jacobian[usable], rcond=1e-9) @ (weighted.T @ away[usable])
        turn = rotation(step[:3])
        T = rigid(turn, middle + step[3:] - turn @ middle) @ T
        if np.abs(step[3:]).max() < 1e-6 and np.abs(step[:3]).max() < 1e-8:
            break
    return T


def _slope(still: Still, at: Floats, axis: int) -> Floats:
    step = np.zeros(3)
    step[axis] = 5e-3
    # The central difference has an error of second order in its step, here 5 um.
    slope: Floats = (still.signed_distance_mm(at + step) - still.signed_distance_mm(at - step)) / 1e-2
    return slope


def visible_surface(still: Still, pods: Pods, stride_px: int = 4) -> Patch:
    """Return the surface that both mono cameras of at least one pod see, sampled each `stride_px` pixels."""
    hits = {name: still.hits(model) for name, model in pods.cameras.items() if not model.is_colour}
    patches: list[Patch] = []
    seen_before: list[tuple[CameraModel, Hits, CameraModel, Hits]] = []
    for pod in ("left", "right"):
        upper, lower = (pods.cameras[f"{pod}_{place}"] for place in ("upper", "lower"))
        patch = _seen_from(upper, hits[upper.name], stride_px, lower, hits[lower.name])
        for other_upper, other_upper_hits, other_lower, other_lower_hits in seen_before:
            twice = _is_seen(patch.points_mm, other_upper, other_upper_hits)
            twice &= _is_seen(patch.points_mm, other_lower, other_lower_hits)
            patch = Patch(patch.points_mm[~twice], patch.area_mm2[~twice], patch.cosine[~twice])
        patches = [_best_view(p, upper, hits[upper.name], lower, hits[lower.name]) for p in patches]
        patches.append(patch)
        seen_before.append((upper, hits[upper.name], lower, hits[lower.name]))
    return Patch(
        np.concatenate([p.points_mm for p in patches]),
        np.concatenate([p.area_mm2 for p in patches]),
        np.concatenate([p.cosine for p in patches]),
    )


def _best_view(patch: Patch, upper: CameraModel, upper_hits: Hits, lower: CameraModel, lower_hits: Hits) -> Patch:
    """Raise the cosines of the places that this pod sees better."""
    points = patch.points_mm
    both = _is_seen(points, upper, upper_hits) & _is_seen(points, lower, lower_hits)
    steeper = np.minimum(_view(points, upper, upper_hits), _view(points, lower, lower_hits))
    return Patch(points, patch.area_mm2, np.where(both, np.maximum(patch.cosine, steeper), patch.cosine))


def _view(points: Floats, camera: CameraModel, hits: Hits) -> Floats:
    pixels = np.rint(np.nan_to_num(camera.lens.project(transform(camera.T_cam_world, points)), nan=-1.0))
    columns, rows = np.clip(pixels, 0, [camera.width - 1, camera.height - 1]).astype(np.int64).T
    return _facing(hits, camera, rows, columns, points)


def _seen_from(camera: CameraModel, hits: Hits, stride: int, other: CameraModel, other_hits: Hits) -> Patch:
    rows, columns = np.nonzero(np.isfinite(hits.depth_mm[::stride, ::stride]))
    rows, columns = rows * stride, columns * stride
    slopes = camera.lens.slopes(np.stack([columns, rows], axis=1).astype(np.float64))
    rays = np.concatenate([slopes, np.ones((len(rows), 1))], axis=1)
    depth = hits.depth_mm[rows, columns]
    points = transform(inverse(camera.T_cam_world), rays * depth[:, None])
    normal = hits.normal[rows, columns].astype(np.float64)
    cosine = _cosine(points, normal, camera)
    length = np.sqrt((rays**2).sum(axis=1))
    # A pixel's share of the surface: its solid angle, spread by distance and obliqueness.
    # With the ray r = (x, y, 1) a pixel's solid angle is 1 / (fx fy |r|^3), and it meets the surface at the
    # distance depth |r| under the cosine c: area = depth^2 / (fx fy |r| c).
    area = stride**2 * depth**2 / (camera.lens.fx_px * camera.lens.fy_px * length * np.maximum(cosine, 1e-3))
    both = _is_seen(points, other, other_hits)
    steeper = np.minimum(cosine, _cosine(points, normal, other))
    return Patch(points[both], area[both], steeper[both])


def _cosine(points: Floats, normal: Floats, camera: CameraModel) -> Floats:
    towards = camera.centre_mm - points
    cosine: Floats = (towards * normal).sum(axis=1) / np.sqrt((towards**2).sum(axis=1))
    return cosine


def _is_seen(points: Floats, camera: CameraModel, hits: Hits) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    local = transform(camera.T_cam_world, points)
    pixels = np.rint(np.nan_to_num(camera.lens.project(local), nan=-1.0)).astype(np.int64)
    inside = (pixels >= 0).all(axis=1) & (pixels[:, 0] < camera.width) & (pixels[:, 1] < camera.height)
    pixels[~inside] = 0
    rows, columns = pixels[:, 1], pixels[:, 0]
    # Half a pixel beside the point the surface may lie deeper by its slope there.
    slack = 0.3 + 3.0 * local[:, 2] / camera.lens.fx_px / np.maximum(
        np.abs(_facing(hits, camera, rows, columns, points)), 0.05
    )
    seen: np.ndarray[tuple[int], np.dtype[np.bool_]] = inside & (local[:, 2] <= hits.depth_mm[rows, columns] + slack)
    return seen


def _facing(hits: Hits, camera: CameraModel, rows: np.ndarray, columns: np.ndarray, points: Floats) -> Floats:
    return _cosine(points, hits.normal[rows, columns].astype(np.float64), camera)
