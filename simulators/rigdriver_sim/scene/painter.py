"""Paints a live camera's frames from the bank.

In: when an exposure was, which pulse it answers, when each lamp shone. Out: pixels in the slot. Every pulse, or every
few of them, shows the next view of the bank to all cameras alike, so one frame set shows one moment. Not here: engine
and rig, which translate exposures and flashes (see bench/scene_view.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.bank import Bank
from rigdriver_sim.scene.light import overlap_us, row_overlap_us
from rigdriver_sim.scene.pods import AMBIENT, CAMERAS, LAMPS


@dataclass(frozen=True, slots=True)
class SceneFlash:
    """One lamp, on from start to end; `power` is its share of full brightness (0 dead, 0.5 weak)."""

    lamp: str
    start_ns: int
    end_ns: int
    power: float = 1.0


class ScenePainter:
    """Paints the frames of one camera."""

    def __init__(self, bank: Bank, camera: str) -> None:
        if camera not in CAMERAS:
            raise ValueError(f"camera {camera}: the scene has no such camera; it knows {', '.join(CAMERAS)}")
        self._bank = bank
        self._camera = camera

    def light_us(
        self, start_ns: int, end_ns: int, flashes: Sequence[SceneFlash]
    ) -> dict[str, float | npt.NDArray[np.float64]]:
        """Return lamp -> microseconds that fell into the exposure, by row when the shutter rolls."""
        row_time_us = self._bank.spec.sensor.row_time_us
        room = max(0, end_ns - start_ns) / 1000
        # Room light shines all the time, so its share is the exposure itself.
        light: dict[str, float | npt.NDArray[np.float64]] = {AMBIENT: room}
        for flash in flashes:
            if flash.lamp not in LAMPS:
                continue
            times = (flash.start_ns, flash.end_ns, start_ns, end_ns)
            shone = row_overlap_us(*times, row_time_us, self._bank.height) if row_time_us else overlap_us(*times)
            light[flash.lamp] = light.get(flash.lamp, 0.0) + flash.power * shone
        return light

    def paint(
        self,
        start_ns: int,
        end_ns: int,
        pulse: int,
        flashes: Sequence[SceneFlash],
        ordinal: int,
        out: npt.NDArray[np.generic],
        bits: int = 8,
    ) -> None:
        """Fill `out`, (H, W) uint8 or uint16."""
        view = pulse // self._bank.spec.bank.pulses_a_view
        self._bank.paint(self._camera, view, self.light_us(start_ns, end_ns, flashes), ordinal, out, bits)
