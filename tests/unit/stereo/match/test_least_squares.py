"""The numerical core piece by piece, each against numbers worked out another way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rigdriver.stereo.cells import CELL_PX, CORRELATION, MIDDLE_PX, QUALITIES, Limits
from rigdriver.stereo.match.field import settle, sharpen
from rigdriver.stereo.match.grow import grow_field
from rigdriver.stereo.match.products import MID, SUM, SUMS, sum_cells, sum_rows
from rigdriver.stereo.match.step import take_step
from rigdriver.stereo.match.windows import TAPS

ROWS, COLUMNS = 24, 40
SIZE = (CELL_PX * ROWS, CELL_PX * COLUMNS)
LIMITS = Limits(reach_px=2.5, correlation=0.85, fullness=0.35, steepest=4.0)
DARK = -200.0


def speckle(seed=5):
    raw = np.random.default_rng(seed).uniform(0, 255, SIZE).astype(np.float32)
    return cv2.GaussianBlur(raw, (0, 0), 1.5) * 3 - 250


def moved(left, disparity):
    """The right image of a surface: right(x - d(x)) = left(x), for disparities that change slowly."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    at = x.copy()
    for _ in range(20):
        at = x + cv2.remap(disparity.astype(np.float32), at, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.remap(left, at, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


class Field:
    """Arrays of one level, and what a test asks of them."""

    def __init__(self, d=0.0):
        self.planes = np.zeros((3, ROWS, COLUMNS), np.float32)
        self.planes[0] = d
        self.has = np.ones((ROWS, COLUMNS), np.uint8)
        self.quality = np.zeros((QUALITIES, ROWS, COLUMNS), np.float32)
        self.spans = np.tile(np.array([0, COLUMNS], np.int32), (ROWS, 1))
        self.sums = np.zeros((ROWS, SUMS, COLUMNS), np.float32)
        self.step = np.zeros((3, ROWS, COLUMNS), np.float32)

    def take_step(self, left, right):
        take_step(
            left, right, self.planes, self.has, self.quality, self.spans, TAPS, DARK, 0.0, LIMITS, self.sums, self.step
        )

    def grow(self, left, right, rounds, least_correlation=0.0):
        places, maps = np.zeros((2, ROWS * COLUMNS, 2), np.int32), np.zeros((3, ROWS + 2, COLUMNS + 2), np.uint8)
        return grow_field(
            left,
            right,
            self.planes,
            self.has,
            self.quality,
            self.sums,
            TAPS,
            DARK,
            LIMITS,
            least_correlation,
            rounds,
            places,
            maps,
        )


def middles(disparity):
    """A map's value in the middle of each cell."""
    blocks = disparity.reshape(ROWS, CELL_PX, COLUMNS, CELL_PX)
    return blocks[:, 1:3, :, 1:3].mean(axis=(1, 3))


def inside(array):
    return array[4:-4, 6:-6]


def smoothed(image):
    """(1 4 1) / 6 along the rows: what both images are read through where disparities are whole pixels."""
    return cv2.sepFilter2D(image, -1, np.array([1, 4, 1], np.float32) / 6, np.ones(1, np.float32)) - float(MID)


def test_sums_of_whole_pixel_disparities_are_those_of_smoothed_images():
    left, right = speckle(1), speckle(2)
    f = Field(3.0)
    sum_rows(left, right, f.planes, f.has, f.quality, f.spans, DARK, 0.0, (0, ROWS), f.sums)
    a, b = smoothed(left), np.roll(smoothed(right), 3, axis=1)
    slope = np.roll(np.gradient(right, axis=1), 3, axis=1)
    wanted = {
        SUM.left: a, SUM.right: b, SUM.g: slope, SUM.left2: a * a, SUM.left_right: a * b, SUM.right2: b * b,
    }  # fmt: skip
    for plane, image in wanted.items():
        cells = image.reshape(ROWS, CELL_PX, COLUMNS, CELL_PX).sum(axis=(1, 3))
        assert inside(f.sums[:, plane]) == pytest.approx(inside(cells), rel=1e-4, abs=1e-4 * float(np.abs(cells).max()))


def test_sums_of_listed_cells_are_those_of_rows():
    left, right = speckle(1), speckle(2)
    f = Field(2.4)
    f.planes[1:] = np.random.default_rng(3).normal(0, 0.2, (2, ROWS, COLUMNS))
    sum_rows(left, right, f.planes, f.has, f.quality, f.spans, DARK, 0.0, (0, ROWS), f.sums)
    listed = np.zeros_like(f.sums)
    places = np.argwhere(f.has).astype(np.int32)[::-1].copy()
    sum_cells(left, right, f.planes, places, len(places), DARK, listed)
    # Columns at the border differ: one reads the border's pixel twice, the other does not smooth it.
    for n, mine in enumerate(np.moveaxis(listed[:, :, 1:-1], 1, 0)):
        assert mine == pytest.approx(f.sums[:, n, 1:-1], rel=2e-3, abs=2e-3 * float(np.abs(f.sums[:, n]).max()))


def test_a_cell_that_is_dark_or_leaves_the_image_does_not_count():
    left, right = speckle(1), speckle(2)
    left[40, 50] = -1000.0
    f = Field(3.0)
    f.planes[0, 2, 20] = 500.0
    sum_rows(left, right, f.planes, f.has, f.quality, f.spans, DARK, 0.0, (0, ROWS), f.sums)
    assert not f.sums[10, :, 12].any()
    assert not f.sums[2, :, 20].any()
    assert f.sums[10, SUM.counted, 14] == 1


def test_a_slanted_plane_is_found_to_hundredths_of_a_pixel_with_its_slopes():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    truth = 2.0 + 0.03 * (x - 80) - 0.02 * (y - 48)
    left = speckle()
    right = moved(left, truth)
    f = Field(2.0)
    f.planes[0] = middles(truth) + 0.3
    for _ in range(3):
        settle(f.planes, f.has, f.spans, f.step)
        f.planes, f.step = f.step, f.planes
        f.take_step(left, right)
    wrong = inside(f.planes[0] - middles(truth))
    assert inside(f.has).all()
    assert np.sqrt(np.mean(wrong**2)) < 0.02
    assert np.median(inside(f.planes[1])) == pytest.approx(0.03, abs=0.004)
    assert np.median(inside(f.planes[2])) == pytest.approx(-0.02, abs=0.004)


def test_what_the_windows_smooth_away_of_a_bent_surface_is_taken_back():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    truth = 3.0 - 0.004 * ((x - 80.0) ** 2 + (y - 48.0) ** 2) / 2
    left = speckle()
    right = moved(left, truth)
    f = Field()
    # From a flat start one step falls short by what the surface bends within a window.
    f.planes[0] = middles(truth)
    f.planes[0] += 0.004 * ((np.arange(COLUMNS) * CELL_PX - 78.5) ** 2 / 2)[None, :]
    f.planes[0] += 0.004 * ((np.arange(ROWS) * CELL_PX - 46.5) ** 2 / 2)[:, None]
    middle = (slice(9, 15), slice(17, 23))
    f.take_step(left, right)
    before = (f.planes[0] - middles(truth))[middle].mean()
    sharpen(f.planes, f.step, f.has, f.spans, TAPS)
    after = (f.planes[0] - middles(truth))[middle].mean()
    assert before < -0.05
    assert abs(after) < 0.35 * abs(before)


def test_a_field_grows_from_one_corner_over_the_whole_surface():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    truth = 2.0 + 0.15 * (x - 80) + 0.01 * (y - 48) ** 2 / 4
    left = speckle()
    right = moved(left, truth)
    f = Field()
    f.planes[0] = middles(truth)
    f.planes[1] = 0.15
    f.has[:] = 0
    f.has[8:16, 16:24] = 1
    f.take_step(left, right)
    added = f.grow(left, right, rounds=30)
    grown = f.has.astype(bool)
    assert added == grown.sum() - 64
    assert inside(grown).mean() > 0.97
    wrong = inside(np.where(grown, f.planes[0] - middles(truth), np.nan))
    assert np.nanmedian(np.abs(wrong)) < 0.03
    assert np.nanpercentile(np.abs(wrong), 99) < 0.3


def test_slopes_of_grown_cells_follow_a_surface_that_turns_away():
    x = np.mgrid[: SIZE[0], : SIZE[1]][1]
    truth = 2.0 + 0.02 * (x - 60.0) ** 2 / 4
    left = speckle()
    right = moved(left, truth)
    f = Field()
    f.planes[0] = middles(truth)
    f.has[:] = 0
    f.has[8:16, 12:18] = 1
    f.take_step(left, right)
    f.grow(left, right, rounds=30)
    far = (slice(4, -4), slice(26, -6))
    assert f.has[far].mean() > 0.97
    slopes = 0.01 * (np.arange(COLUMNS) * CELL_PX + MIDDLE_PX - 60.0)
    # The step alone leaves 0.08: of a slope that is wrong in all cells alike, windows remove a twentieth.
    assert np.median(np.abs(f.planes[1] - slopes)[far]) < 0.03


def test_a_field_does_not_grow_over_what_matches_nothing():
    left = speckle()
    right = moved(left, np.full(SIZE, 2.0))
    right[:, : SIZE[1] // 2] = speckle(99)[:, : SIZE[1] // 2]
    f = Field(2.0)
    f.has[:, : 3 * COLUMNS // 4] = 0
    f.take_step(left, right)
    f.grow(left, right, rounds=30)
    assert f.has[4:-4, COLUMNS // 2 + 2 : -6].mean() > 0.97
    # Half a window further than the surface reaches, not more.
    assert not f.has[:, : COLUMNS // 2 - 3].any()


def test_planes_in_doubt_fall_and_better_ones_grow_in_their_place():
    left = speckle()
    right = moved(left, np.full(SIZE, 2.0))
    f = Field(2.0)
    f.take_step(left, right)
    f.planes[0, 8:12, 16:20] = 9.0
    f.quality[CORRELATION, 8:12, 16:20] = 0.5
    assert f.grow(left, right, rounds=8, least_correlation=0.9) >= 16
    assert f.planes[0, 8:12, 16:20] == pytest.approx(2.0, abs=0.05)
