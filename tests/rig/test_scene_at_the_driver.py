"""What the driver gets of a simulated scene: bits and mosaics, the shutter, whose light is in whose images.

In: small rigs before a plate, in light that the schedule really gave. Out: frames as an application sees them, compared
between rigs that differ in one thing. Their banks are rendered here, not taken from the user's cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from rigdriver.config import RigConfig
from rigdriver.frames import FrameSet
from rigdriver_sim.program.launch import RunningRig, launch
from tests.rig.played import LOCKSTEP, opened, play

pytestmark = pytest.mark.sim

WIDTH, HEIGHT = 320, 240
PLATE = (
    f"plate?width={WIDTH}&height={HEIGHT}&rate_hz=10&scene.bank.views=1&scene.plate.size_mm=400"
    f"&scene.sensor.dead_pixels_ppm=0&{LOCKSTEP}"
)
FORMATS = {
    "left_upper": "Mono12p",
    "left_lower": "Mono12Packed",
    "left_colour": "BayerRG12",
    "right_upper": "Mono12",
    "right_lower": "Mono10",
    "right_colour": "BayerRG8",
}
MAX_DN = {"Mono12p": 4095, "Mono12Packed": 4095, "BayerRG12": 4095, "Mono12": 4095, "Mono10": 1023, "BayerRG8": 255}
BLACK = 0.008
ROW_TIME_US = 5.0

Image = npt.NDArray[np.float64]


@pytest.fixture(scope="module", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def plain() -> Iterator[RunningRig]:
    with launch(PLATE) as running:
        yield running


def images(running: RunningRig) -> dict[str, tuple[str, Image]]:
    """Return camera -> pixel format and the mean of a few images."""
    kept: dict[str, list[Image]] = {}
    formats: dict[str, str] = {}

    def keep(frame_set: FrameSet) -> None:
        for name, frame in frame_set.frames.items():
            formats[name] = frame.pixel_format
            kept.setdefault(name, []).append(frame.pixels.astype(np.float64))

    with opened(running, as_planned) as rig:
        played = play(rig, 6, then=keep)
    assert played.gaps == {}
    return {name: (formats[name], np.mean(frames, axis=0)) for name, frames in kept.items()}


def as_planned(config: RigConfig) -> RigConfig:
    return config


def test_every_pixel_format_shows_the_same_light(plain: RunningRig) -> None:
    wanted = "".join(f'&cameras.{name}.pixel_formats=["{form}"]' for name, form in FORMATS.items())
    reference = images(plain)
    with launch(PLATE + wanted) as running:
        seen = images(running)
    for name, (form, image) in seen.items():
        assert form == FORMATS[name]
        _, bytes_image = reference[name]
        lit = (bytes_image > 60) & (bytes_image < 220)
        assert lit.mean() > 0.15, name
        share, expected = image[lit] / MAX_DN[form], bytes_image[lit] / 255
        assert share.mean() == pytest.approx(expected.mean(), rel=0.005), name
        # Bits in the wrong order would leave the mean about right and the picture in ruins.
        assert np.abs(share - expected).max() < 0.08, name


def test_a_rolling_shutter_leaves_each_row_the_light_that_it_was_open_for(plain: RunningRig) -> None:
    globally = images(plain)
    with launch(f"{PLATE}&scene.sensor.row_time_us={ROW_TIME_US}") as running:
        rolling = images(running)
    left_us = {}
    for name, (_, image) in rolling.items():
        lit = np.where(globally[name][1] > 60, 1.0, np.nan)
        rows = np.nanmean((image - 255 * BLACK) * lit, axis=1) / np.nanmean(
            (globally[name][1] - 255 * BLACK) * lit, axis=1
        )
        # From where the first row has lost light on, each row loses one more row time of the flash.
        slope, at_0 = np.polyfit(np.arange(HEIGHT)[80:], rows[80:], 1)
        left_us[name] = ROW_TIME_US / -slope
        assert at_0 > 0.9, name
        assert np.abs(rows[:8] - 1).max() < 0.05, name
    # The slope tells how long the lamps shone: the plan's 1886 us, seen through nothing but pixels.
    assert np.mean(list(left_us.values())) == pytest.approx(1886, rel=0.03)


def test_speckle_falls_on_the_geometry_cameras_alone(plain: RunningRig) -> None:
    both = images(plain)
    with plain.control() as control:
        control.set("faults.flash_power", {"left_pattern": 0.0, "right_pattern": 0.0})
        without = images(plain)
        control.do("none")
    for name, (_, image) in both.items():
        if name.endswith("_colour"):
            assert np.abs(image - without[name][1]).mean() < 0.01, name
        else:
            assert without[name][1].mean() < 0.1 * image.mean(), name
