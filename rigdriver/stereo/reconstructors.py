"""Which reconstructor: the built-in one, or one that another package brings.

In: a name and a calibration. Out: a `Reconstructor`. Others register under the entry point group
`rigdriver.reconstructors`: a callable that takes a `RigCalibration`. What it builds must have `reconstruct` and
`close`; with `reconstruct_surfaces` it gives meshes and pictures, too, and with `warm_up` it loads what it needs before
there is light. Not here: how any of them works (the built-in one is in reconstruct.py).
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.config import VolumeConfig
from rigdriver.errors import UsageError
from rigdriver.frames import FrameSet
from rigdriver.stereo.cloud import PointCloud
from rigdriver.stereo.geometry.rectify import NOTHING_GIVEN, working_volume
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.reconstruct import CellReconstructor, Images, Reconstructor, StereoSettings

GROUP = "rigdriver.reconstructors"
BUILT_IN = "cells"


@runtime_checkable
class SurfaceReconstructor(Protocol):
    """A reconstructor that also gives the surfaces of which meshes are made."""

    def reconstruct_surfaces(self, images: FrameSet | Images) -> tuple[PointCloud, tuple[Surface, ...]]:
        """Return the points, and the surface of each pod."""
        ...


@runtime_checkable
class SlowStarter(Protocol):
    """A reconstructor whose first frame set takes longer unless it is warmed up."""

    def warm_up(self) -> None:
        """Load or compile what the first frame set would wait for."""
        ...


def open_reconstructor(
    calibration: RigCalibration,
    name: str = BUILT_IN,
    settings: StereoSettings | None = None,
    volume: VolumeConfig = NOTHING_GIVEN,
) -> Reconstructor:
    """Build the reconstructor of that name; close it in the end. `settings` and `volume` are the built-in one's.

    Raises:
        CalibrationMismatch: the built-in one finds no usable pair, or no working volume.
        UsageError: no package registers that name, or what it registers is no reconstructor.
    """
    if name == BUILT_IN:
        return CellReconstructor(calibration, working_volume(calibration, volume), settings)
    others = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in others:
        known = ", ".join(sorted({BUILT_IN, *others}))
        raise UsageError(device=f"reconstructor {name!r}", seen="no package registers it", expected=f"one of {known}")
    made: Reconstructor = others[name].load()(calibration)
    missing = [method for method in ("reconstruct", "close") if not callable(getattr(made, method, None))]
    if missing:
        raise UsageError(
            device=f"reconstructor {name}",
            seen=f"what {others[name].value} builds has no method `{missing[0]}`",
            expected="the methods of `Reconstructor`",
        )
    return made
