"""From corners to a calibration file, a report and their figures: the end of `calibrate solve` and `capture`.

In: corners, a board, options. Out: a file, perhaps a report, and a `Calibrated`.
Not here: where the corners came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import save
from rigdriver.calibration.report.verdict import CalibrationFigures, LimitFinding, figures, judge_solution
from rigdriver.calibration.solve.all_cameras import CameraIdentity, SolveOptions
from rigdriver.calibration.solve.all_cameras import solve as solve_rig
from rigdriver.calibration.views.coverage import assess
from rigdriver.calibration.views.observations import Observations
from rigdriver.config import RigConfig
from rigdriver.images.region import ImageRegion
from rigdriver.json_values import JsonObject
from rigdriver.progress import Progress


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was made."""

    calibration: RigCalibration
    findings: tuple[LimitFinding, ...]
    figures: CalibrationFigures
    file: Path
    page: Path | None

    @property
    def has_passed(self) -> bool:
        """Whether the calibration can be used."""
        return all(finding.is_kept for finding in self.findings)

    def to_json(self) -> JsonObject:
        """Return the object that `--json` prints."""
        return {
            **self.figures.to_json(),
            "calibration": str(self.file),
            "report": str(self.page) if self.page else None,
        }


def identities(
    config: RigConfig, regions: Mapping[str, ImageRegion | None] = MappingProxyType({})
) -> Mapping[str, CameraIdentity]:
    """Return who the rig's cameras are, and which place of its sensor each one used."""
    return MappingProxyType(
        {c.name: CameraIdentity(c.serial, c.pod, c.role, regions.get(c.name)) for c in config.cameras}
    )


def calibrated(
    observations: Observations, board: Board, options: SolveOptions, out: Path, report: Path | None, progress: Progress,
    is_demo: bool = False,
) -> Calibrated:  # fmt: skip
    """Solve, write the file and, where asked for, the report; that of a demo says that few views were meant."""
    with progress.stage("solving", 100) as advance:
        solution = solve_rig(observations, board, options, lambda share, _what: advance(round(100 * share)))
    # Saved before the report is drawn: a folder that is full or a picture that fails costs no calibration.
    save(solution.calibration, out)
    page = None
    if report is not None:
        from rigdriver.calibration.report.page import write_report  # noqa: PLC0415  matplotlib is slow to import

        page = write_report(solution, board, report, is_demo)
    findings = judge_solution(solution, assess(solution.observations, board))
    return Calibrated(solution.calibration, findings, figures(solution, board), out, page)
