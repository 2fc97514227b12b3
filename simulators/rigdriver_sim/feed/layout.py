"""The feed's memory and messages as ctypes structures: a mirror of `gentl_producer/src/feed.h`, where it is drawn.

In: nothing. Out: structures to lay over shared memory, and `check_layout`, which compares them with what the built
library says of itself and refuses another layout. Not here: what the fields are used for (see feed.py).
"""

from __future__ import annotations

import ctypes

MAGIC = 0x4D495352
VERSION = 5
MAX_CAMERAS = 16
MAX_INTERFACES = 8
REGISTER_BYTES = 16384
EVENT_SLOTS = 32
CHUNKS = 8
SLOT_DATA = 4096
REQUEST_BYTES = 512
TEXT_BYTES = 240

# Registers that the producer itself reports through GenTL.
REG_VENDOR, REG_MODEL, REG_SERIAL, REG_VERSION, REG_USER_ID, REG_PAYLOAD = range(0, 0x180, 0x40)
TEXT_REGISTER = 56

OP_HELLO, OP_OPEN, OP_WRITE = 1, 2, 3

WHOLE_TIMEOUT = 2**32 - 1
"""Duration of a search that takes as long as the consumer allows."""

# What the producer is to do in its next call.
PLANT_NOTHING, PLANT_CRASH, PLANT_HANG = 0, 1, 2

_u32, _i32, _u64 = ctypes.c_uint32, ctypes.c_int32, ctypes.c_uint64


class Area(ctypes.Structure):
    _fields_ = (("offset", _u64), ("size", _u64))


class Feed(ctypes.Structure):
    _fields_ = (
        ("magic", _u32),
        ("version", _u32),
        ("size", _u64),
        ("camera_offset", _u64),
        ("camera_stride", _u64),
        ("camera_count", _u32),
        ("planted", _u32),
        ("module_xml", Area * 4),
        ("interface_count", _u32),
        ("search_ms", _u32),
        ("update_ms", _u32 * MAX_INTERFACES),
    )


class Event(ctypes.Structure):
    _fields_ = (("id", _u64), ("t_camera_ns", _u64), ("frame_id", _u64))


class Camera(ctypes.Structure):
    _fields_ = (
        ("is_present", _u32),
        ("plug_count", _u32),
        ("owner", _u32),
        ("is_streaming", _u32),
        ("doorbell", _u32),
        ("register_sequence", _u32),
        ("control_count", _u32),
        ("frames_written", _u64),
        ("frames_read", _u64),
        ("frames_dropped", _u64),
        ("packets_resent", _u64),
        ("frame_ahead", _u64),
        ("events_written", _u64),
        ("events_read", _u64),
        ("xml", Area),
        ("ring_offset", _u64),
        ("slot_stride", _u64),
        ("slot_count", _u64),
        ("tick_hz", _u64),
        ("interfaces", _u64),
        ("events", Event * EVENT_SLOTS),
        ("registers", ctypes.c_uint8 * REGISTER_BYTES),
    )


class Chunk(ctypes.Structure):
    _fields_ = (("id", _u64), ("offset", _u64), ("length", _u64))


class Slot(ctypes.Structure):
    _fields_ = (
        ("frame_id", _u64),
        ("stamp", _u64),
        ("pixel_format", _u64),
        ("width", _u64),
        ("height", _u64),
        ("delivered_height", _u64),
        ("x_offset", _u64),
        ("y_offset", _u64),
        ("x_padding", _u64),
        ("image_bytes", _u64),
        ("data_bytes", _u64),
        ("filled_bytes", _u64),
        ("painting", _u64),
        ("is_incomplete", _u32),
        ("chunk_count", _u32),
        ("chunks", Chunk * CHUNKS),
    )


class Request(ctypes.Structure):
    _fields_ = (
        ("magic", _u32),
        ("sequence", _u32),
        ("op", _u32),
        ("camera", _u32),
        ("address", _u64),
        ("length", _u32),
        ("reserved", _u32),
        ("data", ctypes.c_uint8 * REQUEST_BYTES),
    )


class Reply(ctypes.Structure):
    _fields_ = (
        ("magic", _u32),
        ("sequence", _u32),
        ("status", _i32),
        ("reserved", _u32),
        ("text", ctypes.c_char * TEXT_BYTES),
    )


class LayoutMismatch(RuntimeError):
    """The built producer has another layout than this package."""


def own_layout() -> dict[str, int]:
    """Return the sizes and places that the library reports, as this mirror has them."""
    sizes = {"feed": Feed, "camera": Camera, "slot": Slot, "chunk": Chunk, "event": Event}
    messages = {"request": Request, "reply": Reply}
    places = {
        "feed": ("camera_count", "planted", "module_xml"),
        "camera": (
            *("doorbell", "register_sequence", "frames_written"),
            *("events_written", "ring_offset", "events", "registers"),
        ),
        "slot": ("image_bytes", "chunks"),
        "request": ("data",),
        "reply": ("text",),
    }
    layout = {
        "magic": MAGIC,
        "version": VERSION,
        "register_bytes": REGISTER_BYTES,
        "event_slots": EVENT_SLOTS,
        "slot_data": SLOT_DATA,
    }
    layout |= {f"rigsim_{name}": ctypes.sizeof(kind) for name, kind in (sizes | messages).items()}
    for name, fields in places.items():
        layout |= {f"rigsim_{name}.{field}": getattr((sizes | messages)[name], field).offset for field in fields}
    return layout


def check_layout(told: str) -> None:
    """Compare with the text that `rigsim_layout()` gives.

    Raises:
        LayoutMismatch: the library was built from another layout.
    """
    theirs = {name: int(number) for name, number in (line.rsplit(" ", 1) for line in told.splitlines())}
    ours = own_layout()
    if wrong := sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name)):
        raise LayoutMismatch(
            f"rigsim.cti was built with another layout ({', '.join(wrong)}); build it again from these sources"
        )
