"""`rigdriver measure`: distances, ways along the surface, areas, volumes, sections, and what changed between meshes.

In: a mesh file, places in millimetres. Out: values with their standard uncertainty, and a deviation map as a picture.
This file refuses to know how anything is measured.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
import typer

from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import GOOD, verb
from rigdriver.errors import UsageError

if TYPE_CHECKING:
    from rigdriver.stereo.measure import Quantity
    from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh


@verb
def measure(  # noqa: PLR0913, PLR0917
    mesh: Annotated[Path, typer.Argument(metavar="MESH", help="PLY, OBJ, glTF or STL; PLY carries the uncertainty.")],
    points: Annotated[
        list[str] | None, typer.Option("--point", metavar="X,Y,Z", help="A place, mm; two give distances.")
    ] = None,
    within: Annotated[
        str | None, typer.Option("--within", metavar="X,Y,Z,R", help="Area of what lies in a ball, not of all.")
    ] = None,
    volume: Annotated[bool, typer.Option("--volume", help="Volume; the mesh must be watertight.")] = False,
    section: Annotated[
        str | None, typer.Option("--section", metavar="X,Y,Z,NX,NY,NZ", help="Cut by a plane: place and normal.")
    ] = None,
    lines: Annotated[
        Path | None, typer.Option("--lines", metavar="CSV", help="Write the way along the surface and the section.")
    ] = None,
    other: Annotated[Path | None, typer.Option("--to", metavar="MESH", help="Deviation to another mesh.")] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="PNG", help="Deviation map as a picture.")
    ] = None,
    scale_ppm: Annotated[
        float, typer.Option("--scale-ppm", min=0, help="Standard uncertainty of the calibration's scale.")
    ] = 0,
    json: JsonOption = False,
) -> int:
    """Measure on a mesh, with uncertainty."""
    from rigdriver.stereo.measure import (  # noqa: PLC0415
        area_of,
        distance_along,
        distance_between,
        faces_within,
        section_of,
        volume_of,
    )
    from rigdriver.stereo.mesh.files import read_mesh  # noqa: PLC0415  compiled code is slow to import

    if picture and not other:
        raise UsageError("--picture draws the deviation to another mesh; name that with --to")
    if lines and not (points or section):
        raise UsageError("--lines writes ways and sections; ask for one with --point twice or --section")
    read = read_mesh(mesh)
    drawn: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {}
    chosen = None
    if within:
        x, y, z, radius_mm = _numbers(within, 4, "--within")
        chosen = faces_within(read, (x, y, z), float(radius_mm))
    found: dict[str, Quantity] = {"area": area_of(read, chosen, scale_ppm)}
    if points:
        if len(points) != 2:
            raise UsageError(f"--point was given {len(points)} times; expected twice")
        a, b = (_numbers(text, 3, "--point") for text in points)
        found["distance"] = distance_between(read, a, b, scale_ppm)
        found["distance along the surface"], drawn["way"] = distance_along(read, a, b, scale_ppm)
    if volume:
        found["volume"] = volume_of(read, scale_ppm)
    if section:
        numbers = _numbers(section, 6, "--section")
        found["section"], drawn["section"] = section_of(read, numbers[:3], numbers[3:], scale_ppm)
    if other:
        found |= _compare(read, read_mesh(other), picture)
    if lines:
        _write_lines(lines, drawn)
    if json:
        show_json(
            {
                name: {"value": _or_none(q.value), "sigma": _or_none(q.sigma), "unit": q.unit}
                for name, q in found.items()
            }
        )
    else:
        for name, quantity in found.items():
            show(f"{name}: {quantity}")
    return GOOD


def _write_lines(path: Path, drawn: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]) -> None:
    """One row a point: a way is one line, a section has two rows a piece."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("line", "piece", "x_mm", "y_mm", "z_mm"))
        for name, points in drawn.items():
            for piece, place in enumerate(points.reshape(-1, 3)):
                number = piece // 2 if name == "section" else 0
                rows.writerow((name, number, *(f"{v:.4f}" for v in place)))


def _compare(mesh: SurfaceMesh, other: SurfaceMesh, picture: Path | None) -> dict[str, Quantity]:
    from rigdriver.stereo.measure import Quantity, deviations  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.stereo.mesh.pictures import draw_map  # noqa: PLC0415  compiled code is slow to import

    off, sigma = deviations(mesh, other)
    known = np.isfinite(off)
    share = float(known.mean())
    if not known.any():
        raise UsageError("the meshes lie nowhere within 5 mm of each other; are they of one calibration?")
    typical = float(np.nanmedian(sigma[known])) if np.isfinite(sigma[known]).any() else float("nan")
    if picture:
        reach = max(float(np.percentile(np.abs(off[known]), 98)), 1e-3)
        drawn = draw_map(mesh, off, "deviation", "mm", (-reach, reach))
        if not cv2.imwrite(str(picture), cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)):
            raise UsageError(f"{picture}: cannot be written; name a .png in a folder that exists")
    return {
        "deviation, share of this mesh that has one": Quantity(100 * share, 0.0, "%"),
        "deviation, median": Quantity(float(np.median(off[known])), typical, "mm"),
        "deviation, RMS": Quantity(float(np.sqrt(np.mean(off[known] ** 2))), typical, "mm"),
        "deviation, largest 1 %": Quantity(float(np.percentile(np.abs(off[known]), 99)), typical, "mm"),
    }


def _numbers(text: str, count: int, option: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        numbers = np.array([float(part) for part in text.split(",")])
    except ValueError:
        numbers = np.zeros(0)
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise UsageError(f"{option} {text}: expected {count} numbers separated by commas, millimetres")
    return numbers


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
