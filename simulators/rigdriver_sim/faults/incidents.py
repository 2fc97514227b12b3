"""What happens to whole devices at a pulse: cables pulled, firmware hung, the box reset, the producer crashed.

In: the first trigger edge of each pulse, the fault table. Out: calls on the devices, once in each run, just after the
edge. Not here: how a device obeys (see bench/rig.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rigdriver_sim.engine import Engine
from rigdriver_sim.faults.table import FaultTable
from rigdriver_sim.feed.layout import PLANT_CRASH, PLANT_HANG


@dataclass(frozen=True, slots=True)
class Reach:
    """What incidents can be done to."""

    camera: Callable[[str, str], None]
    """Camera, and what is done to it: an act of `reach/acts.py` without `camera.`."""
    box: Callable[[str], None]
    """Function that does an act to the box: `unplug`, `replug`, `cut`, `mend` or `reset`."""
    producer: Callable[[int], None]
    """Function that plants a fault in the producer: `feed_layout.PLANT_...`."""
    note: Callable[[str, str, int], None]
    """Fault, camera or "", pulse: for the truth."""


class Incidents:
    """Watches the pulses go by."""

    def __init__(self, engine: Engine, reach: Reach) -> None:
        self.faults = FaultTable()
        """Planned faults; may be replaced at any time."""
        self._engine = engine
        self._reach = reach
        self._done: set[tuple[int, str, str, int]] = set()
        self._run = 0

    def pulse(self, run: int, number: int) -> None:
        """A trigger edge of this pulse is leaving the box."""
        # A plan names pulses of every run, so each run meets all of its incidents.
        if run != self._run:
            self._run = run
            self._done.clear()
        faults, reach = self.faults, self._reach
        for camera, pulses in faults.unplug_camera.items():
            if number in pulses and self._is_new("unplug_camera", camera, number):
                self._soon(partial(reach.camera, camera, "unplug"))
                self._later(faults.replug_camera_after_s, partial(reach.camera, camera, "replug"))
        plans = (("hang_camera", "hang"), ("link_down", "link_down"), ("take_control", "take_control"))
        for what, act in plans:
            for camera, pulses in getattr(faults, what).items():
                if number in pulses and self._is_new(what, camera, number):
                    self._soon(partial(reach.camera, camera, act))
        if number in faults.unplug_box and self._is_new("unplug_box", "", number):
            self._soon(partial(reach.box, "unplug"))
            self._later(faults.replug_box_after_s, partial(reach.box, "replug"))
        if number in faults.reset_box and self._is_new("reset_box", "", number):
            self._soon(partial(reach.box, "reset"))
        if number in faults.cut_serial and self._is_new("cut_serial", "", number):
            self._soon(partial(reach.box, "cut"))
            self._later(faults.cut_serial_s, partial(reach.box, "mend"))
        if number in faults.crash_producer and self._is_new("crash_producer", "", number):
            # At once, not soon: this only sets a mark that the producer reads in its next call.
            reach.producer(PLANT_CRASH)
        if number in faults.hang_producer and self._is_new("hang_producer", "", number):
            reach.producer(PLANT_HANG)

    def _is_new(self, what: str, camera: str, number: int) -> bool:
        # One pulse triggers several cameras, and each of its edges arrives here.
        key = (self._run, what, camera, number)
        if key in self._done:
            return False
        self._done.add(key)
        self._reach.note(what, camera, number)
        return True

    def _soon(self, action: Callable[[], None]) -> None:
        # Not within the box's own doing: it is in the middle of telling its outputs.
        self._engine.at(self._engine.now_ns, action)

    def _later(self, after_s: float, action: Callable[[], None]) -> None:
        if after_s > 0:
            self._engine.at(self._engine.now_ns + round(after_s * 1e9), action)
