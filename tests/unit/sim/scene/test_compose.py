"""Composing a frame in one pass: the same bits as the formula written out, for any number of lamps.

In: random maps and shares, a tile of noise. Out: pixels equal to numpy's, step by step in single precision.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from rigdriver_sim.scene.compose import MOST_LAMPS, TILE_COUNT, Codes, compose, sensor_numbers
from rigdriver_sim.scene.noise import mix
from rigdriver_sim.scene.spec import SensorSpec

HEIGHT, WIDTH = 24, 40
KEY = np.uint64(77)


@pytest.fixture(scope="module")
def tile() -> npt.NDArray[np.int8]:
    return np.random.default_rng(1).integers(-90, 91, TILE_COUNT + WIDTH).astype(np.int8)


def written_out(
    maps: list[Codes], shares: list[npt.ArrayLike], tile: npt.NDArray[np.int8], numbers: npt.NDArray[np.float32]
) -> npt.NDArray[np.int64]:
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for codes, share in zip(maps, shares, strict=True):
        total += np.broadcast_to(np.asarray(share, np.float32), HEIGHT)[:, None] * codes.astype(np.float32)
    codes = np.minimum(total + np.float32(0.5), np.float32(65535)).astype(np.uint16)
    scale, per_e, read2, black, top, well = numbers
    starts = [int(mix(KEY, np.uint64(row))) & (TILE_COUNT - 1) for row in range(HEIGHT)]
    noise = np.stack([tile[start : start + WIDTH] for start in starts]).astype(np.float32) * np.float32(1 / 31)
    mean = np.minimum(codes.astype(np.float32) * scale, well)
    value = mean + np.sqrt(mean * per_e + read2) * noise + black
    return np.clip(value, 0, top).astype(np.int64)


@pytest.mark.parametrize("gain_db", [0.0, 3.0])  # without gain, full wells still show their noise
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("count", range(MOST_LAMPS + 1))
def test_pixels_are_those_of_the_formula_written_out(
    tile: npt.NDArray[np.int8], count: int, bits: int, gain_db: float
) -> None:
    draw = np.random.default_rng(count)
    maps: list[Codes] = [draw.integers(0, 20_000, (HEIGHT, WIDTH)).astype(np.uint16) for _ in range(count)]
    shares: list[npt.ArrayLike] = [draw.uniform(0, 1.5, HEIGHT if n % 2 else None) for n in range(count)]
    numbers = sensor_numbers(SensorSpec(gain_db=gain_db), (1 << bits) - 1)
    out = np.empty((HEIGHT, WIDTH), np.uint8 if bits == 8 else np.uint16)
    compose(maps, shares, tile, KEY, numbers, out)
    assert np.array_equal(out, written_out(maps, shares, tile, numbers))


def test_a_lamp_too_many_is_a_mistake_of_ours(tile: npt.NDArray[np.int8]) -> None:
    codes = np.zeros((HEIGHT, WIDTH), np.uint16)
    out = np.empty((HEIGHT, WIDTH), np.uint8)
    with pytest.raises(AssertionError, match="no more lamps"):
        compose([codes] * (MOST_LAMPS + 1), [1.0] * (MOST_LAMPS + 1), tile, KEY, sensor_numbers(SensorSpec(), 255), out)
