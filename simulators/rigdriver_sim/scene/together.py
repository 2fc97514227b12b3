"""Several surfaces in one scene: a head, its glasses, the wall and the chair behind it.

In: scenes and panes. Out: a scene whose rays meet the nearest of the surfaces, whose lamps are shaded by all of them,
and whose distances are those to the nearest one. A pane is looked through: it changes what a ray meets behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol

import numpy as np

from rigdriver_sim.scene.hits import Floats32, Gloss, Hits, no_gloss
from rigdriver_sim.scene.optics import Floats
from rigdriver_sim.scene.pods import CameraModel

Look = Callable[[Hits, CameraModel], Hits]
"""What a pane makes of the hits behind it."""


class Part(Protocol):
    """One of the surfaces at one moment."""

    def hits(self, camera: CameraModel) -> Hits: ...

    def shadow_depth(self, T_lamp_world: Floats, focal_px: float, size: int) -> Floats32 | None: ...

    def signed_distance_mm(self, points_world_mm: Floats) -> Floats: ...


class MovingPart(Protocol):
    """One of the surfaces over time."""

    def still(self, t_s: float) -> Part: ...


class Together:
    """Surfaces over time; `panes` gives what is looked through at a time."""

    def __init__(self, parts: Sequence[MovingPart], panes: Callable[[float], Sequence[Look]] = lambda _: ()) -> None:
        self._parts, self._panes = tuple(parts), panes

    def still(self, t_s: float) -> TogetherStill:
        """Return all surfaces at a time."""
        return TogetherStill(tuple(part.still(t_s) for part in self._parts), tuple(self._panes(t_s)))


@dataclass(frozen=True, slots=True)
class TogetherStill:
    """All surfaces at one moment; the first one is the subject."""

    parts: tuple[Part, ...]
    panes: tuple[Look, ...] = ()

    def hits(self, camera: CameraModel) -> Hits:
        """Return what the camera's rays meet first."""
        nearest = reduce(_nearer, (part.hits(camera) for part in self.parts))
        for pane in self.panes:
            nearest = pane(nearest, camera)
        return nearest

    def shadow_depth(self, T_lamp_world: Floats, focal_px: float, size: int) -> Floats32 | None:
        """Return the depth that a lamp sees first, (size, size) float32 mm."""
        depths = [part.shadow_depth(T_lamp_world, focal_px, size) for part in self.parts]
        some = [depth for depth in depths if depth is not None]
        return reduce(np.minimum, some) if some else None

    def signed_distance_mm(self, points_world_mm: Floats) -> Floats:
        """Return the distance of world points, (N, 3) mm, to the nearest surface, (N,) mm; above 0 outside."""
        away = np.stack([part.signed_distance_mm(points_world_mm) for part in self.parts])
        nearest: Floats = np.take_along_axis(away, np.abs(away).argmin(axis=0)[None], axis=0)[0]
        return nearest


def _nearer(first: Hits, second: Hits) -> Hits:
    """Return for each pixel the nearer one of two hits."""
    is_second = np.isnan(first.depth_mm) | (second.depth_mm < first.depth_mm)
    return Hits(
        depth_mm=np.where(is_second, second.depth_mm, first.depth_mm),
        normal=np.where(is_second[..., None], second.normal, first.normal),
        material=np.where(is_second[..., None], second.material, first.material),
        albedo=np.where(is_second, second.albedo, first.albedo),
        scatter=np.where(is_second, second.scatter, first.scatter).astype(np.float32),
        gloss=_either(is_second, first, second),
    )


def _either(is_second: np.ndarray, first: Hits, second: Hits) -> Gloss | None:
    if first.gloss is None and second.gloss is None:
        return None
    one, two = first.gloss or no_gloss(first), second.gloss or no_gloss(second)
    return Gloss(
        share=np.where(is_second, two.share, one.share),
        normal=np.where(is_second[..., None], two.normal, one.normal),
        exponent=np.where(is_second, two.exponent, one.exponent),
    )


def with_gloss(hits: Hits, where: np.ndarray, gloss: Gloss, passed: float) -> Hits:
    """Return hits that are seen, where a pane is before them, through it: dimmer, and with the pane's own gloss."""
    own = hits.gloss or no_gloss(hits)
    mixed = Gloss(
        share=np.where(where, gloss.share, own.share),
        normal=np.where(where[..., None], gloss.normal, own.normal),
        exponent=np.where(where, gloss.exponent, own.exponent),
    )
    return replace(hits, albedo=np.where(where, hits.albedo * np.float32(passed), hits.albedo), gloss=mixed)
