"""Lost detail against a plain reference: the same numbers, to the bit, wherever cells stand and whatever the size."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from rigdriver.stereo.cells import CELL_PX
from rigdriver.stereo.match.field import LEAST_SPREAD, TAKEN_BACK
from rigdriver.stereo.match.lost import NOISE_AS_DETAIL, lost_detail
from rigdriver.stereo.match.windows import REACH, TAPS

Array = npt.NDArray[Any]
SIDE = 2 * REACH + 1
SHARES = TAPS / TAPS.sum()


def filtered(values: Array, taps: Array) -> Array:
    return np.asarray(cv2.sepFilter2D(values, -1, taps, taps, borderType=cv2.BORDER_CONSTANT), np.float32)


def windows(values: Array) -> Array:
    """Return the cells of the window about each cell, (h, w, SIDE^2)."""
    framed = np.pad(values, REACH)
    return np.lib.stride_tricks.sliding_window_view(framed, (SIDE, SIDE)).reshape(*values.shape, -1)


def weights_of(has: Array) -> Array:
    """Return the weights, (h, w, SIDE^2), of the value in the middle of the plane through each window."""
    w = (np.outer(TAPS, TAPS).ravel() * windows(has)).astype(np.float64)
    v, u = (CELL_PX * (n - REACH).ravel() for n in np.mgrid[:SIDE, :SIDE])
    s, su, sv, suu, suv, svv = (w @ p for p in (np.ones_like(u), u, v, u * u, u * v, v * v))
    c00, c01, c02 = suu * svv - suv * suv, suv * sv - su * svv, su * suv - suu * sv
    determinant = s * c00 + su * c01 + sv * c02
    is_plane = (determinant > LEAST_SPREAD * s * suu * svv)[..., None]
    at = c00[..., None] + c01[..., None] * u + c02[..., None] * v
    alone = np.arange(SIDE * SIDE) == SIDE * SIDE // 2
    return np.where(is_plane, w * at / np.where(is_plane, determinant[..., None], 1.0), alone).astype(np.float32)


def average(values: Array, has: Array) -> Array:
    """Return M of values: whole windows by the filter, the others by weights of their own."""
    there = np.where(has > 0, values, np.float32(0))
    weights, cells = weights_of(has), windows(there)
    total = np.zeros(has.shape, np.float32)
    for n in range(SIDE * SIDE):
        # Multiplied and added with one rounding, as processors do it: double precision holds the product.
        total = (weights[..., n].astype(np.float64) * cells[..., n] + total).astype(np.float32)
    is_whole = windows(has).all(axis=-1)
    return np.where(has > 0, np.where(is_whole, filtered(there, SHARES), total), np.float32(0))


def missing(values: Array, has: Array) -> Array:
    def rest(v: Array) -> Array:
        first = v - average(v, has)
        return np.asarray(first - TAKEN_BACK * average(first, has))

    return np.asarray(rest(values) + rest(rest(values)))


def pooled(values: Array, has: Array) -> Array:
    counted = has.astype(np.float32)
    return np.asarray(filtered(values * counted, TAPS) / np.maximum(filtered(counted, TAPS), 1e-6))


def reference(field: Array, step: Array, settled: Array, keep: Array, sigma_px: Array) -> Array:
    stood = settled & keep
    noise = (NOISE_AS_DETAIL * np.where(keep > 0, sigma_px, 0) ** 2).astype(np.float32)
    corrected = step[0] + TAKEN_BACK * (step[0] - average(step[0], stood))
    inner = np.lib.stride_tricks.sliding_window_view(np.pad(stood, 2 * REACH), (4 * REACH + 1, 4 * REACH + 1))
    square = np.where(
        inner.all(axis=(2, 3)),
        pooled(missing(corrected, stood) ** 2 - noise, stood),
        pooled(missing(field[0], keep) ** 2 - noise, keep),
    )
    return np.sqrt(np.where(keep > 0, np.maximum(square, 0), 0)).astype(np.float32)


def grids(seed: int, shape: tuple[int, int]) -> tuple[Array, Array, Array, Array, Array]:
    """Return a bent field with a step in it, corrections, ragged islands with holes, a grown rim, and noise."""
    chance = np.random.default_rng(seed)
    rough = cv2.GaussianBlur(chance.standard_normal(shape).astype(np.float32), (0, 0), 3.0)
    keep = (rough > -0.02).astype(np.uint8)
    keep[chance.random(shape) < 0.03] = 0
    settled = cv2.erode(keep, np.ones((3, 3), np.uint8)) | (chance.random(shape) < 0.5).astype(np.uint8)
    y, x = np.mgrid[: shape[0], : shape[1]]
    bent = 40 + 0.01 * (x - 20.0) ** 2 + np.sin(y / 3.0) + 5.0 * (x > y)
    field, step = (chance.normal(0, 0.1, (3, *shape)).astype(np.float32) for _ in range(2))
    field[0] += bent
    return field, step, settled.astype(np.uint8), keep, chance.uniform(0.01, 0.1, shape)


@pytest.mark.parametrize("shape", [(31, 16), (40, 61), (64, 83), (50, 128), (97, 45)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lost_detail_is_the_reference_to_the_bit(shape: tuple[int, int], seed: int) -> None:
    given = grids(seed, shape)
    np.testing.assert_array_equal(lost_detail(*given), reference(*given))


def test_lost_detail_of_one_small_island_is_the_reference_to_the_bit() -> None:
    field, step, settled, keep, sigma = grids(4, (90, 75))
    keep[:] = 0
    keep[40:61, 37:58] = 1
    found = lost_detail(field, step, settled, keep, sigma)
    np.testing.assert_array_equal(found, reference(field, step, settled, keep, sigma))
    assert (found > 0).any()


def test_nothing_is_lost_where_no_cell_is_kept() -> None:
    field, step, settled, keep, sigma = grids(5, (20, 33))
    assert not lost_detail(field, step, settled, np.zeros_like(keep), sigma).any()
