"""Campaign: do measures on meshes lie within their stated uncertainty, from the noise in the images to the number?

    nice -n 15 python tools/campaign_measures.py [--draws 40 --size 640x480 --heads 61,62 --discs 71 --json]

In: simulated subjects that are rendered once and get new image noise per draw. Out: for each kind of measure the mean
error, its scatter and its size in units of the stated standard uncertainty, and the share of draws within 1.96 of
them; a table, or JSON with `--json`; a progress bar on a terminal. Each draw goes through the whole chain: noise,
rectifying, matching, fusion, mesh, measure. The cameras are the true ones, so the calibration's part is not tried. The
truth is measured in the same way on triangles a quarter as large, whose vertices lie on the simulator's own surface.
Discs have edges, so they show where a surface ends: their area and diameters are known. It judges nothing: status 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench_stereo import true_calibration
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.measure.areas import Ball, area_of, volume_of
from rigdriver.stereo.measure.quantity import Quantity
from rigdriver.stereo.measure.sections import section_of
from rigdriver.stereo.measure.straight import distance_between
from rigdriver.stereo.measure.uncertainty import PointErrors
from rigdriver.stereo.measure.way import distance_along
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh, make_mesh
from rigdriver.stereo.mesh.topology import edges_of
from rigdriver.stereo.reconstruct import CellReconstructor
from rigdriver_sim.scene.offline import LIGHTS
from rigdriver_sim.scene.render import Renderer, expose
from rigdriver_sim.scene.sensor import digitise
from rigdriver_sim.scene.spec import parse_scene

Array = npt.NDArray[np.float64]
Measure = tuple[str, Quantity, float]
"""Kind, what was measured, and the truth."""
BALL_MM = 10.0
"""Radius of the regions whose area is measured."""
BODY_MM = 22.0
"""Radius of the piece of a face that is closed to a body."""
DISC_MM = 120.0
"""Diameter of the discs."""
PLACES = 6
"""Number of places per kind of measure."""
REFINED = 2
"""Number of times that the truth's triangles are quartered."""
COVERED = 1.96
"""Half width of a 95 % interval, in standard uncertainties."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of one draw."""

    kind: str
    subject: str
    place: int
    """Number of the measure within its draw: the same one in all draws of a subject."""
    value: float
    sigma: float
    true: float

    @property
    def error(self) -> float:
        """Difference from the truth."""
        return self.value - self.true


@dataclass(frozen=True, slots=True)
class Line:
    """What all rows of a kind say; errors in units of the stated standard uncertainty, but for the first three."""

    kind: str
    count: int
    true: float
    sigma: float
    """Median stated standard uncertainty."""
    mean_error: float
    mean: float
    scatter: float
    """Root mean square of what noise in the images changes at one place."""
    rms: float
    largest: float
    covered: float
    """Share of draws within 1.96 standard uncertainties."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One scene without noise, and what is asked of it."""

    renderer: Renderer
    t_s: float
    electrons: Mapping[str, npt.NDArray[np.float32]]
    calibration: RigCalibration
    distance_mm: Callable[[Array], Array]

    def images(self, draw: int) -> dict[str, npt.NDArray[np.uint8]]:
        """Return what the cameras see with the noise of one draw."""
        spec = self.renderer.spec
        return {
            name: digitise(seen, spec.sensor, 8, spec.seed, name, 1000 + draw).astype(np.uint8)
            for name, seen in self.electrons.items()
        }


def rendered(table: Mapping[str, Any], size: tuple[int, int], t_s: float) -> Subject:
    """Render the geometry cameras' views of a scene."""
    renderer = Renderer(parse_scene(table), *size)
    nominal = renderer.spec.light.nominal_us
    lamps = LIGHTS["pattern"]
    electrons = {}
    for name, model in renderer.pods.cameras.items():
        if not model.is_colour:
            electrons[name] = expose(renderer.view(name, t_s, lamps).lamps, dict.fromkeys(lamps, nominal), nominal)
    still = renderer.still(t_s)
    return Subject(renderer, t_s, electrons, true_calibration(renderer), still.signed_distance_mm)


# ---------------------------------------------------------------- the truth


