"""Collects the dark preamble of a run and fits every camera's clock to the box's.

In: parts of pulses and frames. Out: locked tracks, or what is missing, camera by camera. The clocks are known before
the run begins, so its first frame sets are as good as the rest. Not here: how the preamble is triggered (see
run/run.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from rigdriver.errors import SyncLost
from rigdriver.frames import Frame, PulseReport
from rigdriver.schedule.plan import GOLOMB_MARKS
from rigdriver.schedule.planned import Schedule
from rigdriver.sync.exposures import Exposure, ExposureLog
from rigdriver.sync.lock import has_stamps, pair_preamble
from rigdriver.sync.track import ARRIVAL_SHARE, Track


class Preamble:
    """One preamble, from its first edge to the locks."""

    def __init__(
        self, schedule: Schedule, logs: Mapping[str, ExposureLog], tracks: Mapping[str, Track], tolerance_ticks: float
    ) -> None:
        self._schedule = schedule
        self._logs = logs
        self._tracks = tracks
        self._tolerance = tolerance_ticks
        # An attempt that failed has the same generation; its exposures would make every mark of this one doubtful.
        self._first_ordinals = {name: log.next_ordinal for name, log in logs.items()}
        self._frames: dict[str, list[Frame]] = {name: [] for name in logs}
        self.is_over = False
        """Whether the box has ended the preamble; frames may still be on their way."""

    def take_report(self, part: PulseReport) -> None:
        """Take a part of a pulse of any generation."""
        for log in self._logs.values():
            log.feed(part, self._schedule.box.pulse_period_ticks)
        # The whole preamble is one pulse of the box, with a step per mark.
        if part.generation == self._schedule.box.generation and part.is_closed:
            self.is_over = True

    def take_frame(self, frame: Frame) -> None:
        """Take a frame."""
        self._frames[frame.camera].append(frame)

    @property
    def is_complete(self) -> bool:
        """Whether every camera has delivered a frame per mark, and the box has reported all marks."""
        marks = len(GOLOMB_MARKS)
        return all(len(self._frames[name]) >= marks <= len(self._exposures(name)) for name in self._logs)

    def lock(self) -> list[SyncLost]:
        """Lock every track that can be; return an error for each camera that cannot."""
        return [why for name in self._logs if (why := self._lock_camera(name)) is not None]

    @property
    def _unit_ticks(self) -> float:
        """Distance of two neighbouring marks of the ruler; compile_preamble adds one unit and the longest exposure."""
        longest = max(e.start_ticks + e.exposure_ticks for e in self._schedule.exposures.values())
        return (self._schedule.box.pulse_period_ticks - longest) / (GOLOMB_MARKS[-1] + 1)

    def _exposures(self, name: str) -> list[Exposure]:
        exposures = self._logs[name].since(self._schedule.box.generation)
        return [e for e in exposures if e.ordinal >= self._first_ordinals[name]]

    def _lock_camera(self, name: str) -> SyncLost | None:
        frames, exposures = self._frames[name], self._exposures(name)
        tolerance = self._tolerance if has_stamps(frames) else ARRIVAL_SHARE * self._unit_ticks
        pairs = pair_preamble(frames, exposures, self._schedule.tick_rate_hz / 1e9, tolerance)
        if pairs is not None:
            self._tracks[name].lock(pairs)
            return None
        marks = len(GOLOMB_MARKS)
        seen = f"{len(exposures)} of {marks} exposures and {len(frames)} of {marks} frames"
        remedy = "check its cables and its maximum rate"
        if not exposures:
            remedy = "check its trigger cable, its exposure line and TriggerSource"
        elif not frames:
            remedy = "check its link and TriggerMode"
        elif not has_stamps(frames):
            seen += ", without time stamps, and their arrivals do not show which is which"
            remedy = "end other programs on this computer"
        elif len(exposures) >= 3 and len(frames) >= 3:
            seen += ", but their times do not fit"
            remedy = "check that its cables are not swapped with another camera's"
        return SyncLost(device=f"camera {name}", seen=seen, remedy=remedy)
