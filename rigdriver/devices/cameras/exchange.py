"""Requests to the camera process and their replies, matched by number.

In: requests, one at a time, from any thread. Out: the reply that carries the request's number, with its descriptors. A
wait that ends early (Ctrl-C, a time limit) leaves nothing behind: the replies are read on a thread of their own, where
no signal is handled, and a reply that nobody waits for any more is dropped and counted. Not here: the child's life
(see process.py), and what the messages mean (see devices/camera_link/requests.py).
"""

from __future__ import annotations

import logging
import os
import select
import socket
from collections import deque
from contextlib import suppress
from threading import Thread, current_thread

from rigdriver.devices.camera_link.messages import MessageReader, split_number
from rigdriver.devices.camera_link.requests import (
    CameraReply,
    CameraRequest,
    SlotSegments,
    decode_reply,
    encode_request,
)
from rigdriver.errors import BadReply, RigError
from rigdriver.opening import keep
from rigdriver.signal_safe import SafeCondition
from rigdriver.timebase import Timebase, TimeLimit

_logger = logging.getLogger(__name__)
_READ_BYTES = 65536
_MOST_DESCRIPTORS = 32
_LAST_NUMBER = 2**32 - 1
"""Largest number of a request; after it they begin anew at 1."""


class CommandChannel:
    """The parent's end of the socket of commands."""

    def __init__(self, link: socket.socket, timebase: Timebase) -> None:
        """Take the socket; the channel closes it."""
        self._link, self._timebase = link, timebase
        self._reader = MessageReader()
        self._changed = SafeCondition()
        self._number = 0
        self._awaited: int | None = None
        self._arrived: tuple[CameraReply | RigError, list[int]] | None = None
        self._fds: deque[int] = deque()
        """Descriptors whose reply is not complete yet, in the order of the replies."""
        self._has_ended = False
        self._room = select.poll()
        self._room.register(link, select.POLLOUT)
        self.late_replies = 0
        """Number of replies that came when nobody waited for them any more."""
        self._thread = Thread(target=self._read, name="camera replies", daemon=True)
        keep(self.hang_up)
        self._thread.start()

    def ask(self, request: CameraRequest, limit: TimeLimit) -> tuple[CameraReply, list[int]]:
        """Send a request and wait for its reply; one caller at a time. The caller closes the descriptors.

        Raises:
            TimeoutError: the reply has not come within the limit.
            OSError: the child has closed its end, or is out of step.
            BadReply: what came is no reply.
        """
        try:
            with self._changed:
                self._number = self._number % _LAST_NUMBER + 1
                self._awaited, self._arrived = self._number, None
            self._send(encode_request(request, self._number), limit)
            reply, fds = self._await(limit)
        finally:
            self._forget()
        if isinstance(reply, RigError):
            raise reply
        return reply, fds

    def hang_up(self) -> None:
        """Tell the child that nothing more will be asked. Twice is harmless."""
        with suppress(OSError):  # the child has gone first
            self._link.shutdown(socket.SHUT_RDWR)

    def close(self, timeout_s: float) -> None:
        """Hang up, and let the thread end."""
        self.hang_up()
        if current_thread() is not self._thread:
            self._thread.join(timeout_s)

    # ---- the caller's side ----

    def _send(self, message: bytes, limit: TimeLimit) -> None:
        left = memoryview(message)
        try:
            while left := left[self._sent(left) :]:
                if limit.left_s() <= 0:
                    raise TimeoutError
                self._room.poll(limit.look_s() * 1000)
        except BaseException:
            self._cut(0 < len(left) < len(message))
            raise

    def _sent(self, left: memoryview) -> int:
        """Send what the socket takes at once: nearly always all, so that a signal comes before it or after it."""
        with self._changed:  # the thread that reads may find the end at any moment, and closes the socket then
            if self._has_ended:
                raise ConnectionResetError("the camera process closed its socket")
            with suppress(BlockingIOError):
                return self._link.send(left, socket.MSG_DONTWAIT)
        return 0

    def _cut(self, is_begun: bool) -> None:
        """Hang up when only a part of a request was sent: the child would take the next one for its rest."""
        if is_begun:
            self.hang_up()

    def _await(self, limit: TimeLimit) -> tuple[CameraReply | RigError, list[int]]:
        with self._changed:
            while True:
                is_over = limit.left_s() <= 0
                if self._arrived is not None:
                    arrived, self._arrived = self._arrived, None
                    return arrived
                if self._has_ended:
                    raise ConnectionResetError("the camera process closed its socket")
                if is_over:  # the reply is looked for once more after the end
                    raise TimeoutError
                self._timebase.wait_on(self._changed, limit.look_s())

    def _forget(self) -> None:
        """Wait for nothing; whatever comes now is late."""
        with self._changed:
            self._awaited = None
            arrived, self._arrived = self._arrived, None
            if arrived is not None:
                self._drop(arrived[1])

    # ---- the thread "camera replies" ----

    def _read(self) -> None:
        try:
            while True:
                data, fds, _, _ = socket.recv_fds(self._link, _READ_BYTES, _MOST_DESCRIPTORS)
                self._fds.extend(fds)
                if not data:
                    return
                for _, body in self._reader.feed(data):
                    self._take(body)
        except (OSError, RigError) as exc:  # whoever waits learns of it; the child's end says why
            _logger.debug("replies of the camera process: %s", exc)
        finally:
            with self._changed:
                self._has_ended = True
                self._link.close()
                self._changed.notify_all()
            _close(self._fds)

    def _take(self, body: bytes) -> None:
        number, raw = split_number(body)
        try:
            reply: CameraReply | RigError = decode_reply(raw)
        except BadReply as exc:
            reply = exc
        count = len(reply.segments) if isinstance(reply, SlotSegments) else 0
        # Descriptors come with the first byte of their reply, so they wait in the order of the replies (unix(7)).
        fds = [self._fds.popleft() for _ in range(min(count, len(self._fds)))]
        with self._changed:
            if number != self._awaited:
                self._drop(fds)
                return
            self._awaited, self._arrived = None, (reply, fds)
            self._changed.notify_all()

    def _drop(self, fds: list[int]) -> None:
        self.late_replies += 1
        _close(fds)


def _close(fds: deque[int] | list[int]) -> None:
    while fds:
        os.close(fds.pop())
