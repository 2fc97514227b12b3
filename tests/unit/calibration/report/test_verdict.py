"""A finding says which limit, what was seen and, where the limit is broken, what to do.

In: findings, and a solution that is good but for one figure. Out: sentences and the truth about each limit.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rigdriver.calibration.report.verdict import LimitFinding, LimitKind, is_well, judge_solution
from rigdriver.calibration.solve.all_cameras import Solution
from rigdriver.calibration.solve.notes import NoteKind, SolveNote
from rigdriver.calibration.views.coverage import CoverageHint, HintKind, assess

MORE = "take more views with more tilt and depth"
HINT = CoverageHint(HintKind.TILT, ("left",), "up")


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (LimitFinding(LimitKind.RMS, True, 0.05, 0.1), "reprojection RMS 0.05 px (expected at most 0.1)"),
        (
            LimitFinding(LimitKind.RMS, False, 0.5, 0.1),
            "reprojection RMS 0.5 px (expected at most 0.1): refocus, hold the board still, light it evenly",
        ),
        (
            LimitFinding(LimitKind.KEPT, False, 0.5, 0.9, corners=100),
            "50.0% of 100 corners kept (expected 90%): see the notes for views that were dropped",
        ),
        (
            LimitFinding(LimitKind.POINT, False, 20, 10, hint=HINT),
            f"expected 3D error (95 %) 20 um (expected at most 10): {MORE}: tilt the board up for left",
        ),
        (
            LimitFinding(LimitKind.STEP, False, 20, 10),
            f"expected step between the pods (95 %) 20 um (expected at most 10): {MORE}",
        ),
        (
            LimitFinding(LimitKind.DISTANCE, False, 90_000),
            "the boards stood 9e+04 mm from the cameras (expected 100 to 10000): give the board's squares in mm",
        ),
        (LimitFinding(LimitKind.NO_ACCURACY, False), "no pod has two geometry cameras: no 3D error can be stated"),
    ],
)
def test_a_finding_reads_as_a_sentence_with_its_remedy(finding: LimitFinding, sentence: str) -> None:
    assert str(finding) == sentence


def test_each_limit_is_judged_by_its_own_figure(solved: SimpleNamespace) -> None:
    solution = solved.solution
    coverage = assess(solution.observations, solved.board)

    def broken(**figures: float) -> list[LimitKind]:
        calibration = solution.calibration
        accuracy = {k: v for k, v in figures.items() if hasattr(calibration.accuracy, k)}
        own = {k: v for k, v in figures.items() if k not in accuracy}
        changed = replace(calibration, accuracy=replace(calibration.accuracy, **accuracy), **own)
        findings = judge_solution(replace(solution, calibration=changed), coverage)
        return [finding.kind for finding in findings if not finding.is_kept]

    assert broken() == []
    assert broken(rms_px=0.11) == [LimitKind.RMS]
    assert broken(kept_share=0.89) == [LimitKind.KEPT]
    assert broken(point_um_95=10.1) == [LimitKind.POINT]
    assert broken(step_um_95=10.1) == [LimitKind.STEP]
    assert broken(scale_ppm_95=100.1) == [LimitKind.SCALE]
    assert broken(step_um_95=float("nan")) == []


def test_what_is_beyond_all_limits_makes_a_poor_calibration(solved: SimpleNamespace) -> None:
    solution = solved.solution
    coverage = assess(solution.observations, solved.board)

    def broken(changed: Solution) -> list[LimitKind]:
        return [finding.kind for finding in judge_solution(changed, coverage) if not finding.is_kept]

    # Squares given in metres: all that is told in mm is a thousand times too small.
    small = {
        c.name: replace(c, T_cam_world=c.T_cam_world * np.array([1, 1, 1, 1e-3])[None]) for c in solved.calibration
    }
    in_metres = replace(
        solution,
        calibration=replace(solved.calibration, cameras=small),
        state=replace(solution.state, t_view=solution.state.t_view * 1e-3),
    )
    assert broken(in_metres) == [LimitKind.DISTANCE]
    larger = replace(solved.board, rows=solved.board.rows + 1)
    assert broken(replace(solution, calibration=replace(solved.calibration, board=larger))) == [LimitKind.EDGE]
    note = SolveNote(NoteKind.LONE_TIE, "003")
    assert broken(replace(solution, notes=(note,))) == [LimitKind.TIE]


def test_without_an_accuracy_nothing_is_well(solved: SimpleNamespace) -> None:
    bare = replace(solved.solution, calibration=replace(solved.calibration, accuracy=None))
    findings = judge_solution(bare, assess(bare.observations, solved.board))
    assert [finding.kind for finding in findings if not finding.is_kept] == [LimitKind.NO_ACCURACY]
    assert not is_well(None)
    assert is_well(solved.calibration.accuracy)
