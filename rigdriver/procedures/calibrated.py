"""From corners to a calibration file, a report and their figures: the end of `calibrate solve` and `capture`.

In: corners, a board, options. Out: a file, perhaps a report, and a `Calibrated`.
Not here: where the corners came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rigdriver.calibration.boards import Board
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.coverage import assess
from rigdriver.calibration.file import save
from rigdriver.calibration.observations import Observations
from rigdriver.calibration.solve import CameraIdentity, SolveOptions
from rigdriver.calibration.solve import solve as solve_rig
from rigdriver.calibration.verdict import figures, judge
from rigdriver.config import RigConfig
from rigdriver.progress import Progress


@dataclass(frozen=True, slots=True)
class Finding:
    """One limit, and whether it is kept."""

    is_good: bool
    text: str


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was made."""

    calibration: RigCalibration
    findings: tuple[Finding, ...]
    figures: Mapping[str, object]
    """Figures and findings, as `--json` prints them."""
    file: Path
    page: Path | None

    @property
    def has_passed(self) -> bool:
        """It can be used."""
        return all(finding.is_good for finding in self.findings)

    def to_json(self) -> dict[str, object]:
        """Return the object that `--json` prints."""
        return {**self.figures, "calibration": str(self.file), "report": str(self.page) if self.page else None}


def identities(config: RigConfig) -> Mapping[str, CameraIdentity]:
    """Return who the rig's cameras are."""
    return MappingProxyType({c.name: CameraIdentity(c.serial, c.pod, c.role) for c in config.cameras})


def calibrated(
    observations: Observations, board: Board, options: SolveOptions, out: Path, report: Path | None, progress: Progress
) -> Calibrated:
    """Solve, write the file and, where wished, the report."""
    with progress.stage("solving", 100) as advance:
        solution = solve_rig(observations, board, options, lambda share, _what: advance(round(100 * share)))
    save(solution.calibration, out)
    page = None
    if report is not None:
        from rigdriver.calibration.report import write_report  # noqa: PLC0415  matplotlib is slow to import

        page = write_report(solution, board, report)
    findings = tuple(Finding(*row) for row in judge(solution, assess(solution.observations, board)))
    return Calibrated(solution.calibration, findings, figures(solution, board), out, page)
