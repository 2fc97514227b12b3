"""Files of a reconstruction: clouds, meshes, point tracks, pictures and figures.json in one folder.

In: clouds, surfaces and colour images, one frame set after the other. Out: DIR/<index>.ply (points with sigma),
meshes and DIR/<index>-tracks.ply where asked, DIR/pictures/<index>-*.png and one figures.json with points, residuals
and times of every frame set and their medians. Not here: where the images came from, and single file formats (see
mesh/files.py).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.errors import UsageError
from rigdriver.images.picture_file import write_picture
from rigdriver.images.raw_image import AnyImage
from rigdriver.stereo.cloud import Figures, PointCloud
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.measure.deviation import REACH_MM, deviations
from rigdriver.stereo.mesh.files import MESH_SUFFIXES, write_cloud, write_mesh
from rigdriver.stereo.mesh.pictures import draw_map, draw_shaded
from rigdriver.stereo.mesh.sequence import PointSequence, write_tracks
from rigdriver.stereo.mesh.solid import close_for_printing
from rigdriver.stereo.mesh.stance import stance_of
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh, make_mesh
from rigdriver.stereo.missing import draw_missing
from rigdriver.stereo.reasons import sentence_of
from rigdriver.whole_file import make_folder, write_whole

HEIGHT_PX = 900
"""Height of a surface in a picture, in px."""
NO_COUNTERPART = f"the first frame set has no surface within {REACH_MM:g} mm"
CLOUDS_WAITING = 16
"""Largest number of clouds that wait for the disk; beyond it, measuring waits, too."""
_WRITE_S = 60.0


@dataclass(frozen=True, slots=True)
class TrackFigures:
    """How many points of the first frame set are still followed, and how far they moved."""

    points: int
    kept: int
    moved_mm_median: float | None
    """Median movement; None when no point is followed any more."""


@dataclass(frozen=True, slots=True)
class FrameSetRow:
    """What figures.json holds of one frame set."""

    index: str
    points: int
    reason: str
    """Sentence that says why there are no points; empty when there are some."""
    figures: Figures
    tracks: TrackFigures | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What figures.json holds of the whole sequence. Medians are None when nothing was reconstructed."""

    frame_sets: int
    reconstructed: int
    dropped_frame_sets: int
    points_median: float | None
    time_ms_median: float | None
    time_ms_95: float | None
    warnings: Mapping[str, int]
    """Number of times that each warning came; the sentence is that of its first time."""
    measured_share: Mapping[str, float]
    """Median share, by pod, of what is lit that was measured; hair and shadows are not."""