def truth_of(subject: Subject, mesh: SurfaceMesh, is_measured: npt.NDArray[np.bool_] | None = None) -> SurfaceMesh:
    """Return the triangles, refined, with what was measured of them moved onto the true surface."""
    share = np.ones(len(mesh.vertices_mm)) if is_measured is None else is_measured.astype(np.float64)
    points, faces = mesh.vertices_mm, mesh.faces
    for _ in range(REFINED):
        points, faces, attributes = trimesh.remesh.subdivide(points, faces, vertex_attributes={"share": share[:, None]})  # type: ignore[no-untyped-call]
        share = np.ravel(attributes["share"])
    points = np.array(points, np.float64)
    moved = share == 1.0
    points[moved] = _on_surface(subject, points[moved])
    body = trimesh.Trimesh(points, faces, process=False)
    return SurfaceMesh(
        points, np.asarray(faces, np.int32), np.array(body.vertex_normals, np.float32),
        np.zeros(len(points), np.float32),
    )  # fmt: skip


def _on_surface(subject: Subject, points: Array, step_mm: float = 0.01) -> Array:
    """Return the points moved along the slope of the distance to the surface (Newton)."""
    found = points.copy()
    for _ in range(3):
        slope = np.stack(
            [subject.distance_mm(found + d) - subject.distance_mm(found - d) for d in step_mm * np.eye(3)], axis=1
        ) / (2 * step_mm)
        found -= (subject.distance_mm(found) / (slope**2).sum(axis=1))[:, None] * slope
    return found


def part_of(mesh: SurfaceMesh, chosen: npt.NDArray[np.bool_]) -> SurfaceMesh:
    """Return the chosen triangles, (F,), alone."""
    used, renamed = np.unique(mesh.faces[chosen], return_inverse=True)
    return SurfaceMesh(
        mesh.vertices_mm[used].copy(), np.asarray(renamed, np.int32).reshape(-1, 3), mesh.normals[used].copy(),
        mesh.sigma_mm[used].copy(),
    )  # fmt: skip


def closed(mesh: SurfaceMesh, direction: Array) -> tuple[SurfaceMesh, npt.NDArray[np.bool_]]:
    """Return a body: the piece, a wall below its border, and a flat base that has no uncertainty; what was measured."""
    count = len(mesh.vertices_mm)
    height = mesh.vertices_mm @ direction
    base = mesh.vertices_mm - (height - (height.min() - 10.0))[:, None] * direction
    edges = edges_of(mesh.faces)
    # The border's edges as the triangles go round them.
    sides = mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)[edges.is_border[edges.of_face.ravel()]]
    u, v = sides[:, 0], sides[:, 1]
    walls = np.concatenate([np.stack([v, u, u + count], 1), np.stack([v, u + count, v + count], 1)])
    faces = np.concatenate([mesh.faces, walls, mesh.faces[:, ::-1] + count]).astype(np.int32)
    body = SurfaceMesh(
        np.concatenate([mesh.vertices_mm, base]),
        faces,
        np.concatenate([mesh.normals, np.tile(-direction, (count, 1)).astype(np.float32)]),
        np.concatenate([mesh.sigma_mm, np.zeros(count, np.float32)]),
    )  # fmt: skip
    return body, np.arange(2 * count) < count


