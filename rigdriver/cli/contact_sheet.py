"""A contact sheet: one frame set as one picture, each camera with its name and its proof.

In: a frame set and the rig's configuration. Out: (H, W, 3) uint8, BGR, for `cv2.imwrite`. Pixels are shown, not
measured: Bayer mosaics are demosaiced and balanced, brightness is stretched. This file refuses to know
where frames come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.config import CameraConfig, RigConfig
from rigdriver.frames import Frame, FrameProof, FrameSet

Picture = npt.NDArray[np.uint8]

_TILE_PX = 560
_CAPTION_PX = 58
_MARGIN_PX = 14
_HEAD_PX = 84
_PAPER = (28, 26, 24)
_INK = (236, 236, 236)
_PALE = (165, 160, 155)
_GREEN = (120, 200, 110)
_RED = (90, 90, 235)
_FONT = cv2.FONT_HERSHEY_SIMPLEX

_BAYER = {
    "BayerRG": cv2.COLOR_BayerRGGB2BGR,
    "BayerGR": cv2.COLOR_BayerGRBG2BGR,
    "BayerGB": cv2.COLOR_BayerGBRG2BGR,
    "BayerBG": cv2.COLOR_BayerBGGR2BGR,
}


def contact_sheet(frame_set: FrameSet, config: RigConfig) -> Picture:
    """Lay out the cameras of a frame set, a row for each pod."""
    rows = _rows(config.cameras)
    heights = [max(_tile_height(frame_set.frames.get(c.name)) for c in row) for row in rows]
    columns = max(len(row) for row in rows)
    width = _MARGIN_PX + columns * (_TILE_PX + _MARGIN_PX)
    sheet = np.full((_HEAD_PX + sum(h + _CAPTION_PX + _MARGIN_PX for h in heights), width, 3), _PAPER, np.uint8)
    _write_head(sheet, frame_set, config)
    top = _HEAD_PX
    for row, height in zip(rows, heights, strict=True):
        for column, camera in enumerate(row):
            left = _MARGIN_PX + column * (_TILE_PX + _MARGIN_PX)
            _place(sheet[top : top + height + _CAPTION_PX, left : left + _TILE_PX], frame_set, camera)
        top += height + _CAPTION_PX + _MARGIN_PX
    return sheet


def _rows(cameras: Sequence[CameraConfig]) -> list[list[CameraConfig]]:
    pods = list(dict.fromkeys(camera.pod for camera in cameras))
    rows = [[camera for camera in cameras if camera.pod == pod] for pod in pods]
    return [row[i : i + 4] for row in rows for i in range(0, len(row), 4)]


def _tile_height(frame: Frame | None) -> int:
    if frame is None:
        return _TILE_PX * 3 // 4
    height, width = frame.pixels.shape[:2]
    return max(1, int(_TILE_PX * height / width))


def _place(tile: Picture, frame_set: FrameSet, camera: CameraConfig) -> None:
    """Draw one camera's picture and caption into its place on the sheet."""
    frame = frame_set.frames.get(camera.name)
    picture = tile[:-_CAPTION_PX]
    if frame is None:
        picture[:] = (45, 40, 60)
    else:
        shown = as_picture(frame)
        height = min(picture.shape[0], _tile_height(frame))
        picture[:height] = cv2.resize(shown, (_TILE_PX, height), interpolation=cv2.INTER_AREA)
    base = tile.shape[0] - _CAPTION_PX
    _write(tile, camera.name, (2, base + 24), 0.66, _INK)
    proof = frame_set.proof.frames.get(camera.name)
    if proof is not None and frame is not None:
        detail = (
            f"frame {frame.frame_id}   exposed {_exposure(frame_set, proof)}   residual {proof.residual_us:+.2f} us"
        )
        _write(tile, detail, (2, base + 47), 0.47, _PALE)
        _write_right(tile, "proved", base + 24, 0.6, _GREEN)
    else:
        gap = frame_set.gaps.get(camera.name)
        _write(tile, gap.reason.value if gap else "no proof", (2, base + 47), 0.42, _PALE)
        _write_right(tile, "gap", base + 24, 0.6, _RED)


def _exposure(frame_set: FrameSet, proof: FrameProof) -> str:
    """Return start and end of the exposure after the pulse start, in milliseconds."""
    ms = 1000 / frame_set.proof.tick_rate_hz
    start, end = (
        ticks - frame_set.proof.start_ticks for ticks in (proof.exposure_start_ticks, proof.exposure_end_ticks)
    )
    return f"{start * ms:.3f}-{end * ms:.3f} ms"


def _write_head(sheet: Picture, frame_set: FrameSet, config: RigConfig) -> None:
    proof = frame_set.proof
    _write(sheet, f"{config.name}: pulse {frame_set.pulse_index}", (_MARGIN_PX, 36), 0.95, _INK)
    skew = "unknown" if math.isnan(proof.skew_us) else f"{proof.skew_us:.1f} us"
    facts = f"box tick {proof.start_ticks}   {len(frame_set.frames)} of {len(config.cameras)} frames   skew {skew}"
    _write(sheet, facts, (_MARGIN_PX, 66), 0.55, _PALE)
    _write_right(sheet, proof.verdict, 42, 1.0, _GREEN if proof.verdict == "proved" else _RED, _MARGIN_PX)


def as_picture(frame: Frame) -> Picture:
    """Return a frame as (H, W, 3) uint8 BGR to look at."""
    pixels = _to_8_bit(frame)
    bayer = next((code for name, code in _BAYER.items() if frame.pixel_format.startswith(name)), None)
    if bayer is not None:
        return _stretched(_balanced(np.asarray(cv2.cvtColor(pixels, bayer), np.uint8)))
    if pixels.ndim == 2:
        return _stretched(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8))
    return _stretched(pixels[..., :3] if frame.pixel_format.startswith("BGR") else pixels[..., 2::-1])


def _to_8_bit(frame: Frame) -> Picture:
    if frame.pixels.dtype == np.uint8:
        return np.asarray(frame.pixels, np.uint8)
    bits = next((b for b in (10, 12, 14) if str(b) in frame.pixel_format), 16)
    return np.asarray(np.minimum(frame.pixels >> (bits - 8), 255), np.uint8)


def _balanced(picture: Picture) -> Picture:
    """Make the mean grey: good enough to look at."""
    means = picture.reshape(-1, 3).mean(axis=0)
    gains = means.mean() / np.maximum(means, 1)
    return np.asarray(np.clip(picture * gains, 0, 255), np.uint8)


def _stretched(picture: Picture) -> Picture:
    """Stretch the brightness so that dark frames show something."""
    low, high = np.percentile(picture[::4, ::4], (0.5, 99.7))
    scaled = (picture.astype(np.float32) - low) * (240 / max(high - low, 24)) + 6
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def _write(picture: Picture, text: str, at: tuple[int, int], size: float, colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, at, _FONT, size, colour, 1, cv2.LINE_AA)


def _write_right(
    picture: Picture, text: str, base: int, size: float, colour: tuple[int, int, int], inset: int = 2
) -> None:
    (width, _), _ = cv2.getTextSize(text, _FONT, size, 1)
    _write(picture, text, (picture.shape[1] - width - inset, base), size, colour)
