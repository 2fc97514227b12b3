"""Where the six cameras and the four lamps stand, and what their lenses are.

In: a `SceneSpec` and the resolution. Out: frozen camera and lamp models with exact poses. World frame: origin at the
working point on the face, x to the rig's right, y up, z from the subject towards the rig, mm; camera frame: x right,
y down, z forward. The left pod stands at x < 0. Deviations come from the seed and the device's name alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from rigdriver_sim.scene.noise import generator
from rigdriver_sim.scene.optics import Floats, Lens, inverse, look_at, rigid, rotation
from rigdriver_sim.scene.spec import CameraChange, SceneSpec

CAMERAS = ("left_upper", "left_lower", "left_colour", "right_upper", "right_lower", "right_colour")
PATTERN_LAMPS = ("left_pattern", "right_pattern")
WHITE_LAMPS = ("left_white", "right_white")
AMBIENT = "ambient"
LAMPS = (*PATTERN_LAMPS, *WHITE_LAMPS, AMBIENT)


@dataclass(frozen=True, slots=True)
class CameraModel:
    """One camera as it truly is."""

    name: str
    width: int
    height: int
    lens: Lens
    T_cam_world: Floats
    is_colour: bool

    @property
    def pod(self) -> str:
        """`left` or `right`."""
        return self.name.split("_")[0]

    @property
    def centre_mm(self) -> Floats:
        """Centre of projection in the world, (3,) mm."""
        centre: Floats = -self.T_cam_world[:3, :3].T @ self.T_cam_world[:3, 3]
        return centre


@dataclass(frozen=True, slots=True)
class LampModel:
    """One lamp: a point of light with a slide before it."""

    name: str
    T_lamp_world: Floats
    is_pattern: bool
    grain_mm: float
    """Distance of the slide's grains where the light meets the working point."""
    distance_mm: float
    power: float
    """A slide lets half of the light through on average, so what stands behind it is stronger than a flash."""
    colour: tuple[float, float, float]
    """What a red, a green and a blue pixel get of it."""


@dataclass(frozen=True, slots=True)
class Pods:
    """The whole rig."""

    cameras: Mapping[str, CameraModel]
    lamps: Mapping[str, LampModel]


def build_pods(spec: SceneSpec, width: int, height: int) -> Pods:
    """Return cameras and lamps for sensors of `width` x `height` pixels."""
    cameras = {name: _camera(spec, name, width, height) for name in CAMERAS}
    lamps = {name: _lamp(spec, name, width) for name in (*PATTERN_LAMPS, *WHITE_LAMPS)}
    return Pods(MappingProxyType(cameras), MappingProxyType(lamps))


def _stand(distance_mm: float, azimuth_deg: float, elevation_deg: float) -> Floats:
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    level = math.cos(elevation)
    return distance_mm * np.array([level * math.sin(azimuth), math.sin(elevation), level * math.cos(azimuth)])


def _camera(spec: SceneSpec, name: str, width: int, height: int) -> CameraModel:
    optics = spec.optics
    pod, place = name.split("_")
    azimuth = optics.pods_deg / 2 * (-1 if pod == "left" else 1)
    elevation = {"upper": 0.5, "lower": -0.5, "colour": 0.0}[place] * optics.convergence_deg
    draw = generator("camera", spec.seed, name)
    size = optics.deviations
    # A colour camera stands a little beside the line of the monos.
    position = _stand(optics.distance_mm, azimuth + (4.0 if place == "colour" else 0.0), elevation)
    aimed = look_at(
        position + size * draw.normal(0, 2.0, 3), size * draw.normal(0, 2.0, 3), math.radians(optics.roll_deg)
    )
    tilted = rigid(rotation(size * draw.normal(0, 3e-3, 3)), [0, 0, 0]) @ aimed
    change = spec.cameras.get(name, CameraChange())
    return CameraModel(
        name=name,
        width=width,
        height=height,
        lens=_lens(spec, change, width, height, draw),
        T_cam_world=_frozen(_bumped(tilted, change)),
        is_colour=place == "colour",
    )


def _lens(spec: SceneSpec, change: CameraChange, width: int, height: int, draw: np.random.Generator) -> Lens:
    optics = spec.optics
    size = optics.deviations
    pixel = width / 2048
    focal = (
        optics.distance_mm
        * width
        / optics.field_mm
        * (1 + size * draw.normal(0, 0.003))
        * (1 + change.focal_ppm * 1e-6)
    )
    aspect = 1 + size * draw.normal(0, 2e-4)
    centre = np.array([(width - 1) / 2, (height - 1) / 2]) + size * pixel * draw.normal(0, 12.0, 2)
    bend = draw.normal([-0.11, 0.25, 0, 0, 0.1], [0.015, 0.06, 3e-4, 3e-4, 0.1]) * optics.distortion
    if optics.distortion_parameters == 8:
        bend = np.append(bend, draw.normal([0.02, -0.05, 0.02], [0.005, 0.01, 0.01]) * optics.distortion)
    psf = optics.psf_px * (1 + 0.1 * size * draw.uniform(-1, 1))
    return Lens(
        fx_px=float(focal),
        fy_px=float(focal * aspect),
        cx_px=float(centre[0]),
        cy_px=float(centre[1]),
        distortion=tuple(float(k) for k in bend),
        corner_falloff=optics.corner_falloff,
        # Variances of Gaussian blurs add up.
        psf_px=math.hypot(psf, change.defocus_px),
    )


def _bumped(T_cam_world: Floats, change: CameraChange) -> Floats:
    turn = rotation(1e-6 * np.array([change.pitch_urad, change.yaw_urad, change.roll_urad]))
    moved: Floats = inverse(rigid(turn, [change.shift_mm, 0, 0])) @ T_cam_world
    return moved


def _lamp(spec: SceneSpec, name: str, width: int) -> LampModel:
    pod, kind = name.split("_")
    side = -1 if pod == "left" else 1
    azimuth = spec.optics.pods_deg / 2 * side
    distance = spec.optics.distance_mm
    draw = generator("lamp", spec.seed, name)
    beside, above = (-5.0, 0.0) if kind == "pattern" else (-8.0 * side, 16.0)
    place = _stand(distance, azimuth + beside, above)
    aim = draw.normal(0, 2.0, 3) * spec.optics.deviations
    # Grains of a cubic B-spline with random heights correlate over 1.92 of their distance.
    grain = spec.light.speckle_px * spec.optics.field_mm / width / 1.92
    return LampModel(
        name=name,
        T_lamp_world=_frozen(look_at(place, aim)),
        is_pattern=kind == "pattern",
        grain_mm=grain,
        distance_mm=distance,
        power=1.35 if kind == "pattern" else 0.62,
        colour=(0.70, 0.9, 0.85) if kind == "pattern" else (0.97, 1.0, 0.90),
    )


def _frozen(array: Floats) -> Floats:
    array.flags.writeable = False
    return array
