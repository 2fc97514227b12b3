"""The way into a running rig from outside: a Unix socket that takes one JSON object a line and answers with one.

    {"set": "faults.withhold_trigger_every", "value": 50}      -> {"ok": true}
    {"do": "box.reset"}                                         -> {"ok": true}
    {"fault": "lose_frame", "values": ["left_upper=[3, 4]"]}    -> {"ok": true, "value": "lose_frame = ..."}
    {"get": "status"}                                           -> {"ok": true, "value": {...}}
    anything wrong                                              -> {"ok": false, "error": "..."}

In: lines. Out: calls of the handler, answers. `Control` is the client. Not here: what can be asked (see acts.py).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rigdriver_sim.engine import Engine
from rigdriver_sim.folder import address_in

SOCKET = "control.sock"
MAX_LINE = 65_536

Handler = Callable[[dict[str, Any]], Any]
"""Function of a request that returns the answer's value, or raises ValueError with a sentence for the client."""


class ControlServer:
    """The rig's end, served in the simulation's loop."""

    def __init__(self, path: Path, engine: Engine, handle: Handler) -> None:
        self._engine = engine
        self._handle = handle
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.setblocking(False)
        with address_in(path.parent, path.name) as address:
            self._server.bind(address)
        self._server.listen(4)
        engine.add_reader(self._server.fileno(), self._accept)

    def close(self) -> None:
        """Hang up on everybody; closing twice is harmless."""
        for fd in list(self._clients):
            self._drop(fd)
        if self._server.fileno() >= 0:
            self._engine.remove_reader(self._server.fileno())
            self._server.close()

    def _accept(self) -> None:
        client, _ = self._server.accept()
        # The simulation stands still while an answer is sent: a
        # client that does not read may not hold it up for longer.
        client.settimeout(1.0)
        fd = client.fileno()
        self._clients[fd] = (client, bytearray())
        self._engine.add_reader(fd, lambda: self._read(fd))

    def _read(self, fd: int) -> None:
        client, buffer = self._clients[fd]
        try:
            data = client.recv(MAX_LINE)
        except OSError:
            data = b""
        buffer += data
        if not data or len(buffer) > MAX_LINE:
            self._drop(fd)
            return
        while b"\n" in buffer:
            line, _, rest = buffer.partition(b"\n")
            buffer[:] = rest
            try:
                client.sendall(self._answer(bytes(line)) + b"\n")
            except OSError:
                self._drop(fd)
                return

    def _answer(self, line: bytes) -> bytes:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("expected a JSON object")  # noqa: TRY004 - told to the client as it is
            value = self._handle(request)
        except ValueError as exc:
            return json.dumps({"ok": False, "error": str(exc)}).encode()
        return json.dumps({"ok": True} if value is None else {"ok": True, "value": value}).encode()

    def _drop(self, fd: int) -> None:
        client, _ = self._clients.pop(fd)
        self._engine.remove_reader(fd)
        client.close()


class ControlError(RuntimeError):
    """The rig refused what was asked, or is gone."""


class Control:
    """The client's end. `timeout_s` bounds every call."""

    def __init__(self, folder: Path, timeout_s: float = 5.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            with address_in(folder, SOCKET) as address:
                self._socket.connect(address)
        except OSError as exc:
            self._socket.close()
            seen = exc.strerror or exc
            raise ControlError(f"simulated rig {folder}: cannot be reached: {seen}; is it still running?") from exc
        self._lines = self._socket.makefile("rb")

    def set(self, key: str, value: Any) -> None:
        """Change one fault: `set("faults.withhold_trigger_every", 50)`."""
        self.ask({"set": key, "value": value})

    def do(self, act: str, **details: Any) -> None:
        """Do something to the rig: `do("box.reset")`, `do("camera.unplug", camera="left_upper")`."""
        self.ask({"do": act, **details})

    def fault(self, name: str, *values: str) -> str:
        """Plant a fault as a person would type it, and return what was planted: `fault("lose_frame", "left_upper")`."""
        said: str = self.ask({"fault": name, "values": list(values)})
        return said

    def get(self, what: str) -> Any:
        """Return what the rig says about itself: `get("status")`."""
        return self.ask({"get": what})

    def ask(self, request: dict[str, Any]) -> Any:
        """Send one request and return the answer's value.

        Raises:
            ControlError: the rig refused, did not answer in time or is gone.
        """
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._lines.readline(MAX_LINE)
        except OSError as exc:
            raise ControlError(f"simulated rig: no answer to {request}: {exc}; is it still running?") from exc
        if not line:
            raise ControlError(f"simulated rig: hung up at {request}; it has ended")
        answer = json.loads(line)
        if not answer["ok"]:
            raise ControlError(f"simulated rig: refused {request}: {answer['error']}")
        return answer.get("value")

    def close(self) -> None:
        """Hang up; closing twice is harmless."""
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
