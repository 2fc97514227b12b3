"""Can a calibration be used: the limits, the sentences that a technician reads, and the figures for scripts.

In: a `Solution`. Out: for each limit whether it is kept and a sentence with the remedy; a dictionary of figures; and,
while views are still being taken, whether there are enough. This file refuses to draw and to write files.
"""

from __future__ import annotations

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import Accuracy
from rigdriver.calibration.solve.all_cameras import Solution
from rigdriver.calibration.views.coverage import ENOUGH_VIEWS, Coverage, assess

WELL_RMS_PX = 0.10
WELL_POINT_UM = 10.0
WELL_STEP_UM = 10.0
WELL_SCALE_PPM = 100.0
WELL_KEPT = 0.90


def has_enough_views(coverage: Coverage) -> bool:
    """Whether every camera has so many views that asking the solver is worth it."""
    return all(camera.views >= ENOUGH_VIEWS for camera in coverage.cameras.values())


def is_well(accuracy: Accuracy | None) -> bool:
    """Whether the expected 3D error is small enough, with 95 % probability."""
    if accuracy is None:
        return False
    has_good_step = accuracy.step_um_95 != accuracy.step_um_95 or accuracy.step_um_95 <= WELL_STEP_UM
    return accuracy.point_um_95 <= WELL_POINT_UM and has_good_step


def judge(solution: Solution, coverage: Coverage) -> list[tuple[bool, str]]:
    """What a technician must know: is it good, and the sentence."""
    calibration = solution.calibration
    rows = [
        _row(
            calibration.rms_px, WELL_RMS_PX, "reprojection RMS", "px", "refocus, hold the board still, light it evenly"
        ),
        (
            calibration.kept_share >= WELL_KEPT,
            f"{calibration.kept_share:.1%} of {len(solution.observations)} corners kept (expected {WELL_KEPT:.0%})"
            + ("" if calibration.kept_share >= WELL_KEPT else ": see the notes for views that were dropped"),
        ),
    ]
    accuracy = calibration.accuracy
    if accuracy is None:
        rows.append((False, "no pod has two geometry cameras: no 3D error can be stated"))
    else:
        more = "take more views with more tilt and depth" + (f": {coverage.advice[0]}" if coverage.advice else "")
        rows.append(_row(accuracy.point_um_95, WELL_POINT_UM, "expected 3D error (95 %)", "um", more))
        if accuracy.step_um_95 == accuracy.step_um_95:
            rows.append(_row(accuracy.step_um_95, WELL_STEP_UM, "expected step between the pods (95 %)", "um", more))
        remedy = "measure the board's squares more exactly, or take more views"
        rows.append(_row(accuracy.scale_ppm_95, WELL_SCALE_PPM, "expected scale error (95 %)", "ppm", remedy))
    return rows


def _row(value: float, limit: float, what: str, unit: str, remedy: str) -> tuple[bool, str]:
    is_good = value <= limit
    return is_good, f"{what} {value:.3g} {unit} (expected at most {limit:g})" + ("" if is_good else f": {remedy}")


def figures(solution: Solution, board: Board) -> dict[str, object]:
    """The numbers of the report, for `--json`."""
    calibration, accuracy = solution.calibration, solution.calibration.accuracy
    rows = judge(solution, assess(solution.observations, board))
    return {
        "passed": all(is_good for is_good, _ in rows),
        "rms_px": calibration.rms_px,
        "kept_share": calibration.kept_share,
        "views": calibration.views,
        "corners": calibration.corners,
        "bow_mm": list(calibration.bow_mm),
        "expected": None
        if accuracy is None
        else {
            "point_um": accuracy.point_um,
            "point_um_95": accuracy.point_um_95,
            "step_um": accuracy.step_um if accuracy.step_um == accuracy.step_um else None,
            "step_um_95": accuracy.step_um_95 if accuracy.step_um_95 == accuracy.step_um_95 else None,
            "scale_ppm": accuracy.scale_ppm,
            "scale_ppm_95": accuracy.scale_ppm_95,
        },
        "cameras": {
            c.name: {
                "rms_px": c.rms_px,
                "views": c.views,
                "corners": c.corners,
                "fx": c.K[0, 0],
                "sigma_fx": c.sigmas["fx"],
            }
            for c in calibration
        },
        "findings": [{"passed": is_good, "text": text} for is_good, text in rows],
        "notes": list(calibration.notes),
    }
