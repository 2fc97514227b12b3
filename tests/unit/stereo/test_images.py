"""Raw images of a pair in units of their pixel format: one hot pixel must not change what the others mean."""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver.errors import UsageError
from rigdriver.images.raw_image import RawImage
from rigdriver.stereo.geometry.rectify import default_volume, find_pairs, make_pair
from rigdriver.stereo.images import PairImages


@pytest.fixture(scope="module")
def pair(head):
    pod, names = next(iter(find_pairs(head.calibration).items()))
    return make_pair(head.calibration, pod, names, default_volume(head.calibration))


def rectified(pair, head, change, pixel_format):
    raw = [head.images[camera.name].astype(np.uint16) for camera in (pair.left, pair.right)]
    left, right = (RawImage(change(image), pixel_format) for image in raw)
    made = PairImages(pair).rectify(left, right)
    assert not made.problem
    return made.left.copy(), made.dark


def test_one_hot_pixel_in_a_12_bit_pair_changes_nothing_but_itself(pair, head):
    """Four times eight bits: the brightest pixels stay below 1024, as of a 12-bit camera in dim light."""

    def dim(image):
        return np.minimum(image * 4, 1023).astype(np.uint16)

    def spotted(image):
        hot = dim(image)
        hot[1, 1] = 4095  # where nothing of the face is
        return hot

    plain, dark = rectified(pair, head, dim, "Mono12")
    same, same_dark = rectified(pair, head, spotted, "Mono12")
    assert same_dark == pytest.approx(dark, abs=0.5)
    lit = (plain > dark) & (same > dark)
    assert lit.mean() > 0.05
    assert np.median(np.abs(plain - same)[lit]) < 0.01
    assert np.percentile(plain[lit], 99) < 255 * 1023 / 4095 + 1


def test_the_same_numbers_mean_four_times_less_in_two_more_bits(pair, head):
    def dim(image):
        return np.minimum(image * 4, 1023).astype(np.uint16)

    (ten, _), (twelve, _) = (rectified(pair, head, dim, name) for name in ("Mono10", "Mono12"))
    lit = (ten > 40) & (twelve > 10)
    assert np.median((ten / np.maximum(twelve, 1e-3))[lit]) == pytest.approx(4095 / 1023, rel=0.01)


def test_sixteen_bits_without_a_pixel_format_are_refused_with_the_remedy(pair, head):
    arrays = [head.images[camera.name].astype(np.uint16) for camera in (pair.left, pair.right)]
    with pytest.raises(UsageError, match=f"camera {pair.left.name}: uint16 pixels without a pixel format"):
        PairImages(pair).rectify(*arrays)
