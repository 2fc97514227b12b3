"""Measure on a mesh: distances, ways along the surface, areas, volumes, sections, and what changed between meshes.

In: a mesh file, places in millimetres. Out: quantities with their standard uncertainty, and the points of the surface
that places were taken for; a CSV of ways and sections and a deviation map as a picture, where asked.
Not here: how anything is measured (see stereo/measure/).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import numpy as np

from rigdriver.arrays import Array, Bytes
from rigdriver.errors import UsageError
from rigdriver.images.picture_file import check_picture_name, write_picture
from rigdriver.stereo.measure.areas import Ball, area_of, faces_touching, volume_of
from rigdriver.stereo.measure.deviation import REACH_MM, deviations, deviations_over
from rigdriver.stereo.measure.places import NEAR_MM, points_on
from rigdriver.stereo.measure.quantity import Quantity
from rigdriver.stereo.measure.sections import section_of
from rigdriver.stereo.measure.straight import distance_between
from rigdriver.stereo.measure.uncertainty import PointErrors
from rigdriver.stereo.measure.way import distance_along
from rigdriver.stereo.mesh.findings import MOST_DOUBLE_SHARE, MeshFindings, MeshNote, MeshNoteKind
from rigdriver.stereo.mesh.pictures import NO_SURFACE, draw_map, refined
from rigdriver.stereo.mesh.reading import Unit, read_checked
from rigdriver.stereo.mesh.repair import layers
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver.whole_file import write_whole

Place = tuple[float, float, float]
DRAWN_SHARE = 0.008
"""Longest edge of a triangle that is drawn as a map, as a share of the mesh's size."""


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """What to measure; places and lengths in mm."""

    points_mm: tuple[Place, Place] | None = None
    """Two places whose distance is measured, straight and along the surface."""
    within_mm: tuple[Place, float] | None = None
    """Centre and radius of a ball; only the area within it is measured."""
    has_volume: bool = False
    section: tuple[Place, Place] | None = None
    """Plane that cuts: a place and a normal."""
    lines: Path | None = None
    """CSV file for the way along the surface and the section."""
    other: Path | None = None
    """Mesh to which the deviation is measured."""
    picture: Path | None = None
    """File for the deviation map."""
    scale_ppm: float | None = None
    """Standard uncertainty of the calibration's scale; None: what the mesh file says, 0 where it says nothing."""
    near_mm: float = NEAR_MM
    """Largest distance of a place from the surface."""
    unit: Unit | None = None
    """Unit of the mesh files; None: mm, glTF m."""

    def __post_init__(self) -> None:
        if self.picture and not self.other:
            raise UsageError(
                device="--picture",
                seen="was given without another mesh",
                expected="a second mesh, because the picture shows the deviation to it",
                remedy="name that with --to",
            )
        if self.lines and not (self.points_mm or self.section):
            raise UsageError(
                device="--lines",
                seen="was given without a way or a section",
                expected="one of them to write",
                remedy="ask for one with --point twice or --section",
            )
        if self.picture:
            check_picture_name(self.picture)


@dataclass(frozen=True, slots=True)
class PlaceUsed:
    """The point of the surface that a place was taken for."""

    asked_mm: Place
    used_mm: Place
    moved_mm: float

    def __str__(self) -> str:
        x, y, z = self.used_mm
        return f"{x:.4g},{y:.4g},{z:.4g} mm (moved {self.moved_mm:.3g} mm onto the surface)"


@dataclass(frozen=True, slots=True)
class MeshMeasures:
    """What was measured."""

    quantities: Mapping[str, Quantity]
    """Quantities by name, in the order in which they were asked for."""
    places: tuple[PlaceUsed, ...] = ()
    notes: Mapping[str, tuple[MeshNote, ...]] = field(default_factory=dict)
    """Notes by mesh file: what was mended in it, and what needs care."""
    refused: Mapping[str, UsageError] = field(default_factory=dict)
    """Errors by the name of a quantity that was not asked for and has no answer on this mesh."""


def measure_mesh(mesh: Path, options: MeasureOptions) -> MeshMeasures:
    """Return what was asked for.

    Raises:
        UsageError: a file is no mesh, or what is asked has no answer on it.
        FileNotWritten: a file cannot be written.
    """
    checked = read_checked(mesh, options.unit)
    read = checked.mesh
    ppm = options.scale_ppm if options.scale_ppm is not None else float(np.nan_to_num(read.scale_ppm))
    notes = {mesh.name: checked.findings.notes}
    drawn: dict[str, Array] = {}
    ball = Ball(*options.within_mm) if options.within_mm else None
    found: dict[str, Quantity] = {}
    refused: dict[str, UsageError] = {}
    errors = PointErrors(read)
    try:
        found["area"] = _area(mesh, read, checked.findings, ball, ppm, errors)
    except UsageError as exc:
        # The area is reported beside other measures, too; then its error must not keep them back.
        if ball or not (options.points_mm or options.has_volume or options.section or options.other):
            raise
        refused["area"] = exc
    places: tuple[PlaceUsed, ...] = ()
    if options.points_mm:
        a, b = (np.array(place) for place in options.points_mm)
        places = _used(read, options.points_mm, options.near_mm)
        found["distance"] = distance_between(read, a, b, ppm, options.near_mm, errors)
        found["distance along the surface"], drawn["way"] = distance_along(read, a, b, ppm, options.near_mm, errors)
    if options.has_volume:
        _check_one_layer(mesh, checked.findings, "volume")
        found["volume"] = volume_of(read, ppm, errors)
    if options.section:
        place, normal = (np.array(part) for part in options.section)
        found["section"], drawn["section"] = section_of(read, place, normal, ppm, errors)
    if options.other:
        other = read_checked(options.other, options.unit)
        notes[options.other.name] = other.findings.notes
        found |= _compare(read, other.mesh, options.picture)
    if options.lines:
        _write_lines(options.lines, drawn)
    return MeshMeasures(found, places, notes, refused)


