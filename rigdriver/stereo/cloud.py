"""Result of a reconstruction: points with uncertainty, and the figures that show how far to trust them.

In: arrays and numbers. Out: frozen `PointCloud`. An empty cloud always holds the reasons why it is empty. World frame
and unit are those of the calibration (millimetres). Not here: how points are found (see reconstruct.py) and files (see
mesh/files.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from rigdriver.arrays import Bytes, Floats32, make_read_only
from rigdriver.stereo.reasons import Reason, sentence_of


@dataclass(frozen=True, slots=True)
class PodFigures:
    """Figures of one pod."""

    pod: str
    lit_cells: int
    """Number of cells of CELL_PX x CELL_PX pixels that are bright enough in the left image and can lie in the working
    volume."""
    kept_cells: int
    """Number of cells that were measured and kept."""
    correlation: float
    """Median over the kept cells."""
    row_residual_px: float
    """Median height difference of matching pixels in the rectified pair; 0 with a true calibration."""
    row_spread_px: float
    """Robust standard deviation of the same over the image's parts."""
    noise_um: float
    """Median over the kept cells of what noise in the images adds to the standard uncertainty."""
    sigma_um: float
    """Median of the whole predicted standard uncertainty, with the detail that smoothing took."""

    @property
    def kept_share(self) -> float:
        """Share of the lit cells that were kept."""
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
    """Share of all cells that both pods measured."""
    times_ms: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Time of each step, by pod and step, and of the whole."""
    warnings: tuple[Reason, ...] = ()
    """Reasons to doubt what was measured, and pods and images that are missing."""


@dataclass(frozen=True, slots=True, eq=False)
class PointCloud:
    """Measured points; all arrays are read-only and have one row per point."""

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
    reasons: tuple[Reason, ...] = ()
    """Reasons why there is no point; none when there are some."""
    figures: Figures = field(default_factory=Figures)

    def __post_init__(self) -> None:
        make_read_only(self.points_mm, self.sigma_mm, self.normals, self.quality, self.pod, self.colour)

    def __len__(self) -> int:
        return len(self.points_mm)

    @property
    def is_empty(self) -> bool:
        """Nothing was measured; `reasons` hold why."""
        return len(self.points_mm) == 0

    @property
    def reason(self) -> str:
        """The reasons as a sentence for people; empty when there are points."""
        return sentence_of(self.reasons)


def empty_cloud(reasons: Sequence[Reason], figures: Figures | None = None) -> PointCloud:
    """Return a cloud without points. There must be a reason."""
    assert reasons
    return PointCloud(
        np.zeros((0, 3), np.float32), np.zeros(0, np.float32), np.zeros((0, 3), np.float32), np.zeros(0, np.float32),
        np.zeros(0, np.uint8), reasons=tuple(reasons), figures=figures or Figures(),
    )  # fmt: skip
