"""A subject's head, sculpted from ellipsoids and capsules and then sampled as radii over the chart.

In: a `Subject` (proportions as factors of an average adult). Out: control radii for `spline`. The table below is the
whole anatomy: a row adds or cuts one smooth body; `pair` rows stand on both sides. Head frame: origin between the ears
at the height of the eyes, x to the viewer's right, y up, z out of the face, mm.
Lies: no hair but a close cap, no lower teeth, no inside of the nose; one radius a direction, so ears have no back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.optics import Floats, rotation
from rigdriver_sim.scene.spline import chart_axis, direction_of

CONTROL_COUNT = 721
JAW_SHARE = 0.7
"""How far the chin drops when a mouth opens, as a share of the lips' distance."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Proportions, each a factor of the average; asymmetry in mm."""

    width: float = 1.0
    face_length: float = 1.0
    nose_length: float = 1.0
    nose_width: float = 1.0
    lips: float = 1.0
    chin: float = 1.0
    eye_depth: float = 1.0
    ears: float = 1.0
    asymmetry_mm: float = 1.0


@dataclass(frozen=True, slots=True)
class _Body:
    """An ellipsoid (`b` None) or a tapered capsule from `a` to `b`; `blend` is the width of the fillet in mm."""

    a: tuple[float, float, float]
    r: tuple[float, float, float] | tuple[float, float]
    blend: float
    b: tuple[float, float, float] | None = None
    cut: bool = False
    pair: bool = False
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)


def _anatomy(s: Subject, open_mm: float = 0.0) -> list[_Body]:
    return [*_skull(s, open_mm), *_eyes(s), *_nose(s), *_mouth(s, open_mm), *_ears(s)]


def _skull(s: Subject, open_mm: float) -> list[_Body]:
    return [
        _Body((0, 28, -6), (76, 86, 98), 0),
        _Body((0, 34, 36), (62, 48, 62), 18),
        _Body((0, -28, 36), (57, 66, 55), 15),
        _Body((0, -60, 28), (52, 46, 57), 14),
        _Body((0, -99 - JAW_SHARE * open_mm, 66), (17 * s.chin, 13 * s.chin, 17 * s.chin), 18),
        _Body((45, -58, 6), (15, 25, 26), 20, pair=True),
        _Body((45, -26, 58), (20, 13, 21), 16, pair=True),
        _Body((33, -52, 60), (21, 22, 22), 16, pair=True),
        _Body((50, -40, 36), (19, 26, 24), 18, pair=True),
        _Body((0, -69, 70), (29, 23, 23), 12),
        _Body((0, -60, -22), (54, 56), 14, b=(0, -240, -34)),
    ]


def _eyes(s: Subject) -> list[_Body]:
    deep = s.eye_depth
    return [
        _Body((11, 15, 91), (7.5, 6), 9, b=(30, 18, 87), pair=True),
        _Body((30, 18, 87), (6.5, 5), 9, b=(50, 11, 68), pair=True),
        _Body((32, -1, 98), (17, 10.5, 15 * deep), 10, cut=True, pair=True),
        _Body((32, -1, 76.0 - 1.5 * (deep - 1)), (13.2, 13.2, 13.2), 1.5, pair=True),
        _Body((19, 1, 82), (2.2, 2.6), 2.5, b=(31, 6.2, 89.0), pair=True),
        _Body((31, 6.2, 89.0), (2.6, 2.4), 2.5, b=(45, -0.5, 79), pair=True),
        _Body((19, -1.5, 82), (1.8, 2.0), 2.5, b=(31, -7.2, 87.2), pair=True),
        _Body((31, -7.2, 87.2), (2.0, 1.8), 2.5, b=(45, -1.5, 79), pair=True),
    ]


def _nose(s: Subject) -> list[_Body]:
    out = 100 + 12 * s.nose_length
    wide = s.nose_width
    return [
        _Body((0, 7, 88), (7, 8.5 * wide), 9, b=(0, -32, out - 3)),
        _Body((0, -37, out - 1), (9.5 * wide, 8.5, 9.5), 6),
        _Body((12 * wide, -42, 97), (6.5 * wide, 6.5, 10), 5, pair=True),
        _Body((0, -45, out - 4), (4, 4), 4, b=(0, -50, 93)),
        _Body((6.5 * wide, -49.5, out - 8), (3.4, 3.2, 5.5), 2.5, cut=True, pair=True),
        _Body((19.5 * wide, -42, 99), (2.0, 6, 6), 4, cut=True, pair=True),
    ]