# ---------------------------------------------------------------- heads


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is measured on a head in every draw, with its truth."""

    balls: tuple[tuple[str, Ball, float], ...]
    pairs: tuple[tuple[Array, Array, float, float], ...]
    """Two places, straight and along the surface."""
    bodies: tuple[tuple[Array, Array], ...]
    """Middle and direction of the pieces that are closed."""


def asked_of(subject: Subject, mesh: SurfaceMesh, surfaces: tuple[Surface, ...]) -> Asked:
    """Choose places by chance, none near a border; half of the areas lie across the seam."""
    chance = np.random.default_rng(subject.renderer.spec.seed)
    edges = edges_of(mesh.faces)
    rim = mesh.vertices_mm[edges.ends[edges.is_border]].mean(axis=1)
    middles = mesh.vertices_mm[mesh.faces].mean(axis=1)

    def free(points: Array, room_mm: float, count: int) -> Array:
        away = np.array([np.linalg.norm(rim - point, axis=1).min() for point in points])
        inner = points[away > room_mm]
        return inner[chance.permutation(len(inner))[:count]]

    some = middles[chance.permutation(len(middles))[:1500]]
    inside, across = free(some, BALL_MM + 2, PLACES), free(_at_seam(subject, mesh, surfaces), BALL_MM + 2, PLACES)
    ends = free(some, 6.0, 400)
    true = truth_of(subject, part_of(mesh, _near(middles, np.concatenate([inside, across]), BALL_MM + 4)))
    balls = []
    for kind, places in (("area", inside), ("area across the seam", across)):
        for place in places:
            ball = Ball((float(place[0]), float(place[1]), float(place[2])), BALL_MM)
            balls.append((kind, ball, area_of(true, ball).value))
    pairs = []
    for first in ends[:PLACES]:
        off = np.linalg.norm(ends - first, axis=1)
        second = ends[np.argmin(np.abs(off - 30.0))]
        strip = truth_of(subject, part_of(mesh, _near(middles, np.stack([first, second, (first + second) / 2]), 26.0)))
        straight, along = distance_between(strip, first, second).value, distance_along(strip, first, second)[0].value
        pairs.append((first, second, straight, along))
    bodies = []
    for place in free(some, BODY_MM + 2, 2):
        near = np.linalg.norm(mesh.vertices_mm - place, axis=1) < BODY_MM
        direction = mesh.normals[near].mean(axis=0).astype(np.float64)
        bodies.append((place, direction / np.linalg.norm(direction)))
    return Asked(tuple(balls), tuple(pairs), tuple(bodies))


def _near(points: Array, places: Array, room_mm: float) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(points), bool)
    for place in places:
        found |= np.linalg.norm(points - place, axis=1) < room_mm
    return found


def _at_seam(subject: Subject, mesh: SurfaceMesh, surfaces: tuple[Surface, ...]) -> Array:
    """Return middles of triangles whose corners are not all of one pod."""
    alone = make_mesh(surfaces[:1], subject.calibration)
    first = {tuple(p) for p in np.round(alone.vertices_mm, 9)}
    is_first = np.array([tuple(p) in first for p in np.round(mesh.vertices_mm, 9)])
    shares = is_first[mesh.faces].mean(axis=1)
    return np.asarray(mesh.vertices_mm[mesh.faces[(shares > 0) & (shares < 1)]].mean(axis=1))


def measured_on_head(subject: Subject, mesh: SurfaceMesh, asked: Asked) -> Iterator[Measure]:
    """Yield every measure of one draw."""
    errors = PointErrors(mesh)
    for kind, ball, true in asked.balls:
        yield kind, area_of(mesh, ball, errors=errors), true
    for first, second, straight, along in asked.pairs:
        yield "distance", distance_between(mesh, first, second, errors=errors), straight
        yield "way along the surface", distance_along(mesh, first, second, errors=errors)[0], along
    for place, direction in asked.bodies:
        piece = part_of(mesh, np.linalg.norm(mesh.vertices_mm[mesh.faces] - place, axis=2).max(axis=1) < BODY_MM)
        body, is_measured = closed(piece, direction)
        errors = PointErrors(body)
        true_body = truth_of(subject, body, is_measured)
        solid = trimesh.Trimesh(true_body.vertices_mm, true_body.faces, process=False)
        yield "volume of a closed piece", volume_of(body, errors=errors), float(solid.volume)
        across = np.cross(direction, [0.0, 1.0, 0.0])
        for normal in (across, np.cross(across, direction)):
            pieces = trimesh.intersections.mesh_plane(solid, normal, place)  # type: ignore[no-untyped-call]
            length = float(np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=1).sum())
            yield "section of a closed piece", section_of(body, place, normal, errors=errors)[0], length


# ---------------------------------------------------------------- discs


def measured_on_disc(subject: Subject, mesh: SurfaceMesh) -> Iterator[Measure]:
    """Yield area and diameters of a disc: both depend on where the surface ends."""
    pose = np.asarray(subject.renderer.still(subject.t_s).T_world_body)  # type: ignore[attr-defined]
    errors = PointErrors(mesh)
    yield "area of a disc", area_of(mesh, errors=errors), np.pi * DISC_MM**2 / 4
    for angle in (0.0, np.pi / 3, 2 * np.pi / 3):
        normal = pose[:3, :3] @ np.array([np.cos(angle), np.sin(angle), 0.0])
        yield "section of a disc", section_of(mesh, pose[:3, 3], normal, errors=errors)[0], DISC_MM


# ---------------------------------------------------------------- the campaign


def run(options: argparse.Namespace) -> list[Row]:
    """Return every measure of every draw."""
    rows: list[Row] = []
    heads, discs = ([int(seed) for seed in text.split(",") if seed] for text in (options.heads, options.discs))
    width, height = (int(n) for n in options.size.split("x"))
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("draws", total=options.draws * (len(heads) + len(discs)))
        for kind, seed in [("head", s) for s in heads] + [("plate", s) for s in discs]:
            table: dict[str, Any] = {"kind": kind, "seed": seed}
            table |= {"plate": {"size_mm": DISC_MM}} if kind == "plate" else {"motion": {"smile": 0.5}}
            subject = rendered(table, (width, height), 0.2)
            for measures in drawn(subject, options.draws):
                rows += [
                    Row(name, f"{kind} {seed}", n, q.value, q.sigma, true) for n, (name, q, true) in enumerate(measures)
                ]
                progress.advance(task)
    return rows


def drawn(subject: Subject, draws: int) -> Iterator[list[Measure]]:
    """Yield the measures of each draw."""
    asked: Asked | None = None
    with CellReconstructor(subject.calibration) as made:
        for draw in range(draws):
            surfaces = made.reconstruct_surfaces(subject.images(draw))[1]
            mesh = make_mesh(surfaces, subject.calibration)
            if subject.renderer.spec.kind == "plate":
                yield list(measured_on_disc(subject, mesh))
                continue
            asked = asked or asked_of(subject, mesh, surfaces)
            yield list(measured_on_head(subject, mesh, asked))


def summary_of(rows: list[Row]) -> list[Line]:
    """Return a line per kind of measure."""
    lines = []
    for kind in dict.fromkeys(row.kind for row in rows):
        some = [row for row in rows if row.kind == kind]
        places = {(row.subject, row.place) for row in some}
        errors = np.array([row.error for row in some])
        sigma = np.array([row.sigma for row in some])
        scatter = []
        for place in places:
            own = np.array([(row.subject, row.place) == place for row in some])
            scatter += ((errors[own] - errors[own].mean()) / sigma[own]).tolist()
        off = errors / sigma
        lines.append(
            Line(
                kind, len(some), float(np.median([row.true for row in some])), float(np.median(sigma)),
                float(errors.mean()), float(off.mean()), float(np.sqrt(np.mean(np.square(scatter)))),
                float(np.sqrt(np.mean(off**2))), float(np.abs(off).max()), float(np.mean(np.abs(off) <= COVERED)),
            )
        )  # fmt: skip
    return lines


def shown(lines: list[Line]) -> Table:
    """Return the table for people."""
    table = Table("measure", title="Errors in units of the stated standard uncertainty, but for the first columns")
    for name in ("values", "true", "sigma", "mean error", "mean", "scatter", "RMS", "largest", "within 1.96"):
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(
            line.kind, str(line.count), f"{line.true:.5g}", f"{line.sigma:.2g}", f"{line.mean_error:+.2g}",
            f"{line.mean:+.2f}", f"{line.scatter:.2f}", f"{line.rms:.2f}", f"{line.largest:.1f}", f"{line.covered:.3f}",
        )  # fmt: skip
    return table


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draws", type=int, default=40, help="draws of noise per subject")
    parser.add_argument("--size", default="640x480", help="size of the images")
    parser.add_argument("--heads", default="61,62", help="seeds of the heads")
    parser.add_argument("--discs", default="71", help="seeds of the discs")
    parser.add_argument("--json", action="store_true", help="print one object with all rows")
    options = parser.parse_args()
    rows = run(options)
    lines = summary_of(rows)
    if options.json:
        print(json.dumps({"lines": [asdict(line) for line in lines], "rows": [asdict(row) for row in rows]}))
    else:
        Console(width=120).print(shown(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
