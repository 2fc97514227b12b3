"""Surfaces from 12-bit images: a few pixels at the upper end of the range decide nothing about all the others.

In: a simulated head in the lower quarter of 12 bits, with twenty pixels above it, and the same with these clipped. Out:
one surface.
"""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver.images.raw_image import RawImage
from rigdriver.stereo.reconstruct import reconstruct

TEN_BITS, ABOVE = 1023, 1100
BRIGHT = 20
"""Number of pixels of each image that need more than ten bits."""


@pytest.fixture(scope="module")
def whole(head):
    found = {}
    for name in (name for name in head.images if "colour" not in name):
        image = np.minimum(4 * head.images[name].astype(np.uint16), TEN_BITS)
        # A little above what is bright anyhow: by themselves they change next to nothing.
        image.ravel()[np.argsort(image, axis=None)[-BRIGHT:]] = ABOVE
        found[name] = image
    return found


@pytest.fixture(scope="module")
def clipped(whole):
    return {name: np.minimum(image, TEN_BITS) for name, image in whole.items()}


def measured(head, images):
    cloud = reconstruct({name: RawImage(image, "Mono12") for name, image in images.items()}, head.calibration)
    assert not cloud.is_empty
    return cloud


def test_clipping_twenty_pixels_to_ten_bits_leaves_the_surface_as_it_was(head, whole, clipped):
    first, second = measured(head, whole), measured(head, clipped)
    assert len(second) == pytest.approx(len(first), rel=1e-2)
    errors = [head.errors_um(cloud) for cloud in (first, second)]
    assert np.median(np.abs(errors[1])) == pytest.approx(np.median(np.abs(errors[0])), rel=0.05)


def test_dim_images_of_twelve_bits_are_measured_as_the_same_images_of_ten(head, clipped):
    twelve = measured(head, clipped)
    ten = reconstruct({name: RawImage(image, "Mono10") for name, image in clipped.items()}, head.calibration)
    assert len(twelve) == pytest.approx(len(ten), rel=1e-2)
