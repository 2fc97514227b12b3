"""Artefacts after VDI/VDE 2634 part 2, in drawn and in simulated clouds."""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver.acceptance.artefacts import measure_ball_bar, measure_plate
from rigdriver.errors import NotMeasured
from rigdriver.stereo.reconstruct import reconstruct
from tests.artefact_points import cloud_of, half_balls


def test_known_spacing_and_size_errors_are_found():
    points = half_balls(np.random.default_rng(1), spacing=150.05, radius=20.015)
    result = measure_ball_bar(cloud_of(points), 40.0, 150.0)
    assert result.spacing_error_um == pytest.approx(50, abs=2)
    assert result.size_errors_um == pytest.approx([30, 30], abs=3)
    # 95 % of a normal deviate of 10 um lie within 39 um.
    assert result.spheres[0].form.range_95_um == pytest.approx(39.2, rel=0.08)
    assert result.spheres[0].form.rms_um == pytest.approx(10, rel=0.06)


def test_a_missing_sphere_is_told():
    points = half_balls(np.random.default_rng(2))
    with pytest.raises(NotMeasured, match=r"1 spheres of 40 mm found.*expected 2"):
        measure_ball_bar(cloud_of(points[:6000]), 40.0, 150.0)


def test_flatness_of_a_tilted_plate_is_its_noise():
    rng = np.random.default_rng(3)
    u, v = rng.uniform(-90, 90, (2, 20_000))
    z = 0.3 * u - 0.2 * v + rng.normal(0, 0.01, len(u)) * np.sqrt(1 + 0.13)
    result = measure_plate(cloud_of(np.stack([u, v, z], axis=1)))
    assert result.flatness.rms_um == pytest.approx(10, rel=0.05)


def test_a_simulated_ball_bar_is_measured_within_its_limits(render):
    views = render({"kind": "ball_bar", "seed": 31}, size_px=(1024, 768))
    result = measure_ball_bar(reconstruct(views.images, views.calibration), 40.0, 150.0)
    assert abs(result.spacing_error_um) < 20
    assert max(sphere.form.rms_um for sphere in result.spheres) < 80
