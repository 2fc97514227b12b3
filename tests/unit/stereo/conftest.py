"""Simulated views of stereo's tests; `tests/stereo_views.py` renders them."""

from __future__ import annotations

import pytest

from tests.stereo_views import Views, render

__all__ = ["render"]


@pytest.fixture(scope="session")
def plate(render) -> Views:
    """A flat plate facing between the pods."""
    return render({"kind": "plate", "seed": 21}, index=2)


@pytest.fixture(scope="session")
def head(render) -> Views:
    return render({"kind": "head", "seed": 22, "motion": {"smile": 0.5}}, with_colour=True)
