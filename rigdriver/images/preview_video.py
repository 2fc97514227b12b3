"""A small video of one camera to look at, with index and time written into each picture. Nobody measures in it.

In: frames, or their absence, in order. Out: an MP4 file (MPEG-4 part 2, the one codec that OpenCV's wheels bring for
it) that appears under its name when it is whole. Not here: which frames (see procedures/export_recording.py).
"""

from __future__ import annotations

import errno
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from rigdriver.frames import Frame
from rigdriver.images.contact_sheet import as_picture
from rigdriver.whole_file import not_written, write_whole

WIDTH_PX = 640
CODEC = "mpeg4"
"""FFmpeg's name of the codec."""
_LINE_PX = 18
_INK = (255, 255, 255)


class PreviewVideo:
    """One video that grows picture by picture; leaving the block in any other way than its end leaves no file."""

    def __init__(self, path: Path, image_px: tuple[int, int], rate_hz: float) -> None:
        """`image_px`: width and height of the camera's images; the video has 640 columns at most.

        Raises:
            FileNotWritten: it cannot be written.
        """
        self.path = path
        scale = min(1.0, WIDTH_PX / image_px[0])
        # Codecs with halved colours want even sides.
        self.size_px = (max(2, round(image_px[0] * scale) // 2 * 2), max(2, round(image_px[1] * scale) // 2 * 2))
        self.frames = 0
        self._part = path.with_name(f".rigdriver-{secrets.token_hex(8)}{path.suffix}")
        # Made here, so that its owner alone can read it; the codec's library keeps the permissions.
        write_whole(self._part, b"", is_private=True, is_durable=False)
        self._video = cv2.VideoWriter(str(self._part), cv2.VideoWriter.fourcc(*"mp4v"), rate_hz, self.size_px)
        if not self._video.isOpened():
            self._part.unlink(missing_ok=True)
            raise not_written(path, OSError(errno.ENOTSUP, "this OpenCV writes no MP4"))

    def add(self, frame: Frame | None, caption: str) -> None:
        """Add a picture; black where the frame is None."""
        width, height = self.size_px
        picture = np.zeros((height, width, 3), np.uint8)
        if frame is not None:
            picture[:] = cv2.resize(as_picture(frame), self.size_px, interpolation=cv2.INTER_AREA)
        picture[max(0, height - _LINE_PX) :] //= 3
        cv2.putText(picture, caption, (4, height - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)
        self._video.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self.frames += 1

    def close(self) -> None:
        """Give the file its name.

        Raises:
            FileNotWritten: it does not hold as many pictures as were added: the disk is full.
        """
        self._video.release()
        found = cv2.VideoCapture(str(self._part))
        count = round(found.get(cv2.CAP_PROP_FRAME_COUNT)) if found.isOpened() else 0
        found.release()
        try:
            if count != self.frames:
                raise OSError(errno.ENOSPC, f"it holds {max(0, count)} of {self.frames} pictures")
            self._part.replace(self.path)
        except OSError as exc:
            self.abandon()
            raise not_written(self.path, exc) from exc

    def abandon(self) -> None:
        """Leave no file; harmless after `close`."""
        self._video.release()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is None:
            self.close()
        else:
            self.abandon()
