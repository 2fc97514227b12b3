"""Texture: colours of points, as the colour cameras see them.

In: world points, colour pictures and a calibration. Out: texture coordinates, colours, and one
atlas image in which the colour cameras' pictures stand side by side. A colour camera stands between the two cameras of
its pod, so it sees what they saw but for narrow rims. Not here: meshes (see surface_mesh.py) and demosaicing (see
images/colours.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import cv2
import numpy as np

from rigdriver.arrays import Array, Bytes
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.project import project


def texture_cameras(calibration: RigCalibration, pods: Sequence[str], images: Collection[str]) -> dict[str, str]:
    """Return the colour camera of each pod: its own when `images` has it, else another pod's; empty without any."""
    there = {pod: names[0] for pod, names in calibration.pods("texture").items() if names and names[0] in images}
    if not there:
        return {}
    spare = next(iter(there.values()))
    return {pod: there.get(pod, spare) for pod in pods}


def atlas_of(images: Mapping[str, Bytes], cameras: Sequence[str]) -> tuple[Bytes, dict[str, int]]:
    """Return all pictures side by side and the column at which each one begins."""
    height = max(images[name].shape[0] for name in cameras)
    starts, column, parts = {}, 0, []
    for name in cameras:
        image = images[name]
        parts.append(cv2.copyMakeBorder(image, 0, height - image.shape[0], 0, 0, cv2.BORDER_CONSTANT))
        starts[name] = column
        column += image.shape[1]
    return np.asarray(np.hstack(parts), np.uint8), starts


def places_in_atlas(
    points_mm: Array, calibration: RigCalibration, camera: str, start_px: int, atlas_size: tuple[int, int]
) -> Array:
    """Return texture coordinates, (N, 2) float64, 0 to 1 with v upwards, of world points seen by one camera."""
    seen = project(calibration[camera], points_mm)
    width, height = calibration[camera].size_px
    x = np.clip(np.nan_to_num(seen[:, 0]), 0, width - 1) + start_px
    y = np.clip(np.nan_to_num(seen[:, 1]), 0, height - 1)
    return np.stack([(x + 0.5) / atlas_size[0], 1.0 - (y + 0.5) / atlas_size[1]], axis=1)


def colours_at(atlas: Bytes, places: Array) -> Bytes:
    """Return the atlas' colours, (N, 3) uint8, at texture coordinates."""
    x = (places[:, 0] * atlas.shape[1] - 0.5).astype(np.float32)
    y = ((1.0 - places[:, 1]) * atlas.shape[0] - 0.5).astype(np.float32)
    # remap takes at most 32767 rows and columns, so long lists are folded.
    rows = -(-len(x) // 8192)
    folded = [np.resize(v, (rows, 8192)) for v in (x, y)]
    found = cv2.remap(atlas, folded[0], folded[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(-1, 3)[: len(x)], np.uint8)
