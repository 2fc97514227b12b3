"""The simulator's end of the producer's socket: who may open a camera, and what is written to its registers.

In: connections of consumers, read by the engine's loop. Out: one answer a request, and calls on the cameras' feeds. A
connection is an ownership: it ends with the process that holds it, so a killed consumer frees its camera by itself.
Not here: what registers mean (see camera/register_file.py); the camera's `on_write` is asked.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from rigdriver_sim.engine import Engine
from rigdriver_sim.feed import layout
from rigdriver_sim.folder import address_in

SOCKET_NAME = "rigsim.sock"
GC_ERR_NOT_IMPLEMENTED = -1003
GC_ERR_ACCESS_DENIED = -1005
GC_ERR_INVALID_PARAMETER = -1009
GC_ERR_IO = -1010
GC_ERR_INVALID_ADDRESS = -1015
GC_ERR_INVALID_VALUE = -1019


class Access(IntEnum):
    """GenTL's access flags."""

    READONLY = 2
    CONTROL = 3
    EXCLUSIVE = 4


class Refused(Exception):
    """A request is refused, with the GenTL error that the consumer gets."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @classmethod
    def write(cls, text: str) -> Refused:
        """Refuse a write to an address that holds nothing writable."""
        return cls(GC_ERR_INVALID_ADDRESS, text)


class Offered(Protocol):
    """What the server needs of a camera's feed."""

    on_write: Callable[[int, bytes], None]

    @property
    def is_present(self) -> bool: ...

    def set_owner(self, access: Access | None) -> None: ...

    def release(self) -> None: ...


class NoAnswer(Exception):
    """The camera hangs: the consumer waits in vain."""


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket.socket
    camera: int | None = None
    access: Access | None = None


