"""Glasses: two rims, a bridge and temples of round wire, and panes of glass in the rims.

In: how they are made, and the pose of the head that wears them. Out: a `GlassesStill` whose wire hides and shades what
is behind it, and panes that dim it and mirror the lamps.
Lies: glass bends no ray, so what is seen through it is not shifted; a pane casts no shadow; wire may pass through skin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rigdriver_sim.scene.hits import Floats32, Gloss, Hits, empty_hits
from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.optics import Floats, inverse, transform, undistort
from rigdriver_sim.scene.pods import CameraModel
from rigdriver_sim.scene.together import Look, with_gloss

RIM_MIDDLE_MM = (33.0, -4.0, 101.0)
"""Middle of the left rim in an average head's frame; the other one is its mirror image."""
RIM_HALF_MM = (24.0, 19.0)
RIM_PIECES = 24
BEND = 0.006
"""Bend of the front round the face, mm per mm^2: z falls by this times (|x| - 33)^2, and by LEAN per mm to the side."""
LEAN = 0.12
EAR_MM = (80.0, -2.0, -8.0)
WIRE_ALBEDO = 0.06
PASSED = 0.85
"""Light that comes through both faces of a pane twice, on its way to the skin and back: 0.96^4."""
PANE_SHARE, PANE_EXPONENT, PANE_RADIUS_MM = 0.08, 3000.0, 90.0
"""Share that both faces mirror, sharpness of the lobe, and radius of the glass."""


def wire_of(width: float) -> Floats:
    """Return the pieces of wire, (N, 2, 3) mm, in the head's frame; `width` stretches them as the face is."""
    angle = np.linspace(0.0, 2 * np.pi, RIM_PIECES + 1)
    # A superellipse of the power 3: between an ellipse and a rectangle.
    x, y = (np.sign(f) * np.abs(f) ** (2 / 3) for f in (np.cos(angle), np.sin(angle)))
    rim = np.stack([RIM_MIDDLE_MM[0] + RIM_HALF_MM[0] * x, RIM_MIDDLE_MM[1] + RIM_HALF_MM[1] * y, 0 * x], axis=1)
    rim[:, 2] = _front(rim[:, 0])
    hinge = np.array([RIM_MIDDLE_MM[0] + RIM_HALF_MM[0], 6.0, _front(np.array(RIM_MIDDLE_MM[0] + RIM_HALF_MM[0]))])
    bridge = np.array([RIM_MIDDLE_MM[0] - RIM_HALF_MM[0], 3.0, float(_front(np.array(9.0)))])
    half = [*pairwise(rim), (hinge, np.array(EAR_MM)), (bridge, np.array([0.0, 6.0, 105.0]))]
    one = np.array([np.stack(piece) for piece in half])
    both: Floats = np.concatenate([one, one * np.array([-1.0, 1.0, 1.0])]) * np.array([width, 1.0, 1.0])
    return both


def _front(x: Floats) -> Floats:
    off = np.abs(x) - RIM_MIDDLE_MM[0]
    found: Floats = RIM_MIDDLE_MM[2] - LEAN * off - BEND * off**2
    return found


@dataclass(frozen=True, slots=True)
class Glasses:
    """Glasses over time."""

    wire_mm: float
    """Thickness of the wire; 0: there are none."""
    width: float
    size: float
    pose: Callable[[float], Floats]
    """T_world_body of the head at a time."""

    def still(self, t_s: float) -> GlassesStill:
        """Return the wire at a time."""
        return GlassesStill(self.size * wire_of(self.width), self.wire_mm / 2, self.pose(t_s))

    def panes(self, t_s: float) -> Sequence[Look]:
        """Return the panes at a time; none without glasses."""
        if not self.wire_mm:
            return []
        pose = self.pose(t_s)
        return [Pane(side, self.width, self.size, pose) for side in (-1.0, 1.0)]


