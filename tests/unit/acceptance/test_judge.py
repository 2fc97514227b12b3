"""Acceptance after VDI/VDE 2634 part 2: artefacts in simulated clouds, verdicts, history, lock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from rigdriver.acceptance.artefacts import measure_ball_bar, measure_plate
from rigdriver.acceptance.judge import append_history, check_lock, judge, read_history
from rigdriver.acceptance.page import report_html
from rigdriver.config import AcceptanceConfig
from rigdriver.errors import UsageError
from rigdriver.stereo.cloud import PointCloud
from rigdriver.stereo.reconstruct import reconstruct

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def cloud_of(points):
    n = len(points)
    return PointCloud(
        np.asarray(points, np.float32), np.full(n, 0.01, np.float32), np.zeros((n, 3), np.float32),
        np.ones(n, np.float32), np.zeros(n, np.uint8), ("left",),
    )  # fmt: skip


def half_balls(rng, spacing=150.0, radius=20.0, noise=0.01, count=6000):
    parts = []
    for x in (-spacing / 2, spacing / 2):
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        directions[:, 2] = np.abs(directions[:, 2])
        parts.append(directions * (radius + rng.normal(0, noise, (count, 1))) + [x, 0, 0])
    return np.concatenate(parts)


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
    with pytest.raises(UsageError, match=r"1 spheres of 40 mm found.*expected 2"):
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


@pytest.fixture
def passed():
    result = measure_ball_bar(cloud_of(half_balls(np.random.default_rng(4))), 40.0, 150.0)
    return judge("rig", "2026-01-01", [result], [], AcceptanceConfig(), NOW)


@pytest.fixture
def failed():
    result = measure_ball_bar(cloud_of(half_balls(np.random.default_rng(5), spacing=150.1)), 40.0, 150.0)
    return judge("rig", "2026-01-01", [result], [], AcceptanceConfig(), NOW)


def test_one_characteristic_beyond_its_limit_fails_the_test(passed, failed):
    assert passed.is_passed
    assert not failed.is_passed
    assert [c.name for c in failed.characteristics if not c.is_passed] == ["sphere-spacing error"]


def test_nothing_measured_is_no_pass():
    with pytest.raises(UsageError, match="no position"):
        judge("rig", "x", [], [], AcceptanceConfig(), NOW)


def test_history_comes_back_and_the_report_shows_it(passed, failed, tmp_path):
    path = tmp_path / "history.jsonl"
    for done in (passed, failed):
        append_history(path, done)
    history = read_history(path)
    assert [h.is_passed for h in history] == [True, False]
    page = report_html(history, {"shaded": np.zeros((8, 8, 3), np.uint8)})
    assert "FAILED" in page
    assert "2 tests" in page
    assert "data:image/png;base64," in page


def test_lock_refuses_without_after_a_failed_and_after_an_old_test(passed, failed, tmp_path):
    path = tmp_path / "history.jsonl"
    with pytest.raises(UsageError, match="no acceptance test yet"):
        check_lock(path, NOW, 7)
    append_history(path, failed)
    with pytest.raises(UsageError, match="failed: sphere-spacing error"):
        check_lock(path, NOW, 7)
    append_history(path, passed)
    check_lock(path, NOW + timedelta(days=6), 7)
    with pytest.raises(UsageError, match="8 days old"):
        check_lock(path, NOW + timedelta(days=8), 7)


def test_lock_refuses_another_calibration_than_the_one_that_was_tested(passed, tmp_path):
    path = tmp_path / "history.jsonl"
    append_history(path, passed)
    check_lock(path, NOW, 7, "2026-01-01")
    with pytest.raises(UsageError, match=r"of the calibration of 2026-01-01, this one is of 2026-02-02"):
        check_lock(path, NOW, 7, "2026-02-02")


def test_the_newest_test_decides(passed, failed, tmp_path):
    path = tmp_path / "history.jsonl"
    for done in (passed, failed):
        append_history(path, done)
    with pytest.raises(UsageError, match="failed: sphere-spacing error"):
        check_lock(path, NOW, 7)


def test_a_damaged_history_names_its_line(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 1"):
        read_history(path)
