"""The serial port, and the only file that knows pyserial.

In: a pyserial URL (`/dev/ttyACM0`, `COM3`, `socket://host:port`, `rfc2217://host:port`, `spy:///dev/ttyACM0`). Out:
bytes, each wait bounded, and two errors: `PortUnavailable` while opening, `LinkLost` afterwards. DTR and RTS are raised
once, while opening, where the port has them, and left alone until it is closed: a board that restarts at their edge
does so once. Not here: what the bytes mean (see wire/codec.py).
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import select
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from weakref import WeakSet

import serial
from serial import rfc2217
from serial.tools import list_ports

from rigdriver.errors import LinkLost, PortUnavailable
from rigdriver.opening import keep
from rigdriver.timebase import WALL_TIME, TimeLimit

_logger = logging.getLogger(__name__)
BAUD_RATE = 1_000_000
"""Baud rate of a box on a real UART; USB boxes ignore it."""
POLL_S = 0.02
WRITE_TIMEOUT_S = 1.0
"""Longest time in which a port may take no byte, in s."""
IN_USE_S = 1.0
"""Longest wait for a port that another program has, in s."""
MAX_READ_BYTES = 4096
"""Largest number of bytes per read: a port that never falls silent must not keep its reader from its other duties."""


_IN_USE = (errno.EAGAIN, errno.EBUSY)
"""Answer of flock(2) while another process holds the lock, and of a terminal with TIOCEXCL."""
_REMOTE = "rfc2217://"
# The texts begin in upper or lower case, by the library that made them, so some words lack their first letter.
_REMOTE_TROUBLE = (
    ("efused", "nobody listens there", "check box.url and start the serial server"),
    ("timed out", "does not answer", "check box.url and the network"),
    ("nodename", "no such host", "check box.url"),
    ("ame or service", "no such host", "check box.url"),
    ("name resolution", "no such host", "check box.url"),
    ("expected a string in the form", "is no URL of that kind", "check box.url; it needs a host and a port number"),
    ("support RFC2217", "a server that does not speak RFC 2217", "write socket:// in box.url for a raw serial server"),
    ("parameter change", f"its server refuses {BAUD_RATE} baud, 8N1", "use a serial server that can do that rate"),
)
"""Words in pyserial's texts on remote ports, with what they mean and what to do. The texts carry no error number."""


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A serial port that the operating system lists."""

    device: str
    description: str
    manufacturer: str
    serial_number: str
    usb_id: str
    """`vendor:product` in hex, empty when it is no USB port."""


def list_serial_ports() -> list[PortInfo]:
    """Return the serial ports of this computer, in the order of their names. Opens none."""
    return [
        PortInfo(
            device=port.device,
            description=port.description if port.description != "n/a" else "",
            manufacturer=port.manufacturer or "",
            serial_number=port.serial_number or "",
            usb_id=f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else "",
        )
        for port in sorted(list_ports.comports(), key=lambda port: port.device)
    ]


class SerialPort:
    """An open port that no other program can open."""

    def __init__(self, url: str, poll_s: float = POLL_S) -> None:
        """Open `url`; `poll_s` is how long `read` waits for a byte.

        Raises:
            PortUnavailable: no such port, no permission, or another program has it.
        """
        self.url = url
        self._opened: serial.Serial | rfc2217.Serial | None = None
        self._room: select.poll | None = None
        keep(self.close)
        try:
            port = self._opened = _open_in_time(url, poll_s)
        except Exception as exc:  # pyserial's handlers of URLs raise what they like: re.error, KeyError, TypeError
            seen, remedy = _why(exc)
            raise PortUnavailable(device=f"trigger box port {url}", seen=seen, remedy=remedy) from exc
        with suppress(OSError):  # io.UnsupportedOperation: a port without a descriptor, such as rfc2217:// or loop://
            room = select.poll()
            room.register(port.fileno(), select.POLLOUT)
            # From here on a write takes what there is room for, and `write` itself waits for room.
            port.write_timeout = 0
            self._room = room
        _watch_forks()
        _open_ports.add(self)

    def read(self) -> bytes:
        """Return the bytes that have come, or none after the poll time. LinkLost when the port is gone."""
        try:
            data = bytearray(self._serial.read(1))
            # A socket tells only that something waits, not how much.
            while data and len(data) < MAX_READ_BYTES and (waiting := self._serial.in_waiting):
                data += self._serial.read(waiting)
            return bytes(data)
        except (OSError, TypeError) as exc:  # TypeError: pyserial's answer to a port closed under it
            raise self._lost(exc) from exc

    def write(self, data: bytes) -> None:
        """Write all of `data`. LinkLost when the port is gone or takes nothing."""
        # pyserial's own time limit also fails a write that is done, when the computer stood still meanwhile.
        left, limit = memoryview(data), TimeLimit(WALL_TIME, WRITE_TIMEOUT_S)
        try:
            while left:
                if self._room is None or self._room.poll(limit.look_s() * 1000):
                    left = left[self._serial.write(left) :]
                    limit = TimeLimit(WALL_TIME, WRITE_TIMEOUT_S)
                elif limit.left_s() <= 0:
                    raise TimeoutError(f"it has taken no byte for {WRITE_TIMEOUT_S:g} s")
        except (OSError, TypeError) as exc:
            raise self._lost(exc) from exc

    def flush_input(self) -> None:
        """Throw away what has come and was not read."""
        try:
            self._serial.reset_input_buffer()
        except (OSError, TypeError) as exc:
            raise self._lost(exc) from exc

    def close(self) -> None:
        """Close the port. Closing twice is harmless."""
        port = self._opened
        if port is None:  # it could not be opened
            return
        _open_ports.discard(self)
        # The lock belongs to the open file, which a child that is being forked shares until it has let go of it.
        with suppress(Exception):  # a port without a descriptor says so as its handler likes
            fcntl.flock(port.fileno(), fcntl.LOCK_UN)
        link = getattr(port, "_socket", None)
        port.close()
        if link is not None:  # pyserial leaves a socket open whose other end went first
            link.close()

    @property
    def descriptor(self) -> int | None:
        """File descriptor to which another process can write as `write` does; None where there is none."""
        return None if self._room is None or isinstance(self._opened, rfc2217.Serial) else self._serial.fileno()

    def replace_by(self, descriptor: int) -> None:
        """Let the port be what `descriptor` is, in this process alone; OSError when it is closed."""
        link = getattr(self._serial, "_socket", None) or self._serial  # RFC 2217 ports have a descriptor, but no fileno
        os.dup2(descriptor, link.fileno(), inheritable=False)

    @property
    def _serial(self) -> serial.Serial | rfc2217.Serial:
        assert self._opened is not None  # nobody has a port that could not be opened
        return self._opened

    def _lost(self, exc: Exception) -> LinkLost:
        return LinkLost(
            device=f"trigger box on {self.url}",
            seen=f"the port is gone ({exc})",
            remedy="check its cable and power, open it again",
        )


class _RemotePort(rfc2217.Serial):
    """A remote port that leaves no socket behind when its server goes first."""

    def close(self) -> None:
        link = getattr(self, "_socket", None)
        super().close()
        if link is not None:
            link.close()


class _PortWithoutLines(_RemotePort):
    """A remote port whose server has no DTR and RTS to set, such as one before a pseudo terminal."""

    def _update_dtr_state(self) -> None:
        pass

    def _update_rts_state(self) -> None:
        pass


def _open_in_time(url: str, poll_s: float) -> serial.Serial | rfc2217.Serial:
    """Open the port; wait for one that another program has, such as one that tries every new port for a modem."""
    limit = TimeLimit(WALL_TIME, IN_USE_S)
    while True:
        try:
            return _open(url, poll_s)
        except OSError as exc:
            if exc.errno not in _IN_USE or limit.left_s() <= 0:
                raise
            WALL_TIME.sleep(min(poll_s, limit.look_s()))


def _open(url: str, poll_s: float) -> serial.Serial | rfc2217.Serial:
    if not url.lower().startswith(_REMOTE):
        return serial.serial_for_url(
            url, baudrate=BAUD_RATE, timeout=poll_s, write_timeout=WRITE_TIMEOUT_S, exclusive=True
        )
    # The remote port takes neither a write time-out nor a lock; its socket gives up a write after 5 s.
    try:
        return _RemotePort(url, baudrate=BAUD_RATE, timeout=poll_s)
    except OSError as exc:  # pyserial's own exception is one, too
        if any(word in str(exc) for word, _, _ in _REMOTE_TROUBLE):
            raise
        # Control lines come last, and some servers drop the link when their port has none.
        _logger.warning("trigger box port %s: its server cannot set DTR and RTS (%s); opened without", url, exc)
        return _PortWithoutLines(url, baudrate=BAUD_RATE, timeout=poll_s)


_open_ports: WeakSet[SerialPort] = WeakSet()


def _let_go() -> None:
    """Put nothing in the place of ports that a forked child has inherited.

    It would keep them locked when its parent has closed them; closing them as pyserial does would end a link by socket
    for the parent too.
    """
    with suppress(OSError):
        nothing = os.open(os.devnull, os.O_RDWR)
        for port in list(_open_ports):
            with suppress(Exception):  # whatever one port's handler raises, the others are let go, too
                port.replace_by(nothing)
        os.close(nothing)


@cache
def _watch_forks() -> None:
    """Have `_let_go` called in every forked child; the first open port asks for it, once per process."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_let_go)


def _why(exc: Exception) -> tuple[str, str]:
    """Return what was seen, and what to do."""
    code = getattr(exc, "errno", None)
    if code in _IN_USE:
        return "in use by another program", "close that program"
    if code in (errno.EACCES, errno.EPERM):
        return f"no permission ({exc})", "close other programs, or join the group that owns the port (often dialout)"
    if code == errno.ENOENT or "FileNotFoundError" in str(exc):
        names = ", ".join(port.device for port in list_serial_ports()) or "none"
        return f"no such port; ports of this computer: {names}", "check the cable and box.url"
    for word, seen, remedy in _REMOTE_TROUBLE:
        if word in str(exc):
            return f"{seen} ({exc})", remedy
    return f"cannot be opened ({exc})", "check box.url"
