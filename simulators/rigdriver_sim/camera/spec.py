"""What one simulated camera is: name plate, sensor, times, clock.

In: the scenario's numbers. Out: a frozen `CameraSpec` and, for each exposure, a frozen `Exposure`. Both are plain
values. Not here: the model that uses them (see model.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from rigdriver_sim.camera.makes import PLAIN, Make
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS

MIN_WIDTH_PX = 16
MIN_HEIGHT_PX = 8


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One camera as the scenario describes it; the defaults are those of a plain 3-megapixel machine-vision camera."""

    name: str
    serial: str
    vendor: str = "rigdriver"
    model: str = "Sim3M"
    user_id: str = ""
    firmware: str = "1.0.0"
    width: int = 2048
    height: int = 1536
    pixel_formats: tuple[str, ...] = ("Mono8", "Mono10", "Mono12", "Mono12Packed", "Mono12p")
    """PFNC names; the first is what the camera wakes up with."""
    latency_us: float = 20.0
    """Trigger edge to exposure start."""
    jitter_us: float = 1.0
    """One sigma of the exposure start, cut at three."""
    clock_offset_ns: int = 0
    drift_ppm: float = 0.0
    stamp_jitter_ns: float = 0.0
    """One sigma of the time stamp against the exposure start, cut at three."""
    readout_us: float = 8_000.0
    max_rate_hz: float = 120.0
    line_delay_us: float = 1.0
    """Exposure to its edge on the output line."""
    link_bytes_per_s: float = 400e6
    make: Make = PLAIN
    """Behaviour that differs from a plain SFNC 2.7 camera."""
    first_frame_id: int | None = None
    """Frame id of the first frame after each AcquisitionStart; None: the lowest one that the make has."""

    @property
    def min_width_px(self) -> int:
        return max(MIN_WIDTH_PX, self.make.width_step_px)

    @property
    def min_height_px(self) -> int:
        return max(MIN_HEIGHT_PX, self.make.height_step_px)

    @property
    def offset_steps_px(self) -> tuple[int, int]:
        """Steps of OffsetX and OffsetY."""
        make = self.make
        return make.offset_step_px or make.width_step_px, make.offset_step_px or make.height_step_px

    def frame_id(self, number: int) -> int:
        """Return the id of a frame that is the number-th one since the ids began."""
        first, last = self.make.frame_ids
        start = first if self.first_frame_id is None else self.first_frame_id
        return first + (start - first + number) % (last - first + 1)

    def __post_init__(self) -> None:
        unknown = [name for name in self.pixel_formats if name not in PIXEL_FORMATS]
        if unknown or not self.pixel_formats:
            raise ValueError(
                f"camera {self.name}: pixel formats {unknown or 'missing'}: expected of {', '.join(PIXEL_FORMATS)}"
            )
        x_step, y_step = self.make.width_step_px, self.make.height_step_px
        is_too_small = self.width < self.min_width_px or self.height < self.min_height_px
        if is_too_small or self.width % x_step or self.height % y_step:
            raise ValueError(
                f"camera {self.name}: {self.width}x{self.height}: expected a width from {self.min_width_px} in steps "
                f"of {x_step} and a height from {self.min_height_px} in steps of {y_step}"
            )
        first, last = self.make.frame_ids
        if self.first_frame_id is not None and not first <= self.first_frame_id <= last:
            raise ValueError(
                f"camera {self.name}: first_frame_id {self.first_frame_id}: expected {first} to {last} of its make"
            )
        if self.max_rate_hz <= 0 or self.link_bytes_per_s <= 0:
            raise ValueError(f"camera {self.name}: max_rate_hz and link_bytes_per_s: expected more than 0")


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure, in simulated true time."""

    camera: str
    ordinal: int
    """Number of the exposure; it counts from 0 at each AcquisitionStart."""
    start_ns: int
    end_ns: int
    deliver_ns: int
    """Time at which the frame reaches the consumer, in ns."""
    exposure_us: float
    trigger_ns: int
    """Time of the trigger edge; in free run, of the camera's decision to expose."""
    pixel_format: str = "Mono8"
    width: int = 0
    height: int = 0
    offset_x: int = 0
    offset_y: int = 0
    gain_db: float = 0.0
    black_level_dn: float = 0.0


Painter = Callable[[Exposure, npt.NDArray[Any]], None]
"""Fills pixels: (height, width), uint8 for 8-bit formats, else uint16."""
