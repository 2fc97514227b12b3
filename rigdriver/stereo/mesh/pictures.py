"""Pictures of a mesh: shaded, and as a map of one value per vertex, seen from where its surface faces.

In: a `SurfaceMesh` and values. Out: RGB images with a colour bar, ready for PNG. The projection is parallel, and the
nearest triangle hides those behind it. Not here: what the values mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Array, Bytes, Floats32, Ints32, Mask
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

PAPER = 250
"""Grey value of the background."""
MARGIN_PX = 12
BAR_PX = 92
"""Width of the colour bar with its numbers, in px."""
TITLE_PX = 34
MOST_ASPECT = 2.5
"""Largest width of a picture, as a multiple of its height."""


def draw_shaded(
    mesh: SurfaceMesh, up: npt.ArrayLike = (0, 1, 0), height_px: int = 900, has_colour: bool = False, title: str = ""
) -> Bytes:
    """Return the surface lit from the upper left, (H, W, 3) uint8; with `has_colour` in its own colours."""
    frame = _view(mesh, up)
    _, normals, seen = _render(mesh, mesh.sigma_mm, frame, height_px)
    # One light from the upper left, towards the viewer; the exponent brightens the half-lit parts.
    light = np.array([-0.35, 0.45, 0.82])
    shade = np.clip(normals @ light / np.linalg.norm(light), 0, 1) ** 0.8
    if has_colour and mesh.colours is not None:
        channels = [_render(mesh, mesh.colours[:, k].astype(np.float32), frame, height_px)[0] for k in range(3)]
        picture = np.nan_to_num(np.stack(channels, axis=-1)).astype(np.float64)
    else:
        picture = (30 + 205 * shade)[..., None] * np.array([0.98, 0.96, 0.92])
    drawn = np.where(seen[..., None], picture, PAPER).astype(np.uint8)
    return _titled(drawn, title) if title else drawn


def draw_map(
    mesh: SurfaceMesh, values: npt.ArrayLike, title: str, unit: str, limits: tuple[float, float],
    up: npt.ArrayLike = (0, 1, 0), height_px: int = 900,
) -> Bytes:  # fmt: skip
    """Return the values, one per vertex, as colours with a bar, (H, W, 3) uint8; grey where a value is NaN.

    Limits of both signs use a diverging scale (blue, white, red), else a sequential one.
    """
    frame = _view(mesh, up)
    found, normals, seen = _render(mesh, np.asarray(values, np.float32), frame, height_px)
    low, high = limits
    scaled = np.clip((found - low) / (high - low), 0, 1)
    shade = 0.72 + 0.28 * np.clip(normals[..., 2], 0, 1)
    coloured = _colours(scaled, low < 0) * shade[..., None]
    coloured[~np.isfinite(found)] = 150
    picture = np.where(seen[..., None], coloured, PAPER).astype(np.uint8)
    return _with_bar(picture, title, unit, limits)


def up_of(calibration: RigCalibration) -> Array:
    """Return the direction upwards, (3,): that of the colour cameras, whose images people see, else of all cameras."""
    chosen = [c for c in calibration if c.role == "texture"] or list(calibration)
    up: Array = -np.sum([camera.T_cam_world[1, :3] for camera in chosen], axis=0)
    return up / max(float(np.linalg.norm(up)), 1e-9)


def side_by_side(pictures: Sequence[Bytes]) -> Bytes:
    """Return pictures as one, (H, W, 3) uint8, from left to right, standing on one line."""
    height = max(picture.shape[0] for picture in pictures)
    rows = [np.pad(p, ((height - p.shape[0], 0), (0, 0), (0, 0)), constant_values=PAPER) for p in pictures]
    return np.asarray(np.hstack(rows), np.uint8)


def _view(mesh: SurfaceMesh, up: npt.ArrayLike) -> Array:
    """Return the rows right, up, and towards the viewer, who stands where the surface faces on the whole."""
    # Only the measured part of a closed body counts.
    towards = mesh.normals[np.isfinite(mesh.sigma_mm)].mean(axis=0).astype(np.float64)
    towards /= max(float(np.linalg.norm(towards)), 1e-9)
    upwards = np.asarray(up, np.float64)
    right = np.cross(upwards, towards)
    if np.linalg.norm(right) < 0.1:
        right = np.cross([1.0, 0.0, 0.0], towards)
    right /= np.linalg.norm(right)
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


def _colours(scaled: npt.NDArray[np.floating], is_diverging: bool) -> Array:
    """Return RGB, 0 to 255, of values 0 to 1."""
    if is_diverging:
        stops = np.array([[33, 80, 170], [120, 170, 220], [245, 245, 240], [235, 150, 110], [175, 30, 40]], np.float64)
    else:
        stops = np.array([[40, 30, 90], [40, 110, 150], [70, 175, 130], [200, 215, 80], [250, 240, 190]], np.float64)
    places = np.linspace(0, 1, len(stops))
    clean = np.nan_to_num(scaled)
    return np.stack([np.interp(clean, places, stops[:, k]) for k in range(3)], axis=-1)


def _with_bar(picture: Bytes, title: str, unit: str, limits: tuple[float, float]) -> Bytes:
    height, left = picture.shape[0], picture.shape[1] + 12
    page = _titled(np.pad(picture, ((0, 0), (0, BAR_PX), (0, 0)), constant_values=PAPER), title)
    top, bottom = TITLE_PX + 40, TITLE_PX + height - 40
    ramp = _colours(np.linspace(1, 0, bottom - top)[:, None].repeat(18, axis=1), limits[0] < 0)
    page[top:bottom, left : left + 18] = ramp.astype(np.uint8)
    for n in range(5):
        value = limits[1] + (limits[0] - limits[1]) * n / 4
        y = top + round((bottom - top - 1) * n / 4)
        cv2.putText(
            page, f"{value:g}", (left + 23, y + 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA
        )
    cv2.putText(page, unit, (left, top - 12), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
    return page


def _titled(picture: Bytes, title: str) -> Bytes:
    height, width = picture.shape[:2]
    page = np.full((height + TITLE_PX, max(width, 11 * len(title)), 3), PAPER, np.uint8)
    page[TITLE_PX:, :width] = picture
    cv2.putText(page, title, (MARGIN_PX, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA)
    return page
