"""The head's surface: a radius over directions, given by a cubic B-spline, so C2 and exact by definition.

In: control radii over a square chart, and points or rays in the head's frame (mm). Out: field, gradient, hit points,
foot points. The chart is stereographic from the back of the head, a = x / (|p| + z), b = y / (|p| + z): front at 0,
ears at |a| = 1; it needs nothing but square roots, so its bits are the same everywhere. Behind 138 degrees the
radius is held, a place that no camera sees.
"""

from __future__ import annotations

import numpy as np

from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.optics import Floats

CHART_LIMIT = 2.6


def chart_axis(count: int) -> Floats:
    """Return the chart coordinates of the control radii, (count,) float64."""
    return np.linspace(-CHART_LIMIT, CHART_LIMIT, count)


def direction_of(a: Floats, b: Floats) -> Floats:
    """Return the unit vectors, (..., 3) float64, of chart coordinates."""
    # The inverse of the stereographic chart: (2a, 2b, 1 - a^2 - b^2) / (1 + a^2 + b^2).
    low = 1.0 + a * a + b * b
    return np.stack([2 * a / low, 2 * b / low, (2.0 - low) / low], axis=-1)


@kernel
def radius(control: Floats, a: float, b: float) -> tuple[float, float, float]:
    """Return the radius at a, b in mm and its two slopes."""
    n = control.shape[0]
    scale = (n - 1) / (2.0 * 2.6)
    u = min(max((a + 2.6) * scale, 1.0), n - 2.000001)
    v = min(max((b + 2.6) * scale, 1.0), n - 2.000001)
    i = int(u)
    j = int(v)
    s = u - i
    t = v - j
    s1 = 1.0 - s
    t1 = 1.0 - t
    # Weights of the uniform cubic B-spline and, below, their derivatives.
    w0, w1 = s1 * s1 * s1 / 6.0, (4.0 - 3.0 * s * s * (2.0 - s)) / 6.0
    w2, w3 = (4.0 - 3.0 * s1 * s1 * (2.0 - s1)) / 6.0, s * s * s / 6.0
    d0, d1 = -0.5 * s1 * s1, s * (1.5 * s - 2.0)
    d2, d3 = -s1 * (1.5 * s1 - 2.0), 0.5 * s * s
    value = 0.0
    slope_u = 0.0
    slope_v = 0.0
    for k in range(4):
        row = control[j - 1 + k]
        along = w0 * row[i - 1] + w1 * row[i] + w2 * row[i + 1] + w3 * row[i + 2]
        along_d = d0 * row[i - 1] + d1 * row[i] + d2 * row[i + 1] + d3 * row[i + 2]
        if k == 0:
            weight, weight_d = t1 * t1 * t1 / 6.0, -0.5 * t1 * t1
        elif k == 1:
            weight, weight_d = (4.0 - 3.0 * t * t * (2.0 - t)) / 6.0, t * (1.5 * t - 2.0)
        elif k == 2:
            weight, weight_d = (4.0 - 3.0 * t1 * t1 * (2.0 - t1)) / 6.0, -t1 * (1.5 * t1 - 2.0)
        else:
            weight, weight_d = t * t * t / 6.0, 0.5 * t * t
        value += weight * along
        slope_u += weight * along_d
        slope_v += weight_d * along
    return value, slope_u * scale, slope_v * scale


@kernel
def field(control: Floats, x: float, y: float, z: float) -> tuple[float, float, float, float, float, float]:
    """Return |p| - radius in mm (above 0 outside), its gradient, and the chart coordinates of p."""
    s = np.sqrt(x * x + y * y + z * z)
    low = 1.0 / max(s + z, 1e-9)
    a = x * low
    b = y * low
    r, ra, rb = radius(control, a, b)
    # d(a)/dp = (e_x - a (p/s + e_z)) / (s + z), likewise b.
    spread = (ra * a + rb * b) * low
    gx = x / s * (1.0 + spread) - ra * low
    gy = y / s * (1.0 + spread) - rb * low
    gz = z / s * (1.0 + spread) + spread
    return s - r, gx, gy, gz, a, b


@kernel
def refine_on_ray(control: Floats, o: Floats, vx: float, vy: float, vz: float, start: float) -> float:
    """Return the way along the ray o + t v to the surface, by Newton from a near `start`; NaN when it gets lost."""
    t = start
    for _ in range(14):
        f, gx, gy, gz, _a, _b = field(control, o[0] + t * vx, o[1] + t * vy, o[2] + t * vz)
        slope = gx * vx + gy * vy + gz * vz
        # The field falls along a ray that enters the head; where it hardly does, the ray grazes and Newton's step
        # means nothing.
        if slope > -0.02:
            return np.nan
        step = min(max(f / slope, -1.5), 1.5)
        t -= step
        if abs(step) < 1e-8:
            return t if abs(t - start) < 6.0 else np.nan
    return np.nan


