"""The simulator's own pixel formats: the length of an image, and its bytes bit by bit.

In: numbers of every size. Out: the bytes that this file packs once more, one bit at a time, from the drawings of PFNC
and GigE Vision. The driver's arithmetic is no part of this.
"""

import numpy as np
import pytest

from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS


def bits_of(known, values):
    """All bits of a row of pixels in the order of the link, lowest bit of the first byte first."""
    if known.packing == "p":
        return [v >> k & 1 for v in values for k in range(known.bits)]
    low = known.bits - 8
    bits = []
    for n in range(0, len(values), 2):
        pair = values[n : n + 2]
        bits += [pair[0] >> low + k & 1 for k in range(8)]
        for value in pair:
            bits += [value >> k & 1 if k < low else 0 for k in range(4)]
        bits += [pair[1] >> low + k & 1 for k in range(8)] if len(pair) == 2 else []
    return bits


def packed(known, pixels, row_align):
    if row_align == 1:
        bits = bits_of(known, pixels.ravel().tolist())
        return np.packbits(np.array(bits, np.uint8), bitorder="little")
    rows = []
    for line in pixels:
        row = np.packbits(np.array(bits_of(known, line.tolist()), np.uint8), bitorder="little")
        rows.append(np.pad(row, (0, -len(row) % row_align)))
    return np.concatenate(rows)


@pytest.mark.parametrize("name", [name for name, known in PIXEL_FORMATS.items() if known.packing])
@pytest.mark.parametrize("row_align", [1, 8])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (16, 8), (17, 5), (642, 3)])
def test_packed_images_have_the_bytes_that_the_standards_draw(name, row_align, size):
    known, (width, height) = PIXEL_FORMATS[name], size
    pixels = np.random.default_rng(1).integers(0, known.max_dn + 1, (height, width)).astype(known.dtype)
    sent = known.encode(pixels, row_align)
    assert len(sent) == known.padded_bytes(width, height, row_align)
    assert sent.tolist() == packed(known, pixels, row_align).tolist()


@pytest.mark.parametrize("name", [name for name, known in PIXEL_FORMATS.items() if not known.packing])
def test_rows_of_whole_bytes_are_padded_at_their_ends(name):
    known = PIXEL_FORMATS[name]
    pixels = np.arange(3 * 5).reshape(3, 5).astype(known.dtype)
    rows = known.encode(pixels, 8).reshape(3, -1)
    assert rows.shape[1] % 8 == 0
    assert rows[:, : pixels.itemsize * 5].copy().view(known.dtype).tolist() == pixels.tolist()


@pytest.mark.parametrize(
    ("name", "size", "length"),
    [("Mono10p", (1282, 1026), 1_644_165), ("Mono12p", (641, 481), 462_482), ("Mono12Packed", (3, 3), 14)],
)
def test_an_image_is_one_stream_of_bits_rounded_up_once(name, size, length):
    assert PIXEL_FORMATS[name].image_bytes(*size) == length
