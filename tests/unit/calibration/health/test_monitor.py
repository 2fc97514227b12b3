"""Health: which camera moved, by how much, and no false alarm.

In: matches of a rig at rest and of one whose camera was turned, with wrong matches among them. Out: an alarm that names
the camera and the turn, or none.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rigdriver.calibration.health.evidence import (
    DriftEvidence,
    Observation,
    PairMatches,
    SurfaceSteps,
    board_observations,
    gather,
    weigh,
)
from rigdriver.calibration.health.monitor import DriftVerdict, HealthMonitor, Turn, check, prior_root
from rigdriver.calibration.solve.adjust import WIDTH

LEFT, RIGHT = ("left_upper", "left_lower"), ("right_upper", "right_lower")


def board_matches(rig: Any, rng: np.random.Generator, noise_px: float = 0.05) -> list[Observation]:
    """One view of the board, matched between all cameras that see it."""
    view = int(rng.integers(len(rig.views)))
    seen = [(c.name, *rig.seen(view, c)) for c in rig.cameras]
    seen = [(name, ids, points + rng.normal(0, noise_px, points.shape)) for name, ids, points in seen if len(ids)]
    found: list[Observation] = []
    for i, (a, ids_a, points_a) in enumerate(seen):
        for b, ids_b, points_b in seen[i + 1 :]:
            _, at_a, at_b = np.intersect1d(ids_a, ids_b, return_indices=True)
            found.append(PairMatches(a, b, points_a[at_a], points_b[at_b]))
    return found


def face_matches(rig: Any, rng: np.random.Generator, noise_px: float = 0.08) -> list[Observation]:
    """Speckle on an ellipsoid: matches within each pod, and both pods' surfaces where they overlap."""
    cameras = {c.name: c for c in rig.cameras}
    across = rng.uniform(-1, 1, (900, 2))
    across = across[(across**2).sum(axis=1) < 0.9]
    ball = np.column_stack([across, -np.sqrt(1 - (across**2).sum(axis=1))])
    axes = np.array([75.0, 110.0, 90.0])
    points, normals = ball * axes + (0, 0, 60), ball / axes
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)

    def images(pod: tuple[str, str], where: np.ndarray, noise: float) -> np.ndarray:
        exact = np.stack([cameras[name].project(points[where]) for name in pod])
        return np.asarray(exact + rng.normal(0, noise, exact.shape))

    left = images(LEFT, points[:, 0] < 40, noise_px / 1.4)
    right = images(RIGHT, points[:, 0] > -40, noise_px / 1.4)
    both = np.abs(points[:, 0]) < 35
    T = cameras["left_upper"].T_cam_world  # the calibration's world is this camera
    steps = SurfaceSteps(
        LEFT,
        RIGHT,
        images(LEFT, both, noise_px / 1.4),
        images(RIGHT, both, noise_px / 1.4),
        normals[both] @ T[:3, :3].T,
    )
    return [PairMatches(*LEFT, left[0], left[1]), PairMatches(*RIGHT, right[0], right[1]), steps]


def _watch(calibration: Any, rig: Any, source: Any, frame_sets: int = 20, seed: int = 5) -> tuple[int, DriftVerdict]:
    """Frame sets until the alarm (0: none), and the last verdict."""
    rng, monitor, first = np.random.default_rng(seed), HealthMonitor(calibration), 0
    verdict = None
    for k in range(frame_sets):
        verdict = monitor.look(source(rig, rng))
        if verdict.has_alarm and not first:
            first = k + 1
        if first and k >= first + 4:
            break
    assert verdict is not None
    return first, verdict


