"""Images of frame sets as files, DIR/<camera>/<index>.png, written beside the capture.

In: frame sets at the rig's pace. Out: lossless files; PNGs are compressed while there is time and only stored when the
writers fall behind. Pixels are copied at once, so that the cameras' slots come free; memory is bounded, and when a
disk is slower than the cameras for long the capture waits here, which the run counts. Bayer mosaics are written as they
are. Frame sets get their names one after the other, each as a whole: what lies there is always the first of those that
were taken, whatever ends the capture.
Not here: proofs, and what the files hold (see recording/capture_folder.py).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import numpy as np

from rigdriver.arrays import Pixels
from rigdriver.frames import Frame, FrameSet
from rigdriver.images.png import encode_png
from rigdriver.signal_safe import SafeCondition
from rigdriver.timebase import WALL_TIME, wait_for
from rigdriver.whole_file import make_folder, write_set

PATIENCE_S = 60.0
"""Longest time, in s, for which a capture waits for a disk that takes nothing."""
EARLY_END_S = 4.0
"""Time, in s, in which what waits is still written when a capture ends early; a user is promised 5 s for all of it."""
_PLACING_S = 0.5
"""Longest time, in s, for which an end waits for the frame set that gets its names right now."""


class ImageFormat(Enum):
    """File formats that keep every digital number."""

    PNG = "png"
    TIFF = "tiff"


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """Copies of a frame set's images on their way to the disk."""

    images: Mapping[Path, Pixels]
    size: int
    entered: Callable[[], object] | None


class _Dropped(Exception):
    """The capture has ended before this frame set's turn came."""


