"""A recording as image files and videos, for programs that read no MCAP.

In: a recording, the name of a new folder. Out: a folder as `rigdriver capture` makes it: images, what they hold, and
proofs; on request black images where frames are missing, and small videos with JSON sidecars as BIDS proposes them
(BEP047). A frame set that is damaged is noted, and left out or replaced. Not here: the folder (see
recording/capture_folder.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.errors import RecordingDamaged
from rigdriver.frames import Frame
from rigdriver.images.image_writer import ImageFormat
from rigdriver.images.preview_video import CODEC, PreviewVideo
from rigdriver.images.region import ImageRegion
from rigdriver.procedures.export_placeholders import Placeholders, models_of, without_holes
from rigdriver.progress import SILENT, Advance, Progress
from rigdriver.recording.capture_folder import CaptureFolder, refuse_used
from rigdriver.recording.frame_source import Indexed
from rigdriver.recording.recording_file import Recording
from rigdriver.whole_file import write_whole


class GapPolicy(StrEnum):
    """What stands for a frame that is missing."""

    SKIP = "skip"
    """Nothing."""
    PLACEHOLDER = "placeholder"
    """A black image, which placeholders.csv lists; all cameras have equally many images."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to write."""

    image_format: ImageFormat = ImageFormat.PNG
    gaps: GapPolicy = GapPolicy.SKIP
    has_videos: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    frame_sets: int
    damaged: int
    """Frame sets that could not be read."""
    placeholders: int = 0
    """Black images that stand for missing ones."""


def export_recording(
    path: Path, folder: Path, options: ExportOptions | None = None, progress: Progress = SILENT
) -> Exported:
    """Write all frame sets of a recording into a new folder of images.

    Raises:
        UsageError: the file is no recording, it does not say of which rig, or the folder is used.
        OSError: a file cannot be written.
    """
    refuse_used(folder)
    chosen = options or ExportOptions()
    with Recording(path) as recording, ExitStack() as stack:
        config = recording.config_or_refuse()
        regions: dict[str, ImageRegion] = {n: region for n, region in recording.regions().items() if region is not None}
        models = models_of(recording) if chosen.gaps is GapPolicy.PLACEHOLDER or chosen.has_videos else {}
        placeholders = Placeholders(models if chosen.gaps is GapPolicy.PLACEHOLDER else {})
        sink = stack.enter_context(CaptureFolder(folder, config, chosen.image_format, regions))
        rate_hz = recording.plan.rate_hz or config.schedule.rate_hz
        videos = _Videos(folder, models if chosen.has_videos else {}, rate_hz, stack)
        damage: list[RecordingDamaged] = []
        written = 0
        with progress.stage("exporting", len(recording)) as advance:
            frame_sets = _readable(recording, damage, progress, advance)
            if chosen.gaps is GapPolicy.PLACEHOLDER:
                frame_sets = without_holes(frame_sets, recording.plan.cameras)
            for taken in frame_sets:
                instead = placeholders.of(taken)
                sink.write(taken.frame_set, taken.index, instead)
                videos.add(taken, chosen.gaps)
                written += 1
        if chosen.gaps is GapPolicy.PLACEHOLDER:
            placeholders.write(folder)
        videos.describe(config)
    return Exported(folder, written, len(damage), len(placeholders.rows))


def _readable(
    recording: Recording, damage: list[RecordingDamaged], progress: Progress, advance: Advance
) -> Iterator[Indexed]:
    for place in range(len(recording)):
        try:
            yield recording[place]
        except RecordingDamaged as exc:
            damage.append(exc)
            progress.note(exc)
        advance(place + 1)


class _Videos:
    """One small video per camera."""

    def __init__(self, folder: Path, models: Mapping[str, Frame], rate_hz: float, stack: ExitStack) -> None:
        self._folder, self._rate_hz = folder, rate_hz
        self._videos = {
            name: stack.enter_context(
                PreviewVideo(folder / f"{bids_name(name)}.mp4", (frame.pixels.shape[1], frame.pixels.shape[0]), rate_hz)
            )
            for name, frame in models.items()
        }
        self._first_ns: int | None = None

    def add(self, taken: Indexed, gaps: GapPolicy) -> None:
        """Add a frame set to all videos."""
        frame_set = taken.frame_set
        if self._first_ns is None and frame_set.t_utc_ns:
            self._first_ns = frame_set.t_utc_ns
        for name, video in self._videos.items():
            frame = frame_set.frames.get(name)
            if frame is not None or gaps is GapPolicy.PLACEHOLDER:
                told = self._caption(taken) + ("" if frame is not None else "  NO FRAME")
                video.add(frame, f"{name}  {told}")

    def _caption(self, taken: Indexed) -> str:
        t_ns = taken.frame_set.t_utc_ns
        if not t_ns:
            return f"{taken.index}"
        at = datetime.fromtimestamp(t_ns / 1e9, UTC)
        passed_s = (t_ns - (self._first_ns or t_ns)) / 1e9
        pulse = taken.frame_set.pulse_index
        return f"{taken.index}  pulse {pulse}  {passed_s:.3f} s  {at:%H:%M:%S}.{at.microsecond // 1000:03d} UTC"

    def describe(self, config: RigConfig) -> None:
        """Write what each video is. Source: the drafts of BIDS extension proposal 47, media files."""
        serials = {camera.name: camera.serial for camera in config.cameras}
        for name, video in self._videos.items():
            table = {
                "DeviceSerialNumber": serials.get(name),
                "RecordingDuration": video.frames / self._rate_hz,
                "VideoCodec": CODEC,
                "VideoFrameRate": self._rate_hz,
                "VideoFrameCount": video.frames,
                "ImageWidth": video.size_px[0],
                "ImageHeight": video.size_px[1],
                "ImagePixelFormat": "yuv420p",
                "ImageBitDepth": 8,
            }
            write_whole(self._folder / f"{bids_name(name)}.json", json.dumps(table, indent=1) + "\n", is_private=True)


def bids_name(camera: str) -> str:
    """Return the part of a BIDS file name that tells the camera; labels have letters and digits only."""
    return f"recording-{''.join(filter(str.isalnum, camera))}_video"
