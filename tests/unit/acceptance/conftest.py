"""Simulated views of artefacts; `tests/stereo_views.py` renders them."""

from __future__ import annotations

from tests.stereo_views import render

__all__ = ["render"]
