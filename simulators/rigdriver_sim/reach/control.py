"""The way into a running rig from outside: a Unix socket that takes one JSON object per line and answers with one.

    {"set": "faults.withhold_trigger_every", "value": 50}      -> {"ok": true}
    {"do": "box.reset"}                                         -> {"ok": true}
    {"fault": "lose_frame", "values": ["left_upper=[3, 4]"]}    -> {"ok": true, "value": "lose_frame = ..."}
    {"get": "status"}                                           -> {"ok": true, "value": {...}}
    anything wrong                                              -> {"ok": false, "error": "..."}

A request may carry a "number", which its answer then carries, too: a client that gave up tells late answers by it.

In: lines. Out: calls of the handler, answers. `Control` is the client. Not here: what can be asked (see acts.py).
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rigdriver_sim.engine import Engine
from rigdriver_sim.folder import address_in

SOCKET = "control.sock"
MAX_LINE = 65_536
_PART_S = 0.001
"""Time between two looks for the rest of a line, in s."""

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
        number: dict[str, Any] = {}
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("expected a JSON object")  # noqa: TRY004 - sent to the client as it is
            number = {"number": request.pop("number")} if "number" in request else {}
            value = self._handle(request)
        except ValueError as exc:
            return json.dumps({"ok": False, "error": str(exc), **number}).encode()
        return json.dumps({"ok": True, **number} if value is None else {"ok": True, "value": value, **number}).encode()

    def _drop(self, fd: int) -> None:
        client, _ = self._clients.pop(fd)
        self._engine.remove_reader(fd)
        client.close()


class ControlError(RuntimeError):
    """The rig refused what was asked, or is gone."""


class Control:
    """The client's end. `timeout_s` bounds every call; a rig on a busy computer may take seconds to answer."""

    def __init__(self, folder: Path, timeout_s: float = 60.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            with address_in(folder, SOCKET) as address:
                self._socket.connect(address)
        except OSError as exc:
            self._socket.close()
            seen = exc.strerror or exc
            raise ControlError(f"simulated rig {folder}: cannot be reached: {seen}; is it still running?") from exc
        self._timeout_s = timeout_s
        self._number = 0
        self.late_answers = 0
        """Number of answers that came when nobody waited for them any more."""

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
        self._number += 1
        number = self._number
        end_s = time.monotonic() + self._timeout_s
        try:
            self._socket.sendall(json.dumps({**request, "number": number}).encode() + b"\n")
            while (answer := json.loads(self._line(end_s) or b"null")) is not None and answer.get("number") != number:
                self.late_answers += 1
        except OSError as exc:
            raise ControlError(f"simulated rig: no answer to {request}: {exc}; is it still running?") from exc
        if answer is None:
            raise ControlError(f"simulated rig: hung up at {request}; it has ended")
        if not answer["ok"]:
            raise ControlError(f"simulated rig: refused {request}: {answer['error']}")
        return answer.get("value")

    def _line(self, end_s: float) -> bytes:
        """Take one whole line, or none of its bytes: whoever is interrupted here leaves nothing half read."""
        seen = b""
        while True:
            self._socket.settimeout(max(0.001, end_s - time.monotonic()))
            more = self._socket.recv(MAX_LINE, socket.MSG_PEEK)
            line, newline, _ = more.partition(b"\n")
            if newline:
                return self._socket.recv(len(line) + 1)
            if not more or len(more) >= MAX_LINE:
                return b""
            if time.monotonic() > end_s:
                raise TimeoutError("timed out")
            # What is there stays there, and the rest of the line comes within a moment.
            if more == seen:
                time.sleep(_PART_S)
            seen = more

    def close(self) -> None:
        """Hang up; closing twice is harmless."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
