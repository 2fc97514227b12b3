"""Full scale and Bayer order come from the pixel format, never from the pixels.

In: PFNC names, and pictures of them. Out: what their numbers mean.
"""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver.errors import UsageError
from rigdriver.images.colours import to_rgb
from rigdriver.images.contact_sheet import as_picture
from rigdriver.images.pixel_formats import BY_NAME, full_scale, named
from rigdriver.images.raw_image import RawImage, with_format

FULL_SCALES = {
    "Mono8": 255, "Mono10": 1023, "Mono10p": 1023, "Mono12": 4095, "Mono12Packed": 4095, "Mono14": 16383,
    "Mono16": 65535, "BayerRG8": 255, "BayerGB10p": 1023, "BayerBG12": 4095, "BayerGR16": 65535, "RGB8": 255,
    "BGRa8": 255, "RGB12": 4095,
}  # fmt: skip


@pytest.mark.parametrize(("name", "dn"), FULL_SCALES.items())
def test_full_scale_is_that_of_the_format(name, dn):
    assert full_scale(name) == dn


@pytest.mark.parametrize("pixel_format", BY_NAME.values(), ids=lambda f: f.name)
def test_every_format_has_bits_that_its_samples_can_hold_and_an_order_only_if_it_is_a_mosaic(pixel_format):
    assert pixel_format.bits in {8, 10, 12, 14, 16}
    assert (pixel_format.bits == 8) == (pixel_format.dtype is np.uint8)
    assert (pixel_format.bayer_order in {"RG", "GR", "GB", "BG"}) == pixel_format.name.startswith("Bayer")


def test_an_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"pixel format Mono11: is not known; expected one of .*Mono12"):
        named("Mono11")


def test_one_hot_pixel_changes_no_other_colour():
    dim = np.full((16, 16), 800, np.uint16)
    hot = dim.copy()
    hot[3, 5] = 4095
    plain, spotted = (to_rgb(RawImage(pixels, "Mono12")) for pixels in (dim, hot))
    assert plain[0, 0, 0] == 800 >> 4
    spotted[3, 5] = plain[3, 5]
    assert np.array_equal(plain, spotted)


@pytest.mark.parametrize("order", ["RG", "GR", "GB", "BG"])
@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (12, np.uint16)])
def test_a_red_mosaic_is_red_in_every_order_and_depth(order, bits, dtype):
    mosaic = np.zeros((16, 16), dtype)
    first_red = {"RG": (0, 0), "GR": (0, 1), "GB": (1, 0), "BG": (1, 1)}[order]
    mosaic[first_red[0] :: 2, first_red[1] :: 2] = (1 << bits) - 1
    red, green, blue = to_rgb(RawImage(mosaic, f"Bayer{order}{bits}"))[8, 8]
    assert red > 200
    assert max(green, blue) < 20


def test_colours_of_a_bgr_frame_come_out_as_red_green_blue():
    blue = np.zeros((8, 8, 3), np.uint8)
    blue[..., 0] = 200
    assert to_rgb(RawImage(blue, "BGR8"))[0, 0].tolist() == [0, 0, 200]


def test_an_array_alone_is_taken_at_8_bits_only():
    assert with_format(np.zeros((2, 2), np.uint8), "BayerRG8", "camera a").pixel_format == "BayerRG8"
    assert with_format(np.zeros((2, 2, 3), np.uint8), "BayerRG8", "camera a").pixel_format == "RGB8"
    with pytest.raises(UsageError, match=r"camera a: uint16 pixels without a pixel format.*RawImage\(pixels"):
        with_format(np.zeros((2, 2), np.uint16), "Mono8", "camera a")


def test_a_dark_picture_is_stretched_to_look_at():
    dark = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    seen = as_picture(RawImage(dark, "Mono8"))
    assert seen.max() > 200
