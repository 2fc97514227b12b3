"""Clouds and meshes in files: PLY, OBJ with MTL and PNG, glTF, STL. Millimetres in all but glTF, which is in metres.

A glTF stands upright, y up, and faces +z, as its specification asks; the others stay in the calibration's world and
say in a comment how they stand (see stance.py).

In: a `PointCloud` or a `SurfaceMesh`, and a path. Out: a file that other programs read. trimesh writes all but the PLY
of a cloud, which also carries sigma and quality (see ply.py). Not here: how clouds and meshes are made, and reading
them back (see reading.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import trimesh
from PIL import Image as PictureFile

from rigdriver.arrays import Array
from rigdriver.errors import UsageError
from rigdriver.stereo.cloud import PointCloud
from rigdriver.stereo.mesh.ply import write_rows
from rigdriver.stereo.mesh.stance import WORD, stance_text
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver.whole_file import write_set, write_whole

SCALE_COMMENT = "calibration_scale_ppm"
"""Word of the PLY comment that holds the standard uncertainty of the calibration's scale."""
MESH_SUFFIXES = (".ply", ".obj", ".glb", ".gltf", ".stl")


def write_cloud(cloud: PointCloud, path: Path) -> None:
    """Write a binary PLY with normals, sigma, quality, pod and, where there is one, colour."""
    kinds: list[tuple[str, str]] = [(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz", "sigma_mm", "quality")]
    kinds.append(("pod", "u1"))
    if cloud.colour is not None:
        kinds += [(name, "u1") for name in ("red", "green", "blue")]
    rows = np.empty(len(cloud), np.dtype(kinds))
    for k in range(3):
        rows["xyz"[k]] = cloud.points_mm[:, k]
        rows[("nx", "ny", "nz")[k]] = cloud.normals[:, k]
        if cloud.colour is not None:
            rows[("red", "green", "blue")[k]] = cloud.colour[:, k]
    rows["sigma_mm"], rows["quality"], rows["pod"] = cloud.sigma_mm, cloud.quality, cloud.pod
    write_rows(rows, ["millimetres", *(f"pod {n} {name}" for n, name in enumerate(cloud.pod_names))], path)


def write_mesh(mesh: SurfaceMesh, path: Path) -> None:
    """Write a mesh; the suffix names the format.

    Raises:
        UsageError: an unknown suffix, or STL of a body that is not watertight (printers need one).
    """
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise UsageError(
            device=str(path),
            seen=f"a mesh cannot be written as {suffix or 'a file without suffix'}",
            expected=f"one of {', '.join(MESH_SUFFIXES)}",
        )
    # The texture's name is its own: a picture of the mesh may have the mesh's.
    body = to_trimesh(mesh, is_textured=suffix in (".obj", ".glb", ".gltf"), name=f"{path.stem}-texture")
    if suffix == ".stl" and not body.is_watertight:
        raise UsageError(
            device=str(path),
            seen="the mesh is open",
            expected="a closed one, as printers need it",
            remedy="close it for printing first, or write a .ply",
        )
    if suffix in (".glb", ".gltf"):
        _write_gltf(body, mesh.stance, path)
        return
    if suffix == ".obj":
        text, others = trimesh.exchange.obj.export_obj(body, return_texture=True, mtl_name=path.stem + ".mtl")  # type: ignore[no-untyped-call]
        if mesh.stance is not None:
            text = f"# {stance_text(mesh.stance)}\n{text}"
        # The mesh names the other files, so that these come first.
        write_set({**{path.parent / name: content for name, content in others.items()}, path: text}, is_private=True)
        return
    data = cast("bytes | str", body.export(file_type=suffix.lstrip(".")))
    assert isinstance(data, bytes)
    write_whole(path, _with_comments(data, mesh, suffix), is_private=True)


def _with_comments(data: bytes, mesh: SurfaceMesh, suffix: str) -> bytes:
    """Return a PLY or a binary STL that says how it stands, and a PLY its scale's uncertainty."""
    told = [] if mesh.stance is None else [stance_text(mesh.stance)]
    if suffix == ".stl":
        # The head has 80 bytes of free text that must not begin with "solid".
        return b"".join(word.encode("ascii").ljust(80) for word in told) + data[80 * len(told) :]
    if np.isfinite(mesh.scale_ppm):
        told.append(f"{SCALE_COMMENT} {mesh.scale_ppm:.3f}")
    comments = "".join(f"\ncomment {word}" for word in told).encode("ascii")
    return data.replace(b"\nelement vertex", comments + b"\nelement vertex", 1)


def _write_gltf(body: trimesh.Trimesh, stance: Array | None, path: Path) -> None:
    """Write a glTF in metres, y up and facing +z (Khronos, glTF 2.0, 3.4); its extras say how it was turned."""
    # The body itself is turned, not its node: some programs read the triangles alone.
    turn = np.eye(4)
    turn[:3, :3] = 1e-3 * (np.eye(3) if stance is None else stance)
    body.apply_transform(turn)
    if stance is not None:
        body.metadata[WORD] = stance.ravel().tolist()
    if path.suffix.lower() == ".glb":
        write_whole(path, cast("bytes", body.export(file_type="glb")), is_private=True)
        return
    # Files that it names get the mesh's own name in front: a folder may hold many meshes.
    files: dict[str, bytes] = trimesh.exchange.gltf.export_gltf(trimesh.Scene(body))  # type: ignore[no-untyped-call]
    table = json.loads(files.pop("model.gltf"))
    written: dict[Path, bytes | str] = {}
    for part in (*table.get("buffers", ()), *table.get("images", ())):
        if part.get("uri") in files:
            named = f"{path.stem}-{part['uri']}"
            written[path.parent / named] = files.pop(part["uri"])
            part["uri"] = named
    write_set({**written, path: json.dumps(table)}, is_private=True)


def to_trimesh(mesh: SurfaceMesh, is_textured: bool = True, name: str = "texture") -> trimesh.Trimesh:
    """Return the mesh as trimesh's own type, with texture or colours; `name` is that of the texture."""
    body = trimesh.Trimesh(
        mesh.vertices_mm.copy(), mesh.faces.copy(), vertex_normals=mesh.normals.copy(), process=False
    )
    body.vertex_attributes["sigma_mm"] = mesh.sigma_mm.copy()
    if is_textured and mesh.places is not None and mesh.atlas is not None:
        material = trimesh.visual.material.SimpleMaterial(image=PictureFile.fromarray(mesh.atlas), name=name)  # type: ignore[no-untyped-call]
        body.visual = trimesh.visual.TextureVisuals(uv=mesh.places.copy(), material=material)  # type: ignore[no-untyped-call]
    elif mesh.colours is not None:
        body.visual = trimesh.visual.ColorVisuals(body, vertex_colors=mesh.colours.copy())
    return body
