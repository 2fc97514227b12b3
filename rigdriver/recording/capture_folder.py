"""A capture in a folder: images, the sidecar that says what they hold, and proofs.

In: frame sets. Out: DIR/<camera>/<index>.png or .tiff, images.json, proofs.csv and proofs.json. Images and proofs are
of the same frame sets at any time: a frame set's proofs are written as soon as its images lie there, in the order in
which they were taken. A capture that ends early writes what waits for a few seconds, and tells what it dropped. The
sidecar is written with the first frame of each camera, so a capture that is cut short can be read, too.
Not here: how an image is encoded (see images/image_writer.py); reading it back (see image_folder.py).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from rigdriver.config import RigConfig
from rigdriver.ends import End, time_left_s
from rigdriver.errors import UsageError
from rigdriver.frames import Frame, FrameSet
from rigdriver.images.image_writer import EARLY_END_S, ImageFormat, ImageWriter
from rigdriver.images.region import ImageRegion
from rigdriver.outputs import holds_images
from rigdriver.recording.proof_files import COLUMNS, CSV, JSON, ProofFiles, proof_entry
from rigdriver.recording.stored_formats import SIDECAR, Sidecar, StoredImages, stored_format, write_sidecar

logger = logging.getLogger(__name__)

LONGEST_LINE = 4096
"""Bytes of the first line of a file of proofs that are looked at; our heading is shorter."""


class CaptureFolder:
    """Writes the frame sets of one capture; a `FrameSetSink`."""

    def __init__(
        self,
        folder: Path,
        config: RigConfig,
        image_format: ImageFormat | None = ImageFormat.PNG,
        regions: Mapping[str, ImageRegion] = MappingProxyType({}),
    ) -> None:
        """`image_format` None writes the proofs alone. `regions`: place on the sensor by camera, kept with the images.

        Raises:
            OSError: the folder cannot be written to.
        """
        self._folder = folder
        self._is_new = not folder.exists()
        self._config = config
        self._regions = regions
        self._stored: dict[str, StoredImages] = {}
        self._has_images = image_format is not None
        self._proofs = ProofFiles(folder, config.name)
        self._images = ImageWriter(folder, image_format)
        self._early = End(f"writing to {folder}", self._write_what_waits)

    def write(
        self, frame_set: FrameSet, index: int | None = None, placeholders: Mapping[str, Frame] = MappingProxyType({})
    ) -> None:
        """Keep a frame set under that index, or under its pulse index.

        `placeholders`: images for cameras without a frame; the proofs still say that they have none.

        Raises:
            OSError: this or an earlier file could not be written.
        """
        if self._has_images:
            # The sidecar comes before the images, so that no image lies there that cannot be read.
            self._describe(frame_set)
        entry = proof_entry(frame_set, index)
        if placeholders:
            frame_set = replace(frame_set, frames=MappingProxyType({**frame_set.frames, **placeholders}))
        self._images.write(frame_set, index, entered=lambda: self._proofs.add(entry))

    def close(self) -> None:
        """Wait until everything is written. Raises what a writer raised; closing twice is harmless."""
        try:
            self._images.close()
        except BaseException:
            self._end_early()
            raise
        self._proofs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is None:
            self.close()
        else:
            self._end_early()

    def _end_early(self) -> None:
        """Write what waits in a bounded time, and tell what was dropped."""
        self._early.run()

    def _write_what_waits(self) -> None:
        images = self._images
        images.end_early(time_left_s(EARLY_END_S))
        if images.dropped:
            logger.warning(
                "%s: %d of %d frame sets were dropped when the capture ended early; the first %d lie there with their "
                "proofs", self._folder, images.dropped, images.taken, images.kept,
            )  # fmt: skip
        self._proofs.close()
        if not images.kept:
            self._leave_nothing()

    def _leave_nothing(self) -> None:
        """Remove what holds nothing, so that the same command works when what has failed is mended."""
        for name in (CSV, JSON, SIDECAR) if self._stored else (CSV, JSON):
            (self._folder / name).unlink(missing_ok=True)
        for camera in self._stored:
            with suppress(OSError):  # it is not there, or somebody has put a file there
                (self._folder / camera).rmdir()
        if self._is_new:
            with suppress(OSError):  # somebody has put a file there
                self._folder.rmdir()

    def _describe(self, frame_set: FrameSet) -> None:
        """Write the sidecar anew when a camera's first frame came."""
        new = {
            frame.camera: StoredImages(
                stored_format(frame), (frame.pixels.shape[1], frame.pixels.shape[0]), self._regions.get(frame.camera)
            )
            for frame in frame_set
            if frame.camera not in self._stored
        }
        if new:
            stored = {**self._stored, **new}
            write_sidecar(self._folder, Sidecar(MappingProxyType(stored), self._config))
            self._stored = stored


def holds_proofs(folder: Path) -> bool:
    """Return whether the folder holds a proof; a program that was killed before its first frame set leaves none."""
    try:
        with (folder / CSV).open("rb") as file:
            first, second = file.readline(LONGEST_LINE), file.read(1)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    # Whatever is not our heading alone may be precious to somebody.
    return bool(second) or first.strip() not in {b"", ",".join(COLUMNS).encode()}


def refuse_used(folder: Path, what: str = "a capture") -> None:
    """Raise UsageError when a folder cannot take a new capture."""
    if holds_proofs(folder):
        raise UsageError(device=str(folder), seen=f"holds {what} already", remedy="name another folder with --out")
    # Images of another program would be replaced one by one, and those with higher numbers would stay among the new.
    if holds_images(folder):
        raise UsageError(device=str(folder), seen="holds images already", remedy="name another folder with --out")
    if folder.exists() and not folder.is_dir():
        raise UsageError(device=str(folder), seen="is no folder", remedy="name another folder with --out")
