"""The moving head: subject, expression, pose.

In: a `SceneSpec` and a time. Out: a `HeadStill`, the exact surface at that time, with hits, distances and the paths of
material points. An expression shifts the skin over the chart and swells it; both are smooth functions of time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rigdriver_sim.scene.expression import Expression
from rigdriver_sim.scene.glasses import Glasses
from rigdriver_sim.scene.head_looks import Complexion, coloured, shaped
from rigdriver_sim.scene.head_shape import CONTROL_COUNT, Subject, sculpt
from rigdriver_sim.scene.head_skin import paint_skin
from rigdriver_sim.scene.hits import Floats32, Gloss, Hits, channel_weights, empty_hits
from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.noise import generator
from rigdriver_sim.scene.optics import Floats, inverse, rigid, rotation, transform, undistort
from rigdriver_sim.scene.pods import CameraModel
from rigdriver_sim.scene.raster import fill_depth
from rigdriver_sim.scene.spec import LooksSpec, MotionSpec, SceneSpec, SubjectSpec
from rigdriver_sim.scene.spline import chart_axis, direction_of, field, foot_points, refine_on_ray, resample, trace_ray

BASE_MM = (0.0, 12.0, -55.0)
"""Where the head's origin rests in the world, so that the working point lies on the face."""
NOSE_MM = 115.0
FACE_MM = 95.0
"""Distance of the face from the head's origin."""


def draw_subject(spec: SubjectSpec, seed: int) -> tuple[Subject, float]:
    """Return the proportions and the skin tone; what the spec leaves out is drawn from the seed."""
    draw = generator("subject", seed)
    drawn = {
        "width": draw.normal(1, 0.03), "face_length": draw.normal(1, 0.03), "nose_length": draw.normal(1, 0.12),
        "nose_width": draw.normal(1, 0.1), "lips": draw.normal(1, 0.1), "chin": draw.normal(1, 0.08),
        "eye_depth": draw.normal(1, 0.08), "ears": draw.normal(1, 0.06),
    }  # fmt: skip
    asymmetry = spec.asymmetry_mm if spec.asymmetry_mm >= 0 else abs(draw.normal(0, 1.2))
    tone = spec.skin_tone if spec.skin_tone >= 0 else draw.uniform(0, 0.6)
    chosen = {name: float(getattr(spec, name) or value) for name, value in drawn.items()}
    return Subject(**chosen, asymmetry_mm=float(asymmetry)), float(tone)


def expression_at(motion: MotionSpec, t_s: float) -> Expression:
    """Return the expression at a time."""
    rise = 0.5 - 0.5 * math.cos(2 * math.pi * t_s / motion.period_s)
    return Expression(motion.smile * rise, motion.mouth * rise, motion.brow * rise)


def pose_at(motion: MotionSpec, t_s: float, size: float = 1.0) -> Floats:
    """Return T_world_body, (4, 4), at a time, for a head of a size: its face stays at the working point."""
    phase = 2 * math.pi * t_s / motion.period_s
    # The nose is fastest at phase 0, where it moves by NOSE_MM * amplitude * 2 pi / period per second.
    turn = min(motion.turn_mm_s * motion.period_s / (2 * math.pi * NOSE_MM), 0.6) * math.sin(phase)
    sway = motion.sway_mm * np.array([math.sin(phase), 0.3 * math.sin(2 * phase), 0.5 * (1 - math.cos(phase))])
    base = np.array(BASE_MM) + np.array([0.0, 0.0, (1.0 - size) * FACE_MM])
    return rigid(rotation([0.0, turn, 0.0]), base + sway)


@lru_cache(maxsize=4)
def _at_rest(subject: Subject, tone: float, looks: LooksSpec, scatter: float, seed: int) -> tuple[Floats, Complexion]:
    control = sculpt(subject, open_mm=looks.open_mm)
    skin = paint_skin(control, subject, tone, seed)
    look = Complexion(skin)
    if looks != LooksSpec():
        look = coloured(control, skin, subject, looks, scatter, seed)
        control = shaped(control, subject, looks, seed)
    for array in (control, look.skin, look.places):
        if array is not None:
            array.flags.writeable = False
    return control, look


