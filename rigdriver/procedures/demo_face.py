"""The demo's end: the face of the last frame set is measured, drawn, and compared with the truth.

In: a frame set, the calibration that was just made. Out: cloud, meshes and pictures in a folder, one sheet with the
mesh, its texture, its uncertainty and its error, and a score. The simulator scores in a process of its own; its score
is shown and used for nothing else.
Not here: the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rigdriver.calibration.file import load
from rigdriver.errors import CalibrationMismatch
from rigdriver.frames import FrameSet
from rigdriver.images.picture_file import write_picture
from rigdriver.procedures.demo_folder import new_face_folder
from rigdriver.procedures.simulator import answer_of
from rigdriver.progress import Progress
from rigdriver.stereo.cloud import PointCloud
from rigdriver.stereo.mesh.files import write_cloud, write_mesh
from rigdriver.stereo.mesh.picture_parts import one_above_the_other, side_by_side
from rigdriver.stereo.mesh.pictures import draw_map, draw_shaded
from rigdriver.stereo.mesh.solid import close_for_printing
from rigdriver.stereo.mesh.stance import stance_of
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh, make_mesh
from rigdriver.stereo.missing import draw_missing
from rigdriver.stereo.reconstruct import CellReconstructor

_HEIGHT_PX = 640
WELL_RMS_UM = 200.0
"""Error that the rig promises, in um; the demo stays well below it."""


@dataclass(frozen=True, slots=True)
class Score:
    """How far the points lie off the truth, as the simulator says."""

    median_um: float
    rms_um: float
    p99_um: float
    share_within_200um: float
    completeness: float
    """Share of the surface that both cameras of a pod see that was measured."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceMeasured:
    """The face, its score and its pictures; or the problem why there is none."""

    cloud: PointCloud | None = None
    problem: str = ""
    score: Score | None = None
    sheet: Path | None = None

    @property
    def sigma_um(self) -> float:
        """Median predicted uncertainty of the points."""
        return 1e3 * float(np.median(self.cloud.sigma_mm)) if self.cloud else float("nan")

    @property
    def has_passed(self) -> bool:
        """Whether the face is as good as the rig promises."""
        return self.score is not None and self.score.rms_um <= WELL_RMS_UM


def measure_face(frame_set: FrameSet, scenario: str, out: Path, progress: Progress) -> FaceMeasured:
    """Measure, draw, score; without a face, the problem says why."""
    folder = new_face_folder(out)
    progress.note("\nmeasuring the face of the last frame set (the first time ever, its loops are compiled)")
    known = load(out / "calibration" / "calibration.json")
    with CellReconstructor(known) as made:
        try:
            cloud, surfaces = made.reconstruct_surfaces(frame_set)
        except CalibrationMismatch as exc:
            return FaceMeasured(problem=str(exc))
        if cloud.is_empty:
            return FaceMeasured(problem=cloud.reason)
        cloud, surfaces = made.reconstruct_surfaces(frame_set)  # the first time, it was compiled
    mesh = make_mesh(surfaces, known, frame_set.frames)
    write_cloud(cloud, folder / "cloud.ply")
    for suffix in ("ply", "obj", "glb"):
        write_mesh(mesh, folder / f"face.{suffix}")
    write_mesh(close_for_printing(mesh), folder / "face.stl")
    score, error_um = _score(frame_set, scenario, out, folder)
    sheet = folder / "face.png"
    up = stance_of(known)[1]
    missing = [draw_missing(surface, frame_set.frames, cloud.figures, up, _HEIGHT_PX) for surface in surfaces]
    write_picture(sheet, sheet_of(mesh, error_um, [drawn for drawn in missing if drawn is not None]))
    return FaceMeasured(cloud, "", score, sheet)


def _score(frame_set: FrameSet, scenario: str, out: Path, folder: Path) -> tuple[Score, npt.NDArray[np.float32]]:
    there = folder / "error_um.npy"
    words = [scenario, "--points", str(folder / "cloud.ply"), "--pulse", str(frame_set.pulse_index)]
    words += ["--calibration", str(out / "calibration" / "calibration.json")]
    told: Any = answer_of("score", [*words, "--map", str(folder / "face.ply"), "--out", str(there)])
    score = Score(**{field.name: float(told[field.name]) for field in fields(Score)})
    return score, np.asarray(np.load(there), np.float32)


def sheet_of(
    mesh: SurfaceMesh, error_um: npt.NDArray[np.float32], missing: Sequence[npt.NDArray[np.uint8]]
) -> npt.NDArray[np.uint8]:
    """Return shape, texture and what is missing, and below them uncertainty and error on one scale."""
    sigma_um = 1e3 * mesh.sigma_mm
    # The largest values lie at edges; as the bounds they would make the rest one colour. Errors are some two sigma.
    known = np.concatenate([np.abs(error_um), 2 * sigma_um])
    reach = max(float(np.ceil(np.nanpercentile(known, 95) / 10) * 10), 20.0)
    shape = [
        draw_shaded(mesh, _HEIGHT_PX, title="measured shape"),
        draw_shaded(mesh, _HEIGHT_PX, has_colour=True, title="texture"),
    ]
    maps = [
        draw_map(mesh, sigma_um, "predicted uncertainty (sigma)", "um", (0.0, reach), _HEIGHT_PX),
        draw_map(mesh, error_um, "true error", "um", (-reach, reach), _HEIGHT_PX, "no true surface near"),
    ]
    return one_above_the_other([side_by_side([*shape, *maps]), *([side_by_side(missing)] if missing else [])])
