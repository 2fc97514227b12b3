"""How a buffer's time stamp becomes nanoseconds, and when it is no time stamp at all.

In: buffers with the properties that a producer gives. Out: the stamp in ns, or None; never a silent 0.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rigdriver.devices.camera_process.buffer_reading import BufferReader, Defaults, Peer

UNKNOWN = (1 << 64) - 1
PEER = Peer((LookupError,), multi_part=object(), image_part=object())


def stamp(defaults: Defaults, chunks: dict[str, int | float] | None = None, **properties: int) -> int | None:
    buffer = SimpleNamespace(
        raw_buffer=bytes(12), payload_type=1, width=4, height=3, delivered_image_height=3, padding_x=0,
        pixel_format=1, image_offset=0, frame_id=5, is_complete=lambda: True,
        **{"timestamp_ns": UNKNOWN, "timestamp": UNKNOWN, **properties},
    )  # fmt: skip
    reader = BufferReader(PEER)
    reader.begin(defaults)
    return reader.image(buffer, chunks or {}, None).t_camera_ns


def test_nanoseconds_of_the_producer_are_taken_as_they_are() -> None:
    assert stamp(Defaults(), timestamp_ns=123) == 123


def test_ticks_are_turned_into_nanoseconds_where_their_length_is_known() -> None:
    assert stamp(Defaults(tick_ns=8.0), timestamp=1000) == 8000


@pytest.mark.parametrize(
    ("tick_ns", "properties"),
    [
        (0.0, {"timestamp": 1000}),
        (8.0, {"timestamp": 0}),
        (8.0, {}),
        (0.0, {"timestamp_ns": 0}),
        (1e-9, {"timestamp": 9}),
    ],
    ids=["ticks of no known length", "ticks of 0", "nothing", "nanoseconds of 0", "a frequency that cannot be"],
)
def test_what_is_no_time_stamp_is_none_and_not_0(tick_ns: float, properties: dict[str, int]) -> None:
    assert stamp(Defaults(tick_ns=tick_ns), None, **properties) is None


@pytest.mark.parametrize(("tick_ns", "expected"), [(1.0, 700), (8.0, 5600)])
def test_the_chunk_comes_first_and_counts_in_the_camera_s_own_ticks(tick_ns: float, expected: int) -> None:
    assert stamp(Defaults(chunk_tick_ns=tick_ns), {"Timestamp": 700}, timestamp_ns=1) == expected
