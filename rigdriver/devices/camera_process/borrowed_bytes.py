"""Bytes objects over memory that Python did not allocate: what the binding needs to announce it as GenTL buffers.

In: places in shared memory, each with room before it. Out: one `bytes` a place whose contents are that place itself.
The binding takes nothing but `bytes` for a buffer and hands its address to the producer, which writes there; so its own
buffers change under their `bytes` as well. Here the object's header is put into the room before the place.
CPython only. Not here: who writes into the memory and who reads it (see announcing.py).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rigdriver.devices.camera_link.slots import HEADROOM_BYTES

_HEADER_BYTES = bytes.__basicsize__ - 1
"""Size of what stands before the contents of a bytes object; `__basicsize__` counts their closing zero, too."""


class BorrowedBytes:
    """The bytes objects over some places; the memory stays mapped while anybody may hold one of them."""

    def __init__(self, places: Sequence[npt.NDArray[np.uint8]]) -> None:
        """`places`: contiguous and writable, `HEADROOM_BYTES` before each of them are free for use."""
        assert _HEADER_BYTES <= HEADROOM_BYTES
        self._places = list(places)
        for place in self._places:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(place))
        self.objects = tuple(_bytes_over(place) for place in self._places)
        self._unused = self._references()

    def release(self) -> None:
        """Let the memory go; if somebody else holds one of the objects it stays mapped for good. Twice is harmless."""
        if self._places and self._references() == self._unused:
            self.objects = ()
            for place in self._places:
                ctypes.pythonapi.Py_DecRef(ctypes.py_object(place))
        self._places = []

    def _references(self) -> list[int]:
        return [sys.getrefcount(self.objects[i]) for i in range(len(self.objects))]


def _bytes_over(place: npt.NDArray[np.uint8]) -> bytes:
    """Return a bytes object with `place` as its contents."""
    address: int = place.__array_interface__["data"][0] - _HEADER_BYTES
    # A header like that of any object of this length. It counts the template's references too, which are never given
    # back, so nobody ever frees what was not allocated.
    template = bytes(len(place))
    ctypes.memmove(address, id(template), _HEADER_BYTES)
    borrowed: bytes = ctypes.cast(address, ctypes.py_object).value
    return borrowed
