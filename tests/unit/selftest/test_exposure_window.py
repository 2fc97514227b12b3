"""The fit of the trapezoid: brightness against the delay of a flash shows when an exposure begins and ends.

In: brightness computed from a known exposure, with noise and with lamps that shine longer than they are driven. Out:
start and end, whose uncertainty holds the truth; or a reason, where the images cannot show them.
"""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver.selftest.exposure_window import ExposureWindow, NoWindow, SweepSample, find_window

LENGTH_US, WIDTH_US, MARGIN_US = 2000.0, 300.0, 100.0


def swept(
    start_us: float, end_us: float, noise: float = 0.0, shines_us: float = WIDTH_US, light: float = 0.4, seed: int = 1
) -> list[SweepSample]:
    """Images of an exposure that begins and ends by so much later than its edges say."""
    rng = np.random.default_rng(seed)
    samples = []
    for low_us in (-WIDTH_US - MARGIN_US, LENGTH_US - WIDTH_US - MARGIN_US):
        flashes = [None, *np.linspace(low_us, low_us + WIDTH_US + 2 * MARGIN_US, 8)]
        for flash in flashes:
            inside = 0.0
            if flash is not None:
                inside = max(0.0, min(flash + shines_us, LENGTH_US + end_us) - max(flash, start_us))
            level = 0.05 + light * inside / WIDTH_US + noise * rng.normal()
            samples.append(SweepSample(level, None if flash is None else float(flash), LENGTH_US))
    return samples


@pytest.mark.parametrize(("start_us", "end_us"), [(0.0, 0.0), (-36.0, -18.0), (-7.0, 25.0), (60.0, 60.0)])
def test_start_and_end_are_found_without_noise(start_us: float, end_us: float) -> None:
    window = find_window(swept(start_us, end_us), WIDTH_US)
    assert isinstance(window, ExposureWindow)
    assert window.start_us == pytest.approx(start_us, abs=0.01)
    assert window.end_us == pytest.approx(end_us, abs=0.01)


@pytest.mark.parametrize("shines_us", [292.0, 310.0])
def test_a_lamp_that_shines_longer_or_shorter_than_it_is_driven_moves_neither_end(shines_us: float) -> None:
    window = find_window(swept(-36.0, -18.0, shines_us=shines_us), WIDTH_US)
    assert isinstance(window, ExposureWindow)
    assert window.shone_us == pytest.approx(shines_us, abs=0.01)
    assert window.start_us == pytest.approx(-36.0, abs=0.01)
    assert window.end_us == pytest.approx(-18.0, abs=0.01)


def test_the_stated_uncertainty_holds_the_truth_nineteen_times_of_twenty() -> None:
    truths = [(-36.0 + n, 20.0 - n / 2) for n in range(50)]
    found = [find_window(swept(s, e, noise=0.001, seed=n), WIDTH_US) for n, (s, e) in enumerate(truths)]
    windows = [window for window in found if isinstance(window, ExposureWindow)]
    assert len(windows) == len(truths)
    pairs = list(zip(windows, truths, strict=True))
    starts = [abs(window.start_us - start_us) / window.start_uncertainty_us for window, (start_us, _) in pairs]
    ends = [abs(window.end_us - end_us) / window.end_uncertainty_us for window, (_, end_us) in pairs]
    # 95 of these 100 figures are expected to hold, with a standard deviation of 2.2; 88 are three of these below.
    assert sum(ratio <= 1 for ratio in (*starts, *ends)) >= 88
    assert max(abs(window.start_us - start_us) for window, (start_us, _) in pairs) < 5


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (swept(0.0, 0.0)[:4], "4 images"),
        (swept(0.0, 0.0, light=0.0), "no image"),
        (swept(0.0, 0.0, noise=0.1), "do not follow"),
        (swept(500.0, 500.0), "its start"),
    ],
    ids=["few images", "no light", "noise", "an exposure that was not swept"],
)
def test_images_that_do_not_show_it_give_a_reason_and_no_figure(samples: list[SweepSample], why: str) -> None:
    found = find_window(samples, WIDTH_US)
    assert isinstance(found, NoWindow)
    assert why in found.why
