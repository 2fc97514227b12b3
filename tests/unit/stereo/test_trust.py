"""Which residuals are refused, which only warned of, and that NaN is never trusted."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from rigdriver.stereo.cloud import PodFigures
from rigdriver.stereo.geometry.rectify import PairGeometry
from rigdriver.stereo.reasons import ReasonKind
from rigdriver.stereo.trust import TrustSettings, judge_pod, judge_seam, warn_of_rows, warn_of_seam

TRUST = TrustSettings()
PAIR = cast(
    "PairGeometry",
    SimpleNamespace(
        left=SimpleNamespace(name="left_upper"), right=SimpleNamespace(name="left_lower"), depth_um_per_px=1000.0
    ),
)
GOOD = PodFigures("left", 10_000, 9_000, 0.99, 0.02, 0.05, 20.0, 25.0)
NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, None),
        ({"kept_cells": 3_000}, ReasonKind.FEW_MATCHES),
        ({"lit_cells": 0, "kept_cells": 0}, ReasonKind.FEW_MATCHES),
        ({"lit_cells": 400, "kept_cells": 399}, ReasonKind.FEW_CELLS),
        ({"noise_um": 51.0}, ReasonKind.LITTLE_DETAIL),
        ({"noise_um": NAN}, ReasonKind.LITTLE_DETAIL),
        ({"row_residual_px": -0.36}, ReasonKind.ROWS_DIFFER),
        ({"row_residual_px": NAN}, ReasonKind.ROWS_DIFFER),
        ({"row_spread_px": 0.31}, ReasonKind.ROWS_DIFFER),
    ],
)
def test_a_pod_is_refused_for_its_worst_figure(changes, kind):
    reason = judge_pod(replace(GOOD, **changes), PAIR, TRUST)
    assert (reason.kind if reason else None) is kind
    assert reason is None or (reason.device == "pod left" and "left_upper and left_lower" in str(reason))


def test_figures_reach_the_sentence_in_their_unit():
    assert "70 % of the lit surface" not in str(judge_pod(GOOD, PAIR, TRUST))
    assert "30 % of the lit surface" in str(judge_pod(replace(GOOD, kept_cells=3_000), PAIR, TRUST))
    assert "uncertain by 0.060 px" in str(judge_pod(replace(GOOD, noise_um=60.0), PAIR, TRUST))
    assert "differ by -0.40 px (spread 0.05 px)" in str(judge_pod(replace(GOOD, row_residual_px=-0.4), PAIR, TRUST))


def test_rows_are_warned_of_before_they_are_refused():
    assert warn_of_rows(GOOD, PAIR, TRUST) is None
    assert warn_of_rows(replace(GOOD, row_residual_px=NAN), PAIR, TRUST) is None
    warned = replace(GOOD, row_residual_px=0.2)
    assert judge_pod(warned, PAIR, TRUST) is None
    assert str(warn_of_rows(warned, PAIR, TRUST)).startswith(
        "pod left: rows of left_upper and left_lower differ by +0.20"
    )


@pytest.mark.parametrize(
    ("step_um", "spread_um", "met_cells", "is_refused"),
    [(340, 290, 200, False), (360, 0, 200, True), (-360, 0, 200, True), (0, 310, 200, True), (5000, 5000, 199, False)],
)
def test_pods_that_lie_apart_are_refused_where_enough_cells_met(step_um, spread_um, met_cells, is_refused):
    reason = judge_seam(step_um, spread_um, met_cells, TRUST, 1000.0)
    assert (reason is not None) is is_refused
    assert reason is None or reason.kind is ReasonKind.PODS_APART


def test_a_small_step_between_the_pods_is_a_warning():
    assert warn_of_seam(99.0, TRUST, 1000.0) is None
    assert warn_of_seam(NAN, TRUST, 1000.0) is None
    assert "lie -120 um apart; expected within 100 um" in str(warn_of_seam(-120.0, TRUST, 1000.0))
