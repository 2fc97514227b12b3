"""Record frame sets of a rig into one file that loses nothing and says so.

In: a rig, a number of frame sets, perhaps a time before a trigger. Out: a sealed MCAP file, and what its seal says.
Before the first flash it is known whether the recording fits on the disk and whether the disk keeps up. However it
ends, the light is off and the file is sealed with the reason.
Not here: the file (see rigdriver/recording), how frames are matched (see sync).
"""

from __future__ import annotations

import importlib.metadata
import math
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.free_memory import free_memory_bytes
from rigdriver.errors import RunCutShort
from rigdriver.file_text import json_values, read_utf8
from rigdriver.frames import FrameSet
from rigdriver.procedures.flash_trains import FlashTrains
from rigdriver.procedures.pre_trigger import Keeper, Trigger, await_button
from rigdriver.procedures.record_checks import (
    frame_set_bytes,
    refuse_if_memory_is_short,
    refuse_if_too_large,
    refuse_if_too_slow,
)
from rigdriver.procedures.recording_log import RecordingLog
from rigdriver.progress import SILENT, Progress
from rigdriver.recording.frame_source import Indexed
from rigdriver.recording.pre_trigger import FrameSetRing, SaveButton
from rigdriver.recording.recorder import Recorder
from rigdriver.recording.rig_messages import LogLevel
from rigdriver.recording.seal import JsonFile, Plan, Seal
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
    """Number of frame sets, after the trigger where there is one; None goes on until somebody stops it."""
    seconds: float | None = None
    """Length in s, in place of a number of frame sets."""
    rate_hz: float | None = None
    """Frame sets per second; the rig file's when it is None."""
    pre_s: float | None = None
    """Time before the trigger, in s, that is kept, too; None records from the beginning and needs no trigger."""
    sync_interval_s: float = 1.0
    """Longest time between two moments at which everything so far is on the disk."""
    is_forced: bool = False
    """Whether to begin although the recording does not fit on the disk, or the disk is too slow."""
    disks: Path | None = None
    """File in which speeds of disks are remembered; the user's when it is None."""
    watch: Callable[[FrameSet], object] = id
    """Function that is called with each frame set that is handed to the recorder."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded."""

    path: Path
    seal: Seal


def record(
    source: str | Path | RigConfig,
    options: RecordOptions,
    progress: Progress = SILENT,
    button: SaveButton | None = None,
) -> Recorded:
    """Record frame sets into a new file; with `options.pre_s`, from that time before `button` is pressed.

    Raises:
        UsageError: the file is there already, the recording does not fit on the disk or into the memory, or the disk
            is too slow.
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
        ring = _checked_ring(options, rate_hz, frame_set_bytes(rig))
        trains = FlashTrains(rig, options.frames if ring is None else None, options.rate_hz)
        frame_sets = stack.enter_context(closing(iter(trains)))
        plan = plan_of(rig, options, rate_hz)
        if ring is not None:
            plan = _begun(plan, await_button(ring, frame_sets, button or SaveButton(), progress))
        waiting = rig.config.genicam.frame_slots - SLOTS_ELSEWHERE
        recorder = Recorder(options.path, plan, waiting)
        stack.callback(_tell_loss, recorder, progress)
        stack.enter_context(recorder)
        log = RecordingLog(recorder.tell, trains, rig.config)
        keeper = Keeper(recorder, ring, options.frames, options.watch)
        recorder.close(_run(frame_sets, keeper, log, options, progress))
    seal = recorder.seal
    assert seal is not None, "a recording that was closed is sealed"
    return Recorded(options.path, seal)


def _tell_loss(recorder: Recorder, progress: Progress) -> None:
    """Tell what an end could not write in its time; the seal says it, too, where the disk took that."""
    if recorder.lost:
        progress.note(
            f"{recorder.path}: {recorder.lost} frame sets waited in memory and are lost; the disk is too slow"
        )


def _checked_ring(options: RecordOptions, rate_hz: float, need_bytes: int) -> FrameSetRing | None:
    """Return the ring for what comes before the trigger; None where nobody asked for it. Refuses what cannot be."""
    ahead = 0 if options.pre_s is None else math.ceil(options.pre_s * rate_hz)
    if not options.is_forced:
        frames = None if options.frames is None else options.frames + ahead
        refuse_if_too_large(options.path, frames, need_bytes)
        refuse_if_too_slow(options.path, need_bytes, rate_hz, options.disks)
    if options.pre_s is None:
        return None
    refuse_if_memory_is_short(options.pre_s, ahead + 1, need_bytes, free_memory_bytes(ComputerFiles()))
    return FrameSetRing(ahead + 1)


def _begun(plan: Plan, trigger: Trigger) -> Plan:
    frames = None if plan.frame_sets is None else plan.frame_sets + trigger.frame_sets
    return plan.model_copy(
        update={
            "frame_sets": frames,
            "t_utc_ns": time.time_ns(),
            "t_trigger_utc_ns": trigger.t_utc_ns,
            "trigger_index": trigger.index,
        }
    )


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


def _calibration_of(config: RigConfig) -> JsonFile | None:
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


def _run(
    frame_sets: Generator[Indexed, None, None],
    keeper: Keeper,
    log: RecordingLog,
    options: RecordOptions,
    progress: Progress,
) -> str:
    """Hand the rig's frame sets to the recorder; return why fewer came than were asked for."""
    told: set[object] = set()
    with progress.stage("recording", options.frames) as advance, ExitStack() as last:
        last.callback(log.finish)
        # The light is off before what still waits in memory is written.
        last.push(lambda _kind, exc, _trace: keeper.write_rest(is_early=exc is not None))
        last.callback(frame_sets.close)
        try:
            for taken in frame_sets:
                # What is kept does not wait for a terminal.
                keeper.keep(taken)
                for gap in log.add(taken.frame_set):
                    progress.note(gap)
                trouble = keeper.trouble
                if trouble is not None and trouble not in told:
                    told.add(trouble)
                    log.note(trouble.value)
                    progress.note(f"{options.path}: {trouble.value}")
                advance(keeper.came)
                if keeper.has_all or (trouble is not None and trouble.ends_the_run):
                    return ""
        except RunCutShort as exc:
            log.note(exc, LogLevel.ERROR)
            progress.note(exc)
            return str(exc.cause.value)
    return ""
