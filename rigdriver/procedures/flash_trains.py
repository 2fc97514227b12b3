"""Many frame sets from a rig whose flashes come in trains: run after run, with the dark pauses that the limits ask for.

In: an open rig, how many pulses. Out: frame sets, indexed through all runs, and what all runs together counted. The
rig's limits on light are what they are: a train ends after `light.max_train_flashes`, and the next one waits for its
pause.
Not here: what becomes of the frame sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping

from rigdriver.config import RigConfig
from rigdriver.errors import RunCutShort
from rigdriver.images.region import ImageRegion
from rigdriver.recording.frame_source import Indexed, indexed
from rigdriver.rig import Rig
from rigdriver.run.cut_short import cut_short
from rigdriver.run.frame_sets import FrameSets
from rigdriver.run.statistics import RunStatistics


class FlashTrains:
    """A live rig as a `FrameSource`. Iterate it once; its counts may be read meanwhile and after, however it ended.

    The loop raises `RunCutShort`, with the count of all trains, when one of them is cut short.
    """

    def __init__(self, rig: Rig, frames: int | None = None, rate_hz: float | None = None) -> None:
        """`frames` None goes on until the loop is left."""
        self._rig = rig
        self._frames = frames
        self._rate_hz = rate_hz
        # Without lamps there is no dark pause to keep, and one run does it all.
        self._train = rig.config.light.max_train_flashes if rig.config.lamps else frames
        self.pulses = 0
        """Frame sets that the rig made, dropped ones included."""
        self.dropped = 0
        """Whole frame sets that a slow consumer lost."""
        self.gap_reasons: Counter[str] = Counter()
        self.gaps_by_camera: Counter[str] = Counter()
        self.rate_hz = float("nan")
        """Rate of the newest train."""
        self.run: FrameSets | None = None
        """The newest train; None before the first one."""

    @property
    def config(self) -> RigConfig:
        """The rig's configuration."""
        return self._rig.config

    def sizes_px(self) -> Mapping[str, tuple[int, int]]:
        """Return width and height of each camera's images, as the cameras are set."""
        return self._rig.sizes_px()

    def regions(self) -> Mapping[str, ImageRegion]:
        """Return each camera's place on its sensor, as the cameras are set."""
        return self._rig.regions()

    def __iter__(self) -> Generator[Indexed, None, None]:
        first = 0
        while self._frames is None or first < self._frames:
            left = None if self._frames is None else self._frames - first
            wanted = min((n for n in (left, self._train) if n is not None), default=None)
            with self._rig.run(frames=wanted, rate_hz=self._rate_hz) as run:
                self.run = run
                newest = -1
                try:
                    for frame_set in run:
                        newest = frame_set.pulse_index
                        yield indexed(first + newest, frame_set)
                except RunCutShort as exc:
                    raise cut_short(exc.cause, self.pulses + run.statistics.frame_sets, self._frames) from exc
                # Counted however the loop is left: an application may break out of it or raise.
                finally:
                    self._add(run.statistics)
            # A train that was cut short by itself would never end the loop.
            first += wanted if wanted is not None else newest + 1
            # A run without any frame set would be started again for ever.
            if newest < 0:
                return

    def _add(self, statistics: RunStatistics) -> None:
        self.pulses += statistics.frame_sets
        self.dropped += statistics.dropped_frame_sets
        self.gap_reasons.update(statistics.gap_reasons)
        self.gaps_by_camera.update(statistics.gaps_by_camera)
        self.rate_hz = statistics.rate_hz
