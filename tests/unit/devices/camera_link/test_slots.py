"""Frame slots: who owns them, how long, and what the pixels may be used for.

In: a writer and a reader of one shared memory, both in this process. Out: pixels that stay as they were while any view
of them lives, and slots that come back when none does.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rigdriver.devices.camera_link.slots import SlotReader, SlotWriter

SHAPE = (6, 10)


Pair = tuple[SlotWriter, SlotReader]


@pytest.fixture
def pair() -> Iterator[Pair]:
    writer = SlotWriter(64, 4)
    reader = SlotReader(writer.fd, 64, 4)
    yield writer, reader
    writer.close()


def fill(writer: SlotWriter, value: int) -> int:
    slot = writer.take()
    assert slot is not None
    writer.memory(slot)[:60] = value
    writer.hand_over(slot)
    return slot


def test_pixels_arrive_as_they_were_written(pair: Pair) -> None:
    writer, reader = pair
    slot = writer.take()
    assert slot is not None
    writer.memory(slot)[:60] = np.arange(60)
    writer.hand_over(slot)
    pixels = reader.pixels(slot, SHAPE, np.uint8)
    assert np.array_equal(pixels, np.arange(60, dtype=np.uint8).reshape(SHAPE))


def test_sixteen_bit_pixels_keep_their_byte_order(pair: Pair) -> None:
    writer, reader = pair
    slot = writer.take()
    assert slot is not None
    writer.memory(slot)[:4] = (0x34, 0x12, 0xFF, 0x0F)
    writer.hand_over(slot)
    assert reader.pixels(slot, (1, 2), np.uint16).tolist() == [[0x1234, 0x0FFF]]


def test_pixels_are_not_copied_while_half_of_the_slots_are_free(pair: Pair) -> None:
    writer, reader = pair
    slot = fill(writer, 1)
    pixels = reader.pixels(slot, SHAPE, np.uint8)
    writer.memory(slot)[0] = 99  # what a writer must never do; here it shows that both see one memory
    assert pixels[0, 0] == 99
    assert reader.copied == 0


def test_a_slot_goes_back_when_the_array_and_all_its_views_are_gone(pair: Pair) -> None:
    writer, reader = pair
    pixels = reader.pixels(fill(writer, 1), SHAPE, np.uint8)
    views = [pixels[2:, ::2], pixels.T, pixels.reshape(-1)[5:], pixels.data, np.asarray(pixels)[1]]
    del pixels
    while views:
        assert reader.free == 3
        views.pop()
        gc.collect()
    assert reader.free == 4


def test_pixels_cannot_be_made_writable(pair: Pair) -> None:
    writer, reader = pair
    pixels = reader.pixels(fill(writer, 1), SHAPE, np.uint8)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        pixels.setflags(write=True)


def test_a_consumer_that_keeps_every_frame_gets_every_frame(pair: Pair) -> None:
    writer, reader = pair
    kept = [reader.pixels(fill(writer, n % 251), SHAPE, np.uint8) for n in range(1000)]
    assert [int(p[3, 3]) for p in kept] == [n % 251 for n in range(1000)]
    assert not any(p.flags.writeable for p in kept)
    assert reader.copied == 998
    assert reader.free == 2


def test_slots_that_are_meant_for_the_camera_do_not_let_the_application_keep_more() -> None:
    writer = SlotWriter(64, 10)
    reader = SlotReader(writer.fd, 64, 10, kept=4)
    kept = [reader.pixels(fill(writer, n), SHAPE, np.uint8) for n in range(20)]
    assert reader.copied == 18
    assert writer.free() == list(range(2, 10))
    assert [int(p[3, 3]) for p in kept] == list(range(20))
    writer.close()


def test_a_writer_without_a_free_slot_is_told_so(pair: Pair) -> None:
    writer, _ = pair
    for _ in range(4):
        fill(writer, 1)
    assert writer.take() is None


def test_the_lowest_free_slot_is_used_again_so_that_memory_stays_warm(pair: Pair) -> None:
    writer, reader = pair
    for _ in range(10):
        slot = fill(writer, 1)
        assert slot == 0
        reader.give_back(slot)


def test_pixels_outlive_both_sides(pair: Pair) -> None:
    writer, reader = pair
    pixels = reader.pixels(fill(writer, 7), SHAPE, np.uint8)
    writer.close()
    del writer, reader
    gc.collect()
    assert int(pixels.sum()) == 7 * 60


def test_pixels_that_do_not_fit_the_slot_are_refused(pair: Pair) -> None:
    _, reader = pair
    with pytest.raises(ValueError, match="cannot hold"):
        reader.pixels(0, (8, 9), np.uint8)
    with pytest.raises(ValueError, match="cannot hold"):
        reader.pixels(4, SHAPE, np.uint8)


def test_slots_do_not_overlap() -> None:
    writer = SlotWriter(5000, 3)
    reader = SlotReader(writer.fd, 5000, 3)
    for slot, value in enumerate((11, 22, 33)):
        writer.memory(slot)[:] = value
        writer.hand_over(slot)
    assert [int(reader.pixels(s, (50, 100), np.uint8).min()) for s in range(3)] == [11, 22, 33]
    writer.close()


def test_the_memory_cannot_shrink_under_a_reader(pair: Pair) -> None:
    writer, _ = pair
    with pytest.raises(PermissionError):
        os.ftruncate(writer.fd, 0)


def test_closing_twice_is_harmless(pair: Pair) -> None:
    writer, _ = pair
    writer.close()
    writer.close()


def test_cycles_leave_no_descriptor_behind() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        writer = SlotWriter(100_000, 8)
        reader = SlotReader(writer.fd, 100_000, 8)
        pixels = reader.pixels(fill(writer, 1), (10, 10), np.uint8)
        writer.close()
        del writer, reader, pixels
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_slot_comes_back_only_when_its_owner_drops_it_not_a_fork(pair: Pair) -> None:
    writer, reader = pair
    pixels = [reader.pixels(fill(writer, 7), SHAPE, np.uint8)]
    pid = os.fork()
    if pid == 0:
        pixels.clear()
        gc.collect()
        os._exit(0)
    os.waitpid(pid, 0)
    assert writer.free() == [1, 2, 3]
    pixels.clear()
    gc.collect()
    assert writer.free() == [0, 1, 2, 3]
