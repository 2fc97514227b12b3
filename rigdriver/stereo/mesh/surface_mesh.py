"""From fused surfaces to a triangle mesh with texture.

In: the surfaces of the pods, a calibration, colour images. Out: `SurfaceMesh`. The cells of a pod are a grid, so
its triangles are known; where both pods measured, the one with the larger weight keeps its triangles. The fused
surfaces coincide there, so the cut leaves no step; the two sides meet within a cell but share no vertices. Not here:
file formats (see files.py) and closing for printing (see solid.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from rigdriver.arrays import Array, Bytes, Floats32, Ints32, make_read_only
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.errors import UsageError
from rigdriver.images.colours import to_rgb
from rigdriver.images.raw_image import AnyImage, with_format
from rigdriver.stereo.geometry.surface import Surface, cell_points, find_patches
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.mesh.fuse import find_worse, pod_weights
from rigdriver.stereo.mesh.seam import Sheet, join
from rigdriver.stereo.mesh.stance import stance_of
from rigdriver.stereo.mesh.texture import atlas_of, colours_at, places_in_atlas, texture_cameras

CRUMB = 3
"""Least width, in patches, of a part that changes its owner."""


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
    scale_ppm: float = float("nan")
    """Standard uncertainty of the calibration's scale; NaN where it is not known."""
    stance: Array | None = None
    """(3, 3): the directions right, up and towards the viewer; None where they are not known."""

    def __post_init__(self) -> None:
        make_read_only(self.vertices_mm, self.faces, self.normals, self.sigma_mm, self.colours, self.places, self.atlas)
        make_read_only(self.stance)


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
    sheets = [_sheet(surfaces, weights, n) for n in range(len(surfaces))]
    made = sheets[-1]
    for sheet in sheets[-2::-1]:
        made = join(sheet, made)
    # Vertices that no triangle uses are left out, and the others renumbered.
    faces = np.empty_like(made.faces)
    used = _renumber(made.faces, faces, np.full(len(made.points), -1, np.int32))
    mesh = SurfaceMesh(
        made.points[used],
        faces,
        made.normals[used].astype(np.float32),
        made.sigma[used].astype(np.float32),
        scale_ppm=calibration.accuracy.scale_ppm if calibration.accuracy else float("nan"),
        stance=stance_of(calibration),
    )
    if not images:
        return mesh
    return _textured(
        mesh, made.pod[used], [surface.pair.pod for surface in surfaces], calibration, images, pixel_format
    )


def _sheet(surfaces: Sequence[Surface], weights: Sequence[Floats32], n: int) -> Sheet:
    """Return one pod's triangles. A patch goes only when a later pod has the larger weight at all its corners."""
    surface = surfaces[n]
    worse = np.zeros(surface.keep.shape, np.uint8)
    for m in range(n + 1, len(surfaces)):
        worse |= find_worse(surface, surfaces[m], weights[n], weights[m])
    points, directions = cell_points(surface)
    number = np.full(surface.keep.shape, -1, np.int32)
    number[surface.keep > 0] = np.arange(int(surface.keep.sum()))
    patches = np.zeros_like(surface.keep)
    find_patches(surface.field, surface.keep, patches)
    gone = worse[:-1, :-1] & worse[1:, :-1] & worse[:-1, 1:] & worse[1:, 1:]
    # Single patches that change sides by noise would make a seam of crumbs.
    patches[:-1, :-1][cv2.morphologyEx(gone, cv2.MORPH_OPEN, np.ones((CRUMB, CRUMB), np.uint8)) > 0] = 0
    # Room for the most triangles there can be; kept cells are numbered in the grid's order.
    corners = np.zeros((2 * int(patches.sum()), 3), np.int32)
    corners = corners[: _triangles(surface.field, patches, number, corners)]
    return Sheet(surface, points, directions, surface.sigma_mm[surface.keep > 0], corners, patches, number,
                 np.full(len(points), n, np.int32))  # fmt: skip


def _textured(
    mesh: SurfaceMesh, pod_of: Ints32, pods: Sequence[str], calibration: RigCalibration,
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
    places = np.zeros((len(mesh.vertices_mm), 2))
    for n, pod in enumerate(pods):
        part = pod_of == n
        camera = cameras[pod]
        places[part] = places_in_atlas(
            mesh.vertices_mm[part], calibration, camera, starts[camera], (atlas.shape[1], atlas.shape[0])
        )
    return replace(mesh, colours=colours_at(atlas, places), places=places, atlas=atlas)


@kernel
def _renumber(faces: Ints32, renamed: Ints32, number: Ints32) -> Ints32:
    """Fill `renamed` with the same triangles, their vertices numbered without gaps; return the vertices in use."""
    for f in range(faces.shape[0]):
        for k in range(3):
            number[faces[f, k]] = 0
    used = np.empty(number.shape[0], np.int32)
    count = 0
    for n in range(number.shape[0]):
        if number[n] == 0:
            used[count], number[n] = n, count
            count += 1
    for f in range(faces.shape[0]):
        for k in range(3):
            renamed[f, k] = number[faces[f, k]]
    return used[:count]


@kernel
def _triangles(field: Floats32, patches: Bytes, number: Ints32, faces: Ints32) -> int:
    """Fill `faces` with two triangles per patch, cut along the diagonal with less change of disparity; count them."""
    count = 0
    for j in range(patches.shape[0] - 1):
        for i in range(patches.shape[1] - 1):
            if not patches[j, i]:
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
