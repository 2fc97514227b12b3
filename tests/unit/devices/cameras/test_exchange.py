"""A reply goes to the request of its number and to no other, whatever became of the wait for it.

In: a socket whose other end a test plays, and waits that end early. Out: the right reply, late ones dropped and counted
with their descriptors closed.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from pytest_mock import MockerFixture

from rigdriver.devices.camera_link.messages import MessageReader, split_number
from rigdriver.devices.camera_link.requests import (
    CameraReply,
    CameraRequest,
    FeatureRead,
    PrepareSlots,
    ReadFeature,
    SlotSegment,
    SlotSegments,
    decode_request,
    encode_reply,
)
from rigdriver.devices.cameras.exchange import CommandChannel
from rigdriver.timebase import WALL_TIME, TimeLimit

LONG_S = 120.0
WIDTH = ReadFeature(0, "Width")


class Child:
    """The other end, which replies when the test says so."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self._reader = MessageReader()
        self._waiting: list[tuple[int, str]] = []

    def next_request(self) -> tuple[int, str]:
        self.link.settimeout(LONG_S)
        while not self._waiting:
            for _, body in self._reader.feed(self.link.recv(65536)):
                number, text = split_number(body)
                request = decode_request(text)
                self._waiting.append((number, getattr(request, "feature", request.command)))
        return self._waiting.pop(0)

    def reply(self, number: int, reply: CameraReply, fds: list[int] | None = None) -> None:
        message = encode_reply(reply, number)
        if fds:
            socket.send_fds(self.link, [message], fds)
        else:
            self.link.sendall(message)


@pytest.fixture
def ends() -> Iterator[tuple[CommandChannel, Child]]:
    ours, theirs = socket.socketpair()
    channel = CommandChannel(ours, WALL_TIME)
    with theirs:
        yield channel, Child(theirs)
        channel.close(LONG_S)


def limit(time_s: float = LONG_S) -> TimeLimit:
    return TimeLimit(WALL_TIME, time_s)


def asked(channel: CommandChannel, feature: str) -> tuple[threading.Thread, list[object]]:
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(channel.ask(ReadFeature(0, feature), limit())[0]))
    thread.start()
    return thread, got


def give_up(channel: CommandChannel, request: CameraRequest = WIDTH) -> None:
    with pytest.raises(TimeoutError):
        channel.ask(request, limit(0.0))


def interrupt(channel: CommandChannel, mocker: object) -> None:
    """Ask, and be interrupted in the wait as Ctrl-C does."""
    mocker.patch.object(channel._timebase.__class__, "wait_on", side_effect=KeyboardInterrupt)  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        channel.ask(WIDTH, limit())
    mocker.stopall()  # type: ignore[attr-defined]


@pytest.mark.parametrize("end_early", [give_up, interrupt])
@pytest.mark.parametrize("is_late_before_the_next", [True, False])
def test_a_reply_that_comes_late_never_serves_the_next_request(
    ends: tuple[CommandChannel, Child], mocker: object, end_early: Callable[..., None], is_late_before_the_next: bool
) -> None:
    channel, child = ends
    end_early(channel, *([mocker] if end_early is interrupt else []))
    first, _ = child.next_request()
    if is_late_before_the_next:
        child.reply(first, FeatureRead(320))
    thread, got = asked(channel, "Height")
    second, name = child.next_request()
    assert name == "Height"
    if not is_late_before_the_next:
        child.reply(first, FeatureRead(320))
    child.reply(second, FeatureRead(240))
    thread.join(LONG_S)
    assert got == [FeatureRead(240)]
    assert channel.late_replies == 1


def test_descriptors_of_a_late_reply_are_closed_and_those_of_the_next_one_are_its_own(
    ends: tuple[CommandChannel, Child], tmp_path: object
) -> None:
    channel, child = ends
    give_up(channel, PrepareSlots(2))
    number, _ = child.next_request()
    late_read, late_write = os.pipe()
    child.reply(number, SlotSegments((SlotSegment(0, 64, 2),)), [late_write])
    os.close(late_write)
    got: list[tuple[CameraReply, list[int]]] = []
    thread = threading.Thread(target=lambda: got.append(channel.ask(PrepareSlots(2), limit())))
    thread.start()
    number, _ = child.next_request()
    fresh_read, fresh_write = os.pipe()
    child.reply(number, SlotSegments((SlotSegment(1, 64, 2),)), [fresh_write])
    os.close(fresh_write)
    thread.join(LONG_S)
    ((_, (fd,)),) = got
    os.write(fd, b"x")
    assert os.read(fresh_read, 1) == b"x"
    assert os.read(late_read, 1) == b""  # nobody holds the late one's other end any more
    for end in (fd, fresh_read, late_read):
        os.close(end)


def test_a_child_that_goes_ends_the_wait(ends: tuple[CommandChannel, Child]) -> None:
    channel, child = ends
    child.link.close()
    with pytest.raises(OSError, match=r"closed its socket|Broken pipe"):
        channel.ask(WIDTH, limit())


def test_a_child_that_goes_while_a_request_is_being_sent_is_told_as_gone(
    ends: tuple[CommandChannel, Child], mocker: MockerFixture
) -> None:
    channel, child = ends
    ours = channel._link

    def go(left: memoryview, flags: int) -> int:
        """Fill the socket as a child does that reads nothing, then go, and let the thread of replies find that."""
        child.link.close()
        channel._thread.join(0.5)
        return ours.send(left, flags)

    mocker.patch.object(channel, "_link", mocker.Mock(wraps=ours, send=mocker.Mock(side_effect=go)))
    with pytest.raises(OSError, match=r"closed its socket|Broken pipe"):
        channel.ask(WIDTH, limit())


def test_a_wait_for_room_never_lasts_longer_than_is_left(
    ends: tuple[CommandChannel, Child], mocker: MockerFixture
) -> None:
    channel, _ = ends
    # The time is over between the look at it and the wait; poll(2) takes a negative time for no limit at all.
    over = mocker.Mock(
        spec=TimeLimit, left_s=mocker.Mock(side_effect=[0.1, -0.1]), look_s=mocker.Mock(return_value=0.0)
    )
    mocker.patch.object(channel, "_sent", return_value=0)
    room = mocker.patch.object(channel, "_room")
    with pytest.raises(TimeoutError):
        channel.ask(WIDTH, over)
    room.poll.assert_called_once_with(0.0)
