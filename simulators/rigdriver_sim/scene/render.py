"""From a still scene to the electrons in each pixel of one camera.

In: a spec, a resolution, a time, a camera. Out: a `View`: depth, and for each lamp the electrons of one nominal flash;
`expose` adds them up by the microseconds that each lamp shone. Not here: noise and pixel formats (see sensor.py).
Lies: the surface stands still within one exposure unless more samples are asked for; a rolling shutter bends light,
not shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.gloss import shine
from rigdriver_sim.scene.hits import Floats32, Hits
from rigdriver_sim.scene.light import NO_SHADOW, SKIN_ALBEDO, Shadow, ambient_map, lamp_map
from rigdriver_sim.scene.pods import AMBIENT, LAMPS, CameraModel, Pods, build_pods
from rigdriver_sim.scene.psf import blur
from rigdriver_sim.scene.spec import CameraChange, SceneSpec
from rigdriver_sim.scene.world import Scene, Still, build_scene

SHADOW_PX = 1400
SHADOW_MM = 420.0
"""Size of a shadow buffer, in pixels and in mm at the working point."""

LightUs = Mapping[str, "float | npt.NDArray[np.float64]"]
"""Lamp -> microseconds that it shone into the exposure, times its share of full power; by row with rolling shutters."""


@dataclass(frozen=True, slots=True)
class View:
    """What one camera would collect at one moment."""

    camera: str
    t_s: float
    hits: Hits
    lamps: Mapping[str, Floats32]
    """Lamp -> electrons of one nominal flash, (H, W) float32, after the lens and the colour filters."""


class Renderer:
    """Renders one spec at one resolution. Safe to share between threads."""

    def __init__(self, spec: SceneSpec, width: int, height: int) -> None:
        self.spec = spec
        self._width, self._height = width, height
        self.pods: Pods = build_pods(spec, width, height)
        self._stills = lru_cache(maxsize=2)(self._still_at)
        self._shadows = lru_cache(maxsize=8)(self._shadow)

    def with_changes(self, cameras: Mapping[str, CameraChange]) -> Renderer:
        """Return a renderer of the same scene, seen by cameras to which something has happened."""
        changed = Renderer(replace(self.spec, cameras=cameras), self._width, self._height)
        # The scene is the same and was dear to make.
        changed.__dict__["_scene"] = self._scene
        return changed

    def still(self, t_s: float) -> Still:
        """Return the scene at a time."""
        return self._stills(t_s)

    def view(self, camera: str, t_s: float, lamps: tuple[str, ...] = LAMPS) -> View:
        """Render one camera at one moment."""
        model = self.pods.cameras[camera]
        hits = self.still(t_s).hits(model)
        maps = {name: self._map(hits, model, name, t_s) for name in lamps}
        return View(camera, t_s, hits, MappingProxyType(maps))

    @cached_property
    def _scene(self) -> Scene:
        # Sculpting a head takes seconds: not before it is needed.
        return build_scene(self.spec)

    def _still_at(self, t_s: float) -> Still:
        return self._scene.still(t_s)

    def _shadow(self, t_s: float, name: str) -> Shadow:
        if not self.spec.light.has_shadows:
            return NO_SHADOW
        lamp = self.pods.lamps[name]
        focal_px = lamp.distance_mm * SHADOW_PX / SHADOW_MM
        depth = self.still(t_s).shadow_depth(lamp.T_lamp_world, focal_px, SHADOW_PX)
        return NO_SHADOW if depth is None else Shadow(depth, focal_px)

    def _map(self, hits: Hits, model: CameraModel, name: str, t_s: float) -> Floats32:
        spec = self.spec
        full_e = spec.light.peak * spec.sensor.full_well_e / SKIN_ALBEDO
        if name == AMBIENT:
            even, colour = ambient_map(hits, full_e * spec.light.ambient), (0.9, 1.0, 0.8)
        else:
            lamp = self.pods.lamps[name]
            shadow = self._shadows(t_s, name)
            even, colour = lamp_map(hits, model, lamp, shadow, spec.light, full_e, spec.seed), lamp.colour
            if hits.gloss is not None:
                # What mirrors is as white as the lamp: it adds to every channel alike.
                hits = replace(hits, albedo=hits.albedo + shine(hits, hits.gloss, model, lamp))
        if not model.is_colour:
            return blur(even * hits.albedo[0], model.lens.psf_px)
        # Blurred before the mosaic is cut: the lens lies in front of the colour filters.
        red, mosaic, blue = (blur(even * hits.albedo[c] * np.float32(colour[c]), model.lens.psf_px) for c in range(3))
        mosaic[0::2, 0::2] = red[0::2, 0::2]
        mosaic[1::2, 1::2] = blue[1::2, 1::2]
        return mosaic


def expose(maps: Mapping[str, Floats32], light_us: LightUs, nominal_us: float) -> Floats32:
    """Return the electrons, (H, W) float32, that an exposure collects; lamps that are not named are dark."""
    shape = next(iter(maps.values())).shape
    total = np.zeros(shape, np.float32)
    for lamp, shone in light_us.items():
        share = np.asarray(shone, dtype=np.float32) / np.float32(nominal_us)
        if np.any(share):
            total += maps[lamp] * (share[:, None] if share.ndim else share)
    return total
