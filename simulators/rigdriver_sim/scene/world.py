"""The scene at a time: one still surface, whatever kind it is, and what every lamp reaches of it.

In: a `SceneSpec` and a time. Out: a `Still`. The kinds of surface meet only here; the renderer and the scores know
this protocol alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from rigdriver_sim.scene.head import Head
from rigdriver_sim.scene.hits import Floats32, Hits, empty_hits
from rigdriver_sim.scene.optics import Floats
from rigdriver_sim.scene.pods import CameraModel
from rigdriver_sim.scene.room import furniture_of
from rigdriver_sim.scene.sheet import Board, Plate
from rigdriver_sim.scene.spec import SceneSpec
from rigdriver_sim.scene.spheres import BallBar
from rigdriver_sim.scene.together import MovingPart, Together


class Still(Protocol):
    """All surfaces at one moment."""

    def hits(self, camera: CameraModel) -> Hits:
        """Return what the camera's rays meet."""
        ...

    def shadow_depth(self, T_lamp_world: Floats, focal_px: float, size: int) -> Floats32 | None:
        """Return the depth that a lamp sees, (size, size) float32 mm; None when nothing can cast a shadow."""
        ...

    def signed_distance_mm(self, points_world_mm: Floats) -> Floats:
        """Return the distance of world points, (N, 3) mm, to the nearest surface, (N,) mm; above 0 outside."""
        ...


class Scene(Protocol):
    """Surfaces over time."""

    def still(self, t_s: float) -> Still:
        """Return the surfaces at a time."""
        ...


class _Nothing:
    def __init__(self, spec: SceneSpec) -> None:
        self._kind = spec.kind

    def still(self, t_s: float) -> Still:  # noqa: ARG002
        return self

    def hits(self, camera: CameraModel) -> Hits:
        return empty_hits(camera)

    def shadow_depth(self, T_lamp_world: Floats, focal_px: float, size: int) -> Floats32 | None:  # noqa: ARG002
        return None

    def signed_distance_mm(self, points_world_mm: Floats) -> Floats:
        return np.full(len(points_world_mm), np.nan)


def build_scene(spec: SceneSpec) -> Scene:
    """Return the scene that a spec describes."""
    kinds: dict[str, Callable[[SceneSpec], Scene]] = {
        "head": Head,
        "board": Board,
        "plate": Plate,
        "ball_bar": BallBar,
        "empty": _Nothing,
    }
    subject = kinds[spec.kind](spec)
    around: list[MovingPart] = list(furniture_of(spec.room))
    if not isinstance(subject, Head):
        return Together([subject, *around]) if around else subject
    glasses = subject.glasses
    if glasses.wire_mm:
        around.insert(0, glasses)
    return Together([subject, *around], glasses.panes) if around else subject
