"""What stands behind a subject: a lit wall, and the back of the chair that it sits on.

In: a `RoomSpec`. Out: sheets that rest in the world. Lies: both are flat, matt and of one grey, and cast no shadow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rigdriver_sim.scene.optics import Floats, rigid, rotation
from rigdriver_sim.scene.sheet import Outline, SheetStill
from rigdriver_sim.scene.spec import RoomSpec

WALL_HALF_MM = (2000.0, 1500.0)
CHAIR_HALF_MM = (210.0, 260.0)
CHAIR_MM = (0.0, -300.0, -230.0)
"""Middle of the chair's back; a head's own back lies some 100 mm before it."""
CHAIR_LEAN_DEG = 8.0
CHAIR_ALBEDO = 0.18
_FACING = np.diag([1.0, -1.0, -1.0])
"""Turn of a sheet that faces the rig: its printed side looks along its own -z."""


@dataclass(frozen=True, slots=True)
class Furniture:
    """A sheet that never moves."""

    sheet: SheetStill

    def still(self, t_s: float) -> SheetStill:  # noqa: ARG002
        """Return the sheet."""
        return self.sheet


def furniture_of(room: RoomSpec) -> list[Furniture]:
    """Return the sheets of a room; none where it is empty."""
    found = []
    if room.wall_mm:
        found.append(_sheet(WALL_HALF_MM, rigid(_FACING, [0.0, 0.0, -room.wall_mm]), room.wall_albedo))
    if room.has_chair:
        lean = rotation([-math.radians(CHAIR_LEAN_DEG), 0.0, 0.0])
        found.append(_sheet(CHAIR_HALF_MM, rigid(lean @ _FACING, list(CHAIR_MM)), CHAIR_ALBEDO))
    return found


def _sheet(half_mm: tuple[float, float], T_world_body: Floats, albedo: float) -> Furniture:
    return Furniture(SheetStill(Outline((0.0, 0.0), half_mm, 0.0, is_disc=False), T_world_body, None, albedo))
