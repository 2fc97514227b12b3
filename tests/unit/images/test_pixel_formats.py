"""Unpacking, row padding and the table of PFNC formats.

In: numbers packed here, bit by bit, as PFNC and GigE Vision draw them. Out: the same numbers from the driver's
unpacking, whatever the width and the padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from harvesters.util.pfnc import dict_by_ints

from rigdriver.images.pixel_formats import BY_CODE, BY_NAME, copy_pixels

Array = npt.NDArray[Any]


def pack(values: Array, name: str) -> Array:
    """Pack samples bit by bit, as PFNC and GigE Vision draw them."""
    values = values.astype(int).reshape(-1)
    if name.endswith("p"):
        depth = int(name[-3:-1])
        bits = (values[:, None] >> np.arange(depth)) & 1
        return np.packbits(bits.reshape(-1).astype(np.uint8), bitorder="little")
    depth = 10 if "10" in name else 12
    low = depth - 8
    mask = (1 << low) - 1
    first, second = np.pad(values, (0, len(values) % 2)).reshape(-1, 2).T
    return np.stack([first >> low, first & mask | (second & mask) << 4, second >> low], 1).reshape(-1).astype(np.uint8)


def read(data: Array, name: str, width: int, height: int, padding: int = 0) -> Array:
    pixel_format = BY_NAME[name]
    out = np.full(pixel_format.image_bytes(width, height), 0xEE, np.uint8)
    copy_pixels(data, pixel_format, width, height, padding, out)
    return out.view(pixel_format.dtype).reshape(pixel_format.shape(width, height))


PACKED = ("Mono10p", "Mono12p", "Mono10Packed", "Mono12Packed", "BayerRG12p", "BayerGB10Packed")


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize(("width", "height"), [(8, 4), (400, 300), (2048, 97)])
def test_packed_formats_are_unpacked_to_the_same_values(name: str, width: int, height: int) -> None:
    depth = 10 if "10" in name else 12
    values = np.random.default_rng(5).integers(0, 1 << depth, (height, width), dtype=np.uint16)
    assert np.array_equal(read(pack(values, name), name, width, height), values)


@pytest.mark.parametrize("name", ["Mono10p", "Mono12p"])
@pytest.mark.parametrize(("width", "height"), [(7, 5), (1, 1), (3, 2), (6, 3)])
def test_a_group_may_go_over_the_end_of_a_row(name: str, width: int, height: int) -> None:
    values = np.random.default_rng(6).integers(0, 1024, (height, width), dtype=np.uint16)
    assert np.array_equal(read(pack(values, name), name, width, height), values)


@pytest.mark.parametrize("name", PACKED[:4])
@pytest.mark.parametrize("width", [8, 400, 5])
def test_packed_rows_with_padding_are_read_row_by_row(name: str, width: int) -> None:
    values = np.random.default_rng(7).integers(0, 1024, (3, width), dtype=np.uint16)
    row = BY_NAME[name].row_bytes(width)
    rows = [np.concatenate([pack(line, name)[:row], np.full(6, 0xAA, np.uint8)]) for line in values]
    assert np.array_equal(read(np.concatenate(rows), name, width, 3, padding=6), values)


@pytest.mark.parametrize(("name", "size"), [("Mono8", 1), ("BayerRG8", 1), ("Mono16", 2), ("RGB8", 3)])
def test_row_padding_is_removed(name: str, size: int) -> None:
    row = np.arange(10 * size, dtype=np.uint8)
    padded = np.tile(np.concatenate([row, np.full(5, 0xAA, np.uint8)]), 4)
    for data in (padded, padded[:-5]):  # the last row's padding may be missing
        pixels = read(data, name, 10, 4, padding=5)
        assert pixels.view(np.uint8).reshape(4, -1).tolist() == [row.tolist()] * 4


def test_colour_pixels_have_a_channel_axis() -> None:
    assert read(np.arange(24, dtype=np.uint8), "RGBa8", 3, 2).shape == (2, 3, 4)
    assert read(np.arange(6, dtype=np.uint8), "BayerRG8", 3, 2).shape == (2, 3)


def test_codes_and_names_are_those_of_the_naming_convention() -> None:
    assert {code: f.name for code, f in BY_CODE.items()} == {code: dict_by_ints[code] for code in BY_CODE}


def test_bits_a_pixel_agree_with_the_code_that_states_them() -> None:
    for f in BY_CODE.values():
        assert f.row_bytes(8) == ((f.code >> 16) & 0xFF) or "Packed" in f.name
