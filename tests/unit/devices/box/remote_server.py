"""A serial server as pyserial makes one (RFC 2217): its `PortManager` between a socket and one end of a pty.

In: a pty, and whether the port behind the server has control lines. Out: the server's URL, the rate and the levels that
its client has set, and a link that is cut. Not here: what a port makes of it (see test_remote_port.py).
"""

import errno
import socket
import threading
from contextlib import suppress
from typing import Any

import serial
from serial import rfc2217

from tests.unit.devices.box.pty_pair import Pty


class RemoteServer:
    """A serial server as pyserial makes one: its `PortManager` between a socket and the slave of a pty.

    `lines`: whether the port behind it has DTR and RTS; where it has none, setting them fails and ends the link.
    """

    def __init__(self, pty: Pty, lines: bool) -> None:
        self._port = serial.Serial(pty.slave_name, baudrate=9600, timeout=0.05)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._listener.getsockname()[1]}"
        self.link: socket.socket | None = None
        self.accepted = 0
        self.levels: list[tuple[str, bool]] = []
        self._lines = lines
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._serve), threading.Thread(target=self._forward)]
        self._manager: rfc2217.PortManager | None = None
        for thread in self._threads:
            thread.start()

    @property
    def baudrate(self) -> int:
        return self._port.baudrate

    def close(self) -> None:
        self._is_over.set()
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
        self._port.close()

    def cut(self) -> None:
        if self.link is not None:
            with suppress(OSError):
                self.link.shutdown(socket.SHUT_RDWR)

    def write(self, data: bytes) -> None:
        """What the manager sends."""
        assert self.link is not None
        self.link.sendall(data)

    def _serve(self) -> None:
        while not self._is_over.is_set():
            try:
                self.link = self._listener.accept()[0]
            except OSError:
                return
            self.accepted += 1
            port: Any = _Lined(self._port, self.levels, self._lines)
            me: Any = self
            self._manager = rfc2217.PortManager(port, me)
            with suppress(OSError), self.link:
                while data := self.link.recv(1024):
                    self._port.write(b"".join(self._manager.filter(data)))
            self._manager = None

    def _forward(self) -> None:
        while not self._is_over.is_set():
            data = self._port.read(self._port.in_waiting or 1)
            if data and self._manager is not None:
                self.write(b"".join(self._manager.escape(data)))


class _Lined:
    """A port with DTR and RTS that are only noted, or refused as a pty does."""

    def __init__(self, port: serial.Serial, levels: list[tuple[str, bool]], has_lines: bool) -> None:
        object.__setattr__(self, "_has_lines", has_lines)
        object.__setattr__(self, "_port", port)
        object.__setattr__(self, "_levels", levels)

    def __getattr__(self, name: str) -> object:
        return False if name in ("cts", "dsr", "ri", "cd") else getattr(self._port, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("dtr", "rts"):
            if not self._has_lines:
                raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
            levels: Any = self._levels
            levels.append((name, bool(value)))
        else:
            setattr(self._port, name, value)