def _mouth(s: Subject, open_mm: float) -> list[_Body]:
    if not open_mm:
        return _lips(s, 0.0)
    # A hollow between the lips, and in it the upper row of teeth.
    return [
        _Body((0, -70.4 - 0.5 * open_mm, 84), (19, 0.5 * open_mm + 1.0, 26), 3, cut=True),
        *_lips(s, open_mm)[:5],
        *_lips(s, open_mm)[7:],
        _Body((0, -70.5, 85), (4.2, 3.4), 1.0, b=(14, -70.5, 79), pair=True),
    ]


def _lips(s: Subject, open_mm: float) -> list[_Body]:
    full = s.lips
    low = -open_mm
    return [
        _Body((0, -54, 99), (2.4, 2.8), 5, b=(0, -62, 97.5), cut=True),
        _Body((3.5, -65.2, 92.3), (3.9 * full, 3.6 * full), 2.5, b=(13, -66.8, 88.5), pair=True),
        _Body((13, -66.8, 88.5), (3.6 * full, 1.6), 2.5, b=(25, -70.6, 79.5), pair=True),
        _Body((0, -76.2 + low, 91.2), (5.0 * full, 4.6 * full), 2.5, b=(12, -75.4 + low, 88.2), pair=True),
        _Body((12, -75.4 + low, 88.2), (4.6 * full, 1.6), 2.5, b=(24, -71.6, 79.5), pair=True),
        _Body((0, -70.4, 97.5), (1.3, 1.3), 2.5, b=(13, -70.2, 93.8), cut=True, pair=True),
        _Body((13, -70.2, 93.8), (1.3, 1.0), 2.5, b=(26, -71.4, 81.5), cut=True, pair=True),
        _Body((0, -86.5 + low, 98), (7, 6), 8, b=(12, -86 + low, 94), cut=True, pair=True),
    ]


def _ears(s: Subject) -> list[_Body]:
    big = s.ears
    turn = (8.0, -28.0, -6.0)
    return [
        _Body((76, -8, -16), (7 * big, 31 * big, 17 * big), 5, pair=True, turn_deg=turn),
        _Body((86, 4, -13), (6, 15 * big, 9 * big), 4, cut=True, pair=True, turn_deg=turn),
        _Body((84, -12, -9), (7, 10 * big, 8 * big), 4, cut=True, pair=True, turn_deg=turn),
        _Body((73.5, -10, 0), (4.5, 6.5, 4), 6, pair=True),
    ]


ROW = 23
"""op, kind, blend, a (3), then radii (3) and turn (9), or b (3) and radii (2); at the end a ball around it (4)."""
_ELLIPSOID, _CAPSULE = 0.0, 1.0


def _row(body: _Body, side: float, s: Subject, shift: Floats) -> list[float]:
    # The face's proportions stretch the table: width in x, length below the eyes in y.
    scale = np.array([s.width, s.face_length, 1.0])
    a = np.array([side * body.a[0], body.a[1], body.a[2]]) * scale + shift
    op = -1.0 if body.cut else 1.0
    if body.b is not None:
        b = np.array([side * body.b[0], body.b[1], body.b[2]]) * scale + shift
        ball = [*(a + b) / 2, float(np.sqrt(((a - b) ** 2).sum())) / 2 + max(body.r)]
        rest = [*b, body.r[0], body.r[1], *(0.0,) * 8]
        return [op, _CAPSULE, body.blend, *a, *rest, *ball]
    turn = np.radians(np.array(body.turn_deg)) * np.array([1.0, side, side])
    radii = np.array([body.r[0], body.r[1], body.r[2] if len(body.r) > 2 else body.r[0]]) * scale
    return [op, _ELLIPSOID, body.blend, *a, *radii, *rotation(turn).T.ravel(), 0.0, *a, 2.0 * max(radii)]


def bodies_table(s: Subject, open_mm: float = 0.0) -> Floats:
    """Return the anatomy as rows of numbers, (N, ROW) float64."""
    rows = []
    for index, body in enumerate(_anatomy(s, open_mm)):
        sides = (-1.0, 1.0) if body.pair or (body.b is not None and body.a[0] != body.b[0]) else (1.0,)
        for side in sides:
            # One side of the face stands a little lower and farther out than the other.
            lean = s.asymmetry_mm * 0.5 * (side if len(sides) == 2 and index > 4 else 0.0)
            rows.append(_row(body, side, s, np.array([0.3 * lean, lean, -0.4 * lean])))
    return np.round(np.array(rows), 6)


