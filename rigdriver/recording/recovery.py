"""Rescues what is whole from a recording that was cut or damaged, into a new file.

In: a recording of unknown state, and the name of a new file. Out: the new file, sealed, and whether anything is lost.
The original is never touched. Not here: reading (see recording_file.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rigdriver.errors import RecordingDamaged, UsageError
from rigdriver.recording.channels import Channels
from rigdriver.recording.frame_set_messages import RAW, messages_of
from rigdriver.recording.mcap.writer import McapWriter
from rigdriver.recording.recorder import rig_chunk
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.seal import PLAN, SEAL, VERSION, RecordedCounts, as_note


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was rescued."""

    path: Path
    frame_sets: int
    lost: tuple[RecordingDamaged, ...]
    """Parts of the original that could not be used, one by one."""
    cut_bytes: int
    """Bytes at the original's end that are no whole frame set."""

    @property
    def is_lossless(self) -> bool:
        """Whether every frame set that the original holds a part of is in the new file."""
        return not self.lost and not self.cut_bytes


def recover(path: Path, into: Path, advance: Callable[[int], object] = lambda _done: None) -> Recovered:
    """Copy all whole frame sets of a recording into a new file; `advance` is told how many were looked at.

    Raises:
        UsageError: the original cannot be read, or is no recording.
        FileNotWritten: the new file cannot be written, or is there already.
    """
    with Recording(path) as recording:
        if into.exists() and into.samefile(path):
            raise UsageError(device=str(into), seen="is the original", remedy="name another file with --out")
        plan = recording.plan.model_copy(update={"recovered_from": path.name, "version": VERSION, "coding": RAW})
        file = McapWriter(into, f"rigdriver {plan.driver}".rstrip(), "rigdriver")
        try:
            channels = Channels.added_to(file, plan.cameras)
            file.write_note(PLAN, as_note(plan))
            counts, lost = RecordedCounts(), []
            for place in range(len(recording)):
                copy_told(recording, place, file, channels)
                try:
                    taken = recording[place]
                except RecordingDamaged as exc:
                    lost.append(exc)
                    continue
                file.write_chunk(messages_of(taken, channels))
                counts.add(taken.frame_set)
                advance(place + 1)
            copy_told(recording, len(recording), file, channels)
            # Beyond the last whole record of a file without an end lies a frame set that was being written.
            cut = 0 if recording.is_whole else recording.size - recording.whole_bytes
            before = recording.seal
            reasons = (
                f"recovered from a file that was {recording.state}",
                f"{len(lost)} frame sets were damaged" if lost else "",
                f"{cut} bytes at its end are no whole frame set" if cut else "",
                before.reason if before else "",
            )
            file.write_note(SEAL, as_note(counts.sealed(plan.cameras, counts.frame_sets, reasons)))
            file.finish()
        finally:
            file.abandon()
    return Recovered(into, counts.frame_sets, tuple(lost), cut)


def copy_told(recording: Recording, place: int, file: McapWriter, channels: Channels) -> None:
    """Copy what the recording says of its rig before that frame set; topics of a later version are left out."""
    told = [message for message in recording.rig_messages_before(place) if message.topic in channels.numbers]
    if told:
        file.write_chunk(rig_chunk(told, channels))
