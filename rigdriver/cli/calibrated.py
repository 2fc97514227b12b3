"""From corners to a calibration file, a report and what is told of them: the end of `calibrate solve` and `capture`.

In: corners, a board, options. Out: a file, perhaps a report, figures for scripts and sentences for people. This file
refuses to know where the corners came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.file import save
from rigdriver.calibration.report.verdict import figures
from rigdriver.calibration.solve.all_cameras import CameraIdentity, SolveOptions
from rigdriver.calibration.solve.all_cameras import solve as solve_rig
from rigdriver.calibration.views.observations import Observations
from rigdriver.cli.screen import note, progress_bar, show
from rigdriver.config import RigConfig


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was made."""

    told: Mapping[str, object]
    """Figures and findings, as `--json` prints them."""
    file: Path
    page: Path | None

    @property
    def has_passed(self) -> bool:
        """It can be used."""
        return bool(self.told["passed"])

    def to_json(self) -> dict[str, object]:
        """Return the object that `--json` prints."""
        return {**self.told, "calibration": str(self.file), "report": str(self.page) if self.page else None}


def identities(config: RigConfig) -> Mapping[str, CameraIdentity]:
    """Return who the rig's cameras are."""
    return MappingProxyType({c.name: CameraIdentity(c.serial, c.pod, c.role) for c in config.cameras})


def calibrated(
    observations: Observations, board: Board, options: SolveOptions, out: Path, report: Path | None
) -> Calibrated:
    """Solve, write the file and, where wished, the report."""
    from rigdriver.calibration.report.page import write_report  # noqa: PLC0415  matplotlib is slow to import

    with progress_bar("solving", 100) as advance:
        solution = solve_rig(observations, board, options, lambda share, _what: advance(round(100 * share)))
    save(solution.calibration, out)
    page = write_report(solution, board, report) if report else None
    return Calibrated(figures(solution, board).to_json(), out, page)


def tell(made: Calibrated) -> None:
    """Print what was found, for people."""
    findings = made.told["findings"]
    assert isinstance(findings, list)
    for finding in findings:
        show(("good  " if finding["passed"] else "POOR  ") + finding["text"])
    notes = made.told["notes"]
    assert isinstance(notes, Iterable)
    for text in notes:
        note(str(text))
    show(f"written: {made.file}" + (f", report {made.page}" if made.page else ""))
