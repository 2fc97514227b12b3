"""Each lamp flashed alone, one run without any, and one in which texture cameras see the pattern lamps, too.

In: an open rig, idle. Out: `LightSeen`, from all pixels of all cameras. A lamp flashes as the rig file plans, within
the limits on light and into the light log, only that the other lamps stay dark; the run without lamps shows the room's
light. Not here: what is good (see light_checks.py and focus_checks.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType

import cv2
import numpy as np

from rigdriver.arrays import Floats32, Pixels
from rigdriver.config import LampConfig, RigConfig
from rigdriver.errors import RigError, RunCutShort, ScheduleError
from rigdriver.frames import Frame
from rigdriver.images.pixel_formats import full_scale
from rigdriver.rig import Rig
from rigdriver.run.brightness import DARK
from rigdriver.run.frame_sets import FrameSets
from rigdriver.selftest.samples import copied

DARKNESS = ""
"""Key of the images without any lamp."""
SPECKLE = "pattern lamps"
"""Key of what texture cameras show in the light of all pattern lamps."""
FLASHES = 3
"""Number of flashes per lamp, and of frame sets without light."""
NEAR_PX, FAR_PX = 1, 8
"""Distances over which brightness is compared: below, and well above, the size of a sharp speckle."""
BLOCK_PX = 16
"""Size of the blocks in which detail is measured."""
LEAST_BLOCKS = 16
"""Least number of lit blocks that tell anything."""
LIT = 0.25
"""Share of the brightest blocks' light from which a block counts as lit."""


@dataclass(frozen=True, slots=True)
class Detail:
    """Fine detail in one image."""

    contrast: float
    """Standard deviation of the brightness within `FAR_PX`, without noise, as a share of the mean."""
    sharpness: float
    """Share (0..1) of that detail which is as fine as two pixels; a blurred image has little."""

    @property
    def fine(self) -> float:
        """Contrast of the fine part alone."""
        return self.contrast * math.sqrt(self.sharpness)


