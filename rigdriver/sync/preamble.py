"""Collects the dark preamble of a run and fits every camera's clock to the box's.

In: parts of pulses and frames of one attempt, which has a generation and a ruler of its own. Out: locked tracks, or
what is missing, camera by camera. The clocks are known before the run begins, so its first frame sets are as good as
the rest. Not here: how the preamble is triggered (see run/run.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rigdriver.errors import SyncLost
from rigdriver.frames import Frame, PulseReport
from rigdriver.schedule.plan import GOLOMB_MARKS
from rigdriver.schedule.planned import Schedule
from rigdriver.sync.arrivals import ARRIVAL_SHARE
from rigdriver.sync.exposures import Exposure, ExposureLog
from rigdriver.sync.lock import has_stamps, pair_preamble
from rigdriver.sync.track import Track

INCOMPLETE_REMEDY = (
    "give each packet room on its way: MTU 9000 at the network port and its switches, or a smaller "
    "GevSCPSPacketSize in cameras.features; lower DeviceLinkThroughputLimit or schedule.rate_hz; check the cable"
)
"""Sentence that says what to do where frames come with bytes missing."""


class Preamble:
    """One preamble, from its first edge to the locks."""

    def __init__(
        self,
        schedule: Schedule,
        logs: Mapping[str, ExposureLog],
        tracks: Mapping[str, Track],
        tolerance_ticks: float,
        marks: Sequence[int] = GOLOMB_MARKS,
        begun_ns: int = 0,
    ) -> None:
        """`marks`: the ruler of the schedule. `begun_ns`: host time; frames from before are of an earlier attempt."""
        self._schedule = schedule
        self._logs = logs
        self._tracks = tracks
        self._tolerance = tolerance_ticks
        self._marks, self._begun_ns = marks, begun_ns
        self._frames: dict[str, list[Frame]] = {name: [] for name in logs}
        self._damaged = dict.fromkeys(logs, 0)
        """Camera -> number of frames that came with bytes missing."""
        self.is_over = False
        """Whether the box has ended the preamble; frames may still be on their way."""

    def take_report(self, part: PulseReport) -> None:
        """Take a part of a pulse of any generation."""
        for log in self._logs.values():
            log.feed(part, self._schedule.box.pulse_period_ticks)
        # The whole preamble is one pulse of the box, with a step per mark.
        if part.generation == self._schedule.box.generation:
            self.is_over = self.is_over or part.is_closed

    def take_frame(self, frame: Frame) -> None:
        """Take a frame."""
        if frame.t_host_ns >= self._begun_ns:
            self._frames[frame.camera].append(frame)

    def take_damaged(self, camera: str, count: int) -> None:
        """Note that frames came with bytes missing."""
        self._damaged[camera] += count

    @property
    def is_complete(self) -> bool:
        """Whether every camera has delivered a frame per mark, whole or not, and the box has reported all marks."""
        marks = len(self._marks)
        came = {name: len(frames) + self._damaged[name] for name, frames in self._frames.items()}
        return all(came[name] >= marks <= len(self._exposures(name)) for name in self._logs)

    @property
    def is_hopeless(self) -> bool:
        """Whether some camera's frames have all come, and each of them damaged: another attempt would end like this."""
        marks = len(self._marks)
        return any(not frames and self._damaged[name] >= marks for name, frames in self._frames.items())

    def is_dark(self, camera: str) -> bool:
        """Return whether nothing shows that the camera was triggered: no frame, and no exposure on its line."""
        has_delivered = self._frames[camera] or self._damaged[camera]
        return not has_delivered and all(exposure.is_inferred for exposure in self._exposures(camera))

    def lock(self) -> dict[str, SyncLost]:
        """Lock every track that can be; return an error by name for each camera that cannot."""
        return {name: why for name in self._logs if (why := self._lock_camera(name)) is not None}

    @property
    def _unit_ticks(self) -> float:
        """Distance of two neighbouring marks of the ruler; compile_preamble adds one unit and the longest exposure."""
        longest = max(e.start_ticks + e.exposure_ticks for e in self._schedule.exposures.values())
        return (self._schedule.box.pulse_period_ticks - longest) / (self._marks[-1] + 1)

    def _exposures(self, name: str) -> list[Exposure]:
        return self._logs[name].since(self._schedule.box.generation)

    def _lock_camera(self, name: str) -> SyncLost | None:
        frames, exposures = self._frames[name], self._exposures(name)
        tolerance = self._tolerance if has_stamps(frames) else ARRIVAL_SHARE * self._unit_ticks
        pairs = pair_preamble(frames, exposures, self._schedule.tick_rate_hz / 1e9, tolerance)
        if pairs is not None:
            self._tracks[name].lock(pairs)
            return None
        marks = len(self._marks)
        seen = f"{len(exposures)} of {marks} exposures and {len(frames)} of {marks} frames"
        remedy = "check its cables and its maximum rate"
        if not exposures:
            remedy = "check its trigger cable, its exposure line and TriggerSource"
        elif self._damaged[name]:
            seen += f", and {self._damaged[name]} with bytes missing"
            remedy = INCOMPLETE_REMEDY
        elif not frames:
            remedy = "check its link and TriggerMode"
        elif not has_stamps(frames):
            seen += ", without time stamps, and their arrivals do not show which is which"
            remedy = "end other programs on this computer"
        elif len(exposures) >= 3 and len(frames) >= 3:
            seen += ", but their times do not fit"
            remedy = "check that its cables are not swapped with another camera's"
        return SyncLost(device=f"camera {name}", seen=seen, remedy=remedy)
