"""Pictures of a mesh: shaded, and as a map of one value per vertex, seen from where its surface faces.

In: a `SurfaceMesh` and values. Out: RGB images with title, legend and colour bar, ready for PNG. The projection is
parallel, and the nearest triangle hides those behind it. Any mesh can be drawn: open or closed, with sigma or without,
of this rig or of another program. Not here: what the values mean, and what stands about a picture (see
picture_parts.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import trimesh

from rigdriver.arrays import Array, Bytes, Floats32, Ints32, Mask
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.mesh.picture_parts import (
    MARGIN_PX,
    PAPER,
    UNKNOWN,
    Legend,
    colours_of,
    with_bar,
    with_words,
)
from rigdriver.stereo.mesh.stance import axes
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

MOST_ASPECT = 2.5
"""Largest width of a picture, as a multiple of its height."""
SIDE_LIGHT = np.array([-0.6, 0.7, 0.4]) / np.linalg.norm([-0.6, 0.7, 0.4])
"""Direction of a weak light from the upper left, in the viewer's axes right, up, towards; it shows relief."""
NO_SURFACE: Legend = ((PAPER, "white: no surface"),)
NOT_MEASURED: Legend = ((PAPER, "white: nothing measured"),)
_MOST_HALVINGS = 30
_TURNED_AWAY = 0.2
"""Length of the mean normal below which a surface faces no side on the whole: it is closed, or nearly so."""


def draw_shaded(mesh: SurfaceMesh, height_px: int = 900, has_colour: bool = False, title: str = "") -> Bytes:
    """Return the surface as a light at the viewer's head shows it, (H, W, 3) uint8; `has_colour`: in its own colours.

    Title and legend add to the height; without a title there are none.
    """
    frame = _view(mesh)
    _, normals, seen = _render(mesh, mesh.sigma_mm, frame, height_px)
    if has_colour and mesh.colours is not None:
        channels = [_render(mesh, mesh.colours[:, k].astype(np.float32), frame, height_px)[0] for k in range(3)]
        picture = np.nan_to_num(np.stack(channels, axis=-1)).astype(np.float64)
    else:
        # Triangles that face away count as lit, too: no side that is seen is black.
        head_on, aside = np.abs(normals[..., 2]), 0.5 + 0.5 * (normals @ SIDE_LIGHT)
        shade = np.clip(0.28 + 0.72 * (0.75 * head_on**1.6 + 0.25 * aside), 0, 1)
        picture = 235 * shade[..., None] * np.array([0.98, 0.96, 0.92])
    drawn = np.where(seen[..., None], picture, PAPER).astype(np.uint8)
    return with_words(drawn, title, NOT_MEASURED) if title else drawn


def draw_map(
    mesh: SurfaceMesh, values: npt.ArrayLike, title: str, unit: str, limits: tuple[float, float],
    height_px: int = 900, unknown: str = "no value here", nothing: Legend = NOT_MEASURED,
) -> Bytes:  # fmt: skip
    """Return the values, one per vertex, as colours with a bar and a legend, (H, W, 3) uint8; grey where one is NaN.

    Limits of both signs use a diverging scale (blue, yellow, red), else a sequential one. `unknown` says what grey
    means, `nothing` what white does.
    """
    frame = _view(mesh)
    found, normals, seen = _render(mesh, np.asarray(values, np.float32), frame, height_px)
    low, high = limits
    scaled = np.clip((found - low) / (high - low), 0, 1)
    shade = 0.72 + 0.28 * np.abs(normals[..., 2])
    coloured = colours_of(scaled, low < 0) * shade[..., None]
    is_known = np.isfinite(found)
    coloured[~is_known] = UNKNOWN
    picture = np.where(seen[..., None], coloured, PAPER).astype(np.uint8)
    legend = [*nothing, *([(UNKNOWN, f"grey: {unknown}")] if (seen & ~is_known).any() else [])]
    some = found[is_known]
    is_beyond = (bool((some < low).any()), bool((some > high).any()))
    return with_words(with_bar(picture, unit, limits, is_beyond), title, legend)