NO_DETAIL = Detail(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class LightSeen:
    """What the cameras have seen; levels are means of all pixels, as a share of full scale."""

    dark: Mapping[str, float]
    """Camera -> level without lamps."""
    lit: Mapping[str, Mapping[str, float]]
    """Lamp -> camera -> level in the light of this lamp alone."""
    detail: Mapping[str, Mapping[str, Detail]]
    """Lamp -> camera that the plan lights with it -> detail."""
    images: Mapping[str, Mapping[str, Frame]] = field(default_factory=lambda: MappingProxyType({}))
    """Lamp, `SPECKLE` or `DARKNESS` -> camera -> the last image."""
    moments: Sequence[Mapping[str, Frame]] = ()
    """Images of all cameras in the light of the pattern lamps, one mapping per moment; none without texture cameras."""
    missed: str = ""
    """Reason why there are none although the schedule has room for them."""

    def net(self, lamp: str, camera: str) -> float | None:
        """Return what the lamp adds to a camera's level; None where a camera gave no frame."""
        lit, dark = self.lit.get(lamp, {}).get(camera), self.dark.get(camera)
        return None if lit is None or dark is None else lit - dark


def watch_lamps(rig: Rig) -> LightSeen:
    """Flash each lamp alone."""
    config = rig.config
    in_the_dark = _frames(rig, ())
    dark = _levels(in_the_dark)
    images = {DARKNESS: _last(in_the_dark)}
    lit: dict[str, Mapping[str, float]] = {}
    detail: dict[str, Mapping[str, Detail]] = {}
    for lamp in config.lamps:
        frames = _frames(rig, (lamp.name,))
        lit[lamp.name] = _levels(frames)
        images[lamp.name] = _last(frames)
        detail[lamp.name] = {
            name: detail_of(frames[name][-1].pixels, frames[name][-1].pixel_format, dark.get(name, 0.0))
            for name in lit_cameras(config, lamp)
            if frames.get(name)
        }
    moments, missed = _moments(rig)
    of_texture = {camera.name for camera in config.cameras if camera.role == "texture"}
    frames = {name: mine for name, mine in _by_camera(moments).items() if name in of_texture}
    lit[SPECKLE], images[SPECKLE] = _levels(frames), _last(frames)
    detail[SPECKLE] = {
        name: detail_of(frame.pixels, frame.pixel_format, dark.get(name, 0.0))
        for name, frame in images[SPECKLE].items()
    }
    return LightSeen(dark, lit, detail, images, moments, missed)


def lit_cameras(config: RigConfig, lamp: LampConfig) -> list[str]:
    """Return the cameras of the lamp's pod that expose in its light; where there are none, those of all pods."""
    role = "geometry" if lamp.kind == "pattern" else "texture"
    of_role = [camera for camera in config.cameras if camera.role == role]
    own = [camera.name for camera in of_role if camera.pod == lamp.pod]
    return own or [camera.name for camera in of_role]


def can_show_speckle(config: RigConfig) -> bool:
    """Whether the rig has texture cameras, and pattern lamps that could light them."""
    roles, kinds = {camera.role for camera in config.cameras}, {lamp.kind for lamp in config.lamps}
    return "texture" in roles and "pattern" in kinds


def _frames(rig: Rig, lamps: tuple[str, ...]) -> dict[str, list[Frame]]:
    """Return copies of the frames of a short run in which only these lamps flash."""
    return _by_camera(_played(rig.run(frames=FLASHES, lamps=lamps)))


def _moments(rig: Rig) -> tuple[list[Mapping[str, Frame]], str]:
    """Return copies of the frames of a short run in which all cameras expose in the light of the pattern lamps.

    Where there are none, also why. What suits two kinds of light may be too long or too fast for one exposure in both.
    """
    if not can_show_speckle(rig.config):
        return [], ""
    try:
        moments = _played(rig.run(frames=FLASHES, in_pattern_light=True))
    except ScheduleError:
        return [], ""
    except RigError as exc:  # what the lamps have shown so far counts all the same
        return [], str(exc)
    return moments, "" if moments else "the run in the pattern lamps' light gave no frame set"


def _played(run: FrameSets) -> list[Mapping[str, Frame]]:
    """Return copies of the frames of each frame set, as far as the run comes."""
    moments: list[Mapping[str, Frame]] = []
    with run, suppress(RunCutShort):
        for frame_set in run:
            moments.append(copied(frame_set).frames)
    return moments


def _by_camera(moments: Iterable[Mapping[str, Frame]]) -> dict[str, list[Frame]]:
    frames: dict[str, list[Frame]] = {}
    for moment in moments:
        for name, frame in moment.items():
            frames.setdefault(name, []).append(frame)
    return frames


def _last(frames: Mapping[str, list[Frame]]) -> dict[str, Frame]:
    return {name: mine[-1] for name, mine in frames.items()}


def _levels(frames: Mapping[str, list[Frame]]) -> dict[str, float]:
    return {name: float(np.mean([_level(frame) for frame in mine])) for name, mine in frames.items()}


def _level(frame: Frame) -> float:
    return float(cv2.mean(frame.pixels)[0]) / full_scale(frame.pixel_format)


def detail_of(pixels: Pixels, pixel_format: str, dark: float) -> Detail:
    """Return the detail of an image: (H, W) uint8 or uint16; `dark`: its level without lamps.

    The structure function D(k) is the mean squared difference of pixels k apart. Noise adds the same to each D(k), so
    differences of them are free of it: (D(8) - D(1)) / 2 is the variance of the detail, and (D(2) - D(1)) / (D(8) -
    D(1)) is large when it is fine. The median over lit blocks leaves out the outlines of what is in view.
    """
    # One colour of a Bayer mosaic: the others differ by their brightness, which is no detail.
    plane = (pixels[::2, 1::2] if pixel_format.startswith("Bayer") else pixels).astype(np.float32)
    plane = plane.reshape(plane.shape[0], -1)[:, : plane.shape[1]]
    if min(plane.shape) < 2 * BLOCK_PX:
        return NO_DETAIL
    net = _blocks(plane[:, :-FAR_PX]) - np.float32(dark * full_scale(pixel_format))
    is_lit = net > max(LIT * float(np.percentile(net, 90)), DARK * full_scale(pixel_format))
    if is_lit.sum() < LEAST_BLOCKS:
        return NO_DETAIL
    near, middle, far = (_structure(plane, step)[is_lit] / net[is_lit] ** 2 for step in (NEAR_PX, 2 * NEAR_PX, FAR_PX))
    variance, fine = float(np.median(far - near)), float(np.median(middle - near))
    if variance <= 0:
        return NO_DETAIL
    return Detail((variance / 2) ** 0.5, min(max(fine / variance, 0.0), 1.0))


def _structure(plane: Floats32, step_px: int) -> Floats32:
    return _blocks((plane[:, step_px : plane.shape[1] - FAR_PX + step_px] - plane[:, :-FAR_PX]) ** 2)


def _blocks(plane: Floats32) -> Floats32:
    """Return the mean of each whole block of `BLOCK_PX` pixels."""
    rows, columns = (size // BLOCK_PX for size in plane.shape)
    cut = np.ascontiguousarray(plane[: rows * BLOCK_PX, : columns * BLOCK_PX])
    return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