@pytest.mark.parametrize("source", [board_matches, face_matches], ids=["board", "face"])
@pytest.mark.parametrize("camera", ["left_upper", "left_lower", "right_upper", "right_lower"])
@pytest.mark.parametrize("axis", [0, 1], ids=["pitch", "yaw"])
def test_a_turn_of_100_urad_is_named_and_measured_within_20_frame_sets(
    truth: SimpleNamespace, solved: SimpleNamespace, source: Any, camera: str, axis: int
) -> None:
    first, verdict = _watch(solved.calibration, truth.bump(solved.rig, camera, axis, 100), source)
    assert 0 < first <= 20
    assert verdict.turn is not None
    assert verdict.turn.camera == camera
    assert verdict.others == ()
    turned = (verdict.turn.pitch_urad, verdict.turn.yaw_urad)
    assert turned[axis] == pytest.approx(100, abs=max(15, 4 * verdict.turn.sigma_urad))
    assert abs(turned[1 - axis]) < 20
    assert f"camera {camera} turned by" in str(verdict)


def test_a_colour_camera_is_named_from_a_board(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    first, verdict = _watch(solved.calibration, truth.bump(solved.rig, "right_colour", 1, 100), board_matches)
    assert 0 < first <= 20
    assert verdict.turn is not None
    assert verdict.turn.camera == "right_colour"


@pytest.mark.parametrize("source", [board_matches, face_matches], ids=["board", "face"])
def test_a_rig_at_rest_raises_no_alarm(solved: SimpleNamespace, source: Any) -> None:
    first, verdict = _watch(solved.calibration, solved.rig, source, 40)
    assert first == 0
    assert verdict.is_healthy
    assert str(verdict).startswith("calibration holds (40 frame sets); the largest turn without an alarm is ")


def test_wrong_matches_do_not_raise_an_alarm(solved: SimpleNamespace) -> None:
    def with_outliers(rig: Any, rng: np.random.Generator) -> list[Observation]:
        found = board_matches(rig, rng)
        for matches in found:
            assert isinstance(matches, PairMatches)
            wrong = rng.random(len(matches.points_b_px)) < 0.1
            matches.points_b_px[wrong] += rng.normal(0, 5, (int(wrong.sum()), 2))
        return found

    assert _watch(solved.calibration, solved.rig, with_outliers, 30)[0] == 0


def test_no_evidence_is_neither_an_alarm_nor_health(solved: SimpleNamespace) -> None:
    for verdict in (HealthMonitor(solved.calibration).look([]), check(solved.calibration, [])):
        assert not verdict.is_healthy
        assert not verdict.has_alarm
        assert verdict.frame_sets == 0
        assert set(verdict.unseen) == {*LEFT, *RIGHT}


def test_a_pod_that_matched_nothing_is_not_called_healthy(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    # A camera that turned far matches nothing more, so that the other pod alone gives evidence.
    moved, rng = truth.bump(solved.rig, "right_upper", 0, 5000), np.random.default_rng(4)
    verdict = check(solved.calibration, [face_matches(moved, rng)[:1] for _ in range(8)])
    assert verdict.unseen == RIGHT
    assert not verdict.is_healthy
    assert "whether right_upper, right_lower turned cannot be told" in str(verdict)


def test_a_turn_that_raises_no_alarm_is_within_what_the_verdict_admits(
    truth: SimpleNamespace, solved: SimpleNamespace
) -> None:
    # Without places that both pods see, a turn along the rows shows little.
    rng = np.random.default_rng(6)
    rested = check(solved.calibration, [face_matches(solved.rig, rng)[:2] for _ in range(8)])
    assert rested.weakest is not None
    limit = rested.weakest.unnoticed_urad
    assert "yaw of" in str(rested)
    assert limit > 500
    moved = truth.bump(solved.rig, rested.weakest.camera, 1, 2 * limit)
    assert check(solved.calibration, [face_matches(moved, rng)[:2] for _ in range(8)]).has_alarm


def _pod_alone(calibration: Any, observations: Any, board: Any) -> tuple[Any, list[list[Observation]]]:
    """A rig of one pod, and what it sees of the board."""
    cameras = MappingProxyType({name: calibration[name] for name in LEFT})
    mine = np.isin(observations.camera, [observations.cameras.index(name) for name in LEFT])
    seen = board_observations(observations.keep(mine), board)
    return replace(calibration, cameras=cameras, covariance=None), [found for found in seen if found][:12]


def test_lengths_on_a_board_show_smaller_turns_of_a_pod_alone_than_its_rows_do(solved: SimpleNamespace) -> None:
    noise = np.random.default_rng(2).normal(0, 0.3, solved.observations.points_px.shape)
    noisy = replace(solved.observations, points_px=solved.observations.points_px + noise)
    pod, seen = _pod_alone(solved.calibration, noisy, solved.board)
    rows = check(pod, [[one for one in found if isinstance(one, PairMatches)] for found in seen])
    whole = check(pod, seen)
    assert whole.is_healthy, str(whole)
    assert rows.weakest is not None
    assert whole.weakest is not None
    assert whole.weakest.unnoticed_urad < 0.7 * rows.weakest.unnoticed_urad


@pytest.mark.parametrize("camera", LEFT)
@pytest.mark.parametrize("axis", [0, 1], ids=["pitch", "yaw"])
def test_a_board_shows_a_turn_of_a_pod_alone(
    truth: SimpleNamespace, solved: SimpleNamespace, camera: str, axis: int
) -> None:
    moved = truth.observe(truth.bump(solved.rig, camera, axis, 2000), 7)
    verdict = check(*_pod_alone(solved.calibration, moved, solved.board))
    assert verdict.has_alarm, str(verdict)
    assert verdict.turn is not None
    assert camera in (verdict.turn.camera, *verdict.others)


def test_one_look_at_recorded_frame_sets_tells_the_same(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    moved = truth.bump(solved.rig, "left_lower", 0, 300)
    rng = np.random.default_rng(1)
    assert check(solved.calibration, [board_matches(moved, rng) for _ in range(4)]).has_alarm
    assert check(solved.calibration, [board_matches(solved.rig, rng) for _ in range(4)]).is_healthy


@pytest.mark.slow
def test_ten_thousand_frame_sets_of_a_rig_at_rest_raise_no_alarm(solved: SimpleNamespace) -> None:
    """The calibration's own error is drawn anew a hundred times, the matches' noise ten thousand times."""
    rng = np.random.default_rng(11)
    calibration = solved.calibration
    size = len(calibration.cameras) * WIDTH
    blocks = [_rows(calibration, matches) for matches in face_matches(solved.rig, rng, 0.0)[:2]]
    root = prior_root(calibration)
    alarms = 0
    for _ in range(100):
        monitor = HealthMonitor(calibration)
        error = root @ rng.standard_normal(root.shape[1])
        for _ in range(100):
            normal, gradient = np.zeros((size, size)), np.zeros(size)
            for J in blocks:
                part = weigh(rng.normal(0, 0.1, len(J)) - J @ error, J, 0.02, 0.003)
                assert part is not None
                normal += part[0]
                gradient += part[1]
            alarms += monitor.add(DriftEvidence(normal, gradient, {}, 1)).has_alarm
    assert alarms == 0


def _rows(calibration: Any, matches: Observation) -> np.ndarray:
    """Derivative rows of one pair over all parameters, from evidence of each match alone."""
    from rigdriver.calibration.health.evidence import _pair

    assert isinstance(matches, PairMatches)
    _, J, columns = _pair(calibration, matches)
    rows = np.zeros((len(J), len(calibration.cameras) * WIDTH))
    rows[:, columns] = J
    return rows[::4]


def test_evidence_of_too_few_matches_counts_nothing(solved: SimpleNamespace) -> None:
    points = np.full((5, 2), 700.0)
    assert gather(solved.calibration, [PairMatches(*LEFT, points, points)]).count == 0


@pytest.mark.parametrize(("sigma_urad", "is_unseen"), [(100.0, False), (290.0, False), (310.0, True), (706.0, True)])
def test_a_camera_that_could_turn_by_two_milliradians_without_an_alarm_is_not_called_seen(sigma_urad, is_unseen):
    turn = Turn("a", 0.0, 0.0, 0.0, sigma_urad, (sigma_urad, 8.0, 8.0), ratio=0.0)
    assert turn.is_unseen is is_unseen
