"""Pictures of the self-test: what each camera saw in the light of one lamp, small, and a part of it at full size.

In: frames. Out: `CheckPicture`s, JPEG files in memory, for the page. All thumbnails are brightened in the same way, so
that two of them can be compared: a camera's numbers are proportional to light, a screen's are not. They show whoever
sat before the rig, so a page with them is private. Not here: the page (see page.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rigdriver.arrays import Bytes
from rigdriver.frames import Frame
from rigdriver.images.colours import to_rgb

THUMBNAIL_PX = 208
"""Width of a thumbnail, in pixels: six of them fit beside each other on a screen of 1440 pixels."""
DETAIL_PX = 160
"""Width and height of the part at full size, in pixels."""
GAMMA = 2.2
_QUALITY = 85
_SCREEN = np.asarray(np.round(255 * (np.arange(256) / 255) ** (1 / GAMMA)), np.uint8)


@dataclass(frozen=True, slots=True)
class CheckPicture:
    """One picture of a check."""

    title: str
    """Name of the camera."""
    note: str
    """What was measured in it."""
    jpeg: bytes
    width_px: int
    height_px: int


def thumbnail(frame: Frame, note: str) -> CheckPicture:
    """Return the whole image, small."""
    rgb = to_rgb(frame)
    height = max(1, round(rgb.shape[0] * THUMBNAIL_PX / rgb.shape[1]))
    small = np.asarray(cv2.resize(rgb, (THUMBNAIL_PX, height), interpolation=cv2.INTER_AREA), np.uint8)
    return _picture(frame.camera, note, _SCREEN[small])


def detail(frame: Frame, note: str) -> CheckPicture:
    """Return the brightest part of the image, pixel by pixel, as bright as the screen can show it."""
    rgb = to_rgb(frame)
    rows, columns = (min(size, DETAIL_PX) for size in rgb.shape[:2])
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    # The mean over each place at which the part fits; its largest one tells where most light is.
    means = cv2.boxFilter(grey, cv2.CV_32F, (columns, rows), anchor=(0, 0))
    fitting = means[: grey.shape[0] - rows + 1, : grey.shape[1] - columns + 1]
    top, left = np.unravel_index(int(np.argmax(fitting)), fitting.shape)
    part = rgb[top : top + rows, left : left + columns].astype(np.float32)
    bright = np.minimum(part * (255 / max(float(np.percentile(part, 99.5)), 1.0)), 255)
    return _picture(frame.camera, note, np.asarray(bright, np.uint8))


def _picture(title: str, note: str, rgb: Bytes) -> CheckPicture:
    coded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))[1]
    return CheckPicture(title, note, coded.tobytes(), rgb.shape[1], rgb.shape[0])
