"""Slots that are the camera's buffers, on a producer that writes into whatever is queued, and only there.

In: frames that come while the application holds, keeps and gives back others. Out: pixels that never change under their
reader, every frame delivered, and losses told. The producer's rules are GenTL's: what breaks one fails the test.
"""

from __future__ import annotations

import ctypes
import json
import random
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from rigdriver.devices.camera_link.messages import FrameNote, Kind, MessageReader
from rigdriver.devices.camera_link.slots import SlotReader
from rigdriver.devices.camera_process.images import Image, Incomplete
from rigdriver.devices.camera_process.stream import Stream
from rigdriver.errors import CameraError
from rigdriver.images.pixel_formats import BY_NAME

WIDTH, HEIGHT = 8, 4
SLOTS, BUFFERS = 4, 3
MONO8 = BY_NAME["Mono8"]


def write(place: bytes, data: bytes) -> None:
    """Write to a bytes object as a producer does, which has nothing but an address."""
    assert len(data) <= len(place)
    ctypes.memmove(ctypes.c_char_p(place), data, len(data))


class Producer:
    """A camera whose buffers are the places announced to it."""

    def __init__(self) -> None:
        self.places: Sequence[bytes] = ()
        self.input: deque[int] = deque()
        self.output: deque[tuple[int, int, bool]] = deque()
        self.fetched: int | None = None
        self.dropped = 0
        self.padding_bytes = self.offset_bytes = 0
        self.pixel_format = MONO8
        self.made = 0
        self.fewest = 2

    def expose(self, *, is_incomplete: bool = False) -> None:
        """A frame whose pixels all show its number."""
        number, self.made = self.made, self.made + 1
        if not self.input:
            self.dropped += 1
            return
        place = self.input.popleft()
        row = bytes([number % 251]) * WIDTH + b"\xee" * self.padding_bytes
        data = b"\xdd" * self.offset_bytes + row * HEIGHT
        write(self.places[place], data)
        self.output.append((number, place, is_incomplete))

    def read_format(self) -> int:
        return self.pixel_format.code

    def read_size(self) -> tuple[int, int]:
        return WIDTH, HEIGHT

    def payload_bytes(self) -> int:
        return (WIDTH + 4) * HEIGHT + 8

    def fewest_buffers(self) -> int:
        return self.fewest

    def start(self, places: Sequence[bytes] = (), queued: Sequence[int] = ()) -> bool:
        self.places = places
        self.input.extend(queued)
        return bool(places)

    def stop(self) -> None:
        self.fetched = None
        self.places = ()
        self.input.clear()
        self.output.clear()

    def close(self) -> None: ...

    def fetch(self, *, must_look: bool = False) -> Image | Incomplete | None:
        assert self.fetched is None, "the buffer before was neither kept nor given back"
        if not self.output:
            return None
        number, self.fetched, is_incomplete = self.output.popleft()
        if is_incomplete:
            return Incomplete(number)
        data = np.frombuffer(self.places[self.fetched], np.uint8, offset=self.offset_bytes)
        return Image(
            number, number, WIDTH, HEIGHT, self.padding_bytes, MONO8.code, data, {}, self.fetched, self.offset_bytes
        )

    def give_back(self) -> None:
        assert self.fetched is not None
        self.input.append(self.fetched)
        self.fetched = None

    def keep(self) -> None:
        self.fetched = None

    def queue(self, place: int) -> None:
        assert place not in self.input, "queued twice"
        assert place not in [p for _, p, _ in self.output], "queued while it waits to be fetched"
        assert place != self.fetched, "queued while it is fetched"
        self.input.append(place)

    def check(self) -> None: ...

    def underrun(self) -> int:
        return self.dropped


class Application:
    """What the parent does with the messages of one camera."""

    def __init__(self) -> None:
        self.is_full = False
        self.notes: deque[FrameNote] = deque()
        self.losses: list[Any] = []
        self.failures: list[Any] = []

    def put(self, message: bytes) -> None:
        for kind, body in MessageReader().feed(message):
            if kind is Kind.FRAME:
                self.notes.append(FrameNote.decode(body))
            elif kind is not Kind.AWAITED:
                (self.losses if kind is Kind.LOST else self.failures).append(json.loads(body))


