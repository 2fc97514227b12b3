"""Random numbers that are a function of their place, not of the order of the calls.

In: a seed, names, indices. Out: 64 hashed bits, uniform and normal numbers. Counter-based (SplitMix64's finaliser), so
any pixel of any exposure can be drawn alone, by any thread, on any Python, with the same result.
"""

from __future__ import annotations

import hashlib
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.kernel import kernel

NORMAL_BITS = 14
# SplitMix64's constants (Steele, Lea and Flood 2014).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


def key_of(*parts: int | str) -> int:
    """Return 64 bits that depend on every part and on their order."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(*parts: int | str) -> np.random.Generator:
    """Return a generator of its own for what the parts name."""
    return np.random.Generator(np.random.PCG64(key_of(*parts)))


@kernel
def mix(key: np.uint64, index: np.uint64) -> np.uint64:
    """Return the 64 random bits that stand at `index` of the stream `key`."""
    z = key + (index + np.uint64(1)) * _GOLDEN
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@kernel
def uniform(bits: np.uint64) -> float:
    """Return a number in [0, 1) from 64 bits."""
    # The 53 bits that a double holds, times 2^-53.
    return float(bits >> _S11) * 1.1102230246251565e-16


def normal_table() -> npt.NDArray[np.float32]:
    """Return the quantiles of the standard normal distribution, (2**NORMAL_BITS,) float32, of unit variance."""
    count = 1 << NORMAL_BITS
    dist = NormalDist()
    # Quantiles at the middles of equal shares lack the outermost tails, so the table is scaled to unit variance
    # below.
    half = np.array([dist.inv_cdf((i + 0.5) / count) for i in range(count // 2)])
    table = np.concatenate([half, -half[::-1]])
    # Rounded so that a last-digit difference between two maths libraries cannot show.
    rounded: npt.NDArray[np.float32] = np.round(table / np.sqrt(np.mean(table**2)), 6).astype(np.float32)
    return rounded


@kernel
def fill_normal_codes(key: np.uint64, table: npt.NDArray[np.float32], out: npt.NDArray[np.int8]) -> None:
    """Fill `out`, (N,) int8, with normal deviates in units of 1/31 standard deviation."""
    shift = np.uint64(64 - NORMAL_BITS)
    for i in range(out.size):
        z = table[mix(key, np.uint64(i)) >> shift] * np.float32(31.0)
        out[i] = np.int8(max(-127.0, min(127.0, np.rint(z))))
