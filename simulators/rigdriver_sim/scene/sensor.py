"""The sensor: from collected electrons to pixel values, with its noise.

In: electrons per pixel, a sensor, the camera's name and the ordinal of its exposure. Out: pixel values. Noise is a
function of (seed, camera, ordinal, pixel) alone, so it is the same in any order, on any Python, with any number of
threads. Shot noise: exact Poisson below 20 electrons, above it a normal deviate with the second-order (skewness) term.
Read noise is normal; nine in ten dead pixels are dark, one is hot.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.hits import Floats32
from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.noise import NORMAL_BITS, generator, key_of, mix, normal_table, uniform
from rigdriver_sim.scene.spec import SensorSpec

EXACT_BELOW_E = 20.0
"""Fewer electrons are drawn from Poisson's distribution itself, more from a normal one with its skewness."""


@lru_cache(maxsize=1)
def _quantiles() -> Floats32:
    table = normal_table()
    table.flags.writeable = False
    return table


@lru_cache(maxsize=32)
def dead_pixels(spec: SensorSpec, seed: int, camera: str, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Return the places, (N,) int64, of a camera's dead pixels in the flat image; every tenth is hot."""
    count = round(spec.dead_pixels_ppm * 1e-6 * shape[0] * shape[1])
    places = generator("dead", seed, camera).choice(shape[0] * shape[1], count, replace=False)
    places.flags.writeable = False
    return places


def digitise(
    electrons: Floats32, spec: SensorSpec, bits: int, seed: int, camera: str, ordinal: int
) -> npt.NDArray[np.uint16]:
    """Return the pixel values, (H, W) uint16, of an exposure, with exact noise."""
    full_scale = (1 << bits) - 1
    out = np.empty(electrons.shape, np.uint16)
    key = np.uint64(key_of("noise", seed, camera, ordinal))
    gain = 10 ** (spec.gain_db / 20)
    _digitise(
        electrons, _quantiles(), key, spec.read_noise_e, spec.full_well_e, gain * full_scale / spec.full_well_e,
        spec.black_level * full_scale, full_scale, out,
    )  # fmt: skip
    kill_pixels(out, spec, seed, camera, full_scale)
    return out


def kill_pixels(image: npt.NDArray[np.generic], spec: SensorSpec, seed: int, camera: str, full_scale: int) -> None:
    """Overwrite the dead pixels of an image, (H, W), in place."""
    places = dead_pixels(spec, seed, camera, (image.shape[0], image.shape[1]))
    values = np.where(np.arange(len(places)) % 10 == 9, full_scale, 0).astype(image.dtype)
    image[places // image.shape[1], places % image.shape[1]] = values


@kernel
def _poisson(mean: float, chance: float) -> float:
    """Return a Poisson number by inversion; exp(-mean) is made here, so that its bits are the same everywhere."""
    small = -mean / 1024.0
    power = 1.0 + small * (1.0 + small * (0.5 + small * (1.0 / 6.0 + small / 24.0)))
    for _ in range(10):
        power *= power
    count = 0.0
    below = power
    while chance > below and count < 100.0:
        count += 1.0
        power *= mean / count
        below += power
    return count


@kernel
def _digitise(
    electrons: Floats32,
    table: Floats32,
    key: np.uint64,
    read_noise: float,
    full_well: float,
    values_per_e: float,
    black: float,
    top: float,
    out: npt.NDArray[np.uint16],
) -> None:
    height, width = electrons.shape
    high = np.uint64(64 - NORMAL_BITS)
    low_mask = np.uint64((1 << NORMAL_BITS) - 1)
    for row in range(height):
        for column in range(width):
            bits = mix(key, np.uint64(row * width + column))
            mean = float(electrons[row, column])
            if mean < EXACT_BELOW_E:
                got = _poisson(mean, uniform(bits & ~low_mask)) if mean > 0.0 else 0.0
            else:
                z = float(table[bits >> high])
                # Cornish and Fisher (1938): Poisson's skewness, 1 / sqrt(mean), adds (z^2 - 1) / 6.
                got = mean + np.sqrt(mean) * z + (z * z - 1.0) / 6.0
            got = min(got, full_well)
            # Other bits than the shot noise had, so that the two do not depend on each other.
            got += read_noise * float(table[bits & low_mask])
            value = np.floor(got * values_per_e + black + 0.5)
            out[row, column] = np.uint16(min(max(value, 0.0), top))
