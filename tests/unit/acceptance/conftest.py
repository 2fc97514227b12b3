"""Simulated views of artefacts (`tests/stereo_views.py` renders them), and a test that passed and one that failed."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from rigdriver.acceptance.artefacts import measure_ball_bar
from rigdriver.acceptance.judge import judge
from rigdriver.config import AcceptanceConfig
from tests.artefact_points import cloud_of, half_balls
from tests.stereo_views import render

__all__ = ["render"]

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def passed():
    result = measure_ball_bar(cloud_of(half_balls(np.random.default_rng(4))), 40.0, 150.0)
    return judge("rig", "2026-01-01", [result], [], AcceptanceConfig(), NOW)


@pytest.fixture
def failed():
    result = measure_ball_bar(cloud_of(half_balls(np.random.default_rng(5), spacing=150.1)), 40.0, 150.0)
    return judge("rig", "2026-01-01", [result], [], AcceptanceConfig(), NOW)
