"""The parent's side of the camera process: start it, send commands, take reports, and end it.

In: requests. Out: answers, and events on the thread "cameras". The child runs in an interpreter of its
own, so a user's script needs no `__main__` guard; a child that crashes or hangs is killed and reported as
CameraProcessLost. Not here: cameras (see cameras.py) and what the messages mean (see
devices/camera_process/commands.py).
"""

from __future__ import annotations

import logging
import os
import selectors
import site
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rigdriver.devices.camera_link.messages import Kind, MessageReader
from rigdriver.devices.camera_link.requests import (
    CameraReply,
    CameraRequest,
    CloseCameras,
    RequestDone,
    RequestFailed,
    decode_reply,
    encode_request,
)
from rigdriver.devices.cameras.vitality import Vitality
from rigdriver.errors import BadReply, CameraProcessLost, StateError
from rigdriver.ownership import Owner
from rigdriver.timebase import WALL_TIME, Timebase, TimeLimit, held_up_s

_logger = logging.getLogger(__name__)
_MODULE = "rigdriver.devices.camera_process"
_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 2.0
_LOG_LINES = 120
"""Python's trace of a crash begins with what it was, and goes on for up to a hundred lines."""
_LOG_LINE_CHARACTERS = 500
_READ_BYTES = 65536
_MOST_DESCRIPTORS = 32
_LOOK_S = 0.05
_HANGS_S = 0.7
"""Silence, in s, of a camera process that could have spoken: it beats every 0.2 s, so three beats are missing then, and
with the looks a producer that hangs is noticed within 1 s."""
_Reply = TypeVar("_Reply", bound=CameraReply)


