"""What a recording is told of its run, so that it explains itself: schedule, clocks, notes and the light log.

In: a live rig's trains, frame set by frame set. Out: messages for the recorder. Clocks are told at the beginning of
each run, then every ten seconds, and at the end. Lines of the light log are those that were added to its file
meanwhile. Not here: how such messages look (see recording/rig_messages.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.frames import FrameSet
from rigdriver.procedures.flash_trains import FlashTrains
from rigdriver.procedures.notes import PulseNote
from rigdriver.recording.rig_messages import (
    LogLevel,
    LogLine,
    RigMessage,
    clocks_message,
    log_message,
    schedule_message,
)
from rigdriver.run.run import Run

CLOCKS_S = 10.0
"""Time between two statements about the clocks, in s."""
MOST_TAIL_BYTES = 1 << 20
"""Largest part of the light log that is read in one go."""


class RecordingLog:
    """Tells a recorder what happens around its frame sets."""

    def __init__(self, tell: Callable[[RigMessage], None], trains: FlashTrains, config: RigConfig) -> None:
        self._tell = tell
        self._trains = trains
        self._light = LightTail(config.light.log)
        self._run: object = None
        self._next_clocks_ns = 0

    def note(self, what: object, level: LogLevel = LogLevel.WARNING) -> None:
        """Tell what a person was told, too."""
        self._tell(log_message(LogLine(time.time_ns(), level, "run", str(what))))

    def add(self, frame_set: FrameSet) -> Iterator[PulseNote]:
        """Tell what belongs to a frame set; yield its gaps as notes for the person who watches."""
        run, now_ns = self._trains.run, frame_set.t_utc_ns
        if run is not self._run and isinstance(run, Run):
            self._tell(schedule_message(run.schedule, now_ns))
            self._next_clocks_ns = now_ns
        self._run = run
        if now_ns >= self._next_clocks_ns:
            self._tell_clocks(now_ns)
            self._tell_light()
            self._next_clocks_ns = now_ns + round(CLOCKS_S * 1e9)
        for gap in frame_set.gaps.values():
            note = PulseNote(frame_set.pulse_index, gap)
            self._tell(log_message(LogLine(now_ns, LogLevel.WARNING, "run", str(note))))
            yield note

    def finish(self) -> None:
        """Tell the clocks as they were at last, and the rest of the light log."""
        self._tell_clocks(time.time_ns())
        self._tell_light()

    def _tell_clocks(self, now_ns: int) -> None:
        run = self._trains.run
        if isinstance(run, Run):
            self._tell(clocks_message(run.clocks, run.host_clock.fit, now_ns))

    def _tell_light(self) -> None:
        for text in self._light.new_lines():
            self._tell(log_message(LogLine(time.time_ns(), LogLevel.INFO, "light", text)))


class LightTail:
    """The lines that are added to a light log from now on."""

    def __init__(self, path: Path | None) -> None:
        """`path` None: the rig keeps no light log."""
        self._path = path
        self._place = path.stat().st_size if path is not None and path.is_file() else 0
        self._begun = b""
        """Beginning of a line that is not whole yet."""

    def new_lines(self) -> Iterator[str]:
        """Yield the lines that were added since the last call; a log that cannot be read gives none."""
        if self._path is None:
            return
        while raw := self._read():
            *whole, self._begun = (self._begun + raw).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)

    def _read(self) -> bytes:
        try:
            assert self._path is not None, "callers have checked it"
            with self._path.open("rb") as file:
                file.seek(self._place)
                raw = file.read(MOST_TAIL_BYTES)
        except OSError:
            return b""
        self._place += len(raw)
        return raw
