"""The default view: a prerendered texture a camera, as bright as the lamps of its pod made it.

In: an exposure and its light. Out: pixels, cheap enough for six cameras at any rate. Its lies: every image shows the
same flat texture, so no 3D can be got from it; a short flash is as bright as a long one, only its share within the
exposure counts. Not here: how the light was found (see lighting.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver_sim.bench.lighting import Lighting
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS
from rigdriver_sim.camera.spec import CameraSpec, Exposure
from rigdriver_sim.faults.table import Bump
from rigdriver_sim.scenario import CameraTable

FramePainter = Callable[[Exposure, int | None, npt.NDArray[np.generic]], None]
"""Function that fills the pixels of an exposure that answers a pulse (None: of no pulse)."""

LEVELS = 1000
"""Steps of brightness, fine enough to tell by how much a flash lies in an exposure; the newest ones are kept ready."""
DARK_SHARE = 0.1
"""Brightness without any lamp."""

_BANK_IMAGES = 12
_TILE_PX = 128
_GRAIN, _GRAIN_PX = 0.12, 1.2
"""Contrast of the fine detail, and its size as the standard deviation of a blur."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What distinguishes one prerendered image from another."""

    shape: tuple[int, int]
    pixel_format: str
    level: int


class TextureView:
    """What cameras see that stand before nothing."""

    def painter(self, table: CameraTable, number: int, spec: CameraSpec, lighting: Lighting) -> FramePainter:
        """Return what fills the frames of one camera: it takes the exposure, its pulse, and the memory."""
        texture = TexturePainter(number)
        texture.prepare(spec.width, spec.height, spec.pixel_formats[0])
        has_lamps = lighting.has_lamps(table.pod)

        def paint(exposure: Exposure, _pulse: int | None, out: npt.NDArray[np.generic]) -> None:
            light = lighting.share(table.pod, exposure.start_ns, exposure.end_ns) if has_lamps else 1.0
            texture.paint(exposure, light, out)

        return paint

    def change(self, bumped: Mapping[str, Bump], defocus_px: Mapping[str, float]) -> None:
        """Refuse: a flat texture has neither place nor depth.

        Raises:
            ValueError: always, unless nothing is asked for.
        """
        # A fault that shows in no pixel must not be taken as planted.
        if bumped or defocus_px:
            raise ValueError("faults.bump_camera and faults.defocus_px: expected a scenario with a [scene], as smile")

    @property
    def is_changing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """There is nothing to end."""


class TexturePainter:
    """Paints the frames of one camera."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._bank: dict[_Look, npt.NDArray[np.generic]] = {}
        self._newest_base: npt.NDArray[np.uint8] | None = None

    def prepare(self, width: int, height: int, pixel_format: str) -> None:
        """Render what a lit frame of this size needs, so that the first one is not late."""
        self._image(_Look((height, width), pixel_format, LEVELS))

    def paint(self, exposure: Exposure, light: float, out: npt.NDArray[np.generic]) -> None:
        """Fill `out`: (H, W), uint8 or uint16, digital numbers of the exposure's pixel format."""
        # A flash lies within its exposure as a rule, so nearly every frame is a copy of an image at hand.
        level = round(min(max(light, 0.0), 1.0) * LEVELS)
        np.copyto(out, self._image(_Look((out.shape[0], out.shape[1]), exposure.pixel_format, level)))

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
            # By the camera's number: each camera has a texture of its own, and the same one in every run.
            rng = np.random.Generator(np.random.PCG64(self._number))
            rows, columns = max(2, height // 48), max(2, width // 48)
            coarse = rng.uniform(80, 230, (rows, columns)) * np.linspace(0.6, 1.0, columns)
            base = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
            self._newest_base = np.clip(base * _grain(rng, height, width), 0, 255).astype(np.uint8)
        return self._newest_base


def _grain(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.float32]:
    """Return fine detail around 1, so that focus can be seen: (H, W) float32, one tile many times."""
    tile = cv2.GaussianBlur(rng.standard_normal((_TILE_PX, _TILE_PX)).astype(np.float32), (0, 0), _GRAIN_PX)
    tile = 1 + np.clip(tile * (_GRAIN / float(tile.std())), -3 * _GRAIN, 3 * _GRAIN)
    return np.tile(tile, (height // _TILE_PX + 1, width // _TILE_PX + 1))[:height, :width]
