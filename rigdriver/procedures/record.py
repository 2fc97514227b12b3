"""Record frame sets of a rig into one file that loses nothing and says so.

In: a rig, a number of frame sets. Out: a sealed MCAP file, and what its seal says. Before the first flash it is known
whether the recording fits on the disk and whether the disk keeps up. However it ends, the light is off and the file is
sealed with the reason.
Not here: the file (see rigdriver/recording), how frames are matched (see sync).
"""

from __future__ import annotations

import importlib.metadata
import math
import time
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.errors import RunCutShort
from rigdriver.file_text import json_values, read_utf8
from rigdriver.procedures.flash_trains import FlashTrains
from rigdriver.procedures.record_checks import frame_set_bytes, refuse_if_too_large, refuse_if_too_slow
from rigdriver.procedures.recording_log import RecordingLog
from rigdriver.progress import SILENT, Progress
from rigdriver.recording.recorder import Recorder
from rigdriver.recording.rig_messages import LogLevel
from rigdriver.recording.seal import Plan, Seal
from rigdriver.rig import Rig
from rigdriver.sources import resolve
from rigdriver.whole_file import refuse_existing

BUFFER_S = 3.0
"""Time, in s, for which the disk may stand still before a recording must end."""
MOST_SLOTS = 64
"""Largest number of slots of a camera that a recording asks for by itself; genicam.frame_slots may ask for more."""
SLOTS_ELSEWHERE = 4
"""Slots of a camera that are filled, matched or handed over while others wait for the disk."""


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What to record, and into which file."""

    path: Path
    frames: int | None = None
    """Number of frame sets; None goes on until somebody stops it."""
    seconds: float | None = None
    """Length in s, in place of a number of frame sets."""
    rate_hz: float | None = None
    """Frame sets per second; the rig file's when it is None."""
    sync_interval_s: float = 1.0
    """Longest time between two moments at which everything so far is on the disk."""
    is_forced: bool = False
    """Whether to begin although the recording does not fit on the disk, or the disk is too slow."""
    disks: Path | None = None
    """File in which speeds of disks are remembered; the user's when it is None."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded."""

    path: Path
    seal: Seal


def record(source: str | Path | RigConfig, options: RecordOptions, progress: Progress = SILENT) -> Recorded:
    """Record frame sets into a new file.

    Raises:
        UsageError: the file is there already, the recording does not fit on the disk, or the disk is too slow.
        FileNotWritten: it cannot be written; what came before is in the file.
        RigError: what `Rig.open` and its runs raise.
    """
    refuse_existing(options.path)
    with ExitStack() as stack:
        config = resolve(source, stack)
        rate_hz = options.rate_hz or config.schedule.rate_hz
        if options.seconds is not None:
            options = replace(options, frames=max(1, round(options.seconds * rate_hz)))
        rig = stack.enter_context(Rig.open(_with_room(config, rate_hz)))
        if not options.is_forced:
            need = frame_set_bytes(rig)
            refuse_if_too_large(options.path, options.frames, need)
            refuse_if_too_slow(options.path, need, rate_hz, options.disks)
        waiting = rig.config.genicam.frame_slots - SLOTS_ELSEWHERE
        recorder = stack.enter_context(Recorder(options.path, plan_of(rig, options, rate_hz), waiting))
        recorder.close(_run(rig, recorder, options, progress))
    seal = recorder.seal
    assert seal is not None, "a recording that was closed is sealed"
    return Recorded(options.path, seal)


def plan_of(rig: Rig, options: RecordOptions, rate_hz: float) -> Plan:
    """Return what a recording says of itself at its beginning."""
    config = rig.config
    return Plan(
        driver=importlib.metadata.version("rigdriver"),
        rig=config.name,
        cameras=tuple(camera.name for camera in config.cameras),
        t_utc_ns=time.time_ns(),
        frame_sets=options.frames,
        rate_hz=rate_hz,
        sync_interval_s=options.sync_interval_s,
        config=config.model_dump(mode="json"),
        calibration=_calibration_of(config),
        regions={name: asdict(region) for name, region in rig.regions().items()},
    )


def _calibration_of(config: RigConfig) -> dict[str, object] | None:
    """Return the content of the rig's calibration file, so that a recording can be measured without the rig."""
    if config.calibration is None:
        return None
    try:
        table = json_values(read_utf8(config.calibration))
    except (OSError, ValueError):
        return None  # a recording is worth more than its calibration; `reconstruct` says what is wrong with that
    return table if isinstance(table, dict) else None


def _with_room(config: RigConfig, rate_hz: float) -> RigConfig:
    """Return the rig with slots for frame sets that wait for the disk, and runs that go on at a gap."""
    slots = min(MOST_SLOTS, math.ceil(BUFFER_S * rate_hz) + SLOTS_ELSEWHERE)
    genicam = config.genicam.model_copy(update={"frame_slots": max(slots, config.genicam.frame_slots)})
    return config.model_copy(update={"genicam": genicam})


def _run(rig: Rig, recorder: Recorder, options: RecordOptions, progress: Progress) -> str:
    """Hand the rig's frame sets to the recorder; return why fewer came than were asked for."""
    trains = FlashTrains(rig, options.frames, options.rate_hz)
    log = RecordingLog(recorder.tell, trains, rig.config)
    told: set[object] = set()
    with (
        progress.stage("recording", options.frames) as advance,
        ExitStack() as last,
        closing(iter(trains)) as frame_sets,
    ):
        last.callback(log.finish)
        try:
            for done, taken in enumerate(frame_sets, start=1):
                # What is kept does not wait for a terminal.
                recorder.write(taken.frame_set, taken.index)
                for gap in log.add(taken.frame_set):
                    progress.note(gap)
                trouble = recorder.trouble
                if trouble is not None and trouble not in told:
                    told.add(trouble)
                    log.note(trouble.value)
                    progress.note(f"{options.path}: {trouble.value}")
                advance(done)
                if trouble is not None and trouble.ends_the_run:
                    return ""
        except RunCutShort as exc:
            log.note(exc, LogLevel.ERROR)
            progress.note(exc)
            return str(exc.cause.value)
    return ""
