"""Meshes from files of any program: PLY, OBJ, glTF, STL, in text or binary.

In: a path, and the unit where it is not millimetres. Out: a `ReadMesh`: the surface in millimetres, mended where it had
to be, with what was found. A file that cannot be read is refused in one sentence: what its head promises is compared
with its size before a library parses it, since a wrong count would ask for all memory. Not here: what is mended (see
repair.py), writing (see files.py).
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from rigdriver.arrays import Array, Floats32, Ints64
from rigdriver.errors import UsageError
from rigdriver.stereo.mesh.files import MESH_SUFFIXES, SCALE_COMMENT
from rigdriver.stereo.mesh.findings import MeshFindings
from rigdriver.stereo.mesh.repair import mend
from rigdriver.stereo.mesh.stance import WORD, checked_stance, stance_in
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

SMALL_MM = 5.0
"""Size below which a mesh in "mm" is taken for one in metres: no rig measures a whole subject as small as that, and a
subject of 0.1 to 5 m in metres is as small."""
LARGE_MM = 5000.0
"""Size above which a mesh in "mm" is taken for one in micrometres: it would be larger than any working volume."""
MOST_FACES = 20_000_000
"""Largest number of triangles that is read: more need tens of gigabytes."""
STL_HEAD = 84
"""Bytes before the triangles of a binary STL: 80 of text, 4 of their number."""
STL_TRIANGLE = 50
"""Bytes per triangle of a binary STL: twelve floats and two bytes of attributes."""


class Unit(Enum):
    """Length that one unit of a mesh file stands for; the value is in mm."""

    M = 1000.0
    CM = 10.0
    MM = 1.0
    UM = 0.001
    INCH = 25.4


@dataclass(frozen=True, slots=True, eq=False)
class ReadMesh:
    """A mesh as it was read."""

    mesh: SurfaceMesh
    findings: MeshFindings


@dataclass(frozen=True, slots=True, eq=False)
class _Raw:
    vertices: Array
    faces: Ints64
    normals: Floats32 | None = None
    sigma: Floats32 | None = None
    scale_ppm: float = float("nan")
    stance: Array | None = None


def read_mesh(path: Path, unit: Unit | None = None) -> SurfaceMesh:
    """Return the surface of `read_checked` alone."""
    return read_checked(path, unit).mesh


def read_checked(path: Path, unit: Unit | None = None) -> ReadMesh:
    """Read a mesh; sigma is NaN where the file holds none (only this package's PLY holds it).

    `unit`: of the file; when it is not given the file is in mm (glTF: in metres, as it says), and a size that would be
    odd then is refused.

    Raises:
        UsageError: no such file, no triangles in it, or it cannot be read or believed.
    """
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise UsageError(
            device=str(path),
            seen="does not have the ending of a mesh file",
            expected=f"one of {', '.join(MESH_SUFFIXES)}",
        )
    if not path.is_file():
        raise UsageError(device=str(path), seen="no such file", remedy=f"name a mesh ({', '.join(MESH_SUFFIXES)})")
    raw = _parsed(path)
    if not len(raw.faces):
        raise UsageError(
            device=str(path),
            seen="holds no triangles",
            expected="a mesh",
            remedy="write one with `rigdriver reconstruct --mesh ply`",
        )
    if raw.faces.min() < 0 or raw.faces.max() >= len(raw.vertices):
        raise _unreadable(path, "its triangles name vertices that it does not hold")
    used = raw.vertices[np.unique(raw.faces)]
    if not np.isfinite(used).all():
        raise UsageError(
            device=str(path),
            seen="holds vertices that are not finite",
            expected="mm",
            remedy="mend the mesh, or write it again",
        )
    is_gltf = path.suffix.lower() in (".glb", ".gltf")
    scale = unit.value if unit else (Unit.M if is_gltf else Unit.MM).value
    _check_size(path, used, scale, unit)
    # Far beyond the size check only with a unit that says so; a larger span has no digits left.
    vertices = np.where(np.isfinite(raw.vertices), raw.vertices, 0.0) * scale
    mesh, findings = mend(vertices, raw.faces, raw.normals, raw.sigma)
    if not len(mesh.faces):
        raise UsageError(
            device=str(path), seen="holds no triangle with an area", expected="a surface", remedy="write it again"
        )
    return ReadMesh(replace(mesh, scale_ppm=raw.scale_ppm, stance=raw.stance), findings)


def _check_size(path: Path, used: Array, scale: float, unit: Unit | None) -> None:
    size = float(np.linalg.norm(np.ptp(used, axis=0))) * scale
    if not np.isfinite(size):
        raise _unreadable(path, "its coordinates are too large for numbers")
    if unit is None and not SMALL_MM <= size <= LARGE_MM:
        guess = "m" if size < SMALL_MM else "um"
        raise UsageError(
            device=str(path),
            seen=f"the whole mesh is {size:.3g} mm large",
            expected=f"{SMALL_MM:g} to {LARGE_MM:g} mm",
            remedy=f"give its unit: --unit {guess} where it is in {guess}, --unit mm where it really is of this size",
        )


def _unreadable(path: Path, why: str) -> UsageError:
    return UsageError(
        device=str(path), seen=f"cannot be read as a mesh: {why}", remedy="name a whole PLY, OBJ, glTF or STL file"
    )


def _parsed(path: Path) -> _Raw:
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise _unreadable(path, exc.strerror or str(exc)) from exc
    suffix = path.suffix.lower()
    if suffix == ".stl":
        return replace(_read_stl(path, data), stance=stance_in(data[:STL_HEAD]))
    try:
        return _by_library(path, suffix, data)
    except UsageError:
        raise
    except RecursionError as exc:
        raise _unreadable(path, "its parts are nested without end") from exc
    except MemoryError as exc:
        raise _unreadable(path, "it asks for more memory than there is") from exc
    except Exception as exc:
        raise _unreadable(path, f"{type(exc).__name__}: {str(exc)[:120]}".replace("\n", " ")) from exc


def _by_library(path: Path, suffix: str, data: bytes) -> _Raw:
    if suffix == ".obj":
        # Only comments and names can hold other letters; any bytes are Latin-1.
        stream: Any = io.StringIO(data.decode("latin-1"))
        body = trimesh.load(stream, file_type="obj", process=False, force="mesh", skip_materials=True)
    elif suffix == ".ply":
        checked = _checked_ply(path, data)
        body = trimesh.load(io.BytesIO(checked), file_type="ply", process=False, force="mesh")
        promised = re.search(rb"^element\s+face\s+(\d+)", checked[:65536], re.MULTILINE)
        if promised and isinstance(body, trimesh.Trimesh) and len(body.faces) < int(promised[1]):
            raise _unreadable(
                path, f"{int(promised[1])} faces are promised, {len(body.faces)} are there: the file was cut off"
            )
    else:
        body = trimesh.load(path, process=False, force="mesh")
    if not isinstance(body, trimesh.Trimesh):
        return _Raw(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    if np.shape(body.vertices)[1:] != (3,) or np.shape(body.faces)[1:] != (3,):
        raise _unreadable(path, "its vertices have no three coordinates, or its faces no three corners")
    # Normals from the file tell which side is out; those that the library makes from the winding tell nothing.
    is_told = "vertex_normals" in body._cache.cache  # noqa: SLF001  trimesh has no other way to ask
    normals = np.array(body.vertex_normals, np.float32) if is_told else None
    word = SCALE_COMMENT.encode("ascii")
    told = re.search(rb"^comment " + word + rb" (\d{1,9}(?:\.\d{1,9})?)\s*$", data[:65536], re.MULTILINE)
    ppm = float(told[1]) if told and suffix == ".ply" else float("nan")
    vertices, faces = np.array(body.vertices, np.float64), np.array(body.faces, np.int64)
    if suffix in {".ply", ".obj"}:
        return _Raw(vertices, faces, normals, _sigma_in(body), ppm, stance_in(data[:65536]))
    stance = checked_stance(body.metadata.get(WORD))
    if stance is not None:
        # This package turned it to stand upright; here it goes back into its calibration's world.
        vertices = vertices @ stance
        normals = None if normals is None else np.asarray(normals @ stance, np.float32)
    return _Raw(vertices, faces, normals, _sigma_in(body), ppm, stance)


def _sigma_in(body: trimesh.Trimesh) -> Floats32 | None:
    """Return the property sigma_mm of a PLY; trimesh keeps what it does not know among the raw data of the file."""
    sigma = body.vertex_attributes.get("sigma_mm")
    if sigma is None:
        raw = body.metadata.get("_ply_raw", {}).get("vertex", {}).get("data")
        names = getattr(getattr(raw, "dtype", None), "names", None) or (raw if isinstance(raw, dict) else ())
        sigma = raw["sigma_mm"] if raw is not None and "sigma_mm" in names else None
    if sigma is None:
        return None
    known = np.ravel(np.asarray(sigma, np.float32))
    # A negative uncertainty is none.
    return np.where(known >= 0, known, np.nan).astype(np.float32) if len(known) == len(body.vertices) else None


def _checked_ply(path: Path, data: bytes) -> bytes:
    """Return the file with an ASCII header whose numbers of rows the bytes that follow can hold."""
    head, found, _ = data[:65536].partition(b"end_header")
    if not data.startswith(b"ply") or not found:
        raise _unreadable(path, "it has no PLY header")
    counts = [int(n) for n in re.findall(rb"^element\s+\S+\s+(\d{1,18})\s*$", head, re.MULTILINE)]
    if len(counts) != len(re.findall(rb"^element\b", head, re.MULTILINE)):
        raise _unreadable(path, "its header gives no number of rows")
    # A row of any element has at least one byte, in text one digit and one blank.
    if sum(counts) > len(data) - len(head):
        raise _unreadable(path, f"its header promises {sum(counts)} rows, and {len(data) - len(head)} bytes follow")
    return bytes(byte if byte < 0x80 else 0x3F for byte in head) + found + data[len(head) + len(found) :]


def _read_stl(path: Path, data: bytes) -> _Raw:
    """Read binary or text STL; bytes behind the last triangle are passed over, missing ones are refused."""
    count = struct.unpack_from("<I", data, 80)[0] if len(data) >= STL_HEAD else -1
    there = (len(data) - STL_HEAD) // STL_TRIANGLE
    is_text = data.lstrip()[:5].lower() == b"solid" and b"facet" in data[:2048].lower()
    if is_text and not (count >= 0 and len(data) == STL_HEAD + STL_TRIANGLE * count):
        return _read_stl_text(path, data)
    if count < 0 or count > there:
        promised = f"{count} triangles" if count >= 0 else f"a head of {STL_HEAD} bytes"
        raise _unreadable(path, f"{promised} are promised, {max(there, 0)} whole ones are there: the file was cut off")
    if count > MOST_FACES:
        raise _unreadable(path, f"{count} triangles are more than the {MOST_FACES} that are read")
    kind = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows = np.frombuffer(data, kind, count, STL_HEAD)
    return _Raw(rows["corners"].reshape(-1, 3).astype(np.float64), np.arange(3 * count, dtype=np.int64).reshape(-1, 3))


def _read_stl_text(path: Path, data: bytes) -> _Raw:
    number = rb"\s+([^\s]{1,64})"
    rows = re.findall(rb"\bvertex" + number * 3, data, re.IGNORECASE)
    try:
        points = np.array([[float(v) for v in row] for row in rows], np.float64).reshape(-1, 3)
    except ValueError as exc:
        raise _unreadable(path, f"a vertex is no number: {exc}") from exc
    facets = len(re.findall(rb"\bendfacet\b", data, re.IGNORECASE))
    if len(points) != 3 * facets or len(points) != 3 * len(re.findall(rb"\bfacet\s+normal\b", data, re.IGNORECASE)):
        raise _unreadable(
            path, f"it has {len(points)} vertices for {facets} whole triangles: it was cut off or damaged"
        )
    return _Raw(points, np.arange(len(points), dtype=np.int64).reshape(-1, 3))