@kernel
def _body_distance(row: Floats, x: float, y: float, z: float) -> float:
    px, py, pz = x - row[3], y - row[4], z - row[5]
    if row[1] > 0.5:
        bx, by, bz = row[6] - row[3], row[7] - row[4], row[8] - row[5]
        h = (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz)
        h = min(max(h, 0.0), 1.0)
        ex, ey, ez = px - h * bx, py - h * by, pz - h * bz
        return float(np.sqrt(ex * ex + ey * ey + ez * ez) - (row[9] + h * (row[10] - row[9])))
    qx = row[9] * px + row[10] * py + row[11] * pz
    qy = row[12] * px + row[13] * py + row[14] * pz
    qz = row[15] * px + row[16] * py + row[17] * pz
    ux, uy, uz = qx / row[6], qy / row[7], qz / row[8]
    # Quilez's estimate of the distance to an ellipsoid: k0 (k0 - 1) / k1 with k0 = |q / r| and k1 = |q / r^2|.
    k0 = np.sqrt(ux * ux + uy * uy + uz * uz)
    ux, uy, uz = ux / row[6], uy / row[7], uz / row[8]
    k1 = np.sqrt(ux * ux + uy * uy + uz * uz)
    return float(k0 * (k0 - 1.0) / max(k1, 1e-9))


@kernel
def _blended(rows: Floats, x: float, y: float, z: float) -> float:
    d = _body_distance(rows[0], x, y, z)
    for i in range(1, rows.shape[0]):
        row = rows[i]
        k = row[2]
        # Most bodies are far away from most places: a ball around each tells so cheaply.
        reach = row[22] + k + row[0] * d
        px, py, pz = x - row[19], y - row[20], z - row[21]
        if reach < 0.0 or px * px + py * py + pz * pz > reach * reach:
            continue
        e = _body_distance(row, x, y, z)
        h = max(k - abs(d - row[0] * e), 0.0)
        # Quilez's quadratic smooth minimum: min(d, e) - max(k - |d - e|, 0)^2 / (4 k).
        fillet = h * h / (4.0 * k)
        if row[0] > 0.0:
            d = min(d, e) - fillet
        else:
            h = max(k - abs(d + e), 0.0)
            d = max(d, -e) + h * h / (4.0 * k)
    return d


@kernel
def _march(rows: Floats, x: float, y: float, z: float, start: float) -> float:
    """Return the outermost radius in a direction, from outside inwards."""
    t = start
    for _ in range(80):
        d = _blended(rows, t * x, t * y, t * z)
        if d < 0.05:
            return t - d
        # Sphere tracing (Hart 1996), by a little less than the distance, which blends and ellipsoids only estimate.
        t -= 0.95 * d
    return t


@kernel
def _between(grid: Floats, v: float, u: float) -> float:
    j, i = int(v), int(u)
    t, s = v - j, u - i
    low = grid[j, i] * (1.0 - s) + grid[j, i + 1] * s
    return float(low * (1.0 - t) + (grid[j + 1, i] * (1.0 - s) + grid[j + 1, i + 1] * s) * t)


@kernel
def _sample_radii(rows: Floats, directions: Floats, rough: Floats, out: Floats) -> None:
    """Fill `out`, (n, n), with radii in `directions`, (n, n, 3); `rough` is room for every eighth."""
    n = out.shape[0]
    for j in range(rough.shape[0]):
        for i in range(rough.shape[1]):
            x, y, z = directions[min(8 * j, n - 1), min(8 * i, n - 1)]
            rough[j, i] = _march(rows, x, y, z, 250.0)
    for j in range(n):
        for i in range(n):
            far = 0.0
            for k in range(max(j // 8 - 1, 0), min(j // 8 + 3, rough.shape[0])):
                for m in range(max(i // 8 - 1, 0), min(i // 8 + 3, rough.shape[1])):
                    far = max(far, rough[k, m])
            x, y, z = directions[j, i]
            # No camera looks behind the ears: there the coarse lattice is enough.
            out[j, i] = _march(rows, x, y, z, far + 4.0) if z > -0.6 else _between(rough, j / 8.0, i / 8.0)


@kernel
def _smooth(grid: Floats, out: Floats) -> None:
    n = grid.shape[0]
    for j in range(n):
        for i in range(n):
            total = 0.0
            for dj in range(-1, 2):
                for di in range(-1, 2):
                    w = (2.0 - abs(dj)) * (2.0 - abs(di)) / 16.0
                    total += w * grid[min(max(j + dj, 0), n - 1), min(max(i + di, 0), n - 1)]
            out[j, i] = total


def sculpt(subject: Subject, count: int = CONTROL_COUNT, open_mm: float = 0.0) -> Floats:
    """Return the control radii of a subject at rest, (count, count) float64, mm, [b, a]; `open_mm`: see `LooksSpec`."""
    axis = chart_axis(count)
    a, b = np.meshgrid(axis, axis)
    rough = np.empty((count, count))
    coarse = np.empty((count // 8 + 2, count // 8 + 2))
    _sample_radii(bodies_table(subject, open_mm), direction_of(a, b), coarse, rough)
    smooth = np.empty_like(rough)
    _smooth(rough, smooth)
    # Rounded so that a last-digit difference between two maths libraries cannot grow.
    return np.round(smooth, 6)
