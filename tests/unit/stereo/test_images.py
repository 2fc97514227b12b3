"""Raw images of a pair in units of their pixel format: one hot pixel must not change what the others mean."""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver.errors import UsageError
from rigdriver.images.raw_image import RawImage
from rigdriver.stereo.geometry.rectify import find_pairs, make_pair, working_volume
from rigdriver.stereo.images import PairImages
from rigdriver.stereo.reasons import ReasonKind


@pytest.fixture(scope="module")
def pair(head):
    pod, names = next(iter(find_pairs(head.calibration).items()))
    return make_pair(head.calibration, pod, names, working_volume(head.calibration))


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
    assert np.percentile(same[lit], 99) == pytest.approx(np.percentile(plain[lit], 99), rel=0.01)


@pytest.mark.parametrize("share", [1.0, 0.25, 0.1])
def test_bits_beyond_those_that_are_used_change_nothing(pair, head, share):
    """A face in 8 bits, and the same light in the lower part of 10 and 12: what counts is noise, not full scale."""

    eight, dark = rectified(pair, head, lambda image: np.round(4 * share * image).astype(np.uint16), "Mono10")
    for name in ("Mono12", "Mono16"):
        other, other_dark = rectified(pair, head, lambda image: np.round(4 * share * image).astype(np.uint16), name)
        factor = np.median((other / np.maximum(eight, 1e-3))[eight > 2 * dark])
        assert other_dark / dark == pytest.approx(factor, rel=0.05)
        assert np.mean((other > other_dark) != (eight > dark)) < 0.002


def test_dark_follows_the_noise_of_the_background(pair, head):
    rng = np.random.default_rng(5)
    lit = {}
    for sigma in (2.0, 8.0, 32.0):

        def noisy(image, sigma=sigma):
            return np.clip(image * 8.0 + 200 + rng.normal(0, sigma, image.shape), 0, 4095).astype(np.uint16)

        left, dark = rectified(pair, head, noisy, "Mono12")
        seen = left[left > 0]
        lit[sigma] = float(np.mean(left > dark))
        # Where nothing is lit, hardly a pixel passes for light: a face fills a part of the image only.
        floor = np.percentile(seen, 2)
        assert dark >= floor + 3 * sigma * 255 / 4095
    assert lit[8.0] == pytest.approx(lit[2.0], rel=0.1)


def test_an_image_of_noise_alone_is_blank_at_every_depth(pair):
    rng = np.random.default_rng(6)
    for name, sigma in (("Mono8", 1.0), ("Mono10", 5.0), ("Mono12", 20.0), ("Mono16", 300.0)):
        dtype = np.uint8 if name == "Mono8" else np.uint16
        images = [
            RawImage(np.clip(rng.normal(6 * sigma, sigma, c.size_px[::-1]), 0, None).astype(dtype), name)
            for c in (pair.left, pair.right)
        ]
        problem = PairImages(pair).rectify(*images).problem
        assert problem is not None
        assert problem.kind is ReasonKind.BLANK


def test_sixteen_bits_without_a_pixel_format_are_refused_with_the_remedy(pair, head):
    arrays = [head.images[camera.name].astype(np.uint16) for camera in (pair.left, pair.right)]
    with pytest.raises(UsageError, match=f"camera {pair.left.name}: uint16 pixels without a pixel format"):
        PairImages(pair).rectify(*arrays)
