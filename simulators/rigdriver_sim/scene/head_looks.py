"""What turns the average head under its cap into somebody: lines of age, hair, a beard, a mouth inside, wet places.

In: control radii and the albedo map of a head at rest, and its looks. Out: both changed, how much of a pattern's
contrast each place scatters away, and how much it mirrors.
Lies: hair is a rough, dark, soft shell in strands of 1 to 2 mm, not a cloud of fibres, so it has one true surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rigdriver_sim.scene.head_shape import Subject
from rigdriver_sim.scene.head_skin import SKIN_COUNT, SKIN_LIMIT, cap_share, eye_share, lip_share, soft
from rigdriver_sim.scene.hits import Floats32
from rigdriver_sim.scene.noise import generator
from rigdriver_sim.scene.optics import Floats
from rigdriver_sim.scene.spec import LooksSpec
from rigdriver_sim.scene.spline import chart_axis, direction_of, resample

LINE_WIDTH_MM = 1.6
"""Half width of a line of age, one standard deviation."""
HAIR_SCATTER = 0.85
HAIR = (0.10, 0.075, 0.06)
MOUTH = (0.20, 0.06, 0.06)
TEETH = (0.74, 0.72, 0.66)
EYE_GLOSS, LIP_GLOSS = 0.04, 0.03
"""Shares of light that are mirrored at right angles; water alone mirrors 0.02."""
EYE_EXPONENT, LIP_EXPONENT = 2000.0, 150.0
_FOREHEAD = tuple(((-42.0, y - 1.5), (-15.0, y + 1.0), (15.0, y + 1.0), (42.0, y - 1.5)) for y in (34.0, 41.0, 48.0))
_SIDE = (
    ((5.0, 12.0), (6.0, 27.0)),
    ((48.0, 2.0), (62.0, 9.0)), ((48.0, 0.0), (63.0, -1.0)), ((48.0, -3.0), (61.0, -11.0)),
    ((17.0, -38.0), (29.0, -55.0), (33.0, -72.0)),
    ((18.0, -14.0), (32.0, -18.0), (46.0, -13.0)),
    ((29.0, -78.0), (31.0, -96.0)),
)  # fmt: skip
"""Lines of age, (x, y) mm of the head's frame: forehead, frown, eyes, nose to mouth, below the eyes, mouth to chin."""


@dataclass(frozen=True, slots=True, eq=False)
class Complexion:
    """Maps over the chart, (SKIN_COUNT, SKIN_COUNT)."""

    skin: Floats32
    """(N, N, 3), albedo."""
    places: Floats32 | None = None
    """(N, N, 3): share of a pattern's contrast that is scattered away, share of light that is mirrored, and the lobe's
    exponent; None where all of it scatters alike and nothing mirrors."""


def shaped(control: Floats, subject: Subject, looks: LooksSpec, seed: int) -> Floats:
    """Return the control radii with lines and hair, of the size that is asked for."""
    axis = chart_axis(len(control))
    a, b = np.meshgrid(axis, axis)
    x, y, z = np.moveaxis(direction_of(a, b) * control[..., None], -1, 0)
    made = control - looks.lines_mm * _lines(x / subject.width, y / subject.face_length, z)
    for name, thick, mask in (("hair", looks.hair_mm, cap_share(x, y, z)), ("beard", looks.beard_mm, _beard(x, y, z))):
        if thick:
            strands = 0.7 + 0.15 * _strands(generator(name, seed), len(control), 14)
            made = made + thick * mask * np.clip(strands, 0.2, 1.2)
    return np.round(looks.size * made, 6)


def coloured(
    control: Floats, skin: Floats32, subject: Subject, looks: LooksSpec, scatter: float, seed: int
) -> Complexion:
    """Return the maps of a head whose control radii, before `shaped`, are given."""
    axis = np.linspace(-SKIN_LIMIT, SKIN_LIMIT, SKIN_COUNT)
    a, b = np.meshgrid(axis, axis)
    radii = np.empty(a.size)
    resample(control, a.ravel(), b.ravel(), radii)
    place = direction_of(a, b) * radii.reshape(*a.shape, 1)
    x, y, z = place[..., 0] / subject.width, place[..., 1] / subject.face_length, place[..., 2]
    painted, soft_share = skin.astype(np.float64), np.full(a.shape, scatter)
    for name, thick, mask in (("hair", looks.hair_mm, cap_share(x, y, z)), ("beard", looks.beard_mm, _beard(x, y, z))):
        if thick:
            strands = np.clip(1 + 0.35 * _strands(generator(f"{name} colour", seed), SKIN_COUNT, 40), 0.2, 2.0)
            painted += mask[..., None] * (np.array(HAIR) * strands[..., None] - painted)
            soft_share += mask * (HAIR_SCATTER - soft_share)
    if looks.open_mm:
        _paint_mouth(painted, x, y, z, looks.open_mm)
    eyes, lips = eye_share(np.abs(x), y, z), lip_share(np.abs(x), y, z)
    shine = looks.wet * np.maximum(EYE_GLOSS * eyes, LIP_GLOSS * lips)
    places = np.stack([soft_share, shine, np.where(eyes > 0, EYE_EXPONENT, LIP_EXPONENT)], -1)
    return Complexion(painted.astype(np.float32), places.astype(np.float32))


def _lines(x: Floats, y: Floats, z: Floats) -> Floats:
    away = np.full(x.shape, np.inf)
    for line in (*_FOREHEAD, *_SIDE):
        at = x if line in _FOREHEAD else np.abs(x)
        for (x0, y0), (x1, y1) in pairwise(line):
            u, v = x1 - x0, y1 - y0
            share = np.clip(((at - x0) * u + (y - y0) * v) / (u * u + v * v), 0.0, 1.0)
            away = np.minimum(away, np.hypot(at - x0 - share * u, y - y0 - share * v))
    found: Floats = np.where(z > 20, np.exp(-0.5 * (away / LINE_WIDTH_MM) ** 2), 0.0)
    return found


def _beard(x: Floats, y: Floats, z: Floats) -> Floats:
    chin = soft(np.hypot(x / 58, (y + 88) / 44) - 0.75, 0.25) * soft(25 - z, 15)
    found: Floats = chin * (1 - lip_share(np.abs(x), y, z, 3.0)) * soft(y + 52, 6)
    return found


def _strands(draw: np.random.Generator, count: int, length: int) -> Floats:
    """Return noise that runs down in strands a texel wide, (count, count), unit variance."""
    noise = draw.standard_normal((count, count))
    summed = np.cumsum(np.concatenate([noise, noise[:length]]), axis=0)
    found: Floats = (summed[length:] - summed[:-length]) / np.sqrt(length)
    return found


def _paint_mouth(skin: Floats, x: Floats, y: Floats, z: Floats, open_mm: float) -> None:
    inside = soft(np.hypot(x / 20, (y + 70.4 + 0.5 * open_mm) / (0.5 * open_mm + 1)) - 0.9, 0.1) * soft(30 - z, 5)
    skin += inside[..., None] * (np.array(MOUTH) - skin)
    teeth = inside * soft(-70.4 - 5.5 - y, 0.8) * soft(np.abs(x) - 15, 1.5)
    skin += teeth[..., None] * (np.array(TEETH) - skin)
