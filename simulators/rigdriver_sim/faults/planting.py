"""From the fault table to the switches of one camera, by pulse.

In: the fault table, the pulse whose edge is on the camera's wire, the camera's clock. Out: `CameraFaults` that answer
for the exposure under way, and truth lines of what was planted. While no pulse of the box is under way, a camera's own
count of exposures takes the place of the pulse index. Not here: how a camera obeys (see camera/faults.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rigdriver_sim import chance
from rigdriver_sim.camera.faults import CameraFaults
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.camera.timing import camera_time_ns
from rigdriver_sim.faults.table import FaultTable

Ordinals = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Place:
    """Which camera this is, among how many."""

    spec: CameraSpec
    number: int
    of: int
    seed: int


class CameraPlanter:
    """Keeps one camera's switches as the newest fault table says."""

    def __init__(
        self,
        place: Place,
        pulse: Callable[[], int | None],
        run: Callable[[], int],
        now_ns: Callable[[], int],
        note: Callable[[str, int | None], None],
    ) -> None:
        self._place, self._pulse, self._run, self._now_ns, self._note = place, pulse, run, now_ns, note
        self._faults = FaultTable()
        self._shift_ns = 0
        """Offset of the camera's clock, in ns, that this file has given to the camera so far."""
        self._warmth_ns = 0
        self._warm_since_ns: int | None = None
        self._cooled_ns = 0

    def plant(self, switches: CameraFaults, faults: FaultTable) -> None:
        """Set the switches; what has already happened to the clock stays."""
        if faults.warm_up_ppm != self._faults.warm_up_ppm:
            # What a clock ran ahead while it was cold stays: only its rate comes back to normal.
            self._cooled_ns = self._warmth_ns
            self._warm_since_ns = self._now_ns() if faults.warm_up_ppm else None
        self._faults = faults
        switches.lose_frame = self._rule("lose_frame", faults.lose_frame, faults.lose_frame_every)
        switches.skip_frame = self._rule("skip_frame", faults.skip_frame)
        switches.incomplete = self._rule("incomplete", faults.incomplete, faults.incomplete_every)
        switches.resend = self._rule("resend", faults.resend)
        switches.repeat_frame_id = self._rule("repeat_frame_id", faults.repeat_frame_id)
        switches.reset_frame_id = self._rule("reset_frame_id", faults.reset_frame_id)
        switches.stick_line = self._rule("dead_line", faults.dead_line)
        late = self._rule("late_exposure", faults.late_exposure, faults.late_exposure_every)
        switches.late_exposure_ns = self._amount(late, faults.late_exposure_us * 1e3)
        belated = self._rule("deliver_late", faults.deliver_late, faults.deliver_late_every)
        switches.deliver_late_ns = self._amount(belated, faults.deliver_late_ms * 1e6)
        jump = self._rule("stamp_jump", faults.stamp_jump)
        switches.stamp_error_ns = self._amount(jump, faults.stamp_jump_us * 1e3)
        step, reset = self._rule("clock_step", faults.clock_step), self._rule("stamp_reset", faults.stamp_reset)
        switches.stamp_jump_ns = lambda ordinal: self._turn_clock(step(ordinal), reset(ordinal))

    def _rule(self, what: str, plan: Ordinals, every: int = 0) -> Callable[[int], bool]:
        place = self._place
        mine = frozenset(plan.get(place.spec.name, ()))
        # The camera asks once or more for one exposure; the truth tells it once.
        told: list[int | None] = [None]
        drawn: dict[tuple[int, int], int] = {}
        """Run and pulse that a rate has hit last -> exposure; a period with several exposures loses one of them."""

        def is_drawn(number: int, ordinal: int) -> bool:
            if not chance.is_the_one(place.seed, what, every, number, place.number, place.of):
                return False
            here = (self._run(), number)
            if here not in drawn:
                drawn.clear()
            return drawn.setdefault(here, ordinal) == ordinal

        def is_hit(ordinal: int) -> bool:
            pulse = self._pulse()
            number = ordinal if pulse is None else pulse
            if number not in mine and not is_drawn(number, ordinal):
                return False
            if told[0] != ordinal:
                told[0] = ordinal
                self._note(what, pulse)
            return True

        return is_hit

    @staticmethod
    def _amount(rule: Callable[[int], bool], size_ns: float) -> Callable[[int], int]:
        return lambda ordinal: round(size_ns) if rule(ordinal) else 0

    def _turn_clock(self, is_step: bool, is_reset: bool) -> int:
        """Return by how much the clock's offset changes with this exposure."""
        warmth_ns = self._warmth()
        change = warmth_ns - self._warmth_ns
        self._warmth_ns = warmth_ns
        if is_step:
            change += round(self._faults.clock_step_us * 1e3)
        if is_reset:
            # The camera adds its offset and drift to this shift, so both are taken off: the clock shows 0 now.
            change = -camera_time_ns(self._place.spec, self._now_ns()) - self._shift_ns
        self._shift_ns += change
        return change

    def _warmth(self) -> int:
        """Return how far a clock has run ahead while it was cold: the integral of a fading drift."""
        if self._warm_since_ns is None:
            return self._warmth_ns
        tau_ns = self._faults.warm_up_s * 1e9
        gone = (self._now_ns() - self._warm_since_ns) / tau_ns
        # The drift d fades as d exp(-t / tau); its integral from 0 to t is d tau (1 - exp(-t / tau)).
        return self._cooled_ns + round(self._faults.warm_up_ppm * 1e-6 * tau_ns * (1 - math.exp(-gone)))
