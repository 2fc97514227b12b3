"""The demo's first part: frame sets of the simulated rig with their proofs, and the last one as a picture.

In: an open rig, a folder. Out: proofs.csv and proofs.json, a contact sheet, what the run counted, and the last complete
frame set with its images copied out of the cameras' memory.
Not here: the rig's self-test (see selftest).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from rigdriver.frames import Frame, FrameSet
from rigdriver.images.contact_sheet import contact_sheet
from rigdriver.images.picture_file import write_picture
from rigdriver.procedures.capture import capture_run
from rigdriver.progress import Progress
from rigdriver.recording.capture_folder import CaptureFolder
from rigdriver.rig import Rig
from rigdriver.run.statistics import RunStatistics

SECONDS = 3
RATE_HZ = 10.0
FRAMES = round(SECONDS * RATE_HZ)


@dataclass(frozen=True, slots=True)
class DemoCapture:
    """What was captured."""

    statistics: RunStatistics
    latest: FrameSet | None
    """Newest complete frame set, or the newest of all when none is complete; None when none came."""
    sheet: Path | None

    @property
    def has_passed(self) -> bool:
        """Whether every frame set is complete."""
        return self.statistics.complete == FRAMES


class Latest:
    """Keeps the newest complete frame set, or the newest at all."""

    def __init__(self) -> None:
        self.frame_set: FrameSet | None = None

    def take(self, frame_set: FrameSet) -> None:
        """Keep it unless it has gaps and the kept one has none."""
        if self.frame_set is None or frame_set.is_complete or not self.frame_set.is_complete:
            self.frame_set = frame_set


def capture_demo(rig: Rig, out: Path, progress: Progress) -> DemoCapture:
    """Capture for three seconds; only the proofs and one picture are kept."""
    latest = Latest()
    with CaptureFolder(out, rig.config, image_format=None) as proofs:
        statistics = capture_run(rig, FRAMES, RATE_HZ, [proofs.write, latest.take], progress)
    if latest.frame_set is None:
        return DemoCapture(statistics, None, None)
    sheet = out / "contact-sheet.png"
    write_picture(sheet, contact_sheet(latest.frame_set, rig.config.name, {c.name: c.pod for c in rig.config.cameras}))
    return DemoCapture(statistics, copied(latest.frame_set), sheet)


def copied(frame_set: FrameSet) -> FrameSet:
    """Return the frame set with its pixels copied, so that it outlives its rig."""
    return replace(frame_set, frames=MappingProxyType({f.camera: _copied(f) for f in frame_set}))


def _copied(frame: Frame) -> Frame:
    # The pixels lie in memory that the cameras write into again and that goes with the rig.
    pixels = frame.pixels.copy()
    pixels.flags.writeable = False
    return replace(frame, pixels=pixels)