class Head:
    """One subject; `still` gives the surface at a time."""

    def __init__(self, spec: SceneSpec) -> None:
        self._motion, self._looks = spec.motion, spec.looks
        self._scatter = spec.light.skin_blur
        subject, tone = draw_subject(spec.subject, spec.seed)
        self._width = subject.width
        self._rest, self._look = _at_rest(subject, tone, spec.looks, self._scatter, spec.seed)

    @property
    def glasses(self) -> Glasses:
        """The glasses that it wears."""
        return Glasses(self._looks.glasses_mm, self._width, self._looks.size, self.pose)

    def pose(self, t_s: float) -> Floats:
        """Return T_world_body, (4, 4), at a time."""
        return pose_at(self._motion, t_s, self._looks.size)

    def still(self, t_s: float) -> HeadStill:
        """Return the surface at a time."""
        expression = expression_at(self._motion, t_s)
        axis = chart_axis(CONTROL_COUNT)
        a, b = np.meshgrid(axis, axis)
        ma, mb, swell = expression.material_of(a, b)
        radii = np.empty(a.size)
        resample(self._rest, ma.ravel(), mb.ravel(), radii)
        control = radii.reshape(a.shape) + swell
        # Sampled anew: a B-spline does not pass through its control values.
        resample(control, a.ravel(), b.ravel(), radii)
        return HeadStill(
            control=control,
            lattice_mm=direction_of(a, b).reshape(-1, 3) * radii[:, None],
            T_world_body=self.pose(t_s),
            expression=expression,
            look=self._look,
            scatter=self._scatter,
        )


@dataclass(frozen=True, slots=True)
class HeadStill:
    """The head at one moment."""

    control: Floats
    lattice_mm: Floats
    """Dense surface points in the head's frame, (CONTROL_COUNT**2, 3), row by row of the chart."""
    T_world_body: Floats
    expression: Expression
    look: Complexion
    scatter: float

    def hits(self, camera: CameraModel) -> Hits:
        """Return what the camera's rays meet."""
        found = empty_hits(camera, self.scatter)
        T_cam_head = camera.T_cam_world @ self.T_world_body
        guess = np.full((camera.height, camera.width), np.inf, np.float32)
        points, pixels = self._lattice(T_cam_head, camera)
        fill_depth(points, pixels, CONTROL_COUNT, CONTROL_COUNT, -1.0, guess)
        chart = np.zeros((camera.height, camera.width, 2))
        _refine(
            self.control, camera.lens.packed, T_cam_head, self.T_world_body, guess, found.depth_mm, found.normal, chart
        )
        seen = np.isfinite(found.depth_mm)
        ma, mb, _swell = self.expression.material_of(chart[..., 0][seen], chart[..., 1][seen])
        found.material[..., 0][seen] = ma
        found.material[..., 1][seen] = mb
        _look_up_skin(self.look.skin, found.material, seen, channel_weights(camera), found.albedo)
        return found if self.look.places is None else self._with_places(found, seen, self.look.places)

    @staticmethod
    def _with_places(found: Hits, seen: np.ndarray, places: Floats32) -> Hits:
        """Return the hits with what differs from place to place: what scatters and what mirrors."""
        at = np.zeros((3, *seen.shape), np.float32)
        _look_up_skin(places, found.material, seen, np.eye(3), at)
        return replace(found, scatter=at[0], gloss=Gloss(at[1], found.normal, np.maximum(at[2], np.float32(1))))

    def shadow_depth(self, T_lamp_world: Floats, focal_px: float, size: int) -> Floats32:
        """Return the depth that a lamp sees, (size, size) float32 mm, with the optical axis in the middle."""
        depth = np.full((size, size), np.inf, np.float32)
        points = transform(T_lamp_world @ self.T_world_body, self.lattice_mm)
        pixels = focal_px * points[:, :2] / points[:, 2:] + (size - 1) / 2
        fill_depth(points, np.ascontiguousarray(pixels), CONTROL_COUNT, CONTROL_COUNT, -1.0, depth)
        return depth

    def _lattice(self, T_cam_head: Floats, camera: CameraModel) -> tuple[Floats, Floats]:
        points = transform(T_cam_head, self.lattice_mm)
        return points, camera.lens.project(points)

    def signed_distance_mm(self, points_world_mm: Floats) -> Floats:
        """Return the distance of world points, (N, 3) mm, to the surface, (N,) mm; above 0 outside."""
        local = np.ascontiguousarray(transform(inverse(self.T_world_body), points_world_mm))
        distances = np.empty(len(local))
        foot_points(self.control, local, distances, np.empty_like(local))
        return distances

    def material_points_mm(self, material: Floats) -> Floats:
        """Return where skin points, (N, 2) chart coordinates at rest, now are in the world, (N, 3) mm."""
        a, b = material[:, 0].copy(), material[:, 1].copy()
        # `material_of` goes from the skin that is now at a place back to its place at rest; a damped fixed point
        # inverts it.
        for _ in range(100):
            ma, mb, _swell = self.expression.material_of(a, b)
            a += 0.7 * (material[:, 0] - ma)
            b += 0.7 * (material[:, 1] - mb)
        radii = np.empty(len(a))
        resample(self.control, a, b, radii)
        return transform(self.T_world_body, direction_of(a, b) * radii[:, None])


