"""A serial port behind a serial server (RFC 2217): its bytes, its rate, its control lines, and how it ends.

In: a server of this process over a pty. Out: the same bytes, or PortUnavailable and LinkLost with what to do. Not here:
ports of this computer and raw sockets (see test_serial_port.py).
"""

import os
import socket
from collections.abc import Iterator

import pytest

from rigdriver.devices.box.serial_port import SerialPort
from rigdriver.errors import LinkLost, PortUnavailable
from tests.unit.devices.box.pty_pair import Pty
from tests.unit.devices.box.remote_server import RemoteServer


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
