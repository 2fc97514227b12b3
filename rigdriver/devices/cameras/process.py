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
)
from rigdriver.devices.cameras.exchange import CommandChannel
from rigdriver.devices.cameras.vitality import Vitality
from rigdriver.ends import CAMERAS_END_S, time_left_s
from rigdriver.errors import BadReply, CameraProcessLost, StateError
from rigdriver.opening import keep
from rigdriver.own_pause import Quiet
from rigdriver.ownership import Owner
from rigdriver.signal_safe import SafeEvent, SafeTurn, always
from rigdriver.timebase import WALL_TIME, Timebase, TimeLimit

_logger = logging.getLogger(__name__)
_MODULE = "rigdriver.devices.camera_process"
_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 2.0
_GOING_S = 0.5
"""Longest time for a child that has its order to end, in s; then it is killed."""
_LOG_LINES = 120
"""Number of lines that are kept: Python's trace of a crash begins with the cause and has up to a hundred."""
_LOG_LINE_CHARACTERS = 500
_READ_BYTES = 65536
SOME_PRODUCER = "a GenTL producer"
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
        self._requests = SafeTurn()
        commands, self._child_commands = socket.socketpair()
        self._events, self._child_events = socket.socketpair()
        self._channel = CommandChannel(commands, timebase)
        self._process: subprocess.Popen[bytes] | None = None
        self._verdict = ""
        self._is_closing = False
        self._is_asked = False
        self._quiet = Quiet(timebase.now_s)
        self.culprit = SOME_PRODUCER
        """Culprit when an answer stays away: the camera that is being stopped or closed, where that is known."""
        self.awaited: str | None = None
        """Name of the camera for whose answer the child waits. That silence is the camera's, not the child's."""
        self._last_lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._lost: CameraProcessLost | None = None
        self._is_running = SafeEvent()
        self._is_up = SafeEvent()
        """Event that the child's first message sets: the binding is loaded, which takes long on a busy computer."""
        self._has_ended = SafeEvent()
        # The kernel kills the child when the thread that started it ends, so the thread that stays with it starts it.
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)
        keep(lambda: self.close(time_left_s(CAMERAS_END_S)))
        self._thread.start()
        WALL_TIME.wait(self._is_running, _START_TIMEOUT_S)

    @property
    def pid(self) -> int:
        """Process id of the child; 0 when it could not be started."""
        return self._process.pid if self._process is not None else 0

    @property
    def lost(self) -> CameraProcessLost | None:
        """Why the child is gone; None while it lives."""
        return self._lost

    @property
    def unheard_s(self) -> float:
        """Time for which nothing has come from the child although this program listened, in s."""
        return self._quiet.silent_s if self._is_up.is_set() else 0.0

    @property
    def late_replies(self) -> int:
        """Number of replies that came when nobody waited for them any more."""
        return self._channel.late_replies

    def request(
        self, request: CameraRequest, expected: type[_Reply], timeout_s: float, is_end: bool = False
    ) -> tuple[_Reply, list[int]]:
        """Ask and wait for the answer. Return it with the descriptors that came along; the caller closes those.

        `is_end`: the time is real time, and it counts from now, also while another request is under way.

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
        token = object()
        reply, fds = always(
            lambda: self._in_turn(token, request, timeout_s, is_end), lambda: self._requests.give_back(token)
        )
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
        if not WALL_TIME.wait(self._is_running, _GOING_S):  # its start was interrupted
            self._is_closing = True
            self._channel.hang_up()
            return
        if not self._is_closing:
            try:
                self.request(CloseCameras(), RequestDone, timeout_s, is_end=True)
            except (CameraProcessLost, StateError) as exc:
                _logger.debug("closing the camera process: %s", exc)
            self._is_closing = True
            self._channel.hang_up()
            if not WALL_TIME.wait(self._has_ended, _GOING_S):
                self._kill("did not end")
        if threading.current_thread() is not self._thread:
            self._thread.join(_GOING_S)
        self._channel.close(_GOING_S)

    def _in_turn(
        self, token: object, request: CameraRequest, timeout_s: float, is_end: bool
    ) -> tuple[CameraReply, list[int]]:
        limit = TimeLimit(WALL_TIME, timeout_s) if is_end else None
        self._wait_for_turn(token, request, limit)
        if self._is_closing or self._lost is not None:
            raise self._lost or StateError(device="cameras", seen="closed", remedy="open them again")
        start_s = timeout_s if is_end else _START_TIMEOUT_S
        if not WALL_TIME.wait(self._is_up, start_s):
            self._kill(f"did not start within {start_s:g} s; the computer is overloaded")
            raise self._ending()
        self._is_asked = True
        try:
            return self._channel.ask(request, limit or TimeLimit(self._timebase, timeout_s))
        except TimeoutError:
            self._kill(f"did not answer `{request.command}` within {timeout_s:.3g} s; {self.culprit} hangs")
            if is_end:
                _logger.warning("cameras: abandoned, for the camera process %s", self._verdict)
            raise self._ending() from None
        except OSError as exc:
            raise self._ending() from exc
        finally:
            self._quiet.heard()
            self._is_asked = False

    def _wait_for_turn(self, token: object, request: CameraRequest, limit: TimeLimit | None) -> None:
        """Let one request go at a time; an end does not wait for another one beyond its limit."""
        while not self._requests.take(token, _LOOK_S):
            if limit is not None and limit.left_s() <= 0:
                self._kill(f"is busy with another request than `{request.command}`; {self.culprit} hangs")
                raise self._ending()

    def _ending(self) -> CameraProcessLost:
        """Return why the child is gone, once the thread knows."""
        WALL_TIME.wait(self._has_ended, _END_TIMEOUT_S)
        return self._lost or CameraProcessLost(
            device="camera process", seen="ended, and the cause is not known", remedy="open the cameras again"
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
        if self._is_closing:
            self._kill("is not wanted any more")
        with self._timebase.take_part("cameras"):  # in modelled time nothing happens until the child's end is known
            try:
                self._listen(self._process)
            except Exception as exc:  # whatever goes wrong here must reach the consumer, not end a thread in silence
                _logger.exception("the thread that reads from the camera process failed")
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
        vitality = Vitality(process.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(self._events, selectors.EVENT_READ)
            selector.register(process.stdout, selectors.EVENT_READ)
            os.set_blocking(process.stdout.fileno(), False)
            while selector.get_map():
                ready = selector.select(timeout=self._timebase.slice_s(_LOOK_S))
                if not ready:
                    self._timebase.idle()
                has_spoken = False
                for key, _ in ready:
                    data = os.read(key.fd, _READ_BYTES)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._events:
                        self._quiet.heard()
                        if not self._is_up.is_set():
                            self._is_up.set()
                        for kind, body in reader.feed(data):
                            self._on_event(kind, body)
                        vitality.heard()
                        has_spoken = True
                    else:
                        *lines, tail = (tail + data)[-8192:].split(b"\n")
                        self._log(lines)
                # What the sink took is not the child's silence either: this thread was away.
                self._judge(vitality, has_spoken, self._quiet.look())
        self._log([tail])

    def _judge(self, vitality: Vitality, has_spoken: bool, unheard_s: float) -> None:
        """Give up a child that beats no more; while it is asked, the one who asks has a time limit of his own."""
        if not self._is_up.is_set() or self._is_asked:
            vitality.heard()
            return
        if not has_spoken:  # a look reads a file of the system, which is much for each frame
            vitality.look(self._timebase.now_s())
        silent_s = vitality.silent_s
        awaited = self.awaited
        limit_s = _HANGS_S if awaited is None else self._silence_timeout_s
        if silent_s > limit_s or unheard_s > self._silence_timeout_s:
            told_s = silent_s if silent_s > limit_s else self._silence_timeout_s
            self._kill(f"has been silent for {told_s:.3g} s; {f'camera {awaited}' if awaited else SOME_PRODUCER} hangs")

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
    """Return the child's environment: ours, this very package also when it is not installed, and one thread of BLAS."""
    # The child moves bytes and calculates nothing; the threads that numpy starts for it wait in busy loops (DECISIONS).
    environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ}
    root = str(Path(__file__).resolve().parents[3])
    if root not in {*site.getsitepackages(), site.getusersitepackages()}:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    return environment
