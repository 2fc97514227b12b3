"""A witness of light: frames that are darker than they should be, as reasons in the proof.

In: matched frames of one run. Out: sentences such as `camera left_upper: 4 % of its usual brightness; check lamp
left_pattern`. The box can only say that it drove a lamp's output; whether light came out, the image shows. A dark frame
is still proved to be of its pulse, so this adds a reason, not a gap. Not here: what is in the picture (see
stereo/match/screen.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from rigdriver.arrays import Pixels
from rigdriver.frames import Frame
from rigdriver.images.pixel_formats import full_scale

USUAL = 31
"""Frames that the usual brightness is the median of."""
MEASURED = 4
"""Frames of a camera that are measured before it is known which pulse they belong to."""
LEAST = 5
"""Frames before anything is called usual."""
WEAK = 0.6
"""Share of the usual brightness below which a frame is reported."""
GRID = 64
"""Step between the rows and columns that are measured; an even one keeps to one colour of a Bayer mosaic."""
DARK = 0.02
"""Share of full scale below which a whole frame counts as unlit, whatever is usual."""


class Brightness:
    """Watches the brightness of each camera's frames."""

    def __init__(self, lamps_of: Mapping[str, tuple[str, ...]]) -> None:
        """`lamps_of`: camera -> lamps that the plan lights in its exposure; cameras without lamps are not watched."""
        self._lamps_of = lamps_of
        self._levels: dict[str, deque[float]] = {name: deque(maxlen=USUAL) for name in lamps_of}
        self._measured: dict[str, deque[tuple[int, int | None, float]]] = {
            name: deque(maxlen=MEASURED) for name in lamps_of
        }
        """Frame id, time stamp and level of the newest frames, per camera."""

    def measure(self, frame: Frame) -> None:
        """Measure a frame when it comes, so that less is to be done when the last one of its pulse has come."""
        if self._lamps_of.get(frame.camera):
            self._measured[frame.camera].append((frame.frame_id, frame.t_camera_ns, mean_level(frame.pixels)))

    def judge(self, frames: Mapping[str, Frame]) -> list[str]:
        """Return a sentence for each frame that is too dark."""
        return [said for name, frame in frames.items() if (said := self._judge(name, frame)) is not None]

    def _judge(self, name: str, frame: Frame) -> str | None:
        lamps = self._lamps_of.get(name)
        if not lamps:
            return None
        known = (m[2] for m in self._measured[name] if m[:2] == (frame.frame_id, frame.t_camera_ns))
        level = next(known, None)
        if level is None:
            level = mean_level(frame.pixels)
        levels = self._levels[name]
        # statistics.median takes 8 us per camera, here between the last byte of a pulse and the consumer.
        usual = sorted(levels)[len(levels) // 2] if len(levels) >= LEAST else None
        levels.append(level)
        full = full_scale(frame.pixel_format)
        if level < DARK * full and (usual is None or usual < DARK * full):
            return f"camera {name}: dark ({level:.1f} of {full}); check lamp {' and '.join(lamps)}"
        if usual is not None and level < WEAK * usual:
            return f"camera {name}: {level / usual:.0%} of its usual brightness; check lamp {' and '.join(lamps)}"
        return None


def mean_level(pixels: Pixels) -> float:
    """Return the mean digital number over a coarse grid of the image."""
    grid = pixels[::GRID, ::GRID]
    # As numpy.mean, without the 10 us that its preparations take for each frame between its last byte and the consumer.
    return float(np.add.reduce(grid, axis=None, dtype=np.float64)) / grid.size
