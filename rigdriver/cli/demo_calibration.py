"""The demo's last part: the simulated rig is calibrated from views of a board, and pictures show how well.

In: the rig's configuration, a folder. Out: the views, calibration.json and a report with coverage and residuals, and
what they say in words. The simulator renders the views in a process of its own. This file refuses to be a benchmark:
few views at half the resolution keep it short.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from rigdriver.calibration.board.boards import PRESETS
from rigdriver.calibration.folder import detect_folder
from rigdriver.calibration.report.verdict import WELL_KEPT, WELL_RMS_PX
from rigdriver.calibration.solve.all_cameras import SolveOptions
from rigdriver.cli.calibrated import Calibrated, calibrated, identities
from rigdriver.cli.screen import note, progress_bar, show
from rigdriver.cli.sim import pass_on
from rigdriver.config import RigConfig

VIEWS = 12
SIZE_PX = (1024, 768)
LEAST_WIDTH_PX = 640
"""Smaller images show too little of the board's markers."""
_SAME_RIG = ("scene.seed=", "scene.optics.", "scene.sensor.")
"""What must be alike in two scenarios, or their cameras are not."""


def board_scenario(scenario: str, size_px: tuple[int, int]) -> str:
    """Return the scenario in which the same cameras see a board; of too small a size another one is taken."""
    width, height = size_px if size_px[0] >= LEAST_WIDTH_PX else SIZE_PX
    kept = [word for word in scenario.partition("?")[2].split("&") if word.startswith(_SAME_RIG)]
    return "board?" + "&".join([f"width={width}", f"height={height}", *kept])


def calibrate_simulated(config: RigConfig, scenario: str, out: Path) -> bool:
    """Render views of a board scenario, calibrate, tell; whether the fit is as good as it must be."""
    folder = out / "calibration"
    shutil.rmtree(folder / "views", ignore_errors=True)
    note(f"\ncalibrating the simulated rig: {VIEWS} views of a ChArUco board, rendered for this")
    words = [scenario, "--frames", str(VIEWS), "--no-depth", "--quiet", "--out", str(folder / "views")]
    if pass_on("render", words) != 0:
        note("the board could not be rendered, for the reason above")
        return False
    board = PRESETS["face"]
    with progress_bar("searching the board", 100) as advance:
        cameras = [c.name for c in config.cameras if (folder / "views" / c.name).is_dir()]
        found = detect_folder(
            folder / "views", board, cameras, progress=lambda share, _what: advance(round(100 * share))
        )
    options = SolveOptions(config.name, identities=identities(config))
    made = calibrated(found.observations, board, options, folder / "calibration.json", folder / "report")
    return _tell(made)


def _tell(made: Calibrated) -> bool:
    told = made.told
    rms_px, kept, expected = told["rms_px"], told["kept_share"], told["expected"]
    assert isinstance(rms_px, float)
    assert isinstance(kept, float)
    show(
        f"\nCalibrated six cameras together from {told['views']} views: corners fit to {rms_px:.3f} px RMS, "
        f"{kept:.1%} of them kept."
    )
    if isinstance(expected, dict):
        show(
            f"Expected 3D error in the face's volume: {expected['point_um']:.0f} um (95 %: below "
            f"{expected['point_um_95']:.0f} um);\n36 views at full resolution bring it below 10 um."
        )
    show(f"Look at {made.page}: what each camera saw of the board, and what is left over.")
    return rms_px <= WELL_RMS_PX and kept >= WELL_KEPT