@kernel
def trace_ray(control: Floats, o: Floats, vx: float, vy: float, vz: float, near: float, far: float) -> float:
    """Return the first hit along the ray by cautious marching and bisection, exact to 1e-9 mm; NaN when it misses.

    Slow and independent of any mesh: the oracle for the quick way.
    """
    t = near
    before = near
    while t < far:
        f, gx, gy, gz, _a, _b = field(control, o[0] + t * vx, o[1] + t * vy, o[2] + t * vz)
        if f <= 0.0:
            break
        before = t
        steep = np.sqrt(gx * gx + gy * gy + gz * gz)
        t += max(0.02, min(0.3 * f / max(1.0, steep), 0.05 * f))
    if t >= far:
        return np.nan
    for _ in range(60):
        middle = 0.5 * (before + t)
        f, gx, gy, gz, _a, _b = field(control, o[0] + middle * vx, o[1] + middle * vy, o[2] + middle * vz)
        if f > 0.0:
            before = middle
        else:
            t = middle
    return 0.5 * (before + t)


@kernel
def _onto_surface(control: Floats, x: float, y: float, z: float) -> tuple[float, float, float, float, float, float]:
    """Return the surface point on the radius through p and the unit normal there."""
    for _ in range(2):
        f, gx, gy, gz, _a, _b = field(control, x, y, z)
        s = np.sqrt(x * x + y * y + z * z)
        shrink = (s - f) / s
        x, y, z = x * shrink, y * shrink, z * shrink
    f, gx, gy, gz, _a, _b = field(control, x, y, z)
    steep = np.sqrt(gx * gx + gy * gy + gz * gz)
    return x, y, z, gx / steep, gy / steep, gz / steep


@kernel
def _nearest_start(control: Floats, p: Floats, reach: float) -> tuple[float, float, float]:
    """Return the surface point nearest to p among a lattice of those within `reach` around it."""
    s = np.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2])
    low = 1.0 / max(s + p[2], 1e-9)
    a0, b0 = p[0] * low, p[1] * low
    # A chart unit is 2 s / (1 + a^2 + b^2) mm long at the radius s.
    span = reach * (1.0 + a0 * a0 + b0 * b0) / (2.0 * s)
    best = np.inf
    bx, by, bz = p[0], p[1], p[2]
    for i in range(-8, 9):
        for j in range(-8, 9):
            a = a0 + span * i / 8.0
            b = b0 + span * j / 8.0
            r, _ra, _rb = radius(control, a, b)
            scale = r / (1.0 + a * a + b * b)
            x, y, z = 2.0 * a * scale, 2.0 * b * scale, (1.0 - a * a - b * b) * scale
            d2 = (x - p[0]) ** 2 + (y - p[1]) ** 2 + (z - p[2]) ** 2
            if d2 < best:
                best = d2
                bx, by, bz = x, y, z
    return bx, by, bz


@kernel
def foot_point(control: Floats, p: Floats, foot: Floats) -> float:
    """Return the signed distance of p in mm (above 0 outside) and write the nearest surface point into `foot`."""
    f, gx, gy, gz, _a, _b = field(control, p[0], p[1], p[2])
    rough = abs(f) / np.sqrt(gx * gx + gy * gy + gz * gz)
    if rough > 0.3:
        x, y, z = _nearest_start(control, p, min(1.5 * abs(f) + 1.0, 60.0))
    else:
        x, y, z = p[0], p[1], p[2]
    x, y, z, nx, ny, nz = _onto_surface(control, x, y, z)
    d2 = (x - p[0]) ** 2 + (y - p[1]) ** 2 + (z - p[2]) ** 2
    damp = 1.0
    for _ in range(60):
        # At the foot p - foot is normal to the surface, so the walk follows its tangential part until that is gone.
        ex, ey, ez = p[0] - x, p[1] - y, p[2] - z
        out = ex * nx + ey * ny + ez * nz
        tx, ty, tz = ex - out * nx, ey - out * ny, ez - out * nz
        size = np.sqrt(tx * tx + ty * ty + tz * tz)
        if size < 1e-7:
            break
        cut = damp * min(1.0, 3.0 / size)
        x1, y1, z1, nx1, ny1, nz1 = _onto_surface(control, x + cut * tx, y + cut * ty, z + cut * tz)
        new = (x1 - p[0]) ** 2 + (y1 - p[1]) ** 2 + (z1 - p[2]) ** 2
        if new < d2:
            x, y, z, nx, ny, nz, d2 = x1, y1, z1, nx1, ny1, nz1, new
            damp = min(1.0, 1.5 * damp)
        else:
            damp *= 0.4
            if damp < 1e-4:
                break
    foot[0], foot[1], foot[2] = x, y, z
    return float(np.sqrt(d2) if f > 0.0 else -np.sqrt(d2))


@kernel
def foot_points(control: Floats, points: Floats, distances: Floats, feet: Floats) -> None:
    """Fill `distances`, (N,), and `feet`, (N, 3), for points, (N, 3) mm, all in the head's frame."""
    for i in range(points.shape[0]):
        distances[i] = foot_point(control, points[i], feet[i])


@kernel
def resample(control: Floats, a: Floats, b: Floats, out: Floats) -> None:
    """Fill `out` with the radii at chart coordinates a, b (all of one shape, flat)."""
    for i in range(a.size):
        out[i], _ra, _rb = radius(control, a[i], b[i])
