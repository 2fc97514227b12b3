"""Image files are decoded as OpenCV does, and a header that announces too much is refused before that.

In: images of every kind, and headers that lie. Out: samples, or one sentence.
"""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from rigdriver.errors import UsageError
from rigdriver.images.decoding import decode
from rigdriver.images.folder import read_image

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".bmp", ".jpg"])
@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_image_is_decoded_as_opencv_does(tmp_path, suffix, shape, dtype):
    if dtype == np.uint16 and suffix in (".bmp", ".jpg"):
        dtype = np.uint8
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), RNG.integers(0, np.iinfo(dtype).max, shape).astype(dtype))
    assert np.array_equal(decode(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


def png(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


def tiff(width: int, height: int, **tags: int) -> bytes:
    entries = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 10}
    entries |= {int(tag.lstrip("t")): value for tag, value in tags.items()}
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + rows + struct.pack("<I", 0)


def jpeg(width: int, height: int) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    return b"\xff\xd8" + b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


@pytest.mark.parametrize(
    "raw",
    [
        png(65_000, 65_000),
        png(2**31 - 1, 2**31 - 1),
        png(20_000, 20_000, 16, 6),
        bmp(65_000, 65_000),
        bmp(65_000, -65_000),
        tiff(65_000, 65_000),
        tiff(100, 100, t322=2**30, t323=2**30),
        jpeg(65_000, 65_000),
    ],
    ids=["png", "png largest", "png rgba 16", "bmp", "bmp upside down", "tiff", "tiff tiles", "jpeg"],
)
def test_a_header_that_announces_too_many_pixels_is_refused_before_they_are_decoded(tmp_path, raw):
    path = tmp_path / "a.png"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=r"a\.png: its header announces \d+ x \d+ pixels; expected .* remove it"):
        read_image(path)


@pytest.mark.parametrize(
    "raw",
    [b"", b"x", b"\x89PNG\r\n\x1a\n", b"BM", b"\xff\xd8", b"\xff\xd8\xff\xff\xff", b"II*\0", b"II*\0\xff\xff\xff\xff"]
    + [maker(40, 30)[:length] for maker in (png, bmp, tiff, jpeg) for length in (20, 40, 60)],
)
def test_what_is_no_whole_image_is_one_sentence(tmp_path, raw):
    path = tmp_path / "a.png"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match="cannot be read as an image"):
        read_image(path)


def test_a_png_chunk_that_is_longer_than_the_file_is_refused_before_room_is_made_for_it(tmp_path, monkeypatch):
    raw = bytearray(png(40, 30))
    raw[33:37] = struct.pack(">I", 0x63000923)
    path = tmp_path / "a.png"
    path.write_bytes(raw)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the decoder was called"))
    with pytest.raises(UsageError, match="cannot be read as an image"):
        read_image(path)


def test_bytes_after_the_end_of_a_png_do_not_matter(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((7, 9), 5, np.uint8))
    path.write_bytes(path.read_bytes() + b"tail")
    assert (read_image(path) == 5).all()
