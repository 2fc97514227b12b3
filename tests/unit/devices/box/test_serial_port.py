"""The serial port: what can be opened, who else has it, and how it ends. Over a pty and a socket of this process.

In: URLs, bytes, and ends that are pulled. Out: the same bytes, or PortUnavailable and LinkLost with what to do. No
trigger box is there.
"""

import errno
import itertools
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import serial
from pytest_mock import MockerFixture
from serial import rfc2217
from serial.tools.list_ports_common import ListPortInfo

from rigdriver.devices.box.serial_port import PortInfo, SerialPort, list_serial_ports
from rigdriver.errors import LinkLost, PortUnavailable


class Pty:
    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        self.url = self.slave_name = os.ttyname(self.slave)

    def unplug(self) -> None:
        for fd in (self.master, self.slave):
            os.close(fd)
        self.master = self.slave = -1


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    if pair.master >= 0:
        pair.unplug()


def test_bytes_pass_both_ways_unchanged(pty: Pty) -> None:
    port = SerialPort(pty.url)
    every_byte = bytes(range(256))
    port.write(every_byte)
    assert os.read(pty.master, 1000) == every_byte
    os.write(pty.master, every_byte)
    received = b""
    while len(received) < 256:
        received += port.read()
    assert received == every_byte
    port.close()


@pytest.mark.parametrize("is_remote", [False, True])
def test_a_computer_that_stood_still_while_it_wrote_has_lost_no_link(
    pty: Pty, is_remote: bool, mocker: MockerFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}" if is_remote else pty.url)
        reader = server.accept()[0] if is_remote else None
        mocker.patch("serial.serialutil.Timeout.TIME", side_effect=itertools.count(0.0, 10.0))
        port.write(b"hello")
        assert (reader.recv(100) if reader else os.read(pty.master, 100)) == b"hello"
        port.close()
        if reader:
            reader.close()


def test_a_port_that_takes_nothing_is_a_lost_link(pty: Pty) -> None:
    port = SerialPort(pty.url)
    with pytest.raises(LinkLost, match="taken no byte for 1 s"):
        port.write(bytes(1_000_000))
    port.close()


def test_reading_nothing_returns_nothing(pty: Pty) -> None:
    port = SerialPort(pty.url, poll_s=0.001)
    assert port.read() == b""
    port.close()


def test_flushed_input_is_not_read(pty: Pty) -> None:
    port = SerialPort(pty.url, poll_s=0.001)
    os.write(pty.master, b"old")
    # The kernel carries bytes over a pty in a thread of its own: what has not come cannot be thrown away.
    assert select.select([pty.slave], [], [], 60)[0]
    port.flush_input()
    assert port.read() == b""
    port.close()


def test_port_that_is_open_is_in_use_for_everybody_else(pty: Pty) -> None:
    port = SerialPort(pty.url)
    with pytest.raises(PortUnavailable, match=rf"trigger box port {pty.url}: in use by another program; close"):
        SerialPort(pty.url)
    port.close()
    SerialPort(pty.url).close()


def test_a_closed_port_is_free_even_while_a_child_that_is_being_forked_still_shares_its_file(pty: Pty) -> None:
    port = SerialPort(pty.url)
    shared = os.dup(port._serial.fileno())  # what a child has before it runs its first line
    try:
        port.close()
        SerialPort(pty.url).close()
    finally:
        os.close(shared)


def test_unplugged_port_is_a_lost_link_for_reader_and_writer(pty: Pty) -> None:
    port = SerialPort(pty.url)
    pty.unplug()
    with pytest.raises(LinkLost, match=r"the port is gone .*check its cable and power"):
        port.read()
    with pytest.raises(LinkLost):
        port.write(b"x")
    port.close()
    port.close()


@pytest.mark.parametrize("kind", ["pty", "spy", "socket", "loop"])
def test_closed_port_is_a_lost_link_that_can_be_closed_again(pty: Pty, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        remote = f"socket://127.0.0.1:{server.getsockname()[1]}"
        port = SerialPort({"pty": pty.url, "spy": f"spy://{pty.url}", "socket": remote, "loop": "loop://"}[kind])
        port.close()
        port.close()
        with pytest.raises(LinkLost):
            port.read()
        with pytest.raises(LinkLost):
            port.write(b"x")
        with pytest.raises(LinkLost):
            port.flush_input()


def test_socket_url_works_and_its_end_is_a_lost_link() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}")
        peer, _ = server.accept()
        port.write(b"ask")
        assert peer.recv(10) == b"ask"
        peer.sendall(b"answer")
        received = b""
        while len(received) < 6:
            received += port.read()
        assert received == b"answer"
        peer.close()
        with pytest.raises(LinkLost):
            port.read()
        port.close()


def test_spy_url_works_and_tells_what_passes(pty: Pty, capsys: pytest.CaptureFixture[str]) -> None:
    port = SerialPort(f"spy://{pty.url}")
    port.write(b"\x01\x04\x00\xff\x02\x06")
    port.close()
    assert "01 04 00 FF 02 06" in capsys.readouterr().err


def test_port_without_permission_says_so(mocker: MockerFixture) -> None:
    mocker.patch("serial.serial_for_url", side_effect=PermissionError(13, "Permission denied", "/dev/ttyX"))
    with pytest.raises(PortUnavailable, match="no permission"):
        SerialPort("/dev/ttyX")


