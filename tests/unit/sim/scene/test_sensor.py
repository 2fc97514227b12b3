"""Light and noise against closed formulas.

In: light in electrons, and fixed seeds. Out: moments of the noise within stated bounds, and exposures that add up.
"""

import math

import cv2
import numpy as np
import pytest

from rigdriver_sim.scene.light import overlap_us, row_overlap_us, slide, slide_value
from rigdriver_sim.scene.noise import key_of, normal_table
from rigdriver_sim.scene.psf import blur
from rigdriver_sim.scene.render import expose
from rigdriver_sim.scene.sensor import dead_pixels, digitise
from rigdriver_sim.scene.spec import SensorSpec

SIDE = 400
CLEAN = SensorSpec(dead_pixels_ppm=0.0, read_noise_e=0.0, black_level=0.0, full_well_e=10_000.0)


def level(mean_e: float) -> np.ndarray:
    return np.full((SIDE, SIDE), mean_e, np.float32)


@pytest.mark.parametrize("mean_e", [0.7, 5.0, 19.0, 25.0, 200.0, 3000.0])
def test_shot_noise_has_the_mean_variance_and_skewness_of_poisson(mean_e: float) -> None:
    # One electron a pixel value: 12 bit, full well 4095.
    sensor = SensorSpec(dead_pixels_ppm=0.0, read_noise_e=0.0, black_level=0.0, full_well_e=4095.0)
    got = digitise(level(mean_e), sensor, 12, 1, "left_upper", 0).astype(float)
    count = got.size
    error_of_mean = math.sqrt(mean_e / count)
    assert abs(got.mean() - mean_e) < 5 * error_of_mean + 0.01
    # Rounding to whole electrons adds a twelfth where the deviate is not whole already.
    rounding = 1 / 12 if mean_e >= 20 else 0.0
    assert abs(got.var() - mean_e - rounding) < 0.03 * mean_e
    skewness = ((got - got.mean()) ** 3).mean() / got.std() ** 3
    assert abs(skewness - 1 / math.sqrt(mean_e)) < 0.03


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_noise_follows_the_photon_transfer_curve(bits: int) -> None:
    sensor = SensorSpec(dead_pixels_ppm=0.0, read_noise_e=12.0, black_level=0.02, full_well_e=10_000.0, gain_db=3.0)
    top = (1 << bits) - 1
    per_e = 10 ** (3 / 20) * top / 10_000
    for mean_e in (100.0, 1000.0, 5000.0):
        got = digitise(level(mean_e), sensor, bits, 3, "left_upper", 7).astype(float)
        assert abs(got.mean() - (mean_e * per_e + 0.02 * top)) < 0.02 * top / 100 + 0.1
        expected = (mean_e + 144.0) * per_e**2 + 1 / 12
        assert abs(got.var() / expected - 1) < 0.04


def test_a_full_well_saturates_and_a_dark_one_stays_at_black() -> None:
    sensor = SensorSpec(dead_pixels_ppm=0.0, read_noise_e=0.0, black_level=0.1)
    assert (digitise(level(50_000.0), sensor, 8, 1, "left_upper", 0) == 255).all()
    assert (digitise(level(0.0), sensor, 8, 1, "left_upper", 0) == 26).all()


def test_dead_pixels_are_as_many_as_asked_and_stay_where_they_are() -> None:
    sensor = SensorSpec(dead_pixels_ppm=1000.0)
    images = [digitise(level(4000.0), sensor, 8, 1, "left_upper", ordinal) for ordinal in (0, 1)]
    places = dead_pixels(sensor, 1, "left_upper", (SIDE, SIDE))
    assert len(set(places.tolist())) == 160
    for image in images:
        assert (np.isin(image.ravel()[places], (0, 255))).all()
        assert (image.ravel()[places] == 255).sum() == 16


def test_noise_depends_on_seed_camera_and_ordinal_alone() -> None:
    def image(seed: int, camera: str, ordinal: int) -> np.ndarray:
        return digitise(level(4000.0), CLEAN, 8, seed, camera, ordinal)

    assert np.array_equal(image(1, "left_upper", 5), image(1, "left_upper", 5))
    for other in (image(2, "left_upper", 5), image(1, "left_lower", 5), image(1, "left_upper", 6)):
        different = image(1, "left_upper", 5).astype(float) - other
        assert abs(np.corrcoef(image(1, "left_upper", 5).ravel(), other.ravel())[0, 1]) < 0.02
        assert different.std() > 1


def test_names_cannot_run_into_each_other() -> None:
    assert key_of("a", "bc") != key_of("ab", "c")
    assert key_of(1, "2") != key_of("1", 2)


def test_the_table_of_normal_numbers_is_normal() -> None:
    table = normal_table().astype(float)
    assert abs(table.mean()) < 1e-6
    assert abs(table.var() - 1) < 1e-5
    assert abs((table**4).mean() - 3) < 0.03


def test_a_flash_counts_as_long_as_it_shines_into_the_exposure() -> None:
    assert overlap_us(1_000_000, 2_000_000, 500_000, 2_500_000) == 1000.0
    assert overlap_us(1_000_000, 2_000_000, 1_500_000, 3_000_000) == 500.0
    assert overlap_us(1_000_000, 2_000_000, 2_000_000, 3_000_000) == 0.0


def test_a_rolling_shutter_gives_each_row_its_own_share() -> None:
    shares = row_overlap_us(0, 1_000_000, 500_000, 1_500_000, row_time_us=1.0, rows=700)
    assert np.allclose(shares, np.maximum(0, 500 - np.arange(700)))


def test_an_exposure_adds_its_lamps_in_proportion() -> None:
    maps = {"left_white": level(3000.0), "ambient": level(100.0)}
    assert np.allclose(expose(maps, {"left_white": 900.0, "ambient": 1800.0}, 1800.0), 1600.0)
    assert not expose(maps, {"left_white": 0.0}, 1800.0).any()
    rows = np.linspace(0, 1800, SIDE)
    assert np.allclose(expose(maps, {"left_white": rows}, 1800.0)[:, 7], rows / 1800 * 3000, rtol=1e-5)


def test_the_lens_blurs_as_opencv_does() -> None:
    image = np.random.default_rng(1).uniform(0, 100, (80, 90)).astype(np.float32)
    ours = blur(image.copy(), 0.8)
    theirs = cv2.GaussianBlur(image, (7, 7), 0.8, borderType=cv2.BORDER_REPLICATE)
    assert np.abs(ours - theirs).max() < 0.02


def test_speckle_has_the_grain_that_was_asked_for() -> None:
    grains = slide(1, "left_pattern")
    steps = np.arange(1024) * 0.25
    line = np.array([[slide_value(grains, u, 7.3 * row) for u in steps] for row in range(60)])
    line -= line.mean()
    correlation = [(line[:, : 1024 - k] * line[:, k:]).mean() for k in range(12)]
    half = np.interp(0.5, (np.array(correlation) / correlation[0])[::-1], np.arange(12)[::-1] * 0.25)
    assert 1.7 < 2 * half < 2.05
    assert np.abs(line).max() < 1.1
    assert line.std() > 0.5


def test_the_two_projectors_have_different_slides() -> None:
    one, other = slide(1, "left_pattern").astype(float), slide(1, "right_pattern").astype(float)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.01
