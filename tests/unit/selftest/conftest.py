"""Simulated views of the self-test's tests; `tests/stereo_views.py` renders them."""

from __future__ import annotations

from tests.stereo_views import render

__all__ = ["render"]
