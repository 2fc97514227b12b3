"""Images of frame sets as files, DIR/<camera>/<index>.png, written beside the capture.

In: frame sets at the rig's pace. Out: lossless files; PNGs are compressed while there is time and only stored when the
writers fall behind. Pixels are copied at once, so that the cameras' slots come free; memory is bounded, and when a
disk is slower than the cameras for long the capture waits here, which the run counts. Bayer mosaics are written as they
are.
Not here: proofs, and what the files hold (see recording/capture_folder.py).
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import numpy as np

from rigdriver.arrays import Pixels
from rigdriver.frames import Frame, FrameSet
from rigdriver.images.png import encode_png
from rigdriver.whole_file import make_folder, write_whole

_WAIT_S = 60.0


class ImageFormat(Enum):
    """File formats that keep every digital number."""

    PNG = "png"
    TIFF = "tiff"


class ImageWriter:
    """Writes images in threads of its own; `write` blocks only when `buffer_bytes` of images wait."""

    def __init__(self, folder: Path, image_format: ImageFormat, buffer_bytes: int = 1 << 30) -> None:
        self._folder = folder
        self._format = image_format
        self._buffer_bytes = buffer_bytes
        self._room = threading.Condition()
        self._waiting_bytes = 0
        self._failure: BaseException | None = None
        self._threads = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="image-writer")

    def write(self, frame_set: FrameSet, index: int | None = None) -> None:
        """Take copies of a frame set's images, to be written under that index or its pulse index.

        Raises:
            OSError: an earlier image could not be written, or the disk has stalled for a minute.
        """
        index = frame_set.pulse_index if index is None else index
        for frame in frame_set:
            self._reserve(frame.pixels.nbytes)
            path = self.path_of(frame.camera, index)
            self._threads.submit(self._write, path, _as_rgb(frame)).add_done_callback(self._note_failure)

    def path_of(self, camera: str, index: int) -> Path:
        """Return where an image goes."""
        return self._folder / camera / f"{index:06d}.{self._format.value}"

    def close(self) -> None:
        """Wait until everything is written. Raises what a writer raised."""
        self._threads.shutdown(wait=True)
        self._raise_failure()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            # The block failed: images that have not begun are given up, those under way end whole.
            self._threads.shutdown(wait=True, cancel_futures=True)

    def _reserve(self, size: int) -> None:
        with self._room:
            has_room = self._room.wait_for(
                # An image that is larger than the whole buffer still gets through, when nothing else waits.
                lambda: self._failure or self._waiting_bytes == 0 or self._waiting_bytes + size <= self._buffer_bytes,
                timeout=_WAIT_S,
            )
            self._raise_failure()
            if not has_room:
                raise TimeoutError(f"{self._folder}: the disk has taken no image for {_WAIT_S:.0f} s")
            self._waiting_bytes += size

    def _write(self, path: Path, pixels: Pixels) -> None:
        try:
            make_folder(path.parent, is_private=True)
            write_whole(path, self._encode(pixels), is_private=True, is_durable=False)
        finally:
            with self._room:
                self._waiting_bytes -= pixels.nbytes
                self._room.notify_all()

    def _encode(self, pixels: Pixels) -> bytes | memoryview:
        if self._format is ImageFormat.PNG:
            # One core compresses about 70 MB/s, and six cameras make 189 MB/s: when an eighth of the buffer is full,
            # storing begins, long before the capture would have to wait.
            return encode_png(pixels, is_hurried=self._waiting_bytes > self._buffer_bytes // 8)
        import cv2  # noqa: PLC0415  `rigdriver --help` does without

        ordered = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
        # TIFF 6.0, section 8: compression 1 is none.
        is_encoded, data = cv2.imencode(".tiff", ordered, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
        if not is_encoded:
            raise OSError(f"an image of shape {pixels.shape}, {pixels.dtype}, cannot be written as TIFF")
        return data.data

    def _note_failure(self, done: Future[None]) -> None:
        exc = None if done.cancelled() else done.exception()
        if exc is not None:
            with self._room:
                self._failure = self._failure or exc
                self._room.notify_all()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def snapshot_png(frame: Frame) -> bytes:
    """Return one frame as the bytes of a PNG that keeps every digital number and names camera and pixel format."""
    return encode_png(_as_rgb(frame), texts={"Camera": frame.camera, "PixelFormat": frame.pixel_format})


def _as_rgb(frame: Frame) -> Pixels:
    """Return a copy of a frame's pixels with colours in the order red, green, blue."""
    if frame.pixel_format.startswith("BGR"):
        order = [2, 1, 0, 3][: frame.pixels.shape[2]]
        return cast("Pixels", np.ascontiguousarray(frame.pixels[..., order]))
    return frame.pixels.copy()
