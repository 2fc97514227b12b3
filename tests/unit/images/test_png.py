"""The PNG encoder, read back by another implementation.

In: images of each depth and channel count. Out: bytes from which OpenCV, which did not write them, reads the same
pixels.
"""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st
from PIL import Image

from rigdriver.images.png import encode_png

IMAGES = st.tuples(
    st.sampled_from([np.uint8, np.uint16]),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([(), (3,), (4,)]),
).flatmap(lambda t: np_st.arrays(t[0], (*t[1], *t[2])))


def decoded(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]


@given(IMAGES, st.booleans())
def test_every_digital_number_survives(pixels, is_hurried):
    read = decoded(encode_png(pixels, is_hurried))
    assert read.dtype == pixels.dtype
    assert np.array_equal(read, pixels)


def test_an_image_with_rows_apart_is_written_as_it_looks():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)[:, 1:6]
    assert np.array_equal(decoded(encode_png(pixels)), pixels)


def test_compressing_is_worth_it_on_smooth_images():
    pixels = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    assert len(encode_png(pixels)) < pixels.nbytes / 4 < len(encode_png(pixels, is_hurried=True))


def test_words_about_an_image_stand_in_the_file_and_change_no_pixel(tmp_path):
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    file = tmp_path / "image.png"
    file.write_bytes(encode_png(pixels, texts={"PixelFormat": "Mono12"}))
    assert np.array_equal(decoded(file.read_bytes()), pixels)
    with Image.open(file) as image:
        assert image.info["PixelFormat"] == "Mono12"


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (2, 2, 2, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="expected"):
        encode_png(np.zeros(shape, np.uint8))
