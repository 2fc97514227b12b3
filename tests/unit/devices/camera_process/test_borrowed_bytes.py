"""Bytes objects over shared memory: what they show, and how long the memory stays.

In: slots of a writer. Out: bytes that are the slots, and a mapping that goes exactly when nobody can reach it.
"""

from __future__ import annotations

import gc
import mmap
import weakref
from pathlib import Path

from rigdriver.devices.camera_link.slots import SlotReader, SlotWriter
from rigdriver.devices.camera_process.borrowed_bytes import BorrowedBytes


def borrowed(writer: SlotWriter) -> BorrowedBytes:
    return BorrowedBytes([writer.memory(slot) for slot in range(writer.slots)])


def mappings() -> int:
    return Path("/proc/self/maps").read_text().count("rigdriver-frames")


def test_they_show_what_the_slots_hold_then_and_later() -> None:
    writer = SlotWriter(5000, 3)
    places = borrowed(writer)
    for slot, place in enumerate(places.objects):
        assert len(place) == 5000
        writer.memory(slot)[:] = slot + 65
        assert place == b"ABC"[slot : slot + 1] * 5000
    places.release()
    writer.close()


def test_they_begin_at_whole_pages_and_leave_the_ledger_alone() -> None:
    writer = SlotWriter(mmap.PAGESIZE, 256)
    places = borrowed(writer)
    assert all(writer.memory(s).__array_interface__["data"][0] % mmap.PAGESIZE == 0 for s in range(256))
    assert writer.free() == list(range(256))
    writer.memory(254)[:] = 255
    assert places.objects[255] == bytes(mmap.PAGESIZE)
    places.release()
    writer.close()


def test_a_reader_finds_the_slots_where_the_writer_has_them() -> None:
    writer = SlotWriter(5000, 3)
    places = borrowed(writer)
    reader = SlotReader(writer.fd, 5000, 3)
    writer.memory(2)[:] = 7
    writer.hand_over(2)
    assert reader.pixels(2, (50, 100), "uint8").min() == 7  # type: ignore[arg-type]
    places.release()
    writer.close()


def test_the_memory_goes_when_nobody_holds_a_bytes_object() -> None:
    gc.collect()  # what earlier tests have left would go meanwhile
    before = mappings()
    for _ in range(10):
        writer = SlotWriter(100_000, 8)
        places = borrowed(writer)
        assert mappings() > before
        places.release()
        places.release()
        writer.close()
        del writer, places
        gc.collect()
        assert mappings() == before


def test_the_memory_stays_when_somebody_still_holds_one() -> None:
    writer = SlotWriter(5000, 3)
    places = borrowed(writer)
    writer.memory(1)[:] = 66
    held = places.objects[1]
    gone = weakref.ref(writer)
    places.release()
    writer.close()
    del writer, places
    gc.collect()
    assert gone() is None
    assert held == b"B" * 5000
