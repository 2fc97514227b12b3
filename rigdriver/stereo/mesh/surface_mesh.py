"""From fused surfaces to a triangle mesh with texture.

In: the surfaces of the pods, a calibration, colour images. Out: `SurfaceMesh`. The cells of a pod are a grid, so
its triangles are known; where both pods measured, the one with the larger weight keeps its triangles. The fused
surfaces coincide there, so the cut leaves no step; the two sides meet within a cell but share no vertices. Not here:
file formats (see files.py) and closing for printing (see solid.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Array, Bytes, Floats32, Ints32, make_read_only
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.errors import UsageError
from rigdriver.images.colours import to_rgb
from rigdriver.images.raw_image import AnyImage, with_format
from rigdriver.stereo.geometry.surface import Surface, cell_points, find_patches
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.mesh.fuse import find_worse, pod_weights
from rigdriver.stereo.mesh.texture import atlas_of, colours_at, places_in_atlas, texture_cameras


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceMesh:
    """Triangles in the calibration's world, millimetres; arrays are read-only."""

    vertices_mm: Array
    """(V, 3) float64."""
    faces: Ints32
    """(F, 3) int32, counter-clockwise seen from outside."""
    normals: Floats32
    """(V, 3) float32, out of the surface."""
    sigma_mm: Floats32
    """(V,) float32, along the normal."""
    colours: Bytes | None = None
    """(V, 3) uint8, red green blue."""
    places: Array | None = None
    """(V, 2) float64: texture coordinates, v upwards."""
    atlas: Bytes | None = None
    """(H, W, 3) uint8: the texture."""

    def __post_init__(self) -> None:
        make_read_only(self.vertices_mm, self.faces, self.normals, self.sigma_mm, self.colours, self.places, self.atlas)


def make_mesh(
    surfaces: Sequence[Surface],
    calibration: RigCalibration,
    images: Mapping[str, AnyImage] | None = None,
    pixel_format: str = "BayerRG8",
) -> SurfaceMesh:
    """Mesh the surfaces of one frame set; with `images` of colour cameras also textured.

    `pixel_format`: of 8-bit arrays that bring none; frames say their own.

    Raises:
        UsageError: there is no surface.
    """
    if not surfaces:
        raise UsageError(
            device="mesh",
            seen="there is no surface: the reconstruction is empty",
            expected="points",
            remedy="its `reason` says why there are none",
        )
    weights = [pod_weights(surface) for surface in surfaces]
    vertices, normals, sigmas, faces, count = [], [], [], [], 0
    for n, surface in enumerate(surfaces):
        worse = np.zeros(surface.keep.shape, np.uint8)
        for m, other in enumerate(surfaces):
            if m != n:
                worse |= find_worse(surface, other, weights[n], weights[m])
        points, directions = cell_points(surface)
        # Room for the most triangles there can be; kept cells are numbered in the grid's order.
        corners = np.zeros((2 * int(surface.keep.sum()), 3), np.int32)
        number = np.full(surface.keep.shape, -1, np.int32)
        number[surface.keep > 0] = np.arange(int(surface.keep.sum()))
        patches = np.zeros_like(surface.keep)
        find_patches(surface.field, surface.keep, patches)
        corners = corners[: _triangles(surface.field, patches, worse, number, corners)]
        # Vertices that no triangle uses are left out, and the others renumbered.
        used = np.unique(corners)
        renamed = np.full(len(points), -1, np.int32)
        renamed[used] = np.arange(len(used), dtype=np.int32)
        vertices.append(points[used])
        normals.append(directions[used])
        sigmas.append(surface.sigma_mm[surface.keep > 0][used])
        faces.append(renamed[corners] + count)
        count += len(used)
    mesh = SurfaceMesh(
        np.concatenate(vertices), np.concatenate(faces).astype(np.int32), np.concatenate(normals).astype(np.float32),
        np.concatenate(sigmas).astype(np.float32),
    )  # fmt: skip
    if not images:
        return mesh
    pods = [surface.pair.pod for surface in surfaces]
    return _textured(mesh, [len(v) for v in vertices], pods, calibration, images, pixel_format)


def _textured(
    mesh: SurfaceMesh, counts: Sequence[int], pods: Sequence[str], calibration: RigCalibration,
    images: Mapping[str, AnyImage], pixel_format: str,
) -> SurfaceMesh:  # fmt: skip
    cameras = texture_cameras(calibration, pods, images)
    if not cameras:
        return mesh
    # One atlas for all pods, so a mesh has one material.
    names = sorted(set(cameras.values()))
    seen = {name: to_rgb(with_format(images[name], pixel_format, f"camera {name}")) for name in names}
    calibration.check_sizes({name: (image.shape[1], image.shape[0]) for name, image in seen.items()})
    atlas, starts = atlas_of(seen, names)
    places, begin = np.zeros((len(mesh.vertices_mm), 2)), 0
    for pod, count in zip(pods, counts, strict=True):
        part = slice(begin, begin + count)
        camera = cameras[pod]
        places[part] = places_in_atlas(
            mesh.vertices_mm[part], calibration, camera, starts[camera], (atlas.shape[1], atlas.shape[0])
        )
        begin += count
    return SurfaceMesh(
        mesh.vertices_mm, mesh.faces, mesh.normals, mesh.sigma_mm, colours_at(atlas, places), places, atlas
    )


@kernel
def _triangles(field: Floats32, patches: Bytes, worse: Bytes, number: Ints32, faces: Ints32) -> int:
    """Fill `faces` with two triangles per patch, cut along the diagonal with less change of disparity; count them."""
    count = 0
    for j in range(patches.shape[0] - 1):
        for i in range(patches.shape[1] - 1):
            if not patches[j, i]:
                continue
            # A patch goes only when the other pod has the larger weight at all its corners: so the cut has no gap.
            if worse[j, i] and worse[j, i + 1] and worse[j + 1, i] and worse[j + 1, i + 1]:
                continue
            a, b, c, d = number[j, i], number[j, i + 1], number[j + 1, i], number[j + 1, i + 1]
            if abs(field[0, j, i] - field[0, j + 1, i + 1]) <= abs(field[0, j, i + 1] - field[0, j + 1, i]):
                faces[count, 0], faces[count, 1], faces[count, 2] = a, c, d
                faces[count + 1, 0], faces[count + 1, 1], faces[count + 1, 2] = a, d, b
            else:
                faces[count, 0], faces[count, 1], faces[count, 2] = a, c, b
                faces[count + 1, 0], faces[count + 1, 1], faces[count + 1, 2] = b, c, d
            count += 2
    return count
