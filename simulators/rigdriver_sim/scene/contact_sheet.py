"""The six views beside each other, in pattern and in white light, for people to look at.

In: a renderer and a time. Out: one picture, (H, W, 3) uint8, blue green red. The upper row of each light is the left
pod's, the lower the right pod's; colour cameras are shown in colour, with a gamma of 2.2 as screens expect. Each view
says which camera it is and under which light; a live rig's colour cameras see white light only.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.offline import LIGHTS
from rigdriver_sim.scene.pods import CAMERAS
from rigdriver_sim.scene.render import Renderer, expose
from rigdriver_sim.scene.sensor import digitise

Picture = npt.NDArray[np.uint8]

_TEXT = (230, 230, 230)


def contact_sheet(renderer: Renderer, t_s: float) -> Picture:
    """Return the picture: four rows of three views."""
    views = {camera: renderer.view(camera, t_s) for camera in CAMERAS}
    spec = renderer.spec
    rows = []
    for light in ("pattern", "white"):
        light_us = dict.fromkeys(LIGHTS[light], spec.light.nominal_us)
        pictures = []
        for camera in CAMERAS:
            electrons = expose(views[camera].lamps, light_us, spec.light.nominal_us)
            values = digitise(electrons, spec.sensor, 8, spec.seed, camera, 0).astype(np.uint8)
            shown = _shown(values, round(255 * spec.sensor.black_level), camera.endswith("_colour"))
            pictures.append(_named(shown, f"{camera}, {light} light"))
        rows += [np.hstack(pictures[:3]), np.hstack(pictures[3:])]
    return np.vstack(rows)


def _shown(values: Picture, black: int, is_colour: bool) -> Picture:
    code = cv2.COLOR_BayerRGGB2BGR if is_colour else cv2.COLOR_GRAY2BGR
    linear = np.clip((np.arange(256) - black) / (255 - black), 0, 1)
    # Pixel values are linear in light, screens expect them with a gamma of 2.2.
    table = np.round(255 * linear ** (1 / 2.2)).astype(np.uint8)
    return table[np.asarray(cv2.cvtColor(values, code), np.uint8)]


def _named(picture: Picture, name: str) -> Picture:
    height, width = picture.shape[:2]
    size, left, gap = width / 1000, width // 80, height // 60
    (text_width, text_height), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    picture[height - text_height - 4 * gap :, : text_width + 3 * left] = 0
    cv2.putText(picture, name, (left, height - 2 * gap), cv2.FONT_HERSHEY_SIMPLEX, size, _TEXT, 1, cv2.LINE_AA)
    return picture
