"""The colour of a subject's skin, over the chart.

In: the head at rest, its proportions, a tone and a seed. Out: an albedo map, (N, N, 3) float32, [b, a, rgb]. Lips,
brows, eyes, cheeks, freckles, pores and a light cap are painted where they stand in mm. Not here: light (see light.py).
Lies: no gloss, no hair strands (see head_looks.py for both); a cap of cloth covers the hair, as in many studios.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.head_shape import Subject
from rigdriver_sim.scene.hits import Floats32
from rigdriver_sim.scene.noise import generator
from rigdriver_sim.scene.optics import Floats
from rigdriver_sim.scene.spline import direction_of, resample

Numbers = npt.NDArray[np.floating[Any]]

SKIN_LIMIT = 1.5
SKIN_COUNT = 1537
_LIGHT = np.array([0.80, 0.60, 0.50])
_DARK = np.array([0.36, 0.24, 0.18])


def paint_skin(control: Floats, subject: Subject, tone: float, seed: int) -> Floats32:
    """Return the albedo map of a subject."""
    axis = np.linspace(-SKIN_LIMIT, SKIN_LIMIT, SKIN_COUNT)
    a, b = np.meshgrid(axis, axis)
    radii = np.empty(a.size)
    resample(control, a.ravel(), b.ravel(), radii)
    place = (direction_of(a, b) * radii.reshape(*a.shape, 1)).astype(np.float32)
    x, y, z = place[..., 0] / subject.width, place[..., 1] / subject.face_length, place[..., 2]
    draw = generator("skin", seed)
    skin = _complexion(x, y, z, tone, draw)
    skin *= 1 + 0.05 * _grain(draw, SKIN_COUNT, 1)[..., None] + 0.05 * _grain(draw, SKIN_COUNT, 4)[..., None]
    _freckles(skin, place, draw)
    _face_marks(skin, x, y, z, tone)
    _cap(skin, x, y, z, _grain(draw, SKIN_COUNT, 2))
    rounded: Floats32 = (np.round(np.clip(skin, 0.02, 0.95) * 1000) / 1000).astype(np.float32)
    return rounded


def soft(distance: Numbers, width: float) -> Numbers:
    """Return 1 where `distance` is below 0, 0 beyond `width`, smooth between."""
    s = np.clip(1 - distance / width, 0, 1)
    smooth: Numbers = s * s * (3 - 2 * s)
    return smooth


def _blend(skin: Numbers, mask: Numbers, colour: object) -> None:
    skin += mask[..., None] * (np.asarray(colour, dtype=np.float32) - skin)


def _grain(draw: np.random.Generator, count: int, size: int) -> Numbers:
    """Return noise of about `size` texels, (count, count), unit variance."""
    small = count // size + 3
    noise: Numbers = draw.standard_normal((small, small), dtype=np.float32)
    if size > 1:
        noise = noise.repeat(size, 0).repeat(size, 1)
        for shift in (1, size // 2):
            noise = 0.5 * noise + 0.25 * (np.roll(noise, shift, 0) + np.roll(noise, shift, 1))
    noise = noise[:count, :count]
    unit: Numbers = noise / noise.std()
    return unit


def _complexion(x: Numbers, y: Numbers, z: Numbers, tone: float, draw: np.random.Generator) -> Numbers:
    base = _LIGHT * (1 - tone) + _DARK * tone
    skin = np.broadcast_to(base.astype(np.float32), (*x.shape, 3)).copy()
    cloud = sum(_grain(draw, x.shape[0], size) for size in (16, 40, 90))
    skin *= 1 + 0.018 * np.asarray(cloud)[..., None] * np.array([0.6, 1.0, 1.0])
    rosy = np.zeros_like(x)
    for side in (-1, 1):
        rosy += soft(np.hypot((x - side * 42) / 24, (y + 38) / 20) - 0.2, 0.9)
        rosy += 0.6 * soft(np.hypot((x - side * 80) / 16, (y + 8) / 34) - 0.3, 0.8)
    rosy += 0.7 * soft(np.hypot(x / 13, (y + 38) / 12) + 0.02 * (112 - z) - 0.3, 0.8)
    skin *= 1 - 0.16 * np.clip(rosy, 0, 1)[..., None] * np.array([0.1, 0.9, 0.8])
    beard = soft(np.hypot(x / 52, (y + 92) / 42) - 0.6, 0.5)
    skin *= 1 - 0.08 * beard[..., None] * np.array([1.2, 1.0, 0.8])
    return skin


def _freckles(skin: Numbers, place: Numbers, draw: np.random.Generator) -> None:
    scale = (SKIN_COUNT - 1) / (2 * SKIN_LIMIT)
    for _ in range(420):
        a, b = draw.normal(0, 0.33), draw.normal(-0.12, 0.3)
        size_mm, depth = 0.4 + draw.exponential(0.5), draw.uniform(0.08, 0.35)
        j, i = int((b + SKIN_LIMIT) * scale), int((a + SKIN_LIMIT) * scale)
        reach = 14
        if not (reach <= j < SKIN_COUNT - reach and reach <= i < SKIN_COUNT - reach):
            continue
        window = np.s_[j - reach : j + reach, i - reach : i + reach]
        away = np.sqrt(((place[window] - place[j, i]) ** 2).sum(axis=-1))
        skin[window] *= 1 - depth * soft(away / size_mm - 0.4, 1.0)[..., None] * np.array([0.6, 1.0, 1.1])


def _face_marks(skin: Numbers, x: Numbers, y: Numbers, z: Numbers, tone: float) -> None:
    front = soft(60 - z, 10)
    dark = np.array([0.14, 0.10, 0.08]) * (1 - 0.5 * tone)
    ax = np.abs(x)
    # Lips: the region between two bows around the line where they meet.
    line = -70.3 - 0.0016 * ax**2
    bow = np.sqrt(np.clip(1 - (ax / 26.5) ** 2, 0, 1))
    upper = line + bow * (7.6 - 1.6 * soft(ax - 1, 4))
    lower = line - bow * 9.6
    lip = soft(y - upper + 0.3, 1.2) * soft(lower - y + 0.3, 1.2) * (ax < 26.5) * front
    _blend(skin, 0.85 * lip, skin * np.array([0.88, 0.55, 0.58]))
    _blend(skin, 0.85 * soft(np.abs(y - line) - 0.3, 1.1) * (ax < 27) * front, dark * 1.4)
    # Brows: an arch that thins towards the temple.
    arch = 16.5 + 3.5 * (1 - ((ax - 32) / 20) ** 2)
    thick = 3.4 - 1.6 * np.clip((ax - 28) / 24, 0, 1)
    _blend(
        skin, 0.8 * soft(np.abs(y - arch) - thick, 1.6) * soft(np.abs(ax - 32) - 20, 4) * soft(50 - z, 8), dark * 1.5
    )
    _eyes(skin, ax, y, front, dark)
    nostril = soft(np.hypot((ax - 6.4) / 4.0, (y + 49.5) / 3.0) - 0.5, 0.6) * soft(88 - z, 4)
    _blend(skin, 0.75 * nostril, dark)


def lip_share(ax: Numbers, y: Numbers, z: Numbers, wider_mm: float = 0.0) -> Numbers:
    """Return 1 on the lips, 0 elsewhere; `ax` is the distance from the middle."""
    line = -70.3 - 0.0016 * ax**2
    bow = np.sqrt(np.clip(1 - (ax / (26.5 + wider_mm)) ** 2, 0, 1))
    found: Numbers = soft(y - line - bow * (7.6 + wider_mm), 1.2) * soft(line - bow * (9.6 + wider_mm) - y, 1.2)
    return found * (ax < 26.5 + wider_mm) * soft(60 - z, 10)


def eye_share(ax: Numbers, y: Numbers, z: Numbers) -> Numbers:
    """Return 1 where an eye is open, 0 elsewhere; `ax` is the distance from the middle."""
    along = np.clip((ax - 19.5) / 25.0, 0, 1)
    middle, open_half = _lids(along)
    found: Numbers = soft(np.abs(y - middle) - open_half + 0.2, 0.5) * (ax > 19.5) * (ax < 44.5) * soft(60 - z, 10)
    return found


def _lids(along: Numbers) -> tuple[Numbers, Numbers]:
    """Return the middle between the lids and their distance from it, along an eye from 0 to 1."""
    open_half = 4.9 * np.sqrt(along * (1 - along)) * 2 * (1.15 - 0.3 * along)
    return -0.8 + 1.2 * np.sin(along * 2.2) * 0.5, open_half


def _eyes(skin: Numbers, ax: Numbers, y: Numbers, front: Numbers, dark: Numbers) -> None:
    middle, open_half = _lids(np.clip((ax - 19.5) / 25.0, 0, 1))
    gap = np.abs(y - middle) - open_half
    inside = soft(gap + 0.2, 0.5) * (ax > 19.5) * (ax < 44.5) * front
    _blend(skin, inside, [0.74, 0.72, 0.70])
    iris = np.hypot(ax - 32, y - middle)
    _blend(skin, inside * soft(iris - 5.6, 0.6), np.array([0.20, 0.26, 0.28]))
    _blend(skin, inside * soft(iris - 2.1, 0.6), [0.03, 0.03, 0.03])
    lash = soft(np.abs(gap) - 0.35, 0.9) * (ax > 18.5) * (ax < 46) * front * soft(middle - y, 1.0)
    _blend(skin, 0.85 * lash, dark)


def cap_share(x: Numbers, y: Numbers, z: Numbers) -> Numbers:
    """Return 1 under the cap, which covers what hair would, 0 elsewhere."""
    found: Numbers = np.maximum(soft(_rim(x, z) - y, 1.2), _behind(y, z))
    return found


def _rim(x: Numbers, z: Numbers) -> Numbers:
    """The rim runs over the forehead and down behind the ears."""
    found: Numbers = 66 - 0.0045 * x**2 + np.where(z < 30, (z - 30) * 0.15, 0.0)
    return found


def _behind(y: Numbers, z: Numbers) -> Numbers:
    found: Numbers = soft(z + 36, 5) * (y > -60)
    return found


def _cap(skin: Numbers, x: Numbers, y: Numbers, z: Numbers, cloth: Numbers) -> None:
    rim, behind, cap = _rim(x, z), _behind(y, z), cap_share(x, y, z)
    _blend(skin, cap, np.array([0.46, 0.50, 0.56]) * (1 + 0.06 * cloth[..., None]))
    _blend(skin, 0.5 * soft(np.abs(y - rim) - 0.4, 1.0) * (1 - behind), np.array([0.25, 0.27, 0.30]))
    collar = soft(y + 128 + 0.1 * np.abs(x), 3)
    _blend(skin, collar, np.array([0.10, 0.11, 0.13]))
