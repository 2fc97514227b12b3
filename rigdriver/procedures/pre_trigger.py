"""A recording whose beginning lies before its trigger: waiting for the button, and writing what the ring holds.

In: frame sets of a live rig, a ring of the newest ones, a button. Out: the moment of the trigger, and frame sets for a
recorder in their order. The ring is written as fast as the disk takes it, while new frame sets queue behind it; the
disk's trouble is that of the recorder, so that a run ends before a frame set is lost. Not here: the ring (see
recording/pre_trigger.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rigdriver.errors import UsageError
from rigdriver.frames import FrameSet
from rigdriver.progress import Progress
from rigdriver.recording.frame_source import Indexed, indexed
from rigdriver.recording.pre_trigger import FrameSetRing, SaveButton
from rigdriver.recording.recorder import WARN_SHARE, Recorder, Trouble


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a recording was triggered."""

    t_utc_ns: int
    frame_sets: int
    """Number of frame sets that came before it and are kept."""
    index: int
    """Index in the recording of the first one after it."""


def await_button(ring: FrameSetRing, frame_sets: Iterable[Indexed], button: SaveButton, progress: Progress) -> Trigger:
    """Keep the newest frame sets in the ring until the button is pressed.

    Raises:
        UsageError: the rig's frame sets ended before, or nobody can press it any more.
        RunCutShort: the run was cut short before.
    """
    with progress.stage("waiting for the trigger", None) as advance:
        for came, taken in enumerate(frame_sets, start=1):
            ring.push(taken)
            advance(came)
            if button.is_pressed:
                return Trigger(time.time_ns(), len(ring), taken.index + 1 - ring.first_index)
            if button.is_out_of_reach:
                raise UsageError(
                    device="--pre", seen="stdin has ended, so that nobody can press Enter; nothing is recorded",
                    remedy="leave --pre out, or keep stdin open",
                )  # fmt: skip
    raise UsageError(
        device="--pre", seen="the frame sets ended before the trigger came; nothing is recorded",
        remedy="press Enter while the rig runs",
    )  # fmt: skip


class Keeper:
    """Hands frame sets to a recorder, those of a ring first."""

    def __init__(
        self,
        recorder: Recorder,
        ring: FrameSetRing | None,
        frames: int | None,
        watch: Callable[[FrameSet], object] = id,
    ) -> None:
        """`frames`: number of frame sets after the trigger; None goes on until the loop is left.

        `watch` is called with each frame set that the recorder has got.
        """
        self._watch = watch
        self._recorder = recorder
        self._ring = ring
        self._frames = frames
        self._first = ring.first_index if ring else 0
        self.came = 0
        """Frame sets that came after the trigger."""

    @property
    def has_all(self) -> bool:
        """Whether as many have come as were asked for."""
        return self._frames is not None and self.came >= self._frames

    @property
    def trouble(self) -> Trouble | None:
        """What endangers the recording now."""
        return self._recorder.trouble

    def keep(self, taken: Indexed) -> None:
        """Keep a frame set; it waits only when the recorder's queue or the ring is full."""
        self.came += 1
        while self._ring and (self._ring.is_full or self._recorder.fill < WARN_SHARE):
            self._write(self._placed(self._ring.pop()))
        if self._ring:
            self._ring.push(taken)
        else:
            self._write(self._placed(taken))

    def write_rest(self, *, is_early: bool = False) -> None:
        """Hand over what still waits in the ring; call it when the light is off. It waits for the disk.

        `is_early`: the recording was stopped, so that nobody waits: the recorder's end writes what it can in its time.
        """
        rest = [self._placed(self._ring.pop()) for _ in range(len(self._ring))] if self._ring else []
        before = self._recorder.taken
        try:
            for taken in () if is_early else rest:
                self._write(taken, can_wait=True)
        finally:
            self._recorder.take_all(rest[self._recorder.taken - before :])

    def _placed(self, taken: Indexed) -> Indexed:
        return indexed(taken.index - self._first, taken.frame_set)

    def _write(self, taken: Indexed, *, can_wait: bool = False) -> None:
        self._recorder.write(taken.frame_set, taken.index, can_wait=can_wait)
        self._watch(taken.frame_set)
