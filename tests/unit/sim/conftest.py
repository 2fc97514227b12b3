"""Fixture: a wall clock that only the loop's waits move on."""

import pytest

from tests.unit.sim.fake_wall import FakeWall


@pytest.fixture
def wall() -> FakeWall:
    return FakeWall()
