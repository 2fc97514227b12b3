"""`rigdriver mesh`: where a mesh lies, how large it is, and whether it can be measured on.

In: a mesh file. Out: bounds, parts, borders, what was mended when it was read, and exit status 0. Coordinates for
`rigdriver measure` are chosen with it. Not here: measuring (see measure.py).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import GOOD, undisturbed, verb
from rigdriver.errors import UsageError

if TYPE_CHECKING:
    from rigdriver.stereo.mesh.findings import MeshFindings
    from rigdriver.stereo.mesh.reading import Unit

UnitOption = Annotated[
    str | None,
    typer.Option("--unit", metavar="UNIT", help="Unit of the mesh: mm, m, cm, um or inch; mm if not given, glTF m."),
]


@verb
def mesh(
    file: Annotated[Path, typer.Argument(metavar="MESH", help="PLY, OBJ, glTF or STL.", show_default=False)],
    unit: UnitOption = None,
    json: JsonOption = False,
) -> int:
    """Show the bounds, parts and holes of a mesh."""
    with undisturbed():
        from rigdriver.procedures.measure import look_at_mesh  # noqa: PLC0415  slow to import

    found = look_at_mesh(file, unit_named(unit))
    if json:
        show_json({**asdict(found), "is_closed": found.is_closed, "notes": [str(note) for note in found.notes]})
    else:
        show("\n".join(_lines(found)))
    return GOOD


def _lines(found: MeshFindings) -> list[str]:
    bounds = (
        f"{axis} {low:.4g} to {low + size:.4g} mm"
        for axis, low, size in zip("xyz", found.low_mm, found.size_mm, strict=True)
    )
    open_ = f"open: {found.borders} borders (rims and holes), {found.border_mm:.4g} mm long together"
    return [
        f"bounds: {', '.join(bounds)}",
        f"triangles: {found.faces} on {found.vertices} vertices",
        f"parts: {found.parts}; the largest has {100 * found.largest_part:.4g} % of the triangles",
        "closed: it has a volume" if found.is_closed else open_,
        *(f"note: {note}" for note in found.notes),
    ]


def unit_named(name: str | None) -> Unit | None:
    """Return the unit that an option names.

    Raises:
        UsageError: it names none.
    """
    if name is None:
        return None
    from rigdriver.stereo.mesh.reading import Unit  # noqa: PLC0415  slow to import

    if name.upper() not in Unit.__members__:
        names = ", ".join(unit.lower() for unit in Unit.__members__)
        raise UsageError(device="--unit", seen=name, expected=f"one of {names}")
    return Unit[name.upper()]
