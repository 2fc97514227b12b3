"""Hold a board before the rig, and the rig takes the views that a calibration needs.

In: a rig, a board. Out: images and proofs of each view in a folder; where wished, the calibration and its report. Every
camera exposes under the white lamps, at most three times per second. Ctrl-C keeps what was taken.
Not here: which views are taken (see board_views.py).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.solve.all_cameras import SolveOptions
from rigdriver.calibration.views.coverage import Coverage
from rigdriver.config import RigConfig
from rigdriver.procedures.board_views import ViewsEnding, ViewWishes, take_views
from rigdriver.procedures.calibrated import Calibrated, calibrated, identities
from rigdriver.progress import SILENT, Progress
from rigdriver.recording.capture_folder import refuse_used
from rigdriver.rig import Rig
from rigdriver.schedule.white_light import white_light
from rigdriver.sources import resolve


@dataclass(frozen=True, slots=True)
class BoardCaptureOptions:
    """What is held before the rig, when to end, and what is made of the views."""

    board: Board
    folder: Path
    wishes: ViewWishes = field(default_factory=ViewWishes)
    is_solved: bool = False
    """Whether the views are solved at the end, with a report."""
    rate_hz: float | None = None
    """Frame sets per second; at most 3 when it is None."""


@dataclass(frozen=True, slots=True)
class BoardCaptured:
    """The views that were taken, and the calibration where one was made."""

    folder: Path
    views: int
    coverage: Coverage
    ending: ViewsEnding
    made: Calibrated | None = None

    @property
    def has_passed(self) -> bool:
        """Whether there are enough views, and the calibration is good."""
        return self.ending.is_enough and (self.made is None or self.made.has_passed)


def capture_board(
    source: str | Path | RigConfig, options: BoardCaptureOptions, progress: Progress = SILENT
) -> BoardCaptured:
    """Take views of a board with a live rig, with guidance, until there are enough.

    Raises:
        UsageError: the folder holds a capture already.
        RigError: what `Rig.open` and its runs raise, and the solver.
    """
    refuse_used(options.folder)
    with ExitStack() as stack:
        config = resolve(source, stack)
        with Rig.open(_lit(config, options.rate_hz)) as rig:
            # From the rig's own configuration: in white light every camera has the role of a texture camera.
            solving = SolveOptions(config.name, identities=identities(config, rig.regions()))
            progress.note(
                f"hold board {options.board.name} before the cameras; a view is taken by itself when it rests; Ctrl-C "
                "ends"
            )
            taken, ending = take_views(rig, options.board, options.folder, options.wishes, solving, progress)
    made = None
    # After the rig is closed, so that its lamps and cameras do not wait for the solver.
    if options.is_solved and not ending.was_stopped and taken.views:
        file, report = options.folder / "calibration.json", options.folder / "report"
        made = calibrated(taken.observations(), options.board, solving, file, report, progress)
    return BoardCaptured(options.folder, taken.views, taken.coverage, ending, made)


def _lit(config: RigConfig, rate_hz: float | None) -> RigConfig:
    lit = white_light(config)
    if rate_hz is None:
        return lit
    return lit.model_copy(update={"schedule": lit.schedule.model_copy(update={"rate_hz": rate_hz})})