class Rig:
    def __init__(self) -> None:
        self.producer, self.application = Producer(), Application()
        self.stream = Stream(0, "camera left_upper (SN 23A7)", self.producer, self.application, BUFFERS)
        self.now_ns = 1_000_000_000
        slots = self.stream.prepare(SLOTS)
        assert slots is not None
        self.reader = SlotReader(slots.fd, slots.slot_bytes, slots.slots, SLOTS)
        self.stream.start()

    def turn(self) -> None:
        self.now_ns += 20_000_000
        self.stream.poll(self.now_ns)

    def take(self) -> tuple[int, np.ndarray[Any, Any]]:
        note = self.application.notes.popleft()
        return note.frame_id, self.reader.pixels(note.slot, (HEIGHT, WIDTH), np.uint8)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.stream.close()


def test_pixels_are_where_the_producer_wrote_them(rig: Rig) -> None:
    rig.producer.expose()
    (_, place, _) = rig.producer.output[0]
    buffer = rig.producer.places[place]
    rig.turn()
    _, pixels = rig.take()
    assert (pixels == 0).all()
    write(buffer, b"\x63")  # what a producer must never do; here it shows that both see one memory
    assert pixels[0, 0] == 0x63


def test_there_are_slots_for_the_application_and_for_the_producer(rig: Rig) -> None:
    assert rig.stream.slots is not None
    assert rig.stream.slots.slots == SLOTS + BUFFERS
    assert len(rig.producer.places) == SLOTS + BUFFERS
    assert list(rig.producer.input) == [0, 1, 2]


def test_a_producer_that_wants_more_buffers_gets_them_on_top_of_the_applications() -> None:
    producer = Producer()
    producer.fewest = BUFFERS + 2
    stream = Stream(0, "camera left_upper (SN 23A7)", producer, Application(), BUFFERS)
    slots = stream.prepare(SLOTS)
    assert slots is not None
    assert slots.slots == SLOTS + BUFFERS + 2
    stream.start()
    assert list(producer.input) == list(range(BUFFERS + 2))
    stream.close()


def test_a_slot_is_queued_only_when_nobody_looks_at_it_any_more(rig: Rig) -> None:
    rig.producer.expose()
    rig.turn()
    _, pixels = rig.take()
    view = pixels[1:, ::2]
    del pixels
    for _ in range(3 * (SLOTS + BUFFERS)):
        rig.producer.expose()
        rig.turn()
        rig.take()
    assert (view == 0).all()
    assert 0 not in rig.producer.input
    del view
    rig.producer.expose()
    rig.turn()
    assert 0 in rig.producer.input


@pytest.mark.parametrize("seed", range(20))
def test_frames_never_change_under_an_application_that_keeps_and_drops_them_at_random(seed: int) -> None:
    dice, rig = random.Random(seed), Rig()
    kept: list[tuple[int, np.ndarray[Any, Any]]] = []
    seen: list[int] = []
    for _ in range(400):
        match dice.randrange(4):
            case 0:
                rig.producer.expose()
            case 1:
                rig.turn()
            case 2 if rig.application.notes:
                kept.append(rig.take())
                seen.append(kept[-1][0])
            case 3 if kept:
                del kept[dice.randrange(len(kept))]
        assert all((pixels == number % 251).all() for number, pixels in kept)
    told = rig.stream.underrun()
    assert seen == sorted(set(seen))
    waiting = len(rig.application.notes) + len(rig.producer.output)
    assert len(seen) + waiting + told == rig.producer.made
    rig.stream.close()


