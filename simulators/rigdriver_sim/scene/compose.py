"""One live frame from the maps of its lamps: light added up, noise drawn, pixels written, in one pass over the rows.

In: a map and a share of each lamp that shone, a tile of noise, the sensor's numbers. Out: pixel values in a slot. It
costs the same for every light and keeps nothing: whatever is remembered from one exposure for the next is forgotten in
the frame where time is short. Not here: where maps come from (see bank.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.hits import Floats32
from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.noise import mix
from rigdriver_sim.scene.pods import AMBIENT, LAMPS
from rigdriver_sim.scene.spec import SensorSpec

Codes = npt.NDArray[np.uint16]

FULL_CODES = 4.0
"""A map's largest code stands for so many full wells."""
TILE_COUNT = 1 << 20
"""Places in the noise tile at which a row may begin; a power of two."""
MOST_LAMPS = len({*LAMPS, AMBIENT})


def sensor_numbers(sensor: SensorSpec, full_scale: int) -> Floats32:
    """Return what `compose` must know of a sensor, in pixel values."""
    per_e = 10 ** (sensor.gain_db / 20) * full_scale / sensor.full_well_e
    # Value = m + sqrt(m * per_e + (read noise)^2) z + black, all in pixel values; z comes in 1/31.
    return np.array(
        [
            FULL_CODES * sensor.full_well_e / 65535 * per_e,
            per_e,
            (sensor.read_noise_e * per_e) ** 2,
            sensor.black_level * full_scale + 0.5,
            full_scale,
            sensor.full_well_e * per_e,
        ],
        np.float32,
    )


def compose(
    maps: Sequence[Codes],
    shares: Sequence[npt.ArrayLike],
    tile: npt.NDArray[np.int8],
    key: np.uint64,
    numbers: Floats32,
    out: npt.NDArray[np.generic],
) -> None:
    """Fill `out`, (H, W) uint8 or uint16, with the light of all maps, (H, W) each, at its share: a number or (H,)."""
    count, height = len(maps), out.shape[0]
    assert count <= MOST_LAMPS, "a scene has no more lamps"
    by_row = np.zeros((MOST_LAMPS, height), np.float32)
    for lamp, share in enumerate(shares):
        by_row[lamp] = share
    # Always the same types, or the compiler would start anew, and last for seconds, when another lamp comes on.
    sources = [_plain(codes) for codes in maps] or [np.zeros(out.shape, np.uint16)]
    sources += [sources[0]] * (MOST_LAMPS - len(sources))
    _compose(tuple(sources), by_row, count, tile, key, numbers, out)


def _plain(codes: Codes) -> Codes:
    plain = np.asarray(codes).view()
    plain.flags.writeable = False
    return plain


@kernel
def _compose(
    maps: tuple[Codes, ...],
    shares: Floats32,
    count: int,
    tile: npt.NDArray[np.int8],
    key: np.uint64,
    numbers: Floats32,
    out: npt.NDArray[np.generic],
) -> None:
    height, width = out.shape
    total = np.empty(width, np.float32)
    for row in range(height):
        total[:] = np.float32(0.0)
        for lamp in range(count):
            _add(maps[lamp][row], shares[lamp, row], total)
        start = int(mix(key, np.uint64(row)) & np.uint64(TILE_COUNT - 1))
        _digitise(total, tile[start : start + width], numbers, out[row])


@kernel
def _add(codes: Codes, share: np.float32, total: Floats32) -> None:
    for column in range(total.size):
        total[column] += share * np.float32(codes[column])


@kernel
def _digitise(total: Floats32, noise: npt.NDArray[np.int8], numbers: Floats32, out: npt.NDArray[np.generic]) -> None:
    scale, per_e, read2, black, top, well = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    unit = np.float32(1.0 / 31.0)
    zero, half, most = np.float32(0.0), np.float32(0.5), np.float32(65535.0)
    for column in range(total.size):
        code = np.uint16(min(total[column] + half, most))
        mean = min(np.float32(code) * scale, well)
        # EMVA 1288: the variance of shot noise is its mean in
        # electrons, hence mean * per_e in squared pixel values.
        value = mean + np.sqrt(mean * per_e + read2) * (np.float32(noise[column]) * unit) + black
        out[column] = np.uint16(np.int32(min(max(value, zero), top)))
