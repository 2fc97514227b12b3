"""Stamps and painted frames.

In: pulses, cameras and exposures. Out: pixels whose stamp reads back as the pulse that made them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from rigdriver_sim.bench import stamp
from rigdriver_sim.bench.painter import TexturePainter
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS
from rigdriver_sim.camera.spec import Exposure


def exposure(ordinal: int = 0, pixel_format: str = "Mono8", width: int = 640, height: int = 480) -> Exposure:
    return Exposure("left_upper", ordinal, 0, 2_000_000, 5_000_000, 2000.0, 0, pixel_format, width, height)


def painted(painter: TexturePainter, of: Exposure, pulse: int | None = 0, light: float = 1.0) -> npt.NDArray[Any]:
    out = np.full((of.height, of.width), 77, PIXEL_FORMATS[of.pixel_format].dtype)
    painter.paint(of, light, out)
    stamp.put(stamp.Stamp(painter._number, of.ordinal, pulse), of.camera, out)
    return out


@pytest.mark.parametrize("pixel_format", ["Mono8", "Mono10", "Mono12", "BayerRG8", "BayerRG12"])
@pytest.mark.parametrize(("ordinal", "pulse"), [(0, 0), (1, None), (599, 600), (1_000_000, 1_000_001)])
def test_the_stamp_can_be_read_back_in_every_format(pixel_format: str, ordinal: int, pulse: int | None) -> None:
    image = painted(TexturePainter(3), exposure(ordinal, pixel_format), pulse)
    assert stamp.read(image) == stamp.Stamp(3, ordinal, pulse)
    assert image.max() <= PIXEL_FORMATS[pixel_format].max_dn


def test_an_image_without_a_stamp_reads_as_none() -> None:
    assert stamp.read(np.zeros((480, 640), np.uint8)) is None
    assert stamp.read(np.zeros((20, 640), np.uint8)) is None
    noise = np.random.default_rng(5).integers(0, 255, (480, 640), dtype=np.uint8)
    assert stamp.read(noise) is None


def test_a_damaged_stamp_reads_as_none_and_never_as_another() -> None:
    image = painted(TexturePainter(3), exposure(41), 41)
    for row in range(4):
        for column in range(16):
            damaged = image.copy()
            block = damaged[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            block[:] = 255 - block
            assert stamp.read(damaged) is None


def test_more_lamp_light_makes_a_brighter_image() -> None:
    painter = TexturePainter(0)
    means = [painted(painter, exposure(), light=light)[200:].mean() for light in (0.0, 0.25, 0.5, 1.0)]
    assert means == sorted(means)
    assert means[3] > 5 * means[0]


@pytest.mark.parametrize(("width", "height"), [(160, 120), (640, 480)])
def test_a_stamp_adds_no_light_of_its_own_to_a_dark_image(width: int, height: int) -> None:
    painter = TexturePainter(0)
    dark, lit = (painted(painter, exposure(width=width, height=height), light=share).mean() for share in (0.0, 1.0))
    # A tenth of the light is there without lamps, whatever the size of the image.
    assert dark / lit == pytest.approx(0.1, abs=0.01)


def test_brightness_is_in_proportion_to_the_share_of_the_flash_in_the_exposure() -> None:
    painter = TexturePainter(0)
    shares = (0.0, 0.03, 0.25, 0.61, 1.0)
    means = [painted(painter, exposure(), light=share)[200:].mean() for share in shares]
    lit = [(mean - means[0]) / (means[-1] - means[0]) for mean in means]
    assert lit == pytest.approx(shares, abs=0.002)


def test_cameras_look_different_and_frames_of_one_camera_alike() -> None:
    left, right = TexturePainter(0), TexturePainter(1)
    assert np.array_equal(painted(left, exposure(1), 1)[100:], painted(left, exposure(2), 2)[100:])
    assert not np.array_equal(painted(left, exposure())[100:], painted(right, exposure())[100:])


@pytest.mark.parametrize(("width", "height"), [(16, 8), (128, 32), (640, 60), (2048, 1536)])
def test_every_size_is_filled_completely(width: int, height: int) -> None:
    image = painted(TexturePainter(0), exposure(width=width, height=height))
    assert image.std() > 0
    assert not (image == 77).all(axis=1).any()


def test_the_images_kept_ready_are_bounded() -> None:
    painter = TexturePainter(0)
    for width in range(64, 64 + 4 * 40, 4):
        painted(painter, exposure(width=width, height=64))
    assert len(painter._bank) <= 12