def test_ports_are_listed_in_the_order_of_their_names(mocker: MockerFixture) -> None:
    bare, usb = ListPortInfo("/dev/ttyS0"), ListPortInfo("/dev/ttyACM0")
    usb.vid, usb.pid, usb.manufacturer, usb.serial_number, usb.description = 0x2E8A, 10, "Maker", "E66", "Board"
    mocker.patch("serial.tools.list_ports.comports", return_value=[bare, usb])
    assert list_serial_ports() == [
        PortInfo("/dev/ttyACM0", "Board", "Maker", "E66", "2e8a:000a"),
        PortInfo("/dev/ttyS0", "", "", "", ""),
    ]


def test_importing_the_module_registers_nothing_and_opening_ports_registers_one_fork_hook(pty: Pty) -> None:
    script = f"""
import os
asked = []
os.register_at_fork = lambda **hooks: asked.extend(hooks)
import serial, threading, random, logging, concurrent.futures.thread
before = len(asked)
from rigdriver.devices.box.serial_port import SerialPort
imported = len(asked) - before
for _ in range(2):
    SerialPort({pty.url!r}).close()
print(imported, len(asked) - before)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "0 1\n"), ended.stderr


@pytest.fixture
def ports_that_fail_to_let_go(mocker: MockerFixture) -> Iterator[None]:
    """Hold 16 open ports whose handler raises what no port should when it is asked for its descriptor.

    So many, because the order in which a child meets its ports is arbitrary.
    """
    ports = [SerialPort("loop://") for _ in range(16)]
    for port in ports:
        mocker.patch.object(port._serial, "fileno", side_effect=AttributeError("no descriptor"))
    yield
    for port in ports:
        port.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("has_socket", [False, True])
@pytest.mark.usefixtures("ports_that_fail_to_let_go")
def test_a_fork_neither_keeps_the_port_nor_ends_it(pty: Pty, has_socket: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}" if has_socket else pty.url, poll_s=1.0)
        peer = server.accept()[0] if has_socket else None
        (begun_out, begun_in), (ear, mouth) = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(mouth)
            port.close()
            os.write(begun_in, b"!")
            os.read(ear, 1)
            os._exit(0)
        os.close(ear)
        os.read(begun_out, 1)
        if peer is not None:
            peer.sendall(b"alive")
        else:
            os.write(pty.master, b"alive")
        heard = port.read()
        port.close()
        if peer is not None:
            assert peer.recv(1) == b""
            peer.close()
        else:
            SerialPort(pty.url).close()
        for fd in (mouth, begun_out, begun_in):
            os.close(fd)
        os.waitpid(pid, 0)
        assert heard.startswith(b"a")


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


@pytest.fixture
def remote(pty: Pty, request: pytest.FixtureRequest) -> Iterator[RemoteServer]:
    server = RemoteServer(pty, lines=getattr(request, "param", True))
    yield server
    server.close()


telnet = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
"""pyserial's client starts its thread in an old way."""


@telnet
def test_remote_port_passes_every_byte_both_ways_at_the_box_s_rate(pty: Pty, remote: RemoteServer) -> None:
    port = SerialPort(remote.url)
    every_byte = bytes(range(256))
    port.write(every_byte)
    sent = b""
    while len(sent) < 256:
        sent += os.read(pty.master, 1000)
    assert sent == every_byte
    os.write(pty.master, every_byte)
    received = b""
    while len(received) < 256:
        received += port.read()
    assert received == every_byte
    assert remote.baudrate == 1_000_000
    port.close()


@telnet
def test_control_lines_of_a_remote_port_are_raised_once_and_left_alone(remote: RemoteServer) -> None:
    port = SerialPort(remote.url)
    port.write(b"x")
    port.flush_input()
    port.close()
    assert remote.levels == [("dtr", True), ("rts", True)]


@telnet
@pytest.mark.parametrize("remote", [False], indirect=True)
def test_remote_port_without_control_lines_is_opened_without(
    pty: Pty, remote: RemoteServer, caplog: pytest.LogCaptureFixture
) -> None:
    port = SerialPort(remote.url)
    port.write(b"ask")
    assert os.read(pty.master, 10) == b"ask"
    assert remote.accepted == 2
    assert "its server cannot set DTR and RTS" in caplog.text
    port.close()


def read_on(port: SerialPort) -> None:
    while True:
        port.read()


@telnet
def test_remote_port_whose_server_goes_is_a_lost_link(remote: RemoteServer) -> None:
    port = SerialPort(remote.url, poll_s=0.01)
    remote.cut()
    with pytest.raises(LinkLost):
        read_on(port)
    port.close()


@telnet
def test_a_server_that_speaks_no_rfc_2217_is_told_with_what_to_write() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"rfc2217://127.0.0.1:{server.getsockname()[1]}?timeout=0.2"
        with pytest.raises(
            PortUnavailable, match=r"a server that does not speak RFC 2217 .*; write socket:// in box.url"
        ):
            SerialPort(url)


@pytest.mark.parametrize("scheme", ["rfc2217", "socket"])
def test_nobody_at_the_other_end_is_told_with_what_to_do(scheme: str) -> None:
    with socket.socket() as taken:  # bound, so that no other program can listen there, but silent
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(PortUnavailable, match=r"nobody listens there .*check box.url and start the serial server"):
            SerialPort(f"{scheme}://127.0.0.1:{taken.getsockname()[1]}")


@pytest.mark.parametrize("url", ["rfc2217://here", "socket://here", "rfc2217://here:1?nonsense", "hwgrep://(", "x://y"])
def test_no_url_ends_in_a_traceback(url: str) -> None:
    with pytest.raises(PortUnavailable, match=r"trigger box port .*box\.url"):
        SerialPort(url)
