"""The demo's end: the face of the last frame set is measured, drawn, and compared with the truth.

In: images of one pulse, the calibration that was just made. Out: cloud, meshes and pictures in a folder, one sheet with
the mesh, its texture, its uncertainty and its error, and what they say in words. The simulator scores in a process of
its own; what it tells is shown and used for nothing else. This file refuses to know the truth.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rigdriver.calibration.file import load
from rigdriver.cli.screen import note, show
from rigdriver.cli.sim import answer_of
from rigdriver.cli.verb import undisturbed
from rigdriver.errors import CalibrationMismatch, UsageError
from rigdriver.frames import FrameSet

if TYPE_CHECKING:
    from rigdriver.stereo.cloud import PointCloud
    from rigdriver.stereo.mesh import SurfaceMesh

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
_HEIGHT_PX = 640
WELL_RMS_UM = 200.0
"""What the rig promises; at the demo's resolution it is met with room."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """The images of one pulse, copied out of the cameras' memory."""

    pulse_index: int
    images: Mapping[str, Pixels]

    @classmethod
    def of(cls, frame_set: FrameSet) -> Shot:
        """Copy a frame set's images."""
        return cls(frame_set.pulse_index, {frame.camera: frame.pixels.copy() for frame in frame_set})


def measure_face(shot: Shot, scenario: str, out: Path) -> bool | None:
    """Measure, draw, tell; whether it is as good as it must be. None when there is nothing to measure."""
    with undisturbed():
        from rigdriver.stereo.files import write_cloud, write_mesh  # noqa: PLC0415  compiled code is slow to import
        from rigdriver.stereo.mesh import make_mesh  # noqa: PLC0415
        from rigdriver.stereo.pictures import up_of  # noqa: PLC0415
        from rigdriver.stereo.reconstruct import CellReconstructor  # noqa: PLC0415
        from rigdriver.stereo.solid import close_for_printing  # noqa: PLC0415

    folder = out / "face"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    note("\nmeasuring the face of the last frame set (the first time ever, its loops are compiled)")
    known = load(out / "calibration" / "calibration.json")
    with CellReconstructor(known) as made:
        try:
            cloud, surfaces = made.reconstruct_surfaces(shot.images)
        except CalibrationMismatch as exc:
            show(f"\nNo face was measured: {exc}")
            return None
        if cloud.is_empty:
            show(f"\nNo face was measured: {cloud.reason}")
            return None
        cloud, surfaces = made.reconstruct_surfaces(shot.images)  # the first time, it was compiled
    mesh = make_mesh(surfaces, known, shot.images)
    write_cloud(cloud, folder / "cloud.ply")
    for suffix in ("ply", "obj", "glb"):
        write_mesh(mesh, folder / f"face.{suffix}")
    write_mesh(close_for_printing(mesh), folder / "face.stl")
    score, error_um = _score(shot, scenario, out, folder)
    sheet = folder / "face.png"
    _draw(mesh, error_um, up_of(known), sheet)
    _tell(cloud, score, sheet)
    return bool(score["rms_um"] <= WELL_RMS_UM)


def _score(shot: Shot, scenario: str, out: Path, folder: Path) -> tuple[dict[str, Any], npt.NDArray[np.float32]]:
    there = folder / "error_um.npy"
    words = [scenario, "--points", str(folder / "cloud.ply"), "--pulse", str(shot.pulse_index)]
    words += ["--calibration", str(out / "calibration" / "calibration.json")]
    told = answer_of("score", [*words, "--map", str(folder / "face.ply"), "--out", str(there)])
    return told, np.asarray(np.load(there), np.float32)


def _draw(mesh: SurfaceMesh, error_um: npt.NDArray[np.float32], up: npt.NDArray[np.float64], sheet: Path) -> None:
    import cv2  # noqa: PLC0415  `rigdriver --help` does without

    from rigdriver.stereo.pictures import draw_map, draw_shaded, side_by_side  # noqa: PLC0415

    sigma_um = 1e3 * mesh.sigma_mm
    top = max(float(np.ceil(np.percentile(sigma_um, 95) / 10) * 10), 10.0)
    reach = max(float(np.ceil(np.percentile(np.abs(error_um), 95) / 10) * 10), 20.0)
    drawn = side_by_side([
        draw_shaded(mesh, up, _HEIGHT_PX, title="measured shape"),
        draw_shaded(mesh, up, _HEIGHT_PX, has_colour=True, title="texture"),
        draw_map(mesh, sigma_um, "predicted uncertainty (sigma)", "um", (0.0, top), up, _HEIGHT_PX),
        draw_map(mesh, error_um, "true error", "um", (-reach, reach), up, _HEIGHT_PX),
    ])  # fmt: skip
    if not cv2.imwrite(str(sheet), cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)):
        raise UsageError(f"{sheet}: cannot be written; name another folder with --out")


def _tell(cloud: PointCloud, score: Mapping[str, Any], sheet: Path) -> None:
    figures = cloud.figures
    sigma_um = 1e3 * float(np.median(cloud.sigma_mm))
    show(
        f"\nMeasured the face of that pulse: {len(cloud)} points in {figures.times_ms['total']:.0f} ms, each with its\n"
        f"own uncertainty (median {sigma_um:.0f} um). The two pods' surfaces lay {abs(figures.step_um):.0f} um apart\n"
        "before they were fused."
    )
    show(
        f"Against the truth, over all points and with the calibration above: median {score['median_um']:.0f} um, RMS "
        f"{score['rms_um']:.0f} um,\n99 % within {score['p99_um']:.0f} um; "
        f"{score['share_within_200um']:.2%} of the points are within 200 um, and {score['completeness']:.1%} of the\n"
        "surface that both cameras of a pod see was measured. (At full resolution it is some three times finer.)"
    )
    show(
        f"Look at {sheet}: shape, texture, predicted uncertainty, true error. Beside it lie the cloud,\n"
        "face.ply, .obj, .glb, and face.stl, closed for a printer."
    )
