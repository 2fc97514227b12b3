"""GenTL producers as libraries: whether a file is one, and the two calls that may take as long as their time-out.

In: the path of a .cti file, handles that the binding has opened. Out: a loaded library, or ProducerError; GenTL error
codes. The binding holds the GIL during these calls, ctypes does not: only so can several interfaces be asked side by
side. Not here: who asks whom, and for how long (see enumeration.py).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

from rigdriver.errors import ProducerError, RigError

# One function of each GenTL module that streaming needs: Aravis 0.9's producer, for one, exports no stream
# functions, and harvesters ends with a segmentation fault on it.
_NEEDED = ("GCInitLib", "TLOpen", "IFOpenDevice", "DevOpenDataStream", "DSAnnounceBuffer", "EventGetData")
_UPDATE_ARGUMENTS = (ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint8), ctypes.c_uint64)
"""Parameters of both update functions: handle, whether the list has changed, time-out in ms (GenTL 1.5, chapter 6)."""


class ProducerLibrary:
    """One loaded producer."""

    def __init__(self, path: Path) -> None:
        """Load it. ProducerError when there is no such file, or when it is no GenTL producer."""
        if not path.is_file():
            raise ProducerError(
                device=f"GenTL producer {path}", seen="no such file", remedy="name a .cti file of the camera's maker"
            )
        try:
            # Without a slash the loader would look in its own folders only.
            self._library = ctypes.CDLL(str(path.absolute()))
        except OSError as exc:
            raise ProducerError(
                device=f"GenTL producer {path}",
                seen=f"cannot be loaded: {str(exc).strip().splitlines()[0]}",
                expected=f"a GenTL producer for {os.uname().machine} whose libraries are installed",
            ) from exc
        # The binding calls what it does not find, and the process is gone.
        if lacking := [name for name in _NEEDED if not hasattr(self._library, name)]:
            raise ProducerError(
                device=f"GenTL producer {path}",
                seen=f"is a library but no GenTL producer: it lacks {lacking[0]}",
                remedy="name a .cti file",
            )

    def update_interfaces(self, system: int, timeout_ms: int) -> int:
        """Have a system look for its interfaces; return the GenTL error code."""
        return self._update("TLUpdateInterfaceList", system, timeout_ms)

    def update_devices(self, interface: int, timeout_ms: int) -> int:
        """Have an interface look for its devices; return the GenTL error code."""
        return self._update("IFUpdateDeviceList", interface, timeout_ms)

    def _update(self, name: str, handle: int, timeout_ms: int) -> int:
        # ctypes passes a plain integer as a C int, which would cut a handle of 64 bits.
        update = getattr(self._library, name)
        update.argtypes, update.restype = _UPDATE_ARGUMENTS, ctypes.c_int32
        return int(update(handle, ctypes.byref(ctypes.c_uint8()), timeout_ms))


def load_libraries(paths: Sequence[Path]) -> tuple[dict[str, ProducerLibrary], list[RigError]]:
    """Load each file that is a producer; return the libraries by path, and an error for each other file."""
    libraries: dict[str, ProducerLibrary] = {}
    failures: list[RigError] = []
    for path in paths:
        try:
            libraries[str(path)] = ProducerLibrary(path)
        except ProducerError as exc:
            failures.append(exc)
    return libraries, failures