def refined(mesh: SurfaceMesh, edge_mm: float) -> SurfaceMesh:
    """Return the same surface with no edge longer than that; a mesh that has none is returned as it is."""
    corners = mesh.vertices_mm[mesh.faces]
    if float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max()) <= edge_mm:
        return mesh
    vertices, faces, face = trimesh.remesh.subdivide_to_size(  # type: ignore[no-untyped-call]
        mesh.vertices_mm, mesh.faces, edge_mm, max_iter=_MOST_HALVINGS, return_index=True
    )
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-300)
    # A vertex belongs to triangles of one plane, or of planes that meet in an edge: any of them serves for the light.
    normals, sigma = np.zeros((len(vertices), 3), np.float32), np.zeros(len(vertices), np.float32)
    normals[np.ravel(faces)] = np.repeat(flat[face], 3, axis=0)
    sigma[np.ravel(faces)] = np.repeat(mesh.sigma_mm[mesh.faces].mean(axis=1)[face], 3)
    return SurfaceMesh(np.asarray(vertices), np.asarray(faces, np.int32), normals, sigma, stance=mesh.stance)


def _view(mesh: SurfaceMesh) -> Array:
    """Return the rows right, up, and towards the viewer, who stands where the surface faces on the whole."""
    # Only the measured part of a closed body counts; of a file of another program nothing is known to be measured.
    is_measured = np.isfinite(mesh.sigma_mm)
    normals = mesh.normals[is_measured] if is_measured.any() else mesh.normals
    towards = normals.mean(axis=0).astype(np.float64)
    is_facing = bool(np.linalg.norm(towards) > _TURNED_AWAY)
    if mesh.stance is not None:
        up, viewer = mesh.stance[1], mesh.stance[2]
    else:
        # A surface that faces -z was left in the frame of a camera, whose y runs down; other programs have y up.
        flip = -1.0 if is_facing and towards[2] < -0.5 * float(np.linalg.norm(towards)) else 1.0
        up, viewer = np.array([0.0, flip, 0.0]), np.array([0.0, 0.0, flip])
    right, _, _ = axes(up, towards if is_facing else viewer)
    towards = towards / np.linalg.norm(towards) if is_facing else viewer
    towards = towards - (towards @ right) * right
    towards /= np.linalg.norm(towards)
    return np.stack([right, np.cross(towards, right), towards])


def _render(mesh: SurfaceMesh, values: Floats32, frame: Array, height_px: int) -> tuple[Floats32, Array, Mask]:
    local = mesh.vertices_mm @ frame.T
    # A single point far off must not shrink the picture.
    low, high = np.percentile(local, 0.02, axis=0), np.percentile(local, 99.98, axis=0)
    across, upright = np.maximum(high[:2] - low[:2], 1e-6)
    # A wide and low object, such as a ball bar, is drawn smaller rather than cut off.
    scale = min((height_px - 2 * MARGIN_PX) / upright, (MOST_ASPECT * height_px - 2 * MARGIN_PX) / across)
    width = int(across * scale) + 2 * MARGIN_PX
    above = (height_px - upright * scale) / 2
    x = (local[:, 0] - low[0]) * scale + MARGIN_PX
    y = (high[1] - local[:, 1]) * scale + above
    depth = np.full((height_px, width), -np.inf)
    image = np.full((height_px, width), np.nan, np.float32)
    shown = np.zeros((height_px, width, 3), np.float32)
    turned = np.asarray(mesh.normals @ frame.T, np.float32)
    _raster(np.stack([x, y, local[:, 2]], axis=1), mesh.faces, values, turned, depth, image, shown)
    return image, shown.astype(np.float64), np.isfinite(depth)


@kernel
def _raster(
    points: Array, faces: Ints32, values: Floats32, normals: Floats32, depth: Array, image: Floats32,
    shown: Floats32,
) -> None:  # fmt: skip
    """Draw the triangles into `image` (values) and `shown` (normals); `depth` decides which one is in front."""
    height, width = depth.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0.0:
            continue
        # Only the pixels within the triangle's box are tested.
        x0, x1 = max(int(np.ceil(min(ax, bx, cx))), 0), min(int(np.floor(max(ax, bx, cx))), width - 1)
        y0, y1 = max(int(np.ceil(min(ay, by, cy))), 0), min(int(np.floor(max(ay, by, cy))), height - 1)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                # Barycentric coordinates: areas of the triangles that the pixel makes with the corners.
                u = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
                v = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
                w = 1.0 - u - v
                if u < -1e-9 or v < -1e-9 or w < -1e-9:
                    continue
                z = u * points[a, 2] + v * points[b, 2] + w * points[c, 2]
                if z <= depth[y, x]:
                    continue
                depth[y, x] = z
                image[y, x] = u * values[a] + v * values[b] + w * values[c]
                for k in range(3):
                    shown[y, x, k] = u * normals[a, k] + v * normals[b, k] + w * normals[c, k]
