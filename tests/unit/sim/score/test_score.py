"""The scores: a perfect answer scores perfect, a planted error scores as large as it was planted.

In: answers made from the truth, with an error of known size in them. Out: that size, from each score. No driver takes
part.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from rigdriver_sim.scene.optics import inverse, rigid, rotation, transform
from rigdriver_sim.scene.pods import CAMERAS, build_pods
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import CameraChange, SceneSpec
from rigdriver_sim.score import (
    CalibratedCamera,
    FrameSetClaim,
    Patch,
    T_world_rig_of,
    read_truth,
    score_calibration,
    score_clock,
    score_cloud,
    score_frames,
    visible_surface,
)

SPEC = SceneSpec(seed=11)
T_RIG_WORLD = rigid(rotation([0.3, -0.5, 0.2]), [120.0, -40.0, 800.0])


@pytest.fixture(scope="module")
def face() -> Renderer:
    return Renderer(SPEC, 320, 240)


@pytest.fixture(scope="module")
def visible(face: Renderer) -> Patch:
    return visible_surface(face.still(0.0), face.pods, stride_px=2)


def calibration_of(spec: SceneSpec) -> dict[str, CalibratedCamera]:
    """The truth of `spec`, told in a frame of its own."""
    pods = build_pods(spec, 2048, 1536)
    return {
        name: CalibratedCamera(model.lens.matrix, model.lens.distortion, model.T_cam_world @ inverse(T_RIG_WORLD))
        for name, model in pods.cameras.items()
    }


def test_points_on_the_surface_score_nothing_in_any_frame(face: Renderer, visible: Patch) -> None:
    moved = transform(T_RIG_WORLD, visible.points_mm)
    start = inverse(T_RIG_WORLD) @ rigid(rotation([1e-3, -1e-3, 2e-3]), [0.3, -0.2, 0.3])
    score = score_cloud(moved, face.still(0.0), visible, start)
    assert score.rms_um < 0.01
    assert score.p99_um < 0.05
    assert score.share_within_200um == 1.0
    assert score.completeness > 0.999
    assert np.abs(score.T_world_points @ T_RIG_WORLD - np.eye(4)).max() < 1e-4


def test_noise_along_the_normal_scores_as_large_as_it_is(face: Renderer, visible: Patch) -> None:
    draw = np.random.default_rng(1)
    noisy = visible.points_mm + draw.normal(0, 0.02, visible.points_mm.shape)
    score = score_cloud(noisy, face.still(0.0), visible)
    assert abs(score.rms_um - 20.0) < 0.8
    assert abs(score.median_um - 20.0 * 0.6745) < 0.8


def test_completeness_is_told_apart_by_obliqueness(face: Renderer, visible: Patch) -> None:
    oblique = visible.cosine <= 0.3
    score = score_cloud(visible.points_mm[~oblique], face.still(0.0), visible)
    *grazing, facing = score.bands
    assert facing.completeness > 0.999
    assert all(band.completeness < 0.5 for band in grazing[:2])
    assert sum(band.area_share for band in score.bands) == pytest.approx(1.0)
    assert sum(b.area_share * b.completeness for b in score.bands if b.area_share) == pytest.approx(score.completeness)
    assert facing.area_share == pytest.approx(visible.area_mm2[~oblique].sum() / visible.area_mm2.sum())


def test_a_place_that_both_pods_see_has_the_cosine_of_the_better_view(visible: Patch) -> None:
    # The bridge of the nose looks between the pods, which stand 90 degrees apart: either sees it by 45 degrees or so.
    middle = np.abs(visible.points_mm[:, 0]) < 2
    assert np.median(visible.cosine[middle]) > 0.5


def test_an_outlier_counts_and_half_a_cloud_is_half_complete(face: Renderer, visible: Patch) -> None:
    half = visible.points_mm[visible.points_mm[:, 0] < 0]
    score = score_cloud(np.concatenate([half, [[0.0, 0.0, 200.0]]]), face.still(0.0), visible)
    assert abs(score.completeness - visible.area_mm2[visible.points_mm[:, 0] < 0].sum() / visible.area_mm2.sum()) < 0.03
    assert score.points == len(half) + 1
    assert score.rms_um > 500
    assert score.median_um < 1


def test_scale_is_not_fitted(face: Renderer, visible: Patch) -> None:
    assert score_cloud(visible.points_mm * 1.002, face.still(0.0), visible).rms_um > 40


@pytest.mark.parametrize("points", [np.empty((0, 3)), np.array([[0.0, np.nan, 1.0]])])
def test_a_cloud_without_numbers_is_refused(face: Renderer, visible: Patch, points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="points: expected at least one, and finite numbers only"):
        score_cloud(points, face.still(0.0), visible)


def test_the_visible_surface_of_a_sphere_has_the_area_of_its_cap() -> None:
    renderer = Renderer(SceneSpec(kind="ball_bar"), 640, 480)
    patch = visible_surface(renderer.still(0.0), renderer.pods, stride_px=1)
    # Two spheres of 20 mm radius; one camera sees just under half of each, both pods together more than that.
    half = 2 * 2 * np.pi * 20.0**2
    one_pod = patch.area_mm2[patch.cosine > 0.2].sum()
    assert 0.9 * half < one_pod < 1.6 * half
    assert np.abs(renderer.still(0.0).signed_distance_mm(patch.points_mm)).max() < 1e-6


def test_no_place_counts_twice_where_both_pods_see_it(face: Renderer, visible: Patch) -> None:
    lattice = np.round(visible.points_mm / 3.0)
    front = visible.points_mm[:, 2] > 20
    _cells, counts = np.unique(lattice[front], axis=0, return_counts=True)
    # Pixels at stride 2 lie 1.9 mm apart: a cell of 3 mm holds a handful, twice as many where counted twice.
    assert np.median(counts) <= 4


def test_the_true_calibration_scores_nothing_in_a_frame_of_its_own() -> None:
    score = score_calibration(calibration_of(SPEC), build_pods(SPEC, 2048, 1536))
    assert score.point_max_um < 1e-3
    assert abs(score.scale_ppm) < 1e-3
    assert score.pod_step_max_um < 1e-3
    assert score.colour_rms_px < 1e-6
    assert np.abs(score.T_world_rig @ T_RIG_WORLD - np.eye(4)).max() < 1e-6
    assert (
        np.abs(T_world_rig_of(calibration_of(SPEC), build_pods(SPEC, 2048, 1536)) @ T_RIG_WORLD - np.eye(4)).max()
        < 1e-6
    )


def test_a_yawed_camera_shows_as_a_step_between_the_pods() -> None:
    """The rig has moved, the calibration has not: 100 urad are some 150 um between the pods (facts: 50 urad 78 um)."""
    bumped = SceneSpec(seed=11, cameras={"left_upper": CameraChange(pitch_urad=100.0)})
    score = score_calibration(calibration_of(SPEC), build_pods(bumped, 2048, 1536))
    assert 60 < score.pod_step_rms_um < 400
    assert score.point_rms_um > 15


def test_a_scale_error_is_told_in_ppm() -> None:
    scaled = {
        name: CalibratedCamera(c.matrix, c.distortion, rigid(c.T_cam_rig[:3, :3], c.T_cam_rig[:3, 3] * 1.0003))
        for name, c in calibration_of(SPEC).items()
    }
    score = score_calibration(scaled, build_pods(SPEC, 2048, 1536))
    assert abs(score.scale_ppm - 300) < 0.1


def test_a_calibration_without_a_pair_is_refused() -> None:
    one = {"left_upper": calibration_of(SPEC)["left_upper"]}
    with pytest.raises(ValueError, match="calibration of left_upper: expected both mono cameras of a pod"):
        score_calibration(one, build_pods(SPEC, 2048, 1536))


def log(folder: Path, *, truncated: bool = False) -> Path:
    """Three pulses; pulse 1 withheld from left_lower, which so counts one exposure less from then on."""
    lines = [{"what": "fault", "fault": "withhold_trigger", "run": 1, "pulse": 1, "camera": "left_lower", "t_ns": 5}]
    for pulse in range(3):
        for camera in CAMERAS:
            late = camera == "left_lower" and pulse == 2
            if not (camera == "left_lower" and pulse == 1):
                facts = {"ordinal": pulse - late, "start_ns": pulse * 100, "end_ns": pulse * 100 + 10}
                lines.append({"what": "exposure", "run": 1, "pulse": pulse, "camera": camera, **facts})
    lines.append(
        {
            "what": "exposure",
            "run": None,
            "pulse": None,
            "camera": "left_upper",
            "ordinal": 9,
            "start_ns": 0,
            "end_ns": 1,
        }
    )
    if truncated:
        lines.append({"what": "truncated"})
    path = folder / "truth.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"what": "expo', encoding="utf-8")
    return path


def test_right_frame_sets_score_no_wrong_frame_and_a_rightful_gap(tmp_path: Path) -> None:
    run = read_truth(log(tmp_path))[1]
    claims = [
        FrameSetClaim(0, dict.fromkeys(CAMERAS, 0)),
        FrameSetClaim(1, {c: 1 for c in CAMERAS if c != "left_lower"}, frozenset({"left_lower"})),
        FrameSetClaim(2, {c: 1 if c == "left_lower" else 2 for c in CAMERAS}),
    ]
    score = score_frames(run, claims)
    assert (score.wrong, score.rightful_gaps, score.false_gaps) == (0, 1, 0)
    assert (score.frames, score.faults_without_gap, score.pulses_missing) == (17, 0, 0)


def test_a_shifted_camera_scores_wrong_frames(tmp_path: Path) -> None:
    run = read_truth(log(tmp_path))[1]
    claims = [FrameSetClaim(0, dict.fromkeys(CAMERAS, 0)), FrameSetClaim(1, dict.fromkeys(CAMERAS, 1))]
    score = score_frames(run, claims)
    assert (score.wrong, score.faults_without_gap, score.pulses_missing) == (1, 1, 1)
    assert score_frames(run, [FrameSetClaim(0, {}, frozenset({"left_upper"}))]).false_gaps == 1


def test_a_truncated_log_is_not_scored(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the log is truncated; score a shorter run"):
        read_truth(log(tmp_path, truncated=True))


def test_a_clock_scores_its_rate_and_its_wobble() -> None:
    true = [10**18 + n * 100_000_000 for n in range(600)]
    draw = np.random.default_rng(4)
    readings = [
        int(7e15) + round((t - true[0]) * (1 + 18e-6)) + round(w)
        for t, w in zip(true, draw.normal(0, 500, 600), strict=True)
    ]
    score = score_clock(readings, true)
    assert abs(score.rate_ppm - 18.0) < 0.01
    assert abs(score.residual_rms_us - 0.5) < 0.05
    assert score.samples == 600
    with pytest.raises(ValueError, match="2 readings of 2 moments"):
        score_clock(readings[:2], true[:2])