class Results:
    """Writes the results of a sequence; the first mesh is what the later ones' deviation maps refer to."""

    def __init__(
        self,
        folder: Path,
        calibration: RigCalibration,
        meshes: Sequence[str] = (),
        has_pictures: bool = True,
        has_tracks: bool = False,
    ) -> None:
        """Raises UsageError for an unknown mesh format."""
        self._suffixes = tuple("." + name.lower().lstrip(".") for name in meshes)
        unknown = [suffix for suffix in self._suffixes if suffix not in MESH_SUFFIXES]
        if unknown:
            names = ", ".join(suffix.lstrip(".") for suffix in MESH_SUFFIXES)
            raise UsageError(device=f"mesh format {unknown[0].lstrip('.')}", seen="unknown", expected=f"one of {names}")
        self._folder, self._calibration, self._has_pictures = folder, calibration, has_pictures
        self._has_tracks = has_tracks
        self._up = stance_of(calibration)[1]
        self._sequence: PointSequence | None = None
        self._rows: list[FrameSetRow] = []
        self._warnings: dict[tuple[object, ...], tuple[str, int]] = {}
        self._first: SurfaceMesh | None = None
        # A disk that flushes for half a second must not make a live rig lose frame sets.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="cloud-writer")
        self._writing: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(
        self,
        index: str,
        cloud: PointCloud,
        surfaces: Sequence[Surface] = (),
        images: Mapping[str, AnyImage] | None = None,
    ) -> None:
        """Write one frame set; its cloud on a thread of its own.

        Raises:
            OSError: this or an earlier cloud could not be written.
        """
        make_folder(self._folder, is_private=True)
        self._rows.append(FrameSetRow(index, len(cloud), cloud.reason, cloud.figures))
        self._count_warnings(cloud)
        if cloud.is_empty:
            return
        self._settle(CLOUDS_WAITING - 1)
        self._writing.append(self._writer.submit(write_cloud, cloud, self._folder / f"{index}.ply"))
        if not surfaces or not (self._suffixes or self._has_pictures or self._has_tracks):
            return
        mesh = make_mesh(surfaces, self._calibration, images)
        for suffix in self._suffixes:
            # STL is for printers, which need a closed body; `write_mesh` refuses an open one.
            stl = suffix == ".stl"
            write_mesh(close_for_printing(mesh) if stl else mesh, self._folder / f"{index}-mesh{suffix}")
        if self._has_tracks:
            self._follow(index, mesh, images or {})
        if self._has_pictures:
            self._draw(index, mesh)
            for surface in surfaces:
                if (drawn := draw_missing(surface, images or {}, cloud.figures, self._up, HEIGHT_PX)) is not None:
                    self._save(f"{index}-{surface.pair.pod}-missing", drawn)

    def _count_warnings(self, cloud: PointCloud) -> None:
        """Count the reasons of an empty cloud as one, and each warning of another; they differ in figures only."""
        groups = [cloud.reasons] if cloud.reasons else [(warning,) for warning in cloud.figures.warnings]
        for key, group in {tuple(reason.key for reason in group): group for group in groups}.items():
            first, count = self._warnings.get(key, (sentence_of(group), 0))
            self._warnings[key] = (first, count + 1)

    def _settle(self, most: int) -> None:
        """Wait until at most that many clouds are being written; raise what a finished one raised."""
        while self._writing and (len(self._writing) > most or self._writing[0].done()):
            if not wait([self._writing[0]], timeout=_WRITE_S).done:
                raise TimeoutError(
                    f"{self._folder}: no cloud was written for {_WRITE_S:.0f} s; expected one within that time; check "
                    "the disk"
                )
            self._writing.popleft().result()

    def close(self) -> None:
        """End the writing thread; closing twice is harmless."""
        self._writer.shutdown(wait=True)

    def _follow(self, index: str, mesh: SurfaceMesh, images: Mapping[str, AnyImage]) -> None:
        if self._sequence is None:
            self._sequence = PointSequence(self._calibration)
        tracked = self._sequence.follow(mesh, images)
        if tracked is None:
            raise UsageError(
                device=f"frame set {index}",
                seen="no colour image, so no point can be followed",
                remedy="leave --tracks out",
            )
        write_tracks(tracked, self._folder / f"{index}-tracks.ply")
        far = np.linalg.norm(tracked.moved_mm, axis=1)
        known = np.isfinite(far)
        median = float(np.median(far[known])) if known.any() else None
        self._rows[-1] = replace(self._rows[-1], tracks=TrackFigures(len(far), int(known.sum()), median))

    def _draw(self, index: str, mesh: SurfaceMesh) -> None:
        sigma_um = 1e3 * mesh.sigma_mm
        top = float(np.ceil(np.percentile(sigma_um, 98) / 5) * 5)
        self._save(f"{index}-shaded", draw_shaded(mesh, title=f"{index}: measured shape"))
        if mesh.colours is not None:
            self._save(f"{index}-texture", draw_shaded(mesh, has_colour=True, title=f"{index}: texture"))
        title = f"{index}: predicted standard uncertainty"
        self._save(f"{index}-sigma", draw_map(mesh, sigma_um, title, "um", (0.0, max(top, 5.0)), HEIGHT_PX))
        if self._first is None:
            self._first = mesh
            return
        off, _ = deviations(mesh, self._first)
        reach = float(np.clip(np.nanpercentile(np.abs(off), 98) if np.isfinite(off).any() else 1.0, 0.05, 5.0))
        reach = float(np.ceil(reach * 20) / 20)
        title = f"{index}: distance to the first frame set"
        self._save(f"{index}-deviation", draw_map(mesh, off, title, "mm", (-reach, reach), HEIGHT_PX, NO_COUNTERPART))

    def _save(self, name: str, picture: npt.NDArray[np.uint8]) -> None:
        path = self._folder / "pictures" / f"{name}.png"
        make_folder(path.parent, is_private=True)
        write_picture(path, picture)

    def keep(self, dropped: int = 0) -> None:
        """Write figures.json when there is a frame set to report; for a reconstruction that is cut short."""
        if self._rows:
            self.finish(dropped)

    def finish(self, dropped: int = 0) -> Summary:
        """Write figures.json, after the last cloud, and return the summary that stands in it."""
        self._settle(0)
        done = [row for row in self._rows if row.points]
        totals = [row.figures.times_ms["total"] for row in done if "total" in row.figures.times_ms]
        summary = Summary(
            frame_sets=len(self._rows),
            reconstructed=len(done),
            dropped_frame_sets=dropped,
            points_median=float(np.median([row.points for row in done])) if done else None,
            time_ms_median=float(np.median(totals)) if totals else None,
            time_ms_95=float(np.percentile(totals, 95)) if totals else None,
            warnings=dict(self._warnings.values()),
            measured_share=_measured_shares([row.figures for row in done]),
        )
        make_folder(self._folder, is_private=True)
        text = json.dumps({"summary": asdict(summary), "frame_sets": [_row_json(row) for row in self._rows]}, indent=1)
        write_whole(self._folder / "figures.json", text + "\n", is_private=True)
        return summary


def _measured_shares(figures: Sequence[Figures]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for pod in (pod for each in figures for pod in each.pods):
        found.setdefault(pod.pod, []).append(pod.kept_share)
    return {pod: round(float(np.median(shares)), 4) for pod, shares in found.items()}


def _row_json(row: FrameSetRow) -> dict[str, Any]:
    """Return plain values for JSON, which knows no NaN."""
    f = row.figures
    told = {
        "index": row.index, "points": row.points, "reason": row.reason or None,
        "pods": {
            p.pod: {
                "lit_cells": p.lit_cells, "kept_cells": p.kept_cells, "kept_share": round(p.kept_share, 4),
                "correlation": _finite(p.correlation), "row_residual_px": _finite(p.row_residual_px),
                "row_spread_px": _finite(p.row_spread_px), "noise_um": _finite(p.noise_um),
                "sigma_um": _finite(p.sigma_um),
            }
            for p in f.pods
        },
        "step_um": _finite(f.step_um), "spread_um": _finite(f.spread_um), "overlap_share": round(f.overlap_share, 4),
        "times_ms": {name: round(value, 2) for name, value in f.times_ms.items()},
        "warnings": [str(warning) for warning in f.warnings],
    }  # fmt: skip
    return told | ({"tracks": asdict(row.tracks)} if row.tracks else {})


def _finite(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None
