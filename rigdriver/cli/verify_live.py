"""Artefacts before a live rig: positions are taken by themselves when the artefact rests where it has not been yet.

In: an open rig, a reconstructor, what the certificates say. Out: the positions' results and pictures, and their images
and proofs in OUT/<artefact>/, so the same test can be made again from files. Frame sets with gaps and unproved ones do
not count. This file refuses to judge figures.
"""

from __future__ import annotations

import importlib
import re
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.cli.flash_trains import FlashTrains
from rigdriver.cli.image_writer import ImageFormat, ImageWriter
from rigdriver.cli.proof_files import ProofFiles
from rigdriver.cli.screen import note, progress_bar
from rigdriver.errors import UsageError
from rigdriver.frames import FrameSet
from rigdriver.rig import Rig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigdriver.stereo.artefacts import BallBarResult, PlateResult
    from rigdriver.stereo.cloud import PointCloud
    from rigdriver.stereo.positions import Positions
    from rigdriver.stereo.reconstruct import CellReconstructor
    from rigdriver.stereo.surface import Surface

PICTURE_PX = 200
MAP_UM = 100.0
BALL_BAR = "ball-bar"
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the certificates say."""

    diameter_mm: float
    spacing_mm: float

    def measure(self, artefact: str, cloud: PointCloud) -> BallBarResult | PlateResult:
        """Measure one position. UsageError when the artefact is not there."""
        from rigdriver.stereo.artefacts import measure_ball_bar, measure_plate  # noqa: PLC0415  slow to import

        if artefact == BALL_BAR:
            return measure_ball_bar(cloud, self.diameter_mm, self.spacing_mm)
        return measure_plate(cloud)


@dataclass(slots=True)
class Gallery:
    """All positions so far, with their pictures."""

    bars: list[BallBarResult] = field(default_factory=list)
    plates: list[PlateResult] = field(default_factory=list)
    pictures: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)

    def add(
        self, artefact: str, index: str, result: BallBarResult | PlateResult, surfaces: Sequence[Surface],
        calibration: RigCalibration,
    ) -> None:  # fmt: skip
        """Keep a position and draw how far its points lie off the fitted shape."""
        from rigdriver.stereo.artefacts import BallBarResult  # noqa: PLC0415  compiled code is slow to import
        from rigdriver.stereo.mesh import make_mesh  # noqa: PLC0415
        from rigdriver.stereo.pictures import draw_map, up_of  # noqa: PLC0415

        if isinstance(result, BallBarResult):
            self.bars.append(result)
        else:
            self.plates.append(result)
        mesh = make_mesh(surfaces, calibration)
        off_um = 1e3 * result.off_mm(mesh.vertices_mm)
        title = f"{artefact} {index}"
        limits = (-MAP_UM, MAP_UM)
        self.pictures[title] = draw_map(mesh, off_um, title, "um", limits, up_of(calibration), PICTURE_PX)


def load_tools() -> None:
    """Import what measuring needs before there is light.

    Loading scipy stops all threads for some 0.6 s, and the box's watchdog, which one of them feeds, waits 0.5 s.
    """
    for name in ("artefacts", "mesh", "pictures", "positions"):
        importlib.import_module(f"rigdriver.stereo.{name}")


@dataclass(frozen=True, slots=True)
class Patience:
    """How many positions, and how long to wait for the next one."""

    positions: int
    patience_s: float


def take_live(
    rig: Rig, artefact: str, wish: Patience, out: Path, made: CellReconstructor, certificate: Certificate,
    gallery: Gallery,
) -> None:  # fmt: skip
    """Watch until there are enough positions.

    Raises:
        UsageError: no new position came for so long; the reason that lasted is told.
    """
    from rigdriver.stereo.positions import Positions  # noqa: PLC0415  compiled code is slow to import

    folder = out / artefact
    if (folder / "proofs.csv").exists():
        raise UsageError(
            f"{folder}: holds positions already; measure them with --{artefact} {folder}, or name another --out"
        )
    note(f"hold the {artefact} before the cameras, still, in {wish.positions} positions all over the volume")
    positions: Positions[BallBarResult | PlateResult] = Positions()
    newest_s, told = time.monotonic(), ""
    trains = FlashTrains(rig)
    with (
        progress_bar(f"taking the {artefact}", wish.positions) as advance,
        ProofFiles(folder, rig.config.name) as proofs,
        ImageWriter(folder, ImageFormat.PNG) as images,
        closing(iter(trains)) as frame_sets,
    ):
        for _, frame_set in frame_sets:
            reason, seen = _look(frame_set, artefact, made, certificate, positions)
            if seen is not None:
                result, surfaces = seen
                index = len(positions.taken) - 1
                proofs.write(frame_set, index)
                images.write(frame_set, index)
                gallery.add(artefact, f"{index:06d}", result, surfaces, made.calibration)
                newest_s = time.monotonic()
                advance(len(positions.taken))
            kind = _NUMBER.sub("#", reason)
            if kind != told or seen is not None:
                note(f"{len(positions.taken)} of {wish.positions}: {reason}")
            told = kind
            if len(positions.taken) >= wish.positions:
                return
            if time.monotonic() - newest_s > wish.patience_s:
                break
    raise UsageError(
        f"{artefact}: {len(positions.taken)} of {wish.positions} positions, then no new one for {wish.patience_s:.0f} s"
        f" ({told or 'no frame set came'})"
    )


def _look(
    frame_set: FrameSet, artefact: str, made: CellReconstructor, certificate: Certificate,
    positions: Positions[BallBarResult | PlateResult],
) -> tuple[str, tuple[BallBarResult | PlateResult, tuple[Surface, ...]] | None]:  # fmt: skip
    """Return what to tell, and the position if it is a new one."""
    if frame_set.proof.verdict != "proved":
        positions.lose()
        reasons = [str(gap) for gap in frame_set.gaps.values()] or list(frame_set.proof.reasons)
        return f"not proved: {'; '.join(reasons) or frame_set.proof.verdict}", None
    cloud, surfaces = made.reconstruct_surfaces(frame_set)
    try:
        result = certificate.measure(artefact, cloud)
    except UsageError as exc:
        positions.lose()
        return str(exc), None
    verdict = positions.offer(result)
    return verdict.reason, (result, surfaces) if verdict.is_taken else None
