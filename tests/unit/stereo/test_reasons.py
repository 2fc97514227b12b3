"""Reasons as values: every kind makes a sentence of its facts, and figures do not tell two reasons apart."""

from __future__ import annotations

import pytest

from rigdriver.errors import CalibrationMismatch
from rigdriver.findings import MismatchKind
from rigdriver.frames import Gap, GapReason
from rigdriver.stereo.reasons import Reason, ReasonKind, sentence_of

FACTS = {
    "device": "pod left", "between": "left_upper and left_lower", "seen": 1.25, "expected": 2.5, "spread": 3.75,
    "expected_spread": 5.0, "gap": Gap("left_upper", GapReason.NOT_DELIVERED),
    "error": CalibrationMismatch(
        kind=MismatchKind.OTHER_IMAGES, device="camera left_upper", seen="images of 8x8 px", expected="4x4 px"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ReasonKind)
def test_every_kind_makes_a_sentence_without_holes(kind):
    told = str(Reason(kind, **FACTS))
    assert told
    assert "{" not in told
    assert "nan" not in str(told).replace("NaN", "")


@pytest.mark.parametrize("kind", [k for k in ReasonKind if "{seen" in k.value])
def test_what_is_judged_by_a_figure_says_what_was_expected_and_in_which_unit(kind):
    assert "expected" in kind.value
    assert any(unit in kind.value for unit in (" %", " px", " um", " digital numbers", " cells"))


def test_reasons_that_differ_in_figures_only_have_one_key():
    first, second = (Reason(ReasonKind.PODS_APART, seen=seen) for seen in (100.0, 120.0))
    assert first != second
    assert first.key == second.key
    assert Reason(ReasonKind.BLANK, "camera a").key != Reason(ReasonKind.BLANK, "camera b").key


def test_gaps_of_different_reasons_are_different():
    keys = {Reason(ReasonKind.GAP, "camera a", gap=Gap("a", why)).key for why in GapReason}
    assert len(keys) == len(GapReason)


def test_several_reasons_are_one_line():
    told = sentence_of([Reason(ReasonKind.NO_PAIR), Reason(ReasonKind.NO_IMAGE, "camera a")])
    assert told == "no pod has both of its images; camera a: no image"
    assert sentence_of([]) == ""
