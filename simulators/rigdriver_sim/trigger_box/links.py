"""The box's ports: a raw pty, and a TCP socket where the scenario asks for one. Bytes only.

In: bytes to send, as many as the port takes at once. Out: bytes that came in. Nothing here blocks. Not here: what the
bytes mean (see parser.py).
"""

from __future__ import annotations

import os
import socket
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rigdriver_sim.engine import Action, EventEngine

_CHUNK = 65_536


class Link(Protocol):
    """One way to the host."""

    @property
    def is_open(self) -> bool:
        """A host can be reached, as far as this side can tell."""
        ...

    def write(self, data: bytes) -> int:
        """Send what fits now; return the bytes taken. `on_room` is called once more fit."""
        ...

    def close(self) -> None:
        """Take the port away; harmless when it is gone."""
        ...


class PtyLink:
    """A pseudo terminal; `path` becomes a link to its name, so that it keeps its name when it is plugged in again."""

    def __init__(self, engine: EventEngine, path: Path, on_bytes: Callable[[bytes], None], on_room: Action) -> None:
        self._engine = engine
        self._path = path
        self._on_bytes = on_bytes
        self._on_room = on_room
        # The host's end is held open here too: without it every read between two hosts fails.
        self._master, self._slave = os.openpty()
        # Otherwise the terminal would echo the box's bytes back to it and translate line ends.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._slave))
        engine.add_reader(self._master, self._read)

    @property
    def is_open(self) -> bool:
        """The pty exists."""
        return self._master >= 0

    def write(self, data: bytes) -> int:
        """Send what the pty takes now."""
        try:
            # What is sent into a pulled plug is lost: it must not wait for the next host.
            taken = os.write(self._master, data) if self.is_open else len(data)
        except BlockingIOError:
            taken = 0
        if taken < len(data):
            self._engine.add_writer(self._master, self._make_room)
        return taken

    def close(self) -> None:
        """Close both ends: the host sees its port vanish."""
        if not self.is_open:
            return
        self._engine.remove_reader(self._master)
        self._engine.remove_writer(self._master)
        self._path.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1

    def _read(self) -> None:
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return
        self._on_bytes(data)

    def _make_room(self) -> None:
        self._engine.remove_writer(self._master)
        self._on_room()


class TcpLink:
    """A socket on 127.0.0.1 for one client at a time; a second one is turned away, as a busy serial port would."""

    def __init__(
        self, engine: EventEngine, on_bytes: Callable[[bytes], None], on_room: Action, on_lost: Action
    ) -> None:
        self._engine = engine
        self._on_bytes = on_bytes
        self._on_room = on_room
        self._on_lost = on_lost
        self._client: socket.socket | None = None
        # The system picks a free port, so that many rigs run side by side; the rig file names it.
        self._server: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self.port: int = self._server.getsockname()[1]
        engine.add_reader(self._server.fileno(), self._accept)

    @property
    def is_open(self) -> bool:
        """A client is connected."""
        return self._client is not None

    def write(self, data: bytes) -> int:
        """Send what the socket takes now."""
        if self._client is None:
            return len(data)
        try:
            taken = self._client.send(data)
        except BlockingIOError:
            taken = 0
        except OSError:
            self._drop()
            return len(data)
        if taken < len(data):
            self._engine.add_writer(self._client.fileno(), self._make_room)
        return taken

    def close(self) -> None:
        """Drop the client and stop listening."""
        self._drop()
        if self._server is not None:
            self._engine.remove_reader(self._server.fileno())
            self._server.close()
            self._server = None

    def _accept(self) -> None:
        if self._server is None:
            return
        client, _ = self._server.accept()
        if self._client is not None:
            client.close()
            return
        client.setblocking(False)
        # Nagle's algorithm (RFC 896) would hold small replies back for the acknowledgement of the ones before.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._engine.add_reader(client.fileno(), self._read)

    def _read(self) -> None:
        if self._client is None:
            return
        try:
            data = self._client.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._on_bytes(data)
        else:
            self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._engine.remove_reader(self._client.fileno())
            self._engine.remove_writer(self._client.fileno())
            self._client.close()
            self._client = None
            self._on_lost()

    def _make_room(self) -> None:
        if self._client is not None:
            self._engine.remove_writer(self._client.fileno())
        self._on_room()
