"""`rigdriver measure`: distances, ways along the surface, areas, volumes, sections, and what changed between meshes.

In: a mesh file, places in millimetres. Out: values with their standard uncertainty, and a deviation map as a picture.
Not here: how anything is measured (see procedures/measure.py).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from rigdriver.cli.mesh import UnitOption, unit_named
from rigdriver.cli.overwriting import OverwriteOption
from rigdriver.cli.screen import note, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.subject_options import CatalogueOption
from rigdriver.cli.verb import GOOD, undisturbed, verb
from rigdriver.errors import UsageError
from rigdriver.outputs import refuse_overwriting

if TYPE_CHECKING:
    from rigdriver.procedures.measure import MeshMeasures


WithinOption = Annotated[
    str | None,
    typer.Option("--within", metavar="X,Y,Z,R", help="Area of the part in this ball; if not given, of the whole mesh."),
]
ScaleOption = Annotated[
    float | None,
    typer.Option(
        "--scale-ppm", min=0, help="Standard uncertainty of the calibration's scale; if not given, that of the PLY."
    ),
]


@verb
def measure(  # noqa: PLR0913, PLR0917
    mesh: Annotated[Path, typer.Argument(metavar="MESH", help="PLY, OBJ, glTF or STL; PLY carries the uncertainty.")],
    points: Annotated[
        list[str] | None, typer.Option("--point", metavar="X,Y,Z", help="Place, mm; two places give their distance.")
    ] = None,
    within: WithinOption = None,
    volume: Annotated[bool, typer.Option("--volume", help="Volume; the mesh must be watertight.")] = False,
    section: Annotated[
        str | None, typer.Option("--section", metavar="X,Y,Z,NX,NY,NZ", help="Section by a plane: place and normal.")
    ] = None,
    lines: Annotated[
        Path | None,
        typer.Option("--lines", metavar="CSV", help="CSV file for the way along the surface and the section."),
    ] = None,
    other: Annotated[Path | None, typer.Option("--to", metavar="MESH", help="Deviation to another mesh.")] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="PNG", help="Picture of the deviation to write.")
    ] = None,
    scale_ppm: ScaleOption = None,
    near: Annotated[
        float, typer.Option("--near", metavar="MM", min=0, help="Largest distance of a place from the surface, mm.")
    ] = 2.0,
    unit: UnitOption = None,
    catalogue: CatalogueOption = None,  # noqa: ARG001  verb.py takes it
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
) -> int:
    """Measure on a mesh, with uncertainty."""
    refuse_overwriting([lines, picture], overwrite)
    with undisturbed():
        from rigdriver.procedures.measure import MeasureOptions, Place, measure_mesh  # noqa: PLC0415  slow to import

    # One place has no distance, and which two of three are meant is not clear.
    if points and len(points) != 2:
        raise UsageError(device="--point", seen=f"was given {len(points)} times", expected="twice")
    places = [cast("Place", _numbers(text, 3, "--point")) for text in points or ()]
    ball = _numbers(within, 4, "--within") if within else ()
    plane = _numbers(section, 6, "--section") if section else ()
    options = MeasureOptions(
        points_mm=(places[0], places[1]) if places else None,
        within_mm=(cast("Place", ball[:3]), ball[3]) if ball else None,
        has_volume=volume,
        section=(cast("Place", plane[:3]), cast("Place", plane[3:])) if plane else None,
        lines=lines,
        other=other,
        picture=picture,
        scale_ppm=scale_ppm,
        near_mm=near,
        unit=unit_named(unit),
    )
    found = measure_mesh(mesh, options)
    if json:
        show_json(_as_json(found))
    else:
        _tell(found)
    return GOOD


def _tell(found: MeshMeasures) -> None:
    for name, notes in found.notes.items():
        for told in notes:
            note(f"{name}: {told}")
    for name, reason in found.refused.items():
        note(f"{name}: {reason}")
    for place in found.places:
        show(f"place {','.join(f'{v:g}' for v in place.asked_mm)}: measured at {place}")
    for name, quantity in found.quantities.items():
        show(f"{name}: {quantity}")


def _as_json(found: MeshMeasures) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: {"value": _or_none(q.value), "sigma": _or_none(q.sigma), "unit": q.unit}
        for name, q in found.quantities.items()
    }
    notes = [f"{name}: {told}" for name, some in found.notes.items() for told in some]
    notes += [f"{name}: {reason}" for name, reason in found.refused.items()]
    if notes:
        values["notes"] = notes
    if found.places:
        values["places"] = [
            {"asked_mm": p.asked_mm, "used_mm": p.used_mm, "moved_mm": p.moved_mm} for p in found.places
        ]
    return values


def _numbers(text: str, count: int, option: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    # float() takes "nan" and "inf", which are no places.
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise UsageError(device=option, seen=text, expected=f"{count} numbers in mm, separated by commas")
    return numbers


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
