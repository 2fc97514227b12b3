"""Clouds and meshes in files: PLY, OBJ with MTL and PNG, glTF, STL. Millimetres in all but glTF, which is in metres.

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

from rigdriver.errors import UsageError
from rigdriver.stereo.cloud import PointCloud
from rigdriver.stereo.mesh.ply import write_rows
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
    body = to_trimesh(mesh, is_textured=suffix in (".obj", ".glb", ".gltf"), name=path.stem)
    if suffix == ".stl" and not body.is_watertight:
        raise UsageError(
            device=str(path),
            seen="the mesh is open",
            expected="a closed one, as printers need it",
            remedy="close it for printing first, or write a .ply",
        )
    # glTF is in metres by its specification (Khronos, glTF 2.0, 3.4).
    if suffix in (".glb", ".gltf"):
        body.apply_scale(1e-3)  # type: ignore[no-untyped-call]
    if suffix == ".gltf":
        _write_gltf(body, path)
        return
    if suffix == ".obj":
        text, others = trimesh.exchange.obj.export_obj(body, return_texture=True, mtl_name=path.stem + ".mtl")  # type: ignore[no-untyped-call]
        # The mesh names the other files, so that these come first.
        write_set({**{path.parent / name: content for name, content in others.items()}, path: text}, is_private=True)
        return
    data = cast("bytes | str", body.export(file_type=suffix.lstrip(".")))
    if suffix == ".ply" and np.isfinite(mesh.scale_ppm):
        assert isinstance(data, bytes)
        comment = f"\ncomment {SCALE_COMMENT} {mesh.scale_ppm:.3f}".encode("ascii")
        data = data.replace(b"\nelement vertex", comment + b"\nelement vertex", 1)
    write_whole(path, data, is_private=True)


def _write_gltf(body: trimesh.Trimesh, path: Path) -> None:
    """Write the glTF and the files that it names, with the mesh's own name in front: a folder may hold many meshes."""
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
