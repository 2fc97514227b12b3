"""A recording as image files, for programs that read no MCAP.

In: a recording, the name of a new folder. Out: a folder as `rigdriver capture` makes it: images, what they hold, and
proofs. A frame set that is damaged is noted and left out. Not here: the folder (see recording/capture_folder.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rigdriver.errors import RecordingDamaged, UsageError
from rigdriver.images.image_writer import ImageFormat
from rigdriver.images.region import ImageRegion
from rigdriver.progress import SILENT, Progress
from rigdriver.recording.capture_folder import CaptureFolder, refuse_used
from rigdriver.recording.recording_file import Recording


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    frame_sets: int
    damaged: int
    """Frame sets that were left out."""


def export_recording(
    path: Path, folder: Path, image_format: ImageFormat = ImageFormat.PNG, progress: Progress = SILENT
) -> Exported:
    """Write all frame sets of a recording into a new folder of images.

    Raises:
        UsageError: the file is no recording, it does not say of which rig, or the folder is used.
        OSError: a file cannot be written.
    """
    refuse_used(folder)
    with Recording(path) as recording:
        config = recording.config
        if config is None:
            raise UsageError(
                device=str(path),
                seen="does not say of which rig it is",
                remedy="use the version that wrote it",
            )
        regions: dict[str, ImageRegion] = {n: region for n, region in recording.regions().items() if region is not None}
        written = damaged = 0
        with (
            progress.stage("exporting", len(recording)) as advance,
            CaptureFolder(folder, config, image_format, regions) as sink,
        ):
            for place in range(len(recording)):
                try:
                    taken = recording[place]
                except RecordingDamaged as exc:
                    damaged += 1
                    progress.note(exc)
                    continue
                sink.write(taken.frame_set, taken.index)
                written += 1
                advance(place + 1)
    return Exported(folder, written, damaged)
