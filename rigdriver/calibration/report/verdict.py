"""Whether a calibration can be used: the limits, a finding for each limit, and the figures for scripts.

In: a `Solution`. Out: findings as kind and numbers, whose `str` is the sentence with its remedy; the figures of the
report; and, while views are still being taken, whether there are enough. Not here: drawing (see pictures.py) and
writing files (see page.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.board.identity import unseen_edges
from rigdriver.calibration.calibration import Accuracy, CameraCalibration
from rigdriver.calibration.solve.all_cameras import Solution
from rigdriver.calibration.solve.notes import NoteKind, SolveNote
from rigdriver.calibration.views.coverage import ENOUGH_VIEWS, Coverage, CoverageHint, assess
from rigdriver.json_values import JsonValue

WELL_RMS_PX = 0.10
"""Largest reprojection RMS of a good calibration, in pixels."""
WELL_POINT_UM = 10.0
"""Largest expected 3D error (95 %) of a good calibration, in micrometres."""
WELL_STEP_UM = 10.0
"""Largest expected step between the pods (95 %) of a good calibration, in micrometres."""
WELL_SCALE_PPM = 100.0
"""Largest expected scale error (95 %) of a good calibration, in parts per million."""
WELL_KEPT = 0.90
"""Smallest share of kept corners of a good calibration."""


WELL_DISTANCE_MM = (100.0, 10_000.0)
"""Distances of the boards from the cameras that a good calibration has; others come of a wrong unit of the square."""


class LimitKind(Enum):
    """Quantity that a limit is about; the value is its name for people."""

    RMS = "reprojection RMS"
    KEPT = "corners kept"
    POINT = "expected 3D error (95 %)"
    STEP = "expected step between the pods (95 %)"
    SCALE = "expected scale error (95 %)"
    NO_ACCURACY = "no 3D error"
    DISTANCE = "distance of the boards from the cameras"
    EDGE = "corners at the board's far edges"
    TIE = "views that tie the cameras"


OF_FULL_CALIBRATIONS = frozenset({LimitKind.POINT, LimitKind.STEP, LimitKind.SCALE})
"""Limits that few views of small images cannot keep; those on the fit hold for a demo, too."""
_SAID = {
    LimitKind.NO_ACCURACY: "no pod has two geometry cameras: no 3D error can be stated",
    LimitKind.DISTANCE: f"the boards stood {{seen:.3g}} mm from the cameras (expected {WELL_DISTANCE_MM[0]:g} to "
    f"{WELL_DISTANCE_MM[1]:g}): give the board's squares in mm",
    LimitKind.EDGE: "no image shows the last {seen:.0f} rows or columns of the board: if the print does not have them, "
    "it is another board whose squares may have another size; name it with --board, or show the whole board once",
    LimitKind.TIE: "one view alone ties some cameras to the others, and nothing checks it: take more views that both "
    "sides see",
}
"""Findings that are reported only when they are not kept."""
_UNITS = {LimitKind.RMS: "px", LimitKind.POINT: "um", LimitKind.STEP: "um", LimitKind.SCALE: "ppm"}


@dataclass(frozen=True, slots=True)
class LimitFinding:
    """One limit, what was found, and whether it is kept; `str` makes the sentence."""

    kind: LimitKind
    is_kept: bool
    seen: float = math.nan
    limit: float = math.nan
    corners: int = 0
    """Number of corners that were found; for `KEPT`."""
    hint: CoverageHint | None = None
    """View that would help most; for `POINT` and `STEP`."""

    def __str__(self) -> str:
        if self.kind in _SAID:
            return _SAID[self.kind].format(seen=self.seen)
        if self.kind is LimitKind.KEPT:
            sentence = f"{self.seen:.1%} of {self.corners} corners kept (expected {self.limit:.0%})"
        else:
            unit = _UNITS[self.kind]
            sentence = f"{self.kind.value} {self.seen:.3g} {unit} (expected at most {self.limit:g})"
        return sentence if self.is_kept else f"{sentence}: {self._remedy()}"

    def _remedy(self) -> str:
        if self.kind is LimitKind.RMS:
            return "refocus, hold the board still, light it evenly"
        if self.kind is LimitKind.KEPT:
            return "see the notes for views that were dropped"
        if self.kind is LimitKind.SCALE:
            return "measure the board's squares more exactly, or take more views"
        more = "take more views with more tilt and depth"
        return more if self.hint is None else f"{more}: {self.hint}"


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationFigures:
    """The numbers of the report."""

    calibrated: Solution
    findings: tuple[LimitFinding, ...]

    @property
    def has_passed(self) -> bool:
        """Whether every limit is kept."""
        return all(finding.is_kept for finding in self.findings)

    @property
    def notes(self) -> tuple[SolveNote, ...]:
        """Notes of the solve."""
        return self.calibrated.notes

    def to_json(self) -> dict[str, JsonValue]:
        """Return the object that `--json` prints."""
        calibration = self.calibrated.calibration
        return {
            "passed": self.has_passed,
            "rms_px": calibration.rms_px,
            "kept_share": calibration.kept_share,
            "views": calibration.views,
            "corners": calibration.corners,
            "bow_mm": list(calibration.bow_mm),
            "expected": None if calibration.accuracy is None else _accuracy_table(calibration.accuracy),
            "cameras": {camera.name: _camera_table(camera) for camera in calibration},
            "findings": [{"passed": finding.is_kept, "text": str(finding)} for finding in self.findings],
            "notes": list(calibration.notes),
        }


def _accuracy_table(accuracy: Accuracy) -> dict[str, JsonValue]:
    return {
        "point_um": accuracy.point_um,
        "point_um_95": accuracy.point_um_95,
        "step_um": _number(accuracy.step_um),
        "step_um_95": _number(accuracy.step_um_95),
        "scale_ppm": accuracy.scale_ppm,
        "scale_ppm_95": accuracy.scale_ppm_95,
    }


def _camera_table(camera: CameraCalibration) -> dict[str, JsonValue]:
    return {
        "rms_px": camera.rms_px,
        "views": camera.views,
        "corners": camera.corners,
        "fx": float(camera.K[0, 0]),
        "sigma_fx": camera.sigmas["fx"],
    }


def _number(value: float) -> float | None:
    # JSON has no NaN (RFC 8259, 6).
    return None if math.isnan(value) else value


def has_enough_views(coverage: Coverage) -> bool:
    """Whether every camera has enough views for a solve to be worth its time."""
    return all(camera.views >= ENOUGH_VIEWS for camera in coverage.cameras.values())


def is_well(accuracy: Accuracy | None) -> bool:
    """Whether the expected 3D error is small enough, with 95 % probability."""
    if accuracy is None:
        return False
    # With one pod there is no step, which NaN states.
    has_good_step = math.isnan(accuracy.step_um_95) or accuracy.step_um_95 <= WELL_STEP_UM
    return accuracy.point_um_95 <= WELL_POINT_UM and has_good_step


def judge_solution(solution: Solution, coverage: Coverage) -> tuple[LimitFinding, ...]:
    """Compare a solution with every limit that applies to it."""
    calibration, accuracy = solution.calibration, solution.calibration.accuracy
    kept = calibration.kept_share
    findings = [
        _at_most(LimitKind.RMS, calibration.rms_px, WELL_RMS_PX),
        LimitFinding(LimitKind.KEPT, kept >= WELL_KEPT, kept, WELL_KEPT, corners=len(solution.observations)),
    ]
    findings += _odd(solution)
    if accuracy is None:
        return (*findings, LimitFinding(LimitKind.NO_ACCURACY, is_kept=False))
    hint = coverage.hints[0] if coverage.hints else None
    findings.append(_at_most(LimitKind.POINT, accuracy.point_um_95, WELL_POINT_UM, hint))
    if not math.isnan(accuracy.step_um_95):
        findings.append(_at_most(LimitKind.STEP, accuracy.step_um_95, WELL_STEP_UM, hint))
    findings.append(_at_most(LimitKind.SCALE, accuracy.scale_ppm_95, WELL_SCALE_PPM))
    return tuple(findings)


def _odd(solution: Solution) -> list[LimitFinding]:
    """Return findings on what is beyond all limits; nothing for what is as usual."""
    table, state, board = solution.observations, solution.state, solution.calibration.board
    odd = []
    used = table.keep(solution.kept)
    posed = used.counts().sum(axis=1) > 0
    centres = np.array([camera.centre_mm for camera in solution.calibration])
    distance = float(np.median(np.linalg.norm(state.t_view[posed][:, None] - centres, axis=2)))
    if not WELL_DISTANCE_MM[0] <= distance <= WELL_DISTANCE_MM[1]:
        odd.append(LimitFinding(LimitKind.DISTANCE, is_kept=False, seen=distance))
    # A chessboard is found as a whole or not at all.
    if board.kind == "charuco" and (unseen := max(unseen_edges(board, table.corner))):
        odd.append(LimitFinding(LimitKind.EDGE, is_kept=False, seen=unseen))
    if any(note.kind is NoteKind.LONE_TIE for note in solution.notes):
        odd.append(LimitFinding(LimitKind.TIE, is_kept=False, seen=1))
    return odd


def _at_most(kind: LimitKind, seen: float, limit: float, hint: CoverageHint | None = None) -> LimitFinding:
    return LimitFinding(kind, seen <= limit, seen, limit, hint=hint)


def figures(solution: Solution, board: Board) -> CalibrationFigures:
    """Return the numbers of the report."""
    return CalibrationFigures(solution, judge_solution(solution, assess(solution.observations, board)))
