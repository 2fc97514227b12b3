"""Whether a camera that this process has opened is still under its control, by what its producer says.

In: a device module. Out: whether another program has taken control of it. Registers may be read without control, so
reading shows nothing; the access status of the device does (GenTL 1.5, DEVICE_ACCESS_STATUS). Not here: opening (see
binding.py).
"""

from __future__ import annotations

from typing import Any

_OPEN_READWRITE = 5
"""Status of a camera that this process controls."""
_TAKEN = (2, 4, 6)
"""Statuses of one that others control: READONLY, BUSY, OPEN_READONLY."""


class AccessWatch:
    """Compares the access status of an opened device with what it was."""

    def __init__(self, device: Any, peer_errors: tuple[type[Exception], ...]) -> None:
        self._device = device
        self._untold: tuple[type[Exception], ...] = (*peer_errors, AttributeError, TypeError, ValueError)
        # Older producers tell other things of a camera that this process has opened: their word is not taken then.
        self._was_ours = self._status() == _OPEN_READWRITE

    @property
    def is_taken(self) -> bool:
        """Whether another program has taken control since this watch began."""
        return self._was_ours and self._status() in _TAKEN

    def _status(self) -> int:
        """Return what the producer tells; 0 when it tells nothing."""
        try:
            return int(self._device.access_status)
        except self._untold:
            return 0
