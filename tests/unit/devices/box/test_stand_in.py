"""The process that feeds the box's watchdog for a program that lives but lets none of its threads run."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from rigdriver.devices.box.feeding_program import is_alive, is_silent
from rigdriver.devices.box.stand_in import STAND_IN_COUNT, StandIn, stand_in_for
from rigdriver.wire.session import feed_message

WATCHDOG_S, BUSY_S = 0.1, 60.0
WAIT_S = 30.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Reading and writing end of a port that only takes."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def came(reading: int, size: int) -> bytes:
    """The first bytes that come through a pipe, fewer when it ends or they stay away."""
    data = b""
    while len(data) < size and select.select([reading], [], [], WAIT_S)[0]:
        part = os.read(reading, size - len(data))
        if not part:
            break
        data += part
    return data


@pytest.mark.parametrize(
    ("silent_s", "is_fed_for"), [(0.0, False), (0.19, False), (0.21, True), (2.4, True), (2.6, False), (1e6, False)]
)
def test_only_a_program_that_is_silent_and_not_for_too_long_is_fed_for(silent_s: float, is_fed_for: bool) -> None:
    assert is_silent(silent_s, watchdog_s=0.5, busy_s=2.5) is is_fed_for


def test_a_silent_program_is_fed_for_with_whole_feeds_that_are_counted(pipe: tuple[int, int]) -> None:
    stand_in = StandIn(pipe[1], WATCHDOG_S, BUSY_S)
    try:
        stand_in.stamp(is_fed=True)
        feed = feed_message(STAND_IN_COUNT)
        assert came(pipe[0], 3 * len(feed)) == 3 * feed
        assert stand_in.feeds >= 2
    finally:
        stand_in.end()


def test_a_watchdog_that_is_not_to_be_fed_is_not(pipe: tuple[int, int]) -> None:
    stand_in, fed = StandIn(pipe[1], WATCHDOG_S, BUSY_S), os.pipe()
    # Another stand-in shows how much time has passed: by its third feed, the first one would have fed, too.
    other = StandIn(fed[1], WATCHDOG_S, BUSY_S)
    try:
        stand_in.stamp(is_fed=False)
        other.stamp(is_fed=True)
        assert came(fed[0], 3 * len(feed_message(STAND_IN_COUNT)))
        assert stand_in.feeds == 0
        stand_in.stamp(is_fed=True)
        assert came(pipe[0], 1)
    finally:
        stand_in.end()
        other.end()
        for end in fed:
            os.close(end)


def test_a_program_is_alive_until_it_is_stopped_or_gone() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert is_alive(child.pid)
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert not is_alive(child.pid)
        child.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, child.pid, os.WCONTINUED | os.WNOWAIT)
        assert is_alive(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(child.pid)  # not yet reaped
    assert not is_alive(child.pid)


ORPHANING = """
import os, sys
from rigdriver.devices.box.stand_in import StandIn
stand_in = StandIn(int(sys.argv[1]), 0.1, 60.0)
stand_in.stamp(True)
os.read(int(sys.argv[2]), 1)
os.kill(os.getpid(), 9)
"""


def test_the_stand_in_of_a_killed_program_feeds_no_more_and_ends(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    go = os.pipe()
    words = [sys.executable, "-c", ORPHANING, str(writing), str(go[0])]
    with subprocess.Popen(words, pass_fds=(writing, go[0])) as program:
        os.close(writing)
        feed = feed_message(STAND_IN_COUNT)
        assert came(reading, len(feed)) == feed
        os.write(go[1], b"x")
        program.wait(WAIT_S)
    # The pipe ends when the last process that could write to it is gone.
    assert len(came(reading, 1 << 20)) % len(feed) == 0
    assert select.select([reading], [], [], 0)[0]
    assert os.read(reading, 1) == b""
    for end in go:
        os.close(end)


def test_a_stand_in_that_has_ended_holds_the_port_no_more(pipe: tuple[int, int]) -> None:
    stand_in = StandIn(pipe[1], WATCHDOG_S, BUSY_S)
    stand_in.end()
    stand_in.end()
    os.close(pipe[1])
    assert os.read(pipe[0], 1) == b""


@pytest.mark.parametrize(("descriptor", "busy_s"), [(None, 2.5), (0, 0.0), (0, 0.5)])
def test_there_is_none_without_a_descriptor_or_time_to_bridge(descriptor: int | None, busy_s: float) -> None:
    assert stand_in_for(descriptor, watchdog_s=0.5, busy_s=busy_s) is None


def test_a_process_that_cannot_be_started_costs_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert stand_in_for(0, 0.5, 2.5) is None
    assert "fed by this program alone" in caplog.text