@kernel
def _refine(
    control: Floats,
    lens: Floats,
    T_cam_head: Floats,
    T_world_body: Floats,
    guess: Floats32,
    depth: Floats,
    normal: Floats32,
    chart: Floats,
) -> None:
    height, width = guess.shape
    R, W = T_cam_head, T_world_body
    # The camera's centre in the head's frame: -R^T t.
    origin = np.empty(3)
    for k in range(3):
        origin[k] = -(R[0, k] * R[0, 3] + R[1, k] * R[1, 3] + R[2, k] * R[2, 3])
    for row in range(height):
        for column in range(width):
            near = guess[row, column]
            if not near < np.inf:
                continue
            x, y = undistort(lens, float(column), float(row))
            vx = R[0, 0] * x + R[1, 0] * y + R[2, 0]
            vy = R[0, 1] * x + R[1, 1] * y + R[2, 1]
            vz = R[0, 2] * x + R[1, 2] * y + R[2, 2]
            t = refine_on_ray(control, origin, vx, vy, vz, float(near))
            if np.isnan(t):
                # A ray that grazes an edge of the mesh: it may pass it and meet what lies behind.
                t = trace_ray(control, origin, vx, vy, vz, float(near) - 2.0, float(near) + 220.0)
                if np.isnan(t):
                    continue
            _f, gx, gy, gz, a, b = field(control, origin[0] + t * vx, origin[1] + t * vy, origin[2] + t * vz)
            steep = 1.0 / np.sqrt(gx * gx + gy * gy + gz * gz)
            depth[row, column] = t
            chart[row, column, 0] = a
            chart[row, column, 1] = b
            for k in range(3):
                normal[row, column, k] = (W[k, 0] * gx + W[k, 1] * gy + W[k, 2] * gz) * steep


@kernel
def _look_up_skin(skin: Floats32, material: Floats32, seen: np.ndarray, weights: Floats, albedo: Floats32) -> None:
    channels, height, width = albedo.shape
    n = skin.shape[0]
    scale = (n - 1) / (2.0 * 1.5)
    for row in range(height):
        for column in range(width):
            if not seen[row, column]:
                continue
            u = min(max((material[row, column, 0] + 1.5) * scale, 0.0), n - 1.001)
            v = min(max((material[row, column, 1] + 1.5) * scale, 0.0), n - 1.001)
            i, j = int(u), int(v)
            s, t = u - i, v - j
            for c in range(channels):
                total = 0.0
                for k in range(3):
                    low = skin[j, i, k] * (1 - s) + skin[j, i + 1, k] * s
                    high = skin[j + 1, i, k] * (1 - s) + skin[j + 1, i + 1, k] * s
                    total += weights[c, k] * (low * (1 - t) + high * t)
                albedo[c, row, column] = total
