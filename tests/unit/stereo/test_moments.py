"""Images of different moments, a proof that says so, and a calibration that lost its lens distortion.

In: a simulated head before and after a movement; the lower cameras see it late. Nothing here was used to choose limits.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from rigdriver.frames import Frame, FrameProof, FrameSet, Proof
from rigdriver.stereo.cloud import PodFigures
from rigdriver.stereo.reasons import ReasonKind
from rigdriver.stereo.reconstruct import reconstruct
from rigdriver.stereo.trust import TrustSettings, judge_overlap, warn_of_row_spread

TRUST = TrustSettings()
SEED = 31


def _moved(render, mm):
    # Half a period on, a sway is towards the pods alone.
    motion = {"sway_mm": mm, "period_s": 0.2} if mm else {}
    return render({"kind": "head", "seed": SEED, "motion": motion}, index=1 if mm else 0)


@pytest.fixture(scope="module")
def still(render):
    return _moved(render, 0.0)


@pytest.fixture(scope="module")
def late(render, still):
    def late(mm):
        after = _moved(render, mm).images
        return {name: after[name] if name.endswith("lower") else image for name, image in still.images.items()}

    return late


def _kinds(cloud):
    return {reason.kind for reason in (*cloud.reasons, *cloud.figures.warnings)}


def test_images_of_one_moment_leave_no_warning(still):
    cloud = reconstruct(still.images, still.calibration)
    assert not cloud.is_empty
    assert not _kinds(cloud)


@pytest.mark.parametrize("mm", [0.5, 2.0])
def test_lower_cameras_that_expose_late_are_refused(still, late, mm):
    cloud = reconstruct(late(mm), still.calibration)
    assert cloud.is_empty
    assert _kinds(cloud) & {ReasonKind.MOMENTS_DIFFER, ReasonKind.LITTLE_DETAIL}
    if mm < 1:
        assert "the images are of different moments" in cloud.reason


def test_an_overlap_that_vanished_is_a_warning_by_itself_and_a_refusal_with_rows_that_differ():
    assert judge_overlap(0.12, 90.0, True, TRUST) is None
    assert judge_overlap(0.0, 101.0, True, TRUST) is None, "pods that look from the sides need not meet"
    alone, both = (judge_overlap(0.01, 90.0, off, TRUST) for off in (False, True))
    assert alone is not None
    assert alone.kind is ReasonKind.PODS_DO_NOT_MEET
    assert both is not None
    assert both.kind is ReasonKind.MOMENTS_DIFFER


@pytest.mark.parametrize(("spread_px", "is_warned"), [(0.025, False), (0.04, True), (float("nan"), False)])
def test_rows_that_differ_from_place_to_place_are_warned_of(spread_px, is_warned):
    figures = PodFigures("left", 10_000, 9_000, 0.99, 0.0, spread_px, 20.0, 25.0)
    pair = type("Pair", (), {"left": type("C", (), {"name": "a"}), "right": type("C", (), {"name": "b"})})
    assert (warn_of_row_spread(figures, pair, TRUST) is not None) is is_warned


def test_a_calibration_without_distortion_does_not_pass_in_silence(still):
    cameras = {n: replace(c, distortion=np.zeros(5)) for n, c in still.calibration.cameras.items()}
    cloud = reconstruct(still.images, replace(still.calibration, cameras=MappingProxyType(cameras)))
    told = [str(w) for w in cloud.figures.warnings if w.kind is ReasonKind.NO_DISTORTION]
    assert len(told) == 4
    assert "left_upper: its calibration says that the lens does not distort" in told[0]


def _frame_set(images, skew_us, proved):
    frames = {name: Frame(name, 1, None, 0, "Mono8", image) for name, image in images.items()}
    proofs = {name: FrameProof(name, 0, 0, 1, 0.0, 1.0, 1) for name in proved}
    proof = Proof(1, 1, 0, 1_000_000, MappingProxyType(proofs), skew_us, "proved")
    return FrameSet(1, 0, 0, MappingProxyType(frames), MappingProxyType({}), proof)


@pytest.mark.parametrize(
    ("skew_us", "left_out", "kinds"),
    [
        (5.0, "", set()),
        (400.0, "", {ReasonKind.EXPOSED_APART}),
        (5.0, "left_lower", {ReasonKind.NOT_IN_PROOF}),
    ],
)
def test_what_the_proof_says_against_images_is_warned_of(still, skew_us, left_out, kinds):
    proved = [name for name in still.images if name != left_out]
    cloud = reconstruct(_frame_set(still.images, skew_us, proved), still.calibration)
    assert not cloud.is_empty
    assert _kinds(cloud) == kinds
    assert all(left_out in str(warning) for warning in cloud.figures.warnings)
