"""The artefacts of an acceptance test, what their certificates say, and all positions measured so far.

In: clouds and surfaces of positions. Out: results and pictures of how far the points lie off the fitted shape.
Not here: how an artefact is measured (see acceptance/artefacts.py); the verdict (see acceptance/judge.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from rigdriver.acceptance.artefacts import BallBarResult, PlateResult, measure_ball_bar, measure_plate
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.stereo.cloud import PointCloud
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.mesh.pictures import draw_map
from rigdriver.stereo.mesh.surface_mesh import make_mesh

PICTURE_PX = 200
MAP_UM = 100.0


class Artefact(Enum):
    """What is held before the rig."""

    BALL_BAR = "ball-bar"
    PLATE = "plate"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the certificates say."""

    diameter_mm: float = 40.0
    spacing_mm: float = 150.0

    def measure(self, artefact: Artefact, cloud: PointCloud) -> BallBarResult | PlateResult:
        """Measure one position. NotMeasured when the artefact is not there."""
        if artefact is Artefact.BALL_BAR:
            return measure_ball_bar(cloud, self.diameter_mm, self.spacing_mm)
        return measure_plate(cloud)


@dataclass(slots=True)
class Gallery:
    """All positions so far, with their pictures."""

    bars: list[BallBarResult] = field(default_factory=list)
    plates: list[PlateResult] = field(default_factory=list)
    pictures: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)

    def add(
        self, artefact: Artefact, name: str, result: BallBarResult | PlateResult, surfaces: Sequence[Surface],
        calibration: RigCalibration,
    ) -> None:  # fmt: skip
        """Keep a position and draw how far its points lie off the fitted shape."""
        if isinstance(result, BallBarResult):
            self.bars.append(result)
        else:
            self.plates.append(result)
        mesh = make_mesh(surfaces, calibration)
        # The picture shows the mesh, not the points that were fitted: outliers that the fit left out are seen.
        off_um = 1e3 * result.off_mm(mesh.vertices_mm)
        title = f"{artefact.value} {name}"
        limits = (-MAP_UM, MAP_UM)
        self.pictures[title] = draw_map(mesh, off_um, title, "um", limits, PICTURE_PX)
