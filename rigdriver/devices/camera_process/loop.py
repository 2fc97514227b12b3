"""The loop of the camera process: poll every stream, serve the parent's commands, beat, sleep.

In: two sockets from the parent. Out: answers on one, events on the other. One thread does all of it, so no node map
is ever touched twice at a time. A command takes as long as the camera needs; the streams wait for it, in the
producer's buffers. Not here: GenTL (see binding.py), and what the pixels are for.
"""

from __future__ import annotations

import os
import select
import socket
import time

from rigdriver.devices.camera_link.messages import BeatNote, MessageReader, split_number
from rigdriver.devices.camera_link.requests import CloseCameras, RequestFailed, decode_request, encode_reply
from rigdriver.devices.camera_process.commands import CommandAnswer, Commands
from rigdriver.devices.camera_process.pace import Pace
from rigdriver.errors import RigError
from rigdriver.timebase import WALL_TIME, Timebase

_SHORTEST_POLL_S = 0.001
_BEAT_PERIOD_NS = 200_000_000
"""Time between two beats; the parent gives up a process that misses three (see devices/cameras/process.py)."""
_FULL_BYTES = 1024 * 1024


class SocketOutbox:
    """Messages on their way to the parent. Frames are bounded by their slots; who can, waits while it is full."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self._link = link
        self._waiting = bytearray()

    @property
    def is_full(self) -> bool:
        """The parent reads slower than events come: join or drop what is no frame."""
        return len(self._waiting) > _FULL_BYTES

    @property
    def is_empty(self) -> bool:
        """Everything is with the kernel."""
        return not self._waiting

    def put(self, message: bytes) -> None:
        """Send a message, or as much as goes without waiting."""
        self._waiting += message
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as it goes."""
        while self._waiting:
            try:
                sent = self._link.send(self._waiting)
            except BlockingIOError:
                return
            del self._waiting[:sent]


class CameraLoop:
    """Serves one parent until it says `close` or is gone."""

    def __init__(
        self, commands: socket.socket, events: socket.socket, parent_pid: int, timebase: Timebase = WALL_TIME
    ) -> None:
        self._link = commands
        self._outbox = SocketOutbox(events)
        self._timebase = timebase
        self._commands = Commands(self._outbox, timebase)
        self._reader = MessageReader()
        self._poll = select.poll()
        self._poll.register(commands, select.POLLIN)
        self._events_fd = events.fileno()
        self._parent_pid = parent_pid
        self._beat_ns = 0
        self._pace = Pace()

    def run(self) -> None:
        """Serve until the end. Returns when the parent has closed its side."""
        try:
            with self._timebase.take_part("camera process"):
                while self._turn():
                    pass
        except (BrokenPipeError, ConnectionResetError):
            pass  # the parent is gone, and with it all reasons to be here
        finally:
            self._commands.close()

    def _turn(self) -> bool:
        now_ns = self._timebase.now_ns()
        streaming = [(index, s) for index, s in enumerate(self._commands.streams) if s.is_streaming]
        delivered = [index for index, stream in streaming if stream.poll(now_ns)]
        self._pace.turned(now_ns, delivered, len(streaming))
        if not delivered:
            self._timebase.idle()
        if now_ns - self._beat_ns > _BEAT_PERIOD_NS:
            self._beat_ns = now_ns
            if not self._beat():
                return False
        pause_s = self._timebase.slice_s(self._pace.pause_s(now_ns, len(streaming)))
        if pause_s >= _SHORTEST_POLL_S:
            return self._wait(round(pause_s * 1000))
        if pause_s:
            time.sleep(pause_s)  # shorter than poll can wait; commands are still looked for in every turn
        return self._wait(0)

    def _wait(self, wait_ms: int) -> bool:
        """Sleep, at most so long; wake for a command, or for room in the outbox."""
        if not self._outbox.is_empty:
            self._poll.register(self._events_fd, select.POLLOUT)
            ready = self._poll.poll(wait_ms)
            self._poll.unregister(self._events_fd)
            self._outbox.flush()
        else:
            ready = self._poll.poll(wait_ms)
        is_asked = any(fd == self._link.fileno() for fd, _ in ready)
        return self._serve() if is_asked else True

    def _beat(self) -> bool:
        """Tell that the loop turns; return False when the parent is no longer the one that started it."""
        if not self._outbox.is_full:
            self._outbox.put(BeatNote([s.underrun() for s in self._commands.streams]).encode())
        # A process whose parent has died gets another parent (getppid(2)), also while a fork keeps the sockets open.
        return os.getppid() == self._parent_pid

    def _serve(self) -> bool:
        """Read requests and answer them; return False when there will be no more."""
        data = self._link.recv(65536)
        if not data:
            return False
        for _, body in self._reader.feed(data):
            number, text = split_number(body)
            is_last = False
            try:
                request = decode_request(text)
                is_last = isinstance(request, CloseCameras)
                answer = self._commands.serve(request)
            except RigError as exc:
                answer = CommandAnswer(RequestFailed(exc))
            self._answer(answer, number)
            if is_last:
                return False
        return True

    def _answer(self, answer: CommandAnswer, number: int) -> None:
        message = encode_reply(answer.reply, number)
        # The kernel may take a part only; descriptors go with the first byte (unix(7)), the rest needs none.
        sent = socket.send_fds(self._link, [message], answer.fds) if answer.fds else 0
        self._link.sendall(message[sent:])
        for release in answer.sent:
            release()