def test_an_application_that_stalls_loses_nothing_before_all_slots_are_full(rig: Rig) -> None:
    for _ in range(SLOTS + BUFFERS):
        rig.producer.expose()
        rig.turn()
    assert len(rig.application.notes) == SLOTS + BUFFERS
    assert rig.stream.underrun() == 0
    rig.producer.expose()
    rig.turn()
    assert rig.stream.underrun() == 1
    rig.turn()
    (lost,) = rig.application.losses
    assert (lost["reason"], lost["count"]) == ("NO_SLOT", 1)
    assert [rig.take()[0] for _ in range(SLOTS + BUFFERS)] == list(range(SLOTS + BUFFERS))


def test_frames_that_are_lost_while_slots_are_free_are_not_blamed_on_the_application(rig: Rig) -> None:
    for _ in range(BUFFERS + 2):
        rig.producer.expose()  # this process was too slow
    rig.turn()
    assert rig.stream.underrun() == 2
    rig.turn()
    assert rig.application.losses == []


def test_a_damaged_buffer_goes_back_to_the_producer(rig: Rig) -> None:
    for n in range(10):
        rig.producer.expose(is_incomplete=n % 2 == 0)
        rig.turn()
    assert [rig.take()[0] for _ in range(5)] == [1, 3, 5, 7, 9]
    assert sum(lost["count"] for lost in rig.application.losses) == 5
    rig.turn()
    assert len(rig.producer.input) == BUFFERS


@pytest.mark.parametrize(("padding", "offset"), [(3, 0), (0, 5), (4, 8)])
def test_pixels_with_gaps_between_rows_or_before_them_move_up(padding: int, offset: int) -> None:
    rig = Rig()
    rig.producer.padding_bytes, rig.producer.offset_bytes = padding, offset
    for n in range(20):
        rig.producer.expose()
        rig.turn()
        number, pixels = rig.take()
        assert number == n
        assert (pixels == n).all()
    rig.stream.close()


def test_frames_of_the_run_before_stay_as_they_are_in_the_next_one(rig: Rig) -> None:
    kept = []
    for _ in range(2):
        rig.producer.expose()
        rig.turn()
        kept.append(rig.take())
    rig.stream.stop()
    assert rig.stream.prepare(SLOTS) is None
    rig.stream.start()
    assert list(rig.producer.input) == [s for s in range(SLOTS + BUFFERS) if s not in (0, 1)][:BUFFERS]
    for _ in range(20):
        rig.producer.expose()
        rig.turn()
        rig.take()
    assert all((pixels == number).all() for number, pixels in kept)


def test_frames_that_were_never_fetched_are_free_again_after_a_stop(rig: Rig) -> None:
    for _ in range(BUFFERS):
        rig.producer.expose()
    rig.stream.stop()
    rig.stream.start()
    assert list(rig.producer.input) == [0, 1, 2]


def test_a_producer_that_delivers_what_was_not_queued_is_given_up(rig: Rig) -> None:
    rig.producer.expose()
    rig.turn()
    _, pixels = rig.take()
    rig.producer.output.append((1, 0, False))
    rig.turn()
    (failure,) = rig.application.failures
    assert "which was not queued" in failure["error"]["message"]
    assert (pixels == 0).all()


def test_a_camera_that_fails_leaves_its_frames_to_the_application(rig: Rig) -> None:
    rig.producer.expose()
    rig.turn()
    _, pixels = rig.take()

    def fail(*, must_look: bool = False) -> Image | Incomplete | None:
        raise CameraError("camera left_upper: its stream failed")

    rig.producer.fetch = fail  # type: ignore[method-assign]
    rig.turn()
    assert len(rig.application.failures) == 1
    rig.stream.close()
    assert (pixels == 0).all()


def test_packed_pixels_are_unpacked_into_slots_that_are_not_announced() -> None:
    producer, application = Producer(), Application()
    producer.pixel_format = BY_NAME["Mono12p"]
    stream = Stream(0, "camera left_upper (SN 23A7)", producer, application, BUFFERS)
    slots = stream.prepare(SLOTS)
    assert slots is not None
    assert slots.slots == SLOTS
    stream.start()
    assert len(producer.places) == 0
    stream.close()
