"""Simulated views with their truth, small enough for unit tests; the only place here that knows the simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from rigdriver.calibration.calibration import RigCalibration
from tests.stereo_truth import calibration_of

SIZE = (640, 480)


@dataclass
class Views:
    images: Mapping[str, np.ndarray]
    calibration: RigCalibration
    distance_mm: Callable[[np.ndarray], np.ndarray]
    """Signed distance of world points to the true surface."""
    still: Any
    depth_mm: Mapping[str, np.ndarray] = field(default_factory=dict)

    def errors_um(self, cloud) -> np.ndarray:
        return 1e3 * self.distance_mm(cloud.points_mm.astype(np.float64))


@pytest.fixture(scope="session")
def render():
    """render(table, t_s=0.0, size_px=..., cameras=...) -> Views, kept for the session."""
    from rigdriver_sim.scene.offline import RenderPlan, render_image
    from rigdriver_sim.scene.pods import CAMERAS
    from rigdriver_sim.scene.render import Renderer
    from rigdriver_sim.scene.spec import parse_scene

    made: dict[str, Views] = {}

    def render(table, index=0, size_px=SIZE, with_colour=False, texture_light="white") -> Views:
        key = repr((table, index, size_px, with_colour, texture_light))
        if key not in made:
            renderer = Renderer(parse_scene(table), *size_px)
            plan = RenderPlan(width=size_px[0], height=size_px[1], texture_light=texture_light)
            names = [name for name in CAMERAS if with_colour or not name.endswith("colour")]
            images, depth = {}, {}
            for name in names:
                pixels, depth[name] = render_image(renderer, plan, index, name)
                images[name] = pixels.astype(np.uint8)
            still = renderer.still(index / plan.rate_hz)
            calibration = calibration_of(renderer.pods.cameras)
            made[key] = Views(images, calibration, still.signed_distance_mm, still, depth)
        return made[key]

    return render
