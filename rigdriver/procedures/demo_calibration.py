"""The demo's second part: the simulated rig is calibrated from views of a board, and pictures show how well.

In: the rig's configuration, a folder. Out: the views, calibration.json and a report with coverage and residuals. The
simulator renders the views in a process of its own.
Not here: a benchmark (see tools/bench_calibration.py); few views at half the resolution keep this short.
"""

from __future__ import annotations

from pathlib import Path

from rigdriver.calibration.board.boards import PRESETS
from rigdriver.calibration.report.verdict import WELL_KEPT, WELL_RMS_PX
from rigdriver.calibration.solve.all_cameras import SolveOptions
from rigdriver.config import RigConfig
from rigdriver.procedures.calibrate import find_board
from rigdriver.procedures.calibrated import Calibrated, calibrated, identities
from rigdriver.procedures.demo_folder import VIEWS, new_views_folder
from rigdriver.procedures.simulator import pass_on
from rigdriver.progress import Progress

LEAST_SIZE_PX = (640, 480)
"""Least size of an image, in px; smaller ones show too little of the board's markers."""
_SAME_RIG = ("scene.seed=", "scene.optics.", "scene.sensor.")
"""Keys that must be the same in two scenarios, so that their cameras are."""


def board_scenario(scenario: str, size_px: tuple[int, int]) -> str:
    """Return the scenario in which the same cameras see a board; of too small a size the least one is taken."""
    width, height = size_px if size_px[0] >= LEAST_SIZE_PX[0] else LEAST_SIZE_PX
    kept = [word for word in scenario.partition("?")[2].split("&") if word.startswith(_SAME_RIG)]
    return "board?" + "&".join([f"width={width}", f"height={height}", *kept])


def calibrate_simulated(config: RigConfig, scenario: str, out: Path, progress: Progress) -> Calibrated | None:
    """Render views of a board scenario and calibrate; None when they cannot be rendered, for a reason on stderr."""
    folder = out / "calibration"
    views = new_views_folder(out)
    progress.note(f"\ncalibrating the simulated rig: {VIEWS} views of a ChArUco board, rendered for this")
    words = [scenario, "--frames", str(VIEWS), "--no-depth", "--quiet", "--out", str(views)]
    if pass_on("render", words) != 0:
        progress.note("the board could not be rendered, for the reason above")
        return None
    board = PRESETS["face"]
    cameras = [c.name for c in config.cameras if (views / c.name).is_dir()]
    found = find_board(views, board, cameras, progress)
    options = SolveOptions(config.name, identities=identities(config))
    file, report = folder / "calibration.json", folder / "report"
    return calibrated(found.observations, board, options, file, report, progress, is_demo=True)


def is_as_good_as_it_must_be(made: Calibrated) -> bool:
    """Whether the fit is good; so few views at half the resolution cannot keep the limits on the 3D error."""
    return made.calibration.rms_px <= WELL_RMS_PX and made.calibration.kept_share >= WELL_KEPT
