"""A contact sheet: one frame set as one picture, each camera with its name and its proof.

In: a frame set, the rig's name and the pod of each camera. Out: (H, W, 3) uint8, red, green, blue. Pixels are shown,
not measured: Bayer mosaics are demosaiced and balanced, brightness is stretched.
Not here: where frames come from; how mosaics become colours (see colours.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.frames import Frame, FrameProof, FrameSet, ProofVerdict
from rigdriver.images.colours import to_rgb
from rigdriver.images.pixel_formats import named
from rigdriver.images.raw_image import RawImage

Picture = npt.NDArray[np.uint8]

_TILE_PX = 560
_CAPTION_PX = 58
_MARGIN_PX = 14
_HEAD_PX = 84
_PAPER = (24, 26, 28)
_INK = (236, 236, 236)
_PALE = (155, 160, 165)
_GREEN = (110, 200, 120)
_RED = (235, 90, 90)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def contact_sheet(frame_set: FrameSet, rig: str, pods: Mapping[str, str]) -> Picture:
    """Lay out the cameras of a frame set, a row for each pod; `pods` says each camera's."""
    rows = _rows(pods)
    heights = [max(_tile_height(frame_set.frames.get(camera)) for camera in row) for row in rows]
    columns = max(len(row) for row in rows)
    width = _MARGIN_PX + columns * (_TILE_PX + _MARGIN_PX)
    sheet = np.full((_HEAD_PX + sum(h + _CAPTION_PX + _MARGIN_PX for h in heights), width, 3), _PAPER, np.uint8)
    _write_head(sheet, frame_set, rig, len(pods))
    top = _HEAD_PX
    for row, height in zip(rows, heights, strict=True):
        for column, camera in enumerate(row):
            left = _MARGIN_PX + column * (_TILE_PX + _MARGIN_PX)
            _place(sheet[top : top + height + _CAPTION_PX, left : left + _TILE_PX], frame_set, camera)
        top += height + _CAPTION_PX + _MARGIN_PX
    return sheet


def _rows(pods: Mapping[str, str]) -> list[list[str]]:
    rows = [[camera for camera, its in pods.items() if its == pod] for pod in dict.fromkeys(pods.values())]
    return [row[i : i + 4] for row in rows for i in range(0, len(row), 4)]


def _tile_height(frame: Frame | None) -> int:
    if frame is None:
        return _TILE_PX * 3 // 4
    height, width = frame.pixels.shape[:2]
    return max(1, int(_TILE_PX * height / width))


def _place(tile: Picture, frame_set: FrameSet, camera: str) -> None:
    """Draw one camera's picture and caption into its place on the sheet."""
    frame = frame_set.frames.get(camera)
    picture = tile[:-_CAPTION_PX]
    if frame is None:
        picture[:] = (60, 40, 45)
    else:
        shown = as_picture(frame)
        height = min(picture.shape[0], _tile_height(frame))
        # By areas: other interpolations would show speckle as moire.
        picture[:height] = cv2.resize(shown, (_TILE_PX, height), interpolation=cv2.INTER_AREA)
    base = tile.shape[0] - _CAPTION_PX
    _write(tile, camera, (2, base + 24), 0.66, _INK)
    proof = frame_set.proof.frames.get(camera)
    if proof is not None and frame is not None:
        detail = f"frame {frame.frame_id}   exposed {_exposure(frame_set, proof)}   {_residual(proof)}"
        _write(tile, detail, (2, base + 47), 0.47, _PALE)
        _write_right(tile, "proved", base + 24, 0.6, _GREEN)
    elif frame is not None:
        _write(tile, f"frame {frame.frame_id}", (2, base + 47), 0.47, _PALE)
        _write_right(tile, "unproved", base + 24, 0.6, _RED)
    else:
        gap = frame_set.gaps.get(camera)
        _write(tile, gap.reason.value if gap else "no proof", (2, base + 47), 0.42, _PALE)
        _write_right(tile, "gap", base + 24, 0.6, _RED)


def _residual(proof: FrameProof) -> str:
    return "no time stamp" if proof.residual_us is None else f"residual {proof.residual_us:+.2f} us"


def _exposure(frame_set: FrameSet, proof: FrameProof) -> str:
    """Return start and end of the exposure after the pulse start, in milliseconds."""
    ms = 1000 / frame_set.proof.tick_rate_hz
    start, end = (
        ticks - frame_set.proof.start_ticks for ticks in (proof.exposure_start_ticks, proof.exposure_end_ticks)
    )
    return f"{start * ms:.3f}-{end * ms:.3f} ms"


def _write_head(sheet: Picture, frame_set: FrameSet, rig: str, cameras: int) -> None:
    proof = frame_set.proof
    _write(sheet, f"{rig}: pulse {frame_set.pulse_index}", (_MARGIN_PX, 36), 0.95, _INK)
    skew = "unknown" if math.isnan(proof.skew_us) else f"{proof.skew_us:.1f} us"
    box = f"box tick {proof.start_ticks}" if proof.tick_rate_hz else "no trigger box"
    facts = f"{box}   {len(frame_set.frames)} of {cameras} frames   skew {skew}"
    _write(sheet, facts, (_MARGIN_PX, 66), 0.55, _PALE)
    _write_right(sheet, proof.verdict, 42, 1.0, _GREEN if proof.verdict == ProofVerdict.PROVED else _RED, _MARGIN_PX)


def as_picture(frame: Frame | RawImage) -> Picture:
    """Return a frame as (H, W, 3) uint8, red, green, blue, to look at."""
    picture = to_rgb(frame)
    return _stretched(_balanced(picture) if named(frame.pixel_format).bayer_order else picture)


def _balanced(picture: Picture) -> Picture:
    """Make the mean grey: good enough to look at."""
    means = picture.reshape(-1, 3).mean(axis=0)
    # Grey-world assumption (Buchsbaum, 1980).
    gains = means.mean() / np.maximum(means, 1)
    return np.asarray(np.clip(picture * gains, 0, 255), np.uint8)


def _stretched(picture: Picture) -> Picture:
    """Stretch the brightness so that dark frames show something."""
    # Percentiles, because one hot pixel or one highlight would leave the rest dark.
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