class FeedServer:
    """Serves all connections of one rig."""

    def __init__(self, folder: Path, memory_fd: int, cameras: Sequence[Offered], engine: Engine) -> None:
        self._memory_fd = memory_fd
        self._cameras = cameras
        self._engine = engine
        self._connections: set[_Connection] = set()
        self._taken: set[int] = set()
        """Cameras that another program controls."""
        self._path = folder / SOCKET_NAME
        self._listener = _listen(folder)
        engine.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Hang up; closing twice is harmless."""
        if self._listener.fileno() < 0:
            return
        for connection in tuple(self._connections):
            self._hang_up(connection)
        self._engine.remove_reader(self._listener.fileno())
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def hang_up(self, camera: int) -> None:
        """End all connections to one camera: its cable was pulled."""
        self._taken.discard(camera)
        for connection in [c for c in self._connections if c.camera == camera]:
            self._hang_up(connection)

    def pass_control(self, camera: int, is_taken: bool) -> None:
        """Let another program take control of a camera, or give it up; its consumers may only read from then on."""
        if not is_taken:
            self._taken.discard(camera)
        elif camera not in self._taken:
            self._taken.add(camera)
            for connection in self._connections:
                if connection.camera == camera:
                    connection.access = Access.READONLY
            # GigE Vision: with the control channel the stream of the program before ends, too.
            self._cameras[camera].release()
        self._cameras[camera].set_owner(self._strongest(camera))

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:  # the consumer went away before we looked
            return
        accepted.setblocking(False)
        connection = _Connection(accepted)
        self._connections.add(connection)
        self._engine.add_reader(accepted.fileno(), lambda: self._serve(connection))

    def _hang_up(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        self._engine.remove_reader(connection.socket.fileno())
        connection.socket.close()
        if connection.camera is not None:
            camera = self._cameras[connection.camera]
            camera.set_owner(self._strongest(connection.camera))
            # A reader never held the camera: its end must not stop the stream of whoever does.
            if connection.access is not Access.READONLY:
                camera.release()

    def _strongest(self, camera: int) -> Access | None:
        held = [c.access for c in self._connections if c.camera == camera and c.access]
        if camera in self._taken:
            held.append(Access.CONTROL)
        return max(held, default=None)

    def _serve(self, connection: _Connection) -> None:
        try:
            packet = connection.socket.recv(ctypes.sizeof(layout.Request))
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        # Packets come whole, so a shorter one is the end of the connection or no request of this feed.
        if len(packet) != ctypes.sizeof(layout.Request):
            self._hang_up(connection)
            return
        request = layout.Request.from_buffer_copy(packet)
        reply = layout.Reply(magic=layout.MAGIC, sequence=request.sequence)
        try:
            self._answer(connection, request)
        # The connection stays open: a camera that hangs does not hang up, so the consumer's time-out must act.
        except NoAnswer:
            return
        except Refused as refusal:
            reply.status = refusal.code
            reply.text = str(refusal).encode()[: layout.TEXT_BYTES - 1]
        descriptors = [self._memory_fd] if request.op == layout.OP_HELLO and reply.status == 0 else []
        try:
            socket.send_fds(connection.socket, [bytes(reply)], descriptors, socket.MSG_NOSIGNAL)
        except OSError:  # gone, or so far behind that its buffer is full: it cannot be waiting for this answer
            self._hang_up(connection)

    def _answer(self, connection: _Connection, request: layout.Request) -> None:
        if request.magic != layout.MAGIC:
            raise Refused(GC_ERR_INVALID_PARAMETER, "the request is not of this feed")
        if request.op == layout.OP_HELLO:
            if request.address != layout.VERSION:
                raise Refused(GC_ERR_IO, f"feed version {request.address}: the simulator speaks {layout.VERSION}")
        elif request.op == layout.OP_OPEN:
            self._open(connection, request.camera, request.address)
        elif request.op == layout.OP_WRITE:
            self._write(connection, request)
        else:
            raise Refused(GC_ERR_NOT_IMPLEMENTED, f"request {request.op} is unknown")

    def _open(self, connection: _Connection, camera: int, asked: int) -> None:
        if camera >= len(self._cameras) or asked not in set(Access) or connection.camera is not None:
            raise Refused(GC_ERR_INVALID_PARAMETER, f"camera {camera} with access {asked}")
        if not self._cameras[camera].is_present:
            raise Refused(GC_ERR_IO, "the camera is unplugged")
        held = self._strongest(camera)
        is_writing = asked != Access.READONLY
        # GenTL's DEVICE_ACCESS_FLAGS: CONTROL leaves others to read, EXCLUSIVE leaves others nothing.
        if held is Access.EXCLUSIVE or (is_writing and held is Access.CONTROL) or (asked == Access.EXCLUSIVE and held):
            raise Refused(GC_ERR_ACCESS_DENIED, "another program has opened the camera; close it there")
        connection.camera, connection.access = camera, Access(asked)
        self._cameras[camera].set_owner(self._strongest(camera))

    def _write(self, connection: _Connection, request: layout.Request) -> None:
        if connection.camera is None or connection.camera != request.camera or connection.access is Access.READONLY:
            is_taken = connection.camera == request.camera and request.camera in self._taken
            why = "another program has taken control of it" if is_taken else "the camera is not open for writing"
            raise Refused(GC_ERR_ACCESS_DENIED, why)
        camera = self._cameras[connection.camera]
        if not camera.is_present:
            raise Refused(GC_ERR_IO, "the camera is unplugged")
        camera.on_write(request.address, bytes(request.data[: min(request.length, layout.REQUEST_BYTES)]))


def _listen(folder: Path) -> socket.socket:
    """Listen in the folder."""
    (folder / SOCKET_NAME).unlink(missing_ok=True)
    # The kernel keeps packets apart, so that no request can be cut or joined to the next one.
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with address_in(folder, SOCKET_NAME) as address:
            listener.bind(address)
        listener.listen(64)
        listener.setblocking(False)
    except OSError:
        with contextlib.suppress(OSError):
            listener.close()
        raise
    return listener