@dataclass(frozen=True, slots=True)
class GlassesStill:
    """Glasses at one moment."""

    wire_mm: Floats
    """(N, 2, 3), in the head's frame."""
    radius_mm: float
    T_world_body: Floats

    def hits(self, camera: CameraModel) -> Hits:
        """Return where the camera's rays meet the wire."""
        found = empty_hits(camera)
        ends = transform(camera.T_cam_world @ self.T_world_body, self.wire_mm.reshape(-1, 3)).reshape(-1, 6)
        turn = np.ascontiguousarray(camera.T_cam_world[:3, :3])
        _meet(np.ascontiguousarray(ends), self.radius_mm, camera.lens.packed, turn, found.depth_mm, found.normal)
        found.albedo[:] = np.where(np.isfinite(found.depth_mm), np.float32(WIRE_ALBEDO), np.float32(0))
        return found

    def shadow_depth(self, T_lamp_world: Floats, focal_px: float, size: int) -> Floats32:
        """Return the depth that a lamp sees, (size, size) float32 mm."""
        depth = np.full((size, size), np.inf, np.float32)
        ends = transform(T_lamp_world @ self.T_world_body, self.wire_mm.reshape(-1, 3)).reshape(-1, 6)
        _fill_shadow(np.ascontiguousarray(ends), self.radius_mm, focal_px, depth)
        return depth

    def signed_distance_mm(self, points_world_mm: Floats) -> Floats:
        """Return the distance of world points, (N, 3) mm, to the wire, (N,) mm; above 0 outside."""
        local = np.ascontiguousarray(transform(inverse(self.T_world_body), points_world_mm))
        away = np.empty(len(local))
        _distances(self.wire_mm.reshape(-1, 6), local, away)
        return away - self.radius_mm


@dataclass(frozen=True, slots=True)
class Pane:
    """The glass in one rim."""

    side: float
    width: float
    size: float
    T_world_body: Floats

    def __call__(self, hits: Hits, camera: CameraModel) -> Hits:
        """Return the hits as they are seen through the pane."""
        shape = hits.depth_mm.shape
        share, normal = np.zeros(shape, np.float32), np.zeros((*shape, 3), np.float32)
        middle = self.size * np.array([self.side * RIM_MIDDLE_MM[0] * self.width, RIM_MIDDLE_MM[1], RIM_MIDDLE_MM[2]])
        out = np.array([self.side * LEAN, 0.0, 1.0]) / np.hypot(LEAN, 1.0)
        size = self.size * np.array([RIM_HALF_MM[0] * self.width, RIM_HALF_MM[1], PANE_RADIUS_MM])
        T_cam_head = camera.T_cam_world @ self.T_world_body
        turn = np.ascontiguousarray(self.T_world_body[:3, :3])
        _look_through(hits.depth_mm, camera.lens.packed, T_cam_head, turn, np.stack([middle, out, size]), share, normal)
        return with_gloss(hits, share > 0, Gloss(share, normal, np.full(shape, PANE_EXPONENT, np.float32)), PASSED)


@kernel
def _meet(ends: Floats, radius: float, lens: Floats, R: Floats, depth: Floats, normal: Floats32) -> None:
    height, width = depth.shape
    ray, a, along, to, n = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for row in range(height):
        for column in range(width):
            x, y = undistort(lens, float(column), float(row))
            size = np.sqrt(x * x + y * y + 1.0)
            ray[0], ray[1], ray[2] = x / size, y / size, 1.0 / size
            best = np.inf
            for k in range(ends.shape[0]):
                # A ball about the piece tells cheaply that most rays miss it.
                reach = radius
                middle2 = middle_ray = span2 = 0.0
                for c in range(3):
                    m = 0.5 * (ends[k, c] + ends[k, 3 + c])
                    h = 0.5 * (ends[k, 3 + c] - ends[k, c])
                    middle2 += m * m
                    middle_ray += m * ray[c]
                    span2 += h * h
                reach += np.sqrt(span2)
                if middle2 - middle_ray * middle_ray > reach * reach:
                    continue
                for c in range(3):
                    a[c] = -ends[k, c]
                    along[c] = ends[k, 3 + c] - ends[k, c]
                t = _capsule(a, along, ray, radius)
                if 0.0 < t < best:
                    best = t
                    # Out of the wire: from the nearest place of its middle line.
                    share = low = 0.0
                    for c in range(3):
                        to[c] = t * ray[c] + a[c]
                        share += to[c] * along[c]
                        low += along[c] * along[c]
                    share = min(max(share / low, 0.0), 1.0)
                    for c in range(3):
                        n[c] = (to[c] - share * along[c]) / radius
                    depth[row, column] = t / size
                    for c in range(3):
                        normal[row, column, c] = R[0, c] * n[0] + R[1, c] * n[1] + R[2, c] * n[2]