class ImageWriter:
    """Writes images in threads of its own; `write` blocks only when `buffer_bytes` of images wait."""

    def __init__(self, folder: Path, image_format: ImageFormat | None, buffer_bytes: int = 1 << 30) -> None:
        """`image_format` None writes no image: frame sets are only entered, in their turn."""
        self._folder = folder
        self._folders: set[Path] = set()
        """Folders of cameras that were made, or were there."""
        self._format = image_format
        self._buffer_bytes = buffer_bytes
        self._room = SafeCondition()
        self._placing = threading.Lock()
        """Lock that is held while a frame set gets its names and is entered."""
        self._waiting: deque[_Taken] = deque()
        self._waiting_bytes = 0
        self._begun = 0
        """Number of frame sets that a writer has taken up."""
        self._under_way = 0
        self._failure: BaseException | None = None
        self._failed_at: int | None = None
        """Number of the first frame set that could not be written; none after it is."""
        self._is_closing = False
        self._is_over = False
        """Whether nothing gets a name any more."""
        self._threads: list[threading.Thread] = []
        self.kept = 0
        """Number of frame sets that lie there whole."""

    @property
    def taken(self) -> int:
        """Number of frame sets taken for writing."""
        with self._room:
            return self._begun + len(self._waiting)

    @property
    def dropped(self) -> int:
        """Number of frame sets that were taken and will not lie there, when it has ended."""
        return self.taken - self.kept

    def write(self, frame_set: FrameSet, index: int | None = None, entered: Callable[[], object] | None = None) -> None:
        """Take copies of a frame set's images, to be written under that index or its pulse index.

        `entered` is called in the frame set's turn, as soon as its images have their names; when it raises, they are
        removed again, and no later frame set is written.

        Raises:
            OSError: an earlier image could not be written, or the disk has stalled for a minute.
        """
        index = frame_set.pulse_index if index is None else index
        frames = list(frame_set) if self._format else []
        size = sum(frame.pixels.nbytes for frame in frames)
        self._await_room(size)
        images = {self.path_of(frame.camera, index): _as_rgb(frame) for frame in frames}
        # Not by the writers: one that wakes up late would make folders anew that an early end has removed.
        for folder in {path.parent: None for path in images if path.parent not in self._folders}:
            make_folder(folder, is_private=True)
            self._folders.add(folder)
        self._start_threads()
        with self._room:
            self._waiting_bytes += size
            # An interrupt comes before this call or after it: a frame set is taken as a whole, or not at all.
            self._waiting.append(_Taken(images, size, entered))
            self._room.notify_all()

    def path_of(self, camera: str, index: int) -> Path:
        """Return where an image goes."""
        assert self._format is not None, "there are no images"
        return self._folder / camera / f"{index:06d}.{self._format.value}"

    def close(self) -> None:
        """Wait until everything is written; it goes on while the disk takes something. Closing twice is harmless.

        Raises:
            OSError: something could not be written.
        """
        with self._room:
            self._is_closing = True
            self._room.notify_all()
            while not self._is_done():
                if not self._wait(partial(self._has_moved, self.kept), PATIENCE_S):
                    raise self._stalled()
        for thread in self._threads:
            thread.join(_PLACING_S)
        self._raise_failure()

    def end_early(self, time_s: float = EARLY_END_S) -> None:
        """Write what waits for that time at most, and drop the rest; `kept` and `dropped` are right afterwards."""
        with self._room:
            self._is_closing = True
            self._room.notify_all()
            self._wait(self._is_done, time_s)
            self._is_over = True
            self._room.notify_all()
        # A frame set that gets its names right now is kept.
        if self._placing.acquire(timeout=_PLACING_S):
            self._placing.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.end_early()

    # ------------------------------------------------------------ the caller's thread

    def _await_room(self, size: int) -> None:
        with self._room:
            has_room = self._wait(
                # Images that are larger than the whole buffer still get through, when nothing else waits.
                lambda: (
                    self._failure is not None
                    or self._waiting_bytes == 0
                    or self._waiting_bytes + size <= self._buffer_bytes
                ),
                PATIENCE_S,
            )
            self._raise_failure()
            if not has_room:
                raise self._stalled()

    def _wait(self, is_so: Callable[[], bool], timeout_s: float) -> bool:
        return wait_for(WALL_TIME, self._room, is_so, timeout_s)

    def _stalled(self) -> TimeoutError:
        return TimeoutError(f"{self._folder}: the disk has taken no image for {PATIENCE_S:.0f} s")

    def _start_threads(self) -> None:
        wanted = min(4, os.cpu_count() or 1) if self._format else 1
        while len(self._threads) < wanted:
            # Daemons: a disk that hangs must not keep the program from ending.
            thread = threading.Thread(target=self._work, name=f"image-writer-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _is_done(self) -> bool:
        return not self._under_way and (not self._waiting or self._takes_up_nothing())

    def _takes_up_nothing(self) -> bool:
        return self._is_over or self._failure is not None

    def _has_moved(self, kept: int) -> bool:
        return self._is_done() or self.kept != kept

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    # ------------------------------------------------------------ the writers' threads

    def _work(self) -> None:
        while self._keep_next():
            pass

    def _keep_next(self) -> bool:
        """Keep the frame set that has waited longest; return False when none will come any more."""
        found = self._next()
        if found is None:
            return False
        number, taken = found
        try:
            self._keep(number, taken)
        except _Dropped:
            pass
        except BaseException as exc:  # noqa: BLE001 - raised where the next frame set is taken
            self._fail(number, exc)
        finally:
            with self._room:
                self._waiting_bytes -= taken.size
                self._under_way -= 1
                self._room.notify_all()
        return True

    def _next(self) -> tuple[int, _Taken] | None:
        with self._room:
            while not self._waiting or self._takes_up_nothing():
                if self._is_closing or self._takes_up_nothing():
                    return None
                self._room.wait()
            number, self._begun = self._begun, self._begun + 1
            self._under_way += 1
            return number, self._waiting.popleft()

    def _keep(self, number: int, taken: _Taken) -> None:
        contents: dict[Path, bytes | memoryview] = {}
        for path, pixels in taken.images.items():
            self._refuse_dropped(number)
            contents[path] = self._encode(pixels)
        write_set(contents, is_private=True, is_durable=False, turn=self._turn(number, taken))

    @contextmanager
    def _turn(self, number: int, taken: _Taken) -> Iterator[None]:
        """Wait until all earlier frame sets are kept; give the images their names; enter them."""
        with self._room:
            while self.kept != number:
                self._refuse_dropped(number)
                self._room.wait()
        with self._placing:
            self._refuse_dropped(number)
            try:
                yield
                if taken.entered is not None:
                    taken.entered()
            except BaseException:
                for path in taken.images:
                    path.unlink(missing_ok=True)
                raise
            self.kept += 1

    def _refuse_dropped(self, number: int) -> None:
        if self._is_over or (self._failed_at is not None and number > self._failed_at):
            raise _Dropped

    def _fail(self, number: int, exc: BaseException) -> None:
        with self._room:
            # Earlier frame sets are under way already, and are still kept.
            if self._failed_at is None or number < self._failed_at:
                self._failed_at, self._failure = number, exc
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


def snapshot_png(frame: Frame) -> bytes:
    """Return one frame as the bytes of a PNG that keeps every digital number and names camera and pixel format."""
    return encode_png(_as_rgb(frame), texts={"Camera": frame.camera, "PixelFormat": frame.pixel_format})


def _as_rgb(frame: Frame) -> Pixels:
    """Return a copy of a frame's pixels with colours in the order red, green, blue."""
    if frame.pixel_format.startswith("BGR"):
        order = [2, 1, 0, 3][: frame.pixels.shape[2]]
        return cast("Pixels", np.ascontiguousarray(frame.pixels[..., order]))
    return frame.pixels.copy()
