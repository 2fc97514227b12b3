"""The checksum of two parts from those of each, against `zlib`."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from rigdriver.recording.mcap.checksums import crc_of, joined_crc


@given(st.binary(), st.binary())
def test_two_parts_have_the_checksum_of_the_whole(first: bytes, second: bytes) -> None:
    assert joined_crc(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_long_parts_too() -> None:
    first, second = bytes(range(256)) * 999, b"\xff" * 3_145_728
    assert joined_crc(crc_of([first]), crc_of([second]), len(second)) == zlib.crc32(first + second)
