"""What a reconstruction gives: points with uncertainty, and the figures that tell how far to trust them.

In: arrays and numbers. Out: frozen `PointCloud`. An empty cloud always says why it is empty. World frame and unit are
those of the calibration (millimetres). This file refuses to know how points are found, and file formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PodFigures:
    """How one pod did."""

    pod: str
    lit_cells: int
    """Cells of 4 x 4 pixels that are bright enough in the left image."""
    kept_cells: int
    correlation: float
    """Median over the kept cells."""
    row_residual_px: float
    """Median height difference of matching pixels in the rectified pair; 0 with a true calibration."""
    row_spread_px: float
    """Robust standard deviation of the same over the image's parts."""
    sigma_um: float
    """Median of the predicted standard uncertainty."""

    @property
    def kept_share(self) -> float:
        """Kept cells, of the lit ones."""
        return self.kept_cells / max(self.lit_cells, 1)


@dataclass(frozen=True, slots=True)
class Figures:
    """Residuals and times of one reconstruction."""

    pods: tuple[PodFigures, ...] = ()
    step_um: float = float("nan")
    """Median distance between the pods' surfaces before they were fused, signed along the normal."""
    spread_um: float = float("nan")
    """Robust standard deviation of that distance."""
    overlap_share: float = 0.0
    """Cells that both pods measured, of all."""
    times_ms: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "pods": {
                p.pod: {
                    "lit_cells": p.lit_cells, "kept_cells": p.kept_cells, "kept_share": round(p.kept_share, 4),
                    "correlation": _finite(p.correlation), "row_residual_px": _finite(p.row_residual_px),
                    "row_spread_px": _finite(p.row_spread_px), "sigma_um": _finite(p.sigma_um),
                }
                for p in self.pods
            },
            "step_um": _finite(self.step_um), "spread_um": _finite(self.spread_um),
            "overlap_share": round(self.overlap_share, 4),
            "times_ms": {name: round(value, 2) for name, value in self.times_ms.items()},
            "warnings": list(self.warnings),
        }  # fmt: skip


def _finite(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None


@dataclass(frozen=True, slots=True, eq=False)
class PointCloud:
    """Measured points; all arrays are read-only and have one row a point."""

    points_mm: Floats32
    """(N, 3) float32, mm, the calibration's world."""
    sigma_mm: Floats32
    """(N,) float32, mm: standard uncertainty of the surface along its normal, calibration not included."""
    normals: Floats32
    """(N, 3) float32, unit length, out of the surface."""
    quality: Floats32
    """(N,) float32, 0 to 1: correlation of the two images about the point."""
    pod: Bytes
    """(N,) uint8: which of `pod_names` saw it."""
    pod_names: tuple[str, ...] = ()
    colour: Bytes | None = None
    """(N, 3) uint8, red green blue; None without colour cameras."""
    reason: str = ""
    """Why there is no point; empty when there are some."""
    figures: Figures = field(default_factory=Figures)

    def __post_init__(self) -> None:
        for array in (self.points_mm, self.sigma_mm, self.normals, self.quality, self.pod, self.colour):
            if array is not None:
                array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.points_mm)

    @property
    def is_empty(self) -> bool:
        """Nothing was measured; `reason` says why."""
        return len(self.points_mm) == 0


def empty_cloud(reason: str, figures: Figures | None = None) -> PointCloud:
    """Return a cloud without points. The reason must not be empty."""
    assert reason
    return PointCloud(
        np.zeros((0, 3), np.float32), np.zeros(0, np.float32), np.zeros((0, 3), np.float32), np.zeros(0, np.float32),
        np.zeros(0, np.uint8), reason=reason, figures=figures or Figures(),
    )  # fmt: skip