@kernel
def _capsule(a: Floats, along: Floats, ray: Floats, radius: float) -> float:
    """Return where a ray from 0 meets a capsule whose end lies at -a: Quilez's closed form; -1 where it misses."""
    baba = bard = baoa = rdoa = oaoa = 0.0
    for c in range(3):
        baba += along[c] * along[c]
        bard += along[c] * ray[c]
        baoa += along[c] * a[c]
        rdoa += ray[c] * a[c]
        oaoa += a[c] * a[c]
    q = baba - bard * bard
    b = baba * rdoa - baoa * bard
    c0 = baba * oaoa - baoa * baoa - radius * radius * baba
    h = b * b - q * c0
    if h < 0.0 or q <= 1e-12:
        return -1.0
    t = (-b - np.sqrt(h)) / q
    y = baoa + t * bard
    if 0.0 < y < baba:
        return float(t)
    # Beyond the ends: the balls there.
    shift = 0.0 if y <= 0.0 else 1.0
    b1 = c1 = 0.0
    for c in range(3):
        o = a[c] - shift * along[c]
        b1 += ray[c] * o
        c1 += o * o
    h = b1 * b1 - c1 + radius * radius
    return float(-b1 - np.sqrt(h)) if h > 0.0 else -1.0


@kernel
def _fill_shadow(ends: Floats, radius: float, focal: float, depth: Floats32) -> None:
    """Draw the pieces of wire as discs in steps of half a radius: the depth of their middle, less the radius."""
    size = depth.shape[0]
    middle = 0.5 * (size - 1)
    for k in range(ends.shape[0]):
        length = 0.0
        for c in range(3):
            length += (ends[k, 3 + c] - ends[k, c]) ** 2
        steps = int(2.0 * np.sqrt(length) / radius) + 1
        for n in range(steps + 1):
            s = n / steps
            x = ends[k, 0] + s * (ends[k, 3] - ends[k, 0])
            y = ends[k, 1] + s * (ends[k, 4] - ends[k, 1])
            z = ends[k, 2] + s * (ends[k, 5] - ends[k, 2])
            u, v, r = focal * x / z + middle, focal * y / z + middle, focal * radius / z
            for j in range(max(int(v - r), 0), min(int(v + r) + 2, size)):
                for i in range(max(int(u - r), 0), min(int(u + r) + 2, size)):
                    if (i - u) ** 2 + (j - v) ** 2 <= r * r:
                        depth[j, i] = min(depth[j, i], np.float32(z - radius))


@kernel
def _distances(ends: Floats, points: Floats, away: Floats) -> None:
    for p in range(points.shape[0]):
        best = np.inf
        for k in range(ends.shape[0]):
            low = share = 0.0
            for c in range(3):
                d = ends[k, 3 + c] - ends[k, c]
                low += d * d
                share += d * (points[p, c] - ends[k, c])
            share = min(max(share / low, 0.0), 1.0)
            d2 = 0.0
            for c in range(3):
                d2 += (points[p, c] - ends[k, c] - share * (ends[k, 3 + c] - ends[k, c])) ** 2
            best = min(best, d2)
        away[p] = np.sqrt(best)


@kernel
def _look_through(
    depth: Floats, lens: Floats, T: Floats, R: Floats, pane: Floats, share: Floats32, normal: Floats32
) -> None:
    height, width = depth.shape
    eye, ray, local = np.empty(3), np.empty(3), np.empty(3)
    for k in range(3):
        eye[k] = -(T[0, k] * T[0, 3] + T[1, k] * T[1, 3] + T[2, k] * T[2, 3])
    for row in range(height):
        for column in range(width):
            if np.isnan(depth[row, column]):
                continue
            x, y = undistort(lens, float(column), float(row))
            towards = away = 0.0
            for k in range(3):
                ray[k] = T[0, k] * x + T[1, k] * y + T[2, k]
                towards += pane[1, k] * ray[k]
                away += pane[1, k] * (pane[0, k] - eye[k])
            # Only from before: the temples' side of a pane is behind the head's own surface.
            if towards >= -1e-6:
                continue
            t = away / towards
            if not 0.0 < t < depth[row, column]:
                continue
            for k in range(3):
                local[k] = eye[k] + t * ray[k] - pane[0, k]
            u, v = abs(local[0]) / pane[2, 0], abs(local[1]) / pane[2, 1]
            if u * u * u + v * v * v > 1.0:
                continue
            share[row, column] = PANE_SHARE
            # The glass is part of a ball: its normal leans outwards with the distance from the middle.
            n0, n1, n2 = pane[1, 0] + local[0] / pane[2, 2], pane[1, 1] + local[1] / pane[2, 2], pane[1, 2]
            size = np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
            for k in range(3):
                normal[row, column, k] = (R[k, 0] * n0 + R[k, 1] * n1 + R[k, 2] * n2) / size