def look_at_mesh(mesh: Path, unit: Unit | None = None) -> MeshFindings:
    """Return where a mesh lies and how it hangs together.

    Raises:
        UsageError: the file is no mesh.
    """
    return read_checked(mesh, unit).findings


def _area(
    path: Path, mesh: SurfaceMesh, findings: MeshFindings, ball: Ball | None, ppm: float, errors: PointErrors
) -> Quantity:
    if ball is None:
        _check_one_layer(path, findings, "area")
        return area_of(mesh, None, ppm, errors)
    area = area_of(mesh, ball, ppm, errors)
    # Layers elsewhere do not concern this region.
    share = float(layers(mesh.vertices_mm, mesh.faces[faces_touching(mesh, ball)].astype(np.int64)).mean())
    if share > MOST_DOUBLE_SHARE:
        raise _not_one_layer(path, f"{100 * share:.2g} % of the region lies in two layers", "area")
    return area


def _check_one_layer(path: Path, findings: MeshFindings, what: str) -> None:
    if not findings.is_in_one_layer:
        told = [str(n) for n in findings.notes if n.kind in {MeshNoteKind.LAYERED, MeshNoteKind.OVERLAPPING}]
        raise _not_one_layer(path, "; ".join(told), what)


def _not_one_layer(path: Path, seen: str, what: str) -> UsageError:
    return UsageError(
        device=str(path),
        seen=f"has no {what} that can be trusted: {seen}",
        expected="each place of the surface once",
        remedy="reconstruct it again, or unite its bodies in the program that made it",
    )


def _used(mesh: SurfaceMesh, asked: tuple[Place, Place], near_mm: float) -> tuple[PlaceUsed, ...]:
    found = points_on(mesh, asked, near_mm)
    points = [tuple(float(v) for v in point.point_mm) for point in found]
    return tuple(
        PlaceUsed(place, (used[0], used[1], used[2]), point.moved_mm)
        for place, used, point in zip(asked, points, found, strict=True)
    )


def _write_lines(path: Path, drawn: Mapping[str, Array]) -> None:
    """One row per point: a way is one line, a section has two rows per piece."""
    text = StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(("line", "piece", "x_mm", "y_mm", "z_mm"))
    for name, points in drawn.items():
        for piece, place in enumerate(points.reshape(-1, 3)):
            number = piece // 2 if name == "section" else 0
            rows.writerow((name, number, *(f"{v:.4f}" for v in place)))
    write_whole(path, text.getvalue(), is_private=True)


def _deviation_map(mesh: SurfaceMesh, other: SurfaceMesh, off_mm: Array, share: float) -> Bytes:
    # The largest deviations lie at edges; with them as the bounds all other colours would be one.
    reach = max(float(np.percentile(np.abs(off_mm), 98)), 1e-3)
    # A coarse mesh has too few corners for a map; what lies between them deviates as well.
    fine = refined(mesh, DRAWN_SHARE * float(np.linalg.norm(np.ptp(mesh.vertices_mm, axis=0))))
    title = f"deviation; {100 * share:.3g} % of this mesh has one"
    unknown = f"no surface of the other mesh within {REACH_MM:g} mm, or beyond its border"
    return draw_map(fine, deviations(fine, other)[0], title, "mm", (-reach, reach), unknown=unknown, nothing=NO_SURFACE)


def _compare(mesh: SurfaceMesh, other: SurfaceMesh, picture: Path | None) -> dict[str, Quantity]:
    off, sigma = deviations_over(mesh, other)
    known = np.isfinite(off)
    share = float(known.mean())
    if not known.any():
        raise UsageError(
            device="meshes",
            seen="are more than 5 mm apart everywhere",
            expected="two meshes in the coordinates of one calibration",
            remedy="make both with the same calibration",
        )
    typical = float(np.nanmedian(sigma[known])) if np.isfinite(sigma[known]).any() else float("nan")
    if picture:
        write_picture(picture, _deviation_map(mesh, other, off[known], share))
    return {
        "deviation, share of this mesh that has one": Quantity(100 * share, 0.0, "%"),
        "deviation, median": Quantity(float(np.median(off[known])), typical, "mm"),
        "deviation, RMS": Quantity(float(np.sqrt(np.mean(off[known] ** 2))), typical, "mm"),
        "deviation, largest 1 %": Quantity(float(np.percentile(np.abs(off[known]), 99)), typical, "mm"),
    }