class CameraProcess:
    """One camera process. Thread-safe; one request at a time."""

    def __init__(
        self,
        on_event: Callable[[Kind, bytes], None],
        on_lost: Callable[[CameraProcessLost], None],
        silence_timeout_s: float,
        timebase: Timebase = WALL_TIME,
        page: Path | None = None,
    ) -> None:
        """Start the process.

        `on_event` and `on_lost` are called on the thread "cameras"; `on_lost` once, unless `close` came first. The
        child counts as hanging when it neither beats nor answers for `silence_timeout_s`. `page`: that of `timebase`.
        """
        self._owner = Owner()
        self._on_event = on_event
        self._on_lost = on_lost
        self._silence_timeout_s = max(silence_timeout_s, 1.0)
        self._timebase, self._page = timebase, page
        self._request_lock = threading.Lock()
        self._commands, self._child_commands = socket.socketpair()
        self._events, self._child_events = socket.socketpair()
        self._reader = MessageReader()
        self._owed = 0
        """Number of requests whose answers have not come."""
        self._process: subprocess.Popen[bytes] | None = None
        self._verdict = ""
        self._is_closing = False
        self._is_asked = False
        self._heard_s = self._timebase.now_s()
        self._last_lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._lost: CameraProcessLost | None = None
        self._is_running = threading.Event()
        self._is_up = threading.Event()
        """The child has said something: the binding is loaded, which takes long on a busy computer."""
        self._has_ended = threading.Event()
        # The kernel kills the child when the thread that started it ends, so the thread that stays with it starts it.
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)
        self._thread.start()
        self._is_running.wait(_START_TIMEOUT_S)

    @property
    def pid(self) -> int:
        """Process id of the child; 0 when it could not be started."""
        return self._process.pid if self._process is not None else 0

    @property
    def lost(self) -> CameraProcessLost | None:
        """Why the child is gone; None while it lives."""
        return self._lost

    def request(self, request: CameraRequest, expected: type[_Reply], timeout_s: float) -> tuple[_Reply, list[int]]:
        """Ask and wait for the answer. Return it with the descriptors that came along; the caller closes those.

        Raises:
            BadReply: another reply than `expected` came.
            CameraProcessLost: the child ended, or was killed because it did not answer in time.
            RigError: what the child says.
        """
        if threading.current_thread() is self._thread:
            raise StateError(
                device="cameras",
                seen="a sink must not ask its cameras",
                remedy="hand the event to another thread first",
            )
        self._owner.expect_here("cameras")
        with self._request_lock:
            if self._is_closing or self._lost is not None:
                raise self._lost or StateError(device="cameras", seen="closed", remedy="open them again")
            if not self._is_up.wait(_START_TIMEOUT_S):
                self._kill(f"did not start within {_START_TIMEOUT_S:g} s; the computer is overloaded")
                raise self._ending()
            self._is_asked = True
            try:
                reply, fds = self._exchange(request, timeout_s)
            except TimeoutError:
                self._kill(f"did not answer `{request.command}` within {timeout_s:g} s; a GenTL producer hangs")
                raise self._ending() from None
            except OSError as exc:
                raise self._ending() from exc
            finally:
                self._heard_s = self._timebase.now_s()
                self._is_asked = False
        if isinstance(reply, RequestFailed):
            raise reply.error
        if not isinstance(reply, expected):
            for fd in fds:
                os.close(fd)
            raise BadReply(device="camera process", seen=type(reply).__name__, expected=expected.__name__)
        return reply, fds

    def close(self, timeout_s: float) -> None:
        """End the child: ask it, wait, kill it. Idempotent, and over within `timeout_s` and a little.

        A fork of the process that started it leaves it alone.
        """
        if not self._owner.is_here:
            return
        if not self._is_closing:
            try:
                self.request(CloseCameras(), RequestDone, timeout_s)
            except (CameraProcessLost, StateError) as exc:
                _logger.debug("closing the camera process: %s", exc)
            self._is_closing = True
            self._commands.close()
            if not self._has_ended.wait(_END_TIMEOUT_S):
                self._kill("did not end")
        if threading.current_thread() is not self._thread:
            self._thread.join(_END_TIMEOUT_S)

    # ---- the caller's side of a request ----

    def _exchange(self, request: CameraRequest, timeout_s: float) -> tuple[CameraReply, list[int]]:
        self._commands.settimeout(max(0.001, timeout_s))
        self._commands.sendall(encode_request(request))
        self._owed += 1
        fds: list[int] = []
        limit = TimeLimit(self._timebase, timeout_s)
        while True:
            left_s = limit.left_s()
            self._commands.settimeout(max(0.001, self._timebase.slice_s(limit.look_s())))
            try:
                data, new_fds, _, _ = socket.recv_fds(self._commands, _READ_BYTES, _MOST_DESCRIPTORS)
            except TimeoutError:
                self._timebase.idle()
                if left_s > 0:  # the answer is looked for once more after the end
                    continue
                raise
            fds += new_fds
            if not data:
                for fd in fds:
                    os.close(fd)
                raise ConnectionResetError("the camera process closed its socket")
            for _, raw in self._reader.feed(data):
                self._owed -= 1
                if not self._owed:
                    return decode_reply(raw), fds
                # It answers a request before this one, whose wait was interrupted (Ctrl-C).
                for fd in fds:
                    os.close(fd)
                fds = []

    def _ending(self) -> CameraProcessLost:
        """Return why the child is gone, once the thread knows."""
        self._has_ended.wait(_END_TIMEOUT_S)
        return self._lost or CameraProcessLost(
            device="camera process", seen="gone, and its end could not be seen", remedy="open the cameras again"
        )

    def _kill(self, verdict: str) -> None:
        self._verdict = self._verdict or verdict
        if self._process is not None:
            self._process.kill()

    # ---- the thread "cameras" ----

    def _run(self) -> None:
        try:
            self._process = self._spawn()
        except OSError as exc:
            self._verdict = f"cannot be started: {exc}"
        finally:
            self._child_commands.close()
            self._child_events.close()
            self._is_running.set()
        if self._process is None:
            self._end()
            return
        with self._timebase.take_part("cameras"):  # in modelled time nothing happens until the child's end is known
            try:
                self._listen(self._process)
            except Exception as exc:  # whatever goes wrong here must reach the consumer, not end a thread in silence
                _logger.exception("the thread that hears the camera process failed")
                self._kill(f"sent what could not be handled: {exc!r}")
            self._reap(self._process)
            self._end()

    def _spawn(self) -> subprocess.Popen[bytes]:
        fds = (self._child_commands.fileno(), self._child_events.fileno())
        # -P: a file in the user's folder must not shadow a module of ours.
        # faulthandler: a producer that crashes leaves a trace, which becomes part of the error.
        return subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-X",
                "faulthandler",
                "-m",
                _MODULE,
                *map(str, fds),
                str(os.getpid()),
                str(self._page or ""),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=fds,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the application, which then stops its cameras in order
        )

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Hear events and the log until the child closes both, or has been silent for too long."""
        assert process.stdout is not None
        reader = MessageReader()
        tail = b""
        looked_s = self._timebase.now_s()
        vitality = Vitality(process.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(self._events, selectors.EVENT_READ)
            selector.register(process.stdout, selectors.EVENT_READ)
            os.set_blocking(process.stdout.fileno(), False)
            while selector.get_map():
                ready = selector.select(timeout=self._timebase.slice_s(_LOOK_S))
                if not ready:
                    self._timebase.idle()
                for key, _ in ready:
                    data = os.read(key.fd, _READ_BYTES)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._events:
                        self._heard_s = self._timebase.now_s()
                        self._is_up.set()
                        for kind, body in reader.feed(data):
                            self._on_event(kind, body)
                        self._heard_s = self._timebase.now_s()  # what the sink took is not the child's silence
                        vitality.heard()
                    else:
                        *lines, tail = (tail + data)[-8192:].split(b"\n")
                        self._log(lines)
                now_s = self._timebase.now_s()
                self._heard_s = min(now_s, self._heard_s + held_up_s(looked_s, now_s))
                looked_s = now_s
                self._judge(vitality, now_s)
        self._log([tail])

    def _judge(self, vitality: Vitality, now_s: float) -> None:
        """Give up a child that beats no more; while it is asked, the one who asks has a time limit of his own."""
        if not self._is_up.is_set() or self._is_asked:
            vitality.heard()
            return
        vitality.look(now_s)
        silent_s = vitality.silent_s
        if silent_s > _HANGS_S or now_s - self._heard_s > self._silence_timeout_s:
            told_s = silent_s if silent_s > _HANGS_S else self._silence_timeout_s
            self._kill(f"has been silent for {told_s:.3g} s; a GenTL producer hangs")

    def _log(self, lines: list[bytes]) -> None:
        for line in lines:
            if text := line.decode("utf-8", "replace").strip():
                self._last_lines.append(text[:_LOG_LINE_CHARACTERS])
                _logger.info("camera process: %s", text[:_LOG_LINE_CHARACTERS])

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        status = _wait(process)
        if status is None:
            process.kill()
            status = _wait(process)
        if process.stdout is not None:
            process.stdout.close()
        self._verdict = self._verdict or _describe(status)

    def _end(self) -> None:
        self._events.close()
        # The line of a trace that names the error says most; the whole trace is in the log.
        telling = [line for line in self._last_lines if "rror" in line] or list(self._last_lines)
        said = f"; it last said: {telling[-1]}" if telling else ""
        self._lost = CameraProcessLost(
            device="camera process", seen=f"{self._verdict}{said}", remedy="open the cameras again"
        )
        self._is_up.set()  # whoever waits for its start need wait no longer
        self._has_ended.set()
        if not self._is_closing:
            self._on_lost(self._lost)


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit status, or None when the process lives on."""
    try:
        return process.wait(_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return None


def _describe(status: int | None) -> str:
    if status is None:  # not even SIGKILL ends a process while a driver of the kernel holds it
        return f"cannot be ended within {_END_TIMEOUT_S:g} s; a kernel driver holds it, unplug its cameras"
    if status < 0:
        return f"ended by signal {-status}; a GenTL producer may have crashed"
    return f"ended with status {status}"


def _environment() -> dict[str, str]:
    """Return the child's environment: ours, and this very package also when it is not installed."""
    environment = dict(os.environ)
    root = str(Path(__file__).resolve().parents[3])
    if root not in {*site.getsitepackages(), site.getusersitepackages()}:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    return environment
