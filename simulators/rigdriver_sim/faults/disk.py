"""A disk that is full, or slow, for whoever writes images of this rig into one folder. No special rights are needed.

In: a folder, cameras, image numbers. Out: in the places of those images, links to /dev/full, where every byte meets
"no space left on device" from the kernel, or pipes that are drained slowly and become the files they stand for. Its
lie: only these images meet the fault; the rest of the folder is a healthy disk. Not here: who writes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from rigdriver_sim.faults.table import DiskFaults

SUFFIXES = (".png", ".tiff")
FULL_IMAGES = 200
"""Number of images per camera that find the disk full."""
TURN_NS = 50_000_000


class Clockwork(Protocol):
    """What of the engine is needed."""

    @property
    def now_ns(self) -> int: ...

    def at(self, t_ns: int, action: Callable[[], None], *, is_background: bool = False) -> None: ...


class FaultyDisk:
    """Plants and clears faults in one folder at a time."""

    def __init__(self, cameras: Sequence[str], engine: Clockwork) -> None:
        self._cameras = cameras
        self._engine = engine
        self._links: list[Path] = []
        self._pipes: list[_SlowPipe] = []
        self._planted: tuple[object, ...] = ()
        self._is_turning = False

    def plant(self, faults: DiskFaults) -> None:
        """Make the folder as the faults say.

        Raises:
            ValueError: the folder cannot be written.
        """
        wanted = (faults.disk_folder, faults.disk_full_from, faults.slow_disk_from, faults.slow_disk_bytes_per_s)
        # Any other fault may have changed: then links and half-drained pipes stay as they are.
        if wanted == self._planted or (not faults.disk_folder and not self._planted):
            return
        self.clear()
        if not faults.disk_folder:
            return
        self._planted = wanted
        folder = Path(faults.disk_folder).absolute()
        try:
            for camera in self._cameras:
                (folder / camera).mkdir(parents=True, exist_ok=True)
                self._plant_camera(folder / camera, faults)
        except OSError as exc:
            raise ValueError(f"faults.disk_folder = {str(folder)!r}: {exc.strerror}; name a folder for images") from exc
        if self._pipes and not self._is_turning:
            self._is_turning = True
            self._turn()

    def clear(self) -> None:
        """Heal the disk; pipes that nobody has used up vanish."""
        for link in self._links:
            if link.is_symlink():
                link.unlink()
        for pipe in self._pipes:
            pipe.close()
        self._links, self._pipes, self._planted = [], [], ()

    def _plant_camera(self, folder: Path, faults: DiskFaults) -> None:
        if faults.disk_full_from >= 0:
            for index in range(faults.disk_full_from, faults.disk_full_from + FULL_IMAGES):
                for suffix in SUFFIXES:
                    link = folder / f"{index:06d}{suffix}"
                    link.symlink_to("/dev/full")
                    self._links.append(link)
        if faults.slow_disk_from >= 0:
            share = faults.slow_disk_bytes_per_s * TURN_NS / 1e9 / len(self._cameras)
            for index in range(faults.slow_disk_from, faults.slow_disk_from + faults.slow_disk_images):
                for suffix in SUFFIXES:
                    self._pipes.append(_SlowPipe(folder / f"{index:06d}{suffix}", max(1, round(share))))

    def _turn(self) -> None:
        self._pipes = [pipe for pipe in self._pipes if pipe.drain()]
        self._is_turning = bool(self._pipes)
        if self._is_turning:
            self._engine.at(self._engine.now_ns + TURN_NS, self._turn, is_background=True)


class _SlowPipe:
    """A named pipe in an image's place; what comes through becomes the image."""

    def __init__(self, path: Path, bytes_a_turn: int) -> None:
        os.mkfifo(path)
        self._path = path
        self._bytes_a_turn = bytes_a_turn
        # Opened otherwise, a pipe waits for its writer (fifo(7)), and the simulation's loop would wait with it.
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._taken = bytearray()

    def drain(self) -> bool:
        """Take a turn's bytes; return whether more may come."""
        if self._fd < 0:
            return False
        try:
            data = os.read(self._fd, self._bytes_a_turn)
        except BlockingIOError:
            return True
        # An empty read means that nobody holds the pipe for writing: before the first byte the writer has not come
        # yet, after it the image is whole.
        if data or not self._taken:
            self._taken += data
            return True
        self._become_a_file()
        return False

    def close(self) -> None:
        """Heal: what has come through becomes the image; a pipe through which nothing came vanishes."""
        if self._fd < 0:
            return
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._fd, 1 << 16):
                self._taken += data
        if self._taken:
            self._become_a_file()
        else:
            self._path.unlink(missing_ok=True)
            self._stop()

    def _become_a_file(self) -> None:
        # Written beside the pipe and put in its place at once: the name never leads to half an image.
        whole = self._path.with_name(f".{self._path.name}.whole")
        with contextlib.suppress(OSError):  # the folder was removed meanwhile: nobody misses the image
            whole.write_bytes(self._taken)
            whole.replace(self._path)
        self._stop()

    def _stop(self) -> None:
        os.close(self._fd)
        self._fd = -1
