"""Verdicts of the acceptance test."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rigdriver.acceptance.judge import judge
from rigdriver.config import AcceptanceConfig
from rigdriver.errors import NotMeasured

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_one_characteristic_beyond_its_limit_fails_the_test(passed, failed):
    assert passed.is_passed
    assert not failed.is_passed
    assert [c.name for c in failed.characteristics if not c.is_passed] == ["sphere-spacing error"]


def test_nothing_measured_is_no_pass():
    with pytest.raises(NotMeasured, match="no position"):
        judge("rig", "x", [], [], AcceptanceConfig(), NOW)
