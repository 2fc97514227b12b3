"""The serial port: what can be opened, who else has it, and how it ends. Over a pty and a socket of this process.

In: URLs, bytes, and ends that are pulled. Out: the same bytes, or PortUnavailable and LinkLost with what to do. No
trigger box is there. Not here: serial servers (see test_remote_port.py).
"""

import fcntl
import itertools
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from pytest_mock import MockerFixture
from serial.tools.list_ports_common import ListPortInfo

from rigdriver import timebase
from rigdriver.devices.box.serial_port import PortInfo, SerialPort, list_serial_ports
from rigdriver.errors import LinkLost, PortUnavailable
from tests.unit.devices.box.pty_pair import Pty


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


def test_a_port_that_another_program_has_for_a_moment_is_waited_for(pty: Pty, mocker: MockerFixture) -> None:
    other = os.open(pty.url, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    mocker.patch.object(timebase.WALL_TIME, "sleep", side_effect=lambda _: fcntl.flock(other, fcntl.LOCK_UN))
    SerialPort(pty.url).close()
    os.close(other)


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
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
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
