"""Which memory a stream's buffers are: places that we were given, or the binding's own.

In: places, and the calls that harvesters makes while it starts an acquisition. Out: announced and queued buffers. Its
own `_announce_buffers` and `_queue_announced_buffers` would announce nothing but memory of its own and blank all of it.
The binding's errors and its token are handed over by binding.py, which alone imports it.
Not here: what lies in a buffer (see buffer_reading.py).
"""

from __future__ import annotations

import logging
import mmap
from collections.abc import Callable, Sequence
from typing import Any

_logger = logging.getLogger(__name__)


class Announcing:
    """The buffers of one camera's stream."""

    def __init__(self, label: str, errors: tuple[type[Exception], ...], token: Callable[[bytes, int], Any]) -> None:
        """Take what the binding raises, and what wraps memory and the number that becomes its buffer's context."""
        self._label = label
        self._errors = errors
        self._token = token
        self._places: Sequence[bytes] = ()
        self._first_queued: Sequence[int] = ()
        self.buffers: Sequence[Any] = ()
        """Announced buffers, one per place; none when the binding's own memory is announced."""

    def attach(self, acquirer: Any) -> None:
        """Have harvesters call this object when it starts."""
        acquirer._announce_buffers = self._announce  # noqa: SLF001, harvesters has no public door to it
        acquirer._queue_announced_buffers = self._queue_first  # noqa: SLF001

    def offer(self, places: Sequence[bytes], queued: Sequence[int]) -> None:
        """Use these places at the next start, if the producer takes them; `queued` of them may be filled at once."""
        self._places, self._first_queued = places, queued

    def forget(self) -> None:
        """No buffer is announced any more."""
        self.buffers = self._places = ()

    def _announce(self, *, data_stream: Any, _buffer_tokens: Sequence[Any]) -> list[Any]:
        buffers: list[Any] = []
        # harvesters asks for as many buffers as the producer needs at least.
        if len(self._places) >= len(_buffer_tokens) and self._alignment_bytes(data_stream) <= mmap.PAGESIZE:
            try:
                for number, place in enumerate(self._places):
                    buffers.append(data_stream.announce_buffer(self._token(place, number)))
            except self._errors as exc:
                _logger.warning("%s: its producer takes no buffers of ours, frames are copied: %s", self._label, exc)
                while buffers:
                    data_stream.revoke_buffer(buffers.pop())
        self.buffers = tuple(buffers)
        return buffers or [data_stream.announce_buffer(token) for token in _buffer_tokens]

    def _queue_first(self, *, data_stream: Any, buffers: Sequence[Any]) -> None:
        for number in self._first_queued if self.buffers else range(len(buffers)):
            data_stream.queue_buffer(buffers[number], False)

    def _alignment_bytes(self, stream: Any) -> int:
        try:
            return int(stream.buffer_alignment)
        except self._errors:
            return 1  # it does not tell; should it mind, it refuses
