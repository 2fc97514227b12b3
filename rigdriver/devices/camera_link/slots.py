"""Frame slots in shared memory: how pixels cross from the camera process to this one without a copy.

In: a file descriptor of anonymous shared memory. Out: read-only arrays over it; a slot goes back to the writer when
the array and every view of it are gone. One byte per slot says who owns it: 0 the writer (only then may a camera fill
it), 1 the reader. Only the owner writes that byte, so neither side needs a lock or a message. Not here: cameras (see
devices/cameras/cameras.py) and pipes (see devices/cameras/process.py).

Layout:  [ledger: one byte per slot][headroom] | [slot 0][headroom] | [slot 1][headroom] | ...     | begins a page
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import sys
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Pixels
from rigdriver.ownership import Owner

HEADROOM_BYTES: Final = 64
"""Size, in bytes, of the space reserved before the pixels of each slot. The camera library's Python binding writes a
frame only into a `bytes` object. The camera process therefore builds such an object in the slot, its header in this
space and the pixels as its data, so that frames arrive in shared memory without a copy (borrowed_bytes.py)."""
_FREE: Final = 0
_HELD: Final = 1


def _whole_pages(size: int) -> int:
    return -(-(size + HEADROOM_BYTES) // mmap.PAGESIZE) * mmap.PAGESIZE


def _anonymous_file(size: int) -> int:
    """Return a descriptor of memory that no name leads to, so that no crash can leave it behind."""
    if sys.platform == "linux":
        fd = os.memfd_create("rigdriver-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        fd, path = tempfile.mkstemp(prefix="rigdriver-frames-")
        Path(path).unlink()
    try:
        os.ftruncate(fd, size)
        if sys.platform == "linux":
            _seal_size(fd)
    except OSError:
        os.close(fd)
        raise
    return fd


def _seal_size(fd: int) -> None:
    # A file that cannot shrink cannot raise SIGBUS in the process that only reads it.
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)


class SlotWriter:
    """The camera process's side of one camera's slots: it makes the memory and fills free slots."""

    def __init__(self, slot_bytes: int, slots: int) -> None:
        self.slot_bytes = slot_bytes
        self.slots = slots
        self._stride = _whole_pages(slot_bytes)
        size = _whole_pages(slots) + self._stride * slots
        self.fd = _anonymous_file(size)
        """Descriptor for the reader; closed by `close`, the mapping lives on."""
        self._map = mmap.mmap(self.fd, size)
        self._bytes = np.frombuffer(self._map, np.uint8)

    def take(self) -> int | None:
        """Return the index of a free slot, the lowest so that warm memory is used again; None when all are held."""
        index = self._map.find(b"\0", 0, self.slots)
        return index if index >= 0 else None

    def free(self) -> list[int]:
        """Return all slots that the reader does not hold, lowest first."""
        return [slot for slot, owner in enumerate(self._map[: self.slots]) if owner == _FREE]

    def memory(self, slot: int) -> npt.NDArray[np.uint8]:
        """Return a slot's bytes, for a slot that `take` gave: (slot_bytes,) uint8."""
        start = _whole_pages(self.slots) + slot * self._stride
        return self._bytes[start : start + self.slot_bytes]

    def hand_over(self, slot: int) -> None:
        """Give a filled slot to the reader. Call it before the message to the reader."""
        self._map[slot] = _HELD

    def close(self) -> None:
        """Close the descriptor. Twice is harmless."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class _SlotMemory:
    """What arrays over one slot keep alive; numpy makes it the base of the array and of all its views."""

    __slots__ = ("__array_interface__", "__weakref__", "_map")

    def __init__(self, address: int, shape: Sequence[int], dtype: np.dtype[np.generic], owner: object) -> None:
        self._map = owner
        self.__array_interface__ = {
            "version": 3,
            "data": (address, True),  # True: read-only
            "shape": tuple(shape),
            "typestr": dtype.str,
        }


class SlotReader:
    """This process's side of one camera's slots: it maps them read-only and gives them back."""

    def __init__(self, fd: int, slot_bytes: int, slots: int, kept: int | None = None) -> None:
        """Map the memory behind `fd`; the descriptor may be closed afterwards.

        `kept`: of the slots, so many are meant for frames that the application keeps; None: all.
        """
        self.slot_bytes = slot_bytes
        self.slots = slots
        self._kept = slots if kept is None else kept
        self._stride = _whole_pages(slot_bytes)
        self._first = _whole_pages(slots)
        self._owner = Owner()
        self._ledger = mmap.mmap(fd, self._first)
        self._map = mmap.mmap(fd, self._first + self._stride * slots, prot=mmap.PROT_READ)
        self._memory = np.frombuffer(self._map, np.uint8)
        self._address: int = self._memory.__array_interface__["data"][0]
        self.copied = 0
        """Frames copied to ordinary memory because too few slots were free."""

    @property
    def free(self) -> int:
        """Slots that the writer may fill now."""
        return self._ledger[: self.slots].count(_FREE)

    def pixels(self, slot: int, shape: Sequence[int], dtype: type[np.uint8 | np.uint16]) -> Pixels:
        """Return a slot's pixels, read-only.

        Without a copy as long as half of the slots for kept frames are free; below that they are copied and the slot
        goes back at once, so that an application that keeps many frames costs memory, not frames.
        """
        kind = np.dtype(dtype)
        if math.prod(shape) * kind.itemsize > self.slot_bytes or not 0 <= slot < self.slots:
            raise ValueError(
                f"slot {slot} of {self.slots} with {self.slot_bytes} bytes cannot hold {tuple(shape)} {kind}"
            )
        memory = _SlotMemory(self._address + self._first + slot * self._stride, shape, kind, self._memory)
        array: Pixels = np.asarray(memory)
        if (self.slots - self.free) * 2 > self._kept:
            array = array.copy()
            array.setflags(write=False)
            self.copied += 1
            self.give_back(slot)
        else:
            weakref.finalize(memory, _give_back, self._ledger, slot, self._owner).atexit = False
        return array

    def give_back(self, slot: int) -> None:
        """Return a slot that nobody looks at."""
        _give_back(self._ledger, slot, self._owner)


def _give_back(ledger: mmap.mmap, slot: int, owner: Owner) -> None:
    # What a forked child drops, its parent may still look at.
    if owner.is_here:
        ledger[slot] = _FREE
