"""The default painter: a prerendered texture a camera, as bright as the lamps made it, and a stamp.

In: an exposure, its pulse, the share of lamp light that fell into it. Out: pixels, cheap enough for six cameras at any
rate. Its lie: every image shows the same flat texture, so no 3D can be got from it. This file refuses to know how the
share was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver_sim import stamp
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS
from rigdriver_sim.camera.spec import Exposure

LEVELS = 8
"""Steps of brightness; each that occurs is kept ready."""
DARK_SHARE = 0.1
"""Brightness without any lamp."""

_TEXT_PX = (36, 512)
_BANK_IMAGES = 12


@dataclass(frozen=True, slots=True)
class _Look:
    """What distinguishes one prerendered image from another."""

    shape: tuple[int, int]
    pixel_format: str
    level: int


class TexturePainter:
    """Paints the frames of one camera."""

    def __init__(self, camera: str, number: int) -> None:
        self._camera = camera
        self._number = number
        self._bank: dict[_Look, npt.NDArray[np.generic]] = {}
        self._newest_base: npt.NDArray[np.uint8] | None = None

    def prepare(self, width: int, height: int, pixel_format: str) -> None:
        """Render what a lit frame of this size needs, so that the first one is not late."""
        self._image(_Look((height, width), pixel_format, LEVELS))

    def paint(self, exposure: Exposure, pulse: int | None, light: float, out: npt.NDArray[np.generic]) -> None:
        """Fill `out`: (H, W), uint8 or uint16, digital numbers of the exposure's pixel format."""
        level = round(min(max(light, 0.0), 1.0) * LEVELS)
        np.copyto(out, self._image(_Look((out.shape[0], out.shape[1]), exposure.pixel_format, level)))
        if out.shape[0] < stamp.HEIGHT_PX or out.shape[1] < stamp.WIDTH_PX:
            return
        light_dn = PIXEL_FORMATS[exposure.pixel_format].max_dn
        mark = stamp.Stamp(self._number, exposure.ordinal, pulse)
        dtype = PIXEL_FORMATS[exposure.pixel_format].dtype
        out[: stamp.HEIGHT_PX, : stamp.WIDTH_PX] = stamp.draw(mark, light_dn, dtype)
        self._write_text(f"{self._camera} {exposure.ordinal} p{'-' if pulse is None else pulse}", light_dn, out)

    def _write_text(self, text: str, light_dn: int, out: npt.NDArray[np.generic]) -> None:
        """Write the same for people, below the blocks."""
        top = stamp.HEIGHT_PX
        height, width = min(_TEXT_PX[0], out.shape[0] - top), min(_TEXT_PX[1], out.shape[1])
        if height < _TEXT_PX[0]:
            return
        patch = np.zeros((height, width), np.uint8)
        cv2.putText(patch, text, (4, height - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2, cv2.LINE_AA)
        out[top : top + height, :width] = patch if light_dn == 255 else patch.astype(np.uint16) * (light_dn // 255)

    def _image(self, look: _Look) -> npt.NDArray[np.generic]:
        image = self._bank.get(look)
        if image is None:
            if len(self._bank) >= _BANK_IMAGES:
                self._bank.clear()
            image = self._bank[look] = self._render(look)
        return image

    def _render(self, look: _Look) -> npt.NDArray[np.generic]:
        pixel_format = PIXEL_FORMATS[look.pixel_format]
        brightness = DARK_SHARE + (1 - DARK_SHARE) * look.level / LEVELS
        base = self._base(look.shape)
        if pixel_format.bits == 8:
            return cv2.convertScaleAbs(base, alpha=brightness)
        return (base * np.float32(brightness * pixel_format.max_dn / 255)).astype(pixel_format.dtype)

    def _base(self, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """Return the texture at full brightness, as 8-bit numbers; the newest size is kept."""
        if self._newest_base is None or self._newest_base.shape != shape:
            height, width = shape
            rng = np.random.Generator(np.random.PCG64(self._number))
            rows, columns = max(2, height // 48), max(2, width // 48)
            coarse = rng.uniform(80, 230, (rows, columns)) * np.linspace(0.6, 1.0, columns)
            base = cv2.resize(coarse.astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
            self._newest_base = np.asarray(base, np.uint8)
        return self._newest_base
