"""`rigdriver demo`: three seconds of the simulated rig, what they prove, its calibration, and a measured face.

In: nothing but a folder. Out: the self-test's table, thirty frame sets with their proofs, a contact sheet to look at,
a calibration with its report, and the last frame set as a face; exit status 0 when all of it is good.
Not here: anything that the other verbs cannot do (see procedures/demo_capture.py, procedures/demo_calibration.py and
procedures/demo_face.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rigdriver.cli.capture import rate_text
from rigdriver.cli.overwriting import OverwriteOption
from rigdriver.cli.screen import note, show
from rigdriver.cli.selftest import tell, tested
from rigdriver.cli.source import ScenarioOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, undisturbed, verb
from rigdriver.cli.watching import PROGRESS
from rigdriver.config import RigConfig
from rigdriver.outputs import refuse_mixing
from rigdriver.procedures.demo_folder import refuse_strange
from rigdriver.rig import Rig
from rigdriver.selftest.ledger import CheckLedger
from rigdriver.selftest.run_checks import FRAME_SETS
from rigdriver.selftest.selection import ALL

if TYPE_CHECKING:
    from rigdriver.procedures.calibrated import Calibrated
    from rigdriver.procedures.demo_capture import DemoCapture
    from rigdriver.procedures.demo_face import FaceMeasured, Score

_FACE = "smile?width=1024&height=768&scene.bank.views=2"
"""Scenario of the face; it takes a minute to render the first time, and no time later."""


@verb
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the results.")] = Path(
        "rigdriver-demo"
    ),
    scenario: ScenarioOption = "",
    overwrite: OverwriteOption = False,
) -> int:
    """Start a simulated rig, test it, capture three seconds, show what was proved, calibrate it, measure a face."""
    refuse_mixing(out, overwrite)
    refuse_strange(out)
    with undisturbed():
        import scipy.optimize  # noqa: F401, PLC0415  slow to import; exposure_window.py needs it

        from rigdriver.procedures.demo_calibration import (  # noqa: PLC0415  compiled code is slow to import
            board_scenario,
            calibrate_simulated,
            is_as_good_as_it_must_be,
        )
        from rigdriver.procedures.demo_capture import capture_demo  # noqa: PLC0415
        from rigdriver.procedures.demo_face import measure_face  # noqa: PLC0415

    note("starting the simulated rig: six GenICam cameras behind a GenTL producer, and a trigger box on a serial port")
    seen = scenario or _FACE
    with Rig.open(f"sim:{seen}") as rig:
        # The board is rendered at the size of the face, since a calibration holds for one resolution.
        size_px = min(rig.sizes_px().values())
        report = tested(rig, ALL, FRAME_SETS, CheckLedger(rig.config.name))
        tell(report)
        # The self-test comes first: a capture by a rig that fails it would prove nothing.
        captured = capture_demo(rig, out, PROGRESS)
    _tell_what_was_proved(captured, rig.config, out)
    made = calibrate_simulated(rig.config, board_scenario(seen, size_px), out, PROGRESS)
    is_good = report.has_passed and captured.has_passed and made is not None and is_as_good_as_it_must_be(made)
    if made is not None:
        _tell_calibration(made)
    face = measure_face(captured.latest, seen, out, PROGRESS) if made is not None and captured.latest else None
    if face is not None:
        _tell_face(face)
    # A scenario of the user's own may show no face at all.
    has_face = face is not None and face.cloud is not None
    return GOOD if is_good and (face.has_passed if face and has_face else bool(scenario)) else CHECK_FAILED


def _tell_what_was_proved(captured: DemoCapture, config: RigConfig, out: Path) -> None:
    statistics = captured.statistics
    frames = statistics.frame_sets * len(config.cameras) - statistics.gaps
    show(
        f"\nCaptured {statistics.frame_sets} frame sets{rate_text(statistics.rate_hz, 3)} from {len(config.cameras)} "
        f"cameras: {statistics.complete} complete, {statistics.gaps} gaps."
    )
    if frames:
        show(
            f"Each of the {frames} frames is proved to belong to its pulse: the box saw its trigger\n"
            f"go out and its exposure begin, and its time stamp, mapped to the box's clock, agrees\n"
            f"within {statistics.residual_us_max:.2f} us (allowed: {config.sync.tolerance_us:g} us)."
        )
    if statistics.skew_us_max == statistics.skew_us_max:
        show(
            f"Exposures that belong together began within {statistics.skew_us_max:.1f} us of each other, "
            "the\nplan's own differences (pattern light first, then white) taken off."
        )
    if captured.latest is not None:
        show(
            f"\nLook at {captured.sheet} (pulse {captured.latest.pulse_index}); the proofs are in "
            f"{out / 'proofs.csv'} and proofs.json."
        )


def _tell_calibration(made: Calibrated) -> None:
    known = made.calibration
    show(
        f"\nCalibrated {len(known.cameras)} cameras together from {known.views} views: corners fit to "
        f"{known.rms_px:.3f} px RMS, {known.kept_share:.1%} of them kept."
    )
    if known.accuracy is not None:
        show(
            f"Expected 3D error in the face's volume: {known.accuracy.point_um:.0f} um (95 %: below "
            f"{known.accuracy.point_um_95:.0f} um);\n36 views at full resolution bring it below 10 um."
        )
    show(f"Look at {made.page}: what each camera saw of the board, and what is left over.")


def _tell_face(face: FaceMeasured) -> None:
    if face.cloud is None or face.score is None:
        show(f"\nNo face was measured: {face.problem}")
        return
    figures = face.cloud.figures
    show(
        f"\nMeasured the face of that pulse: {len(face.cloud)} points in {figures.times_ms['total']:.0f} ms, each with "
        f"its\nown uncertainty (median {face.sigma_um:.0f} um). The two pods' surfaces lay "
        f"{abs(figures.step_um):.0f} um apart\nbefore they were fused. Of what is lit "
        f"{' and '.join(f'{pod.kept_share:.1%} ({pod.pod})' for pod in figures.pods)} was measured."
    )
    _tell_score(face.score)
    show(
        f"Look at {face.sheet}: shape, texture, predicted uncertainty, true error, and what is missing. Beside it\n"
        "lie the cloud, face.ply, .obj, .glb, and face.stl, closed for a printer."
    )


def _tell_score(score: Score) -> None:
    show(
        f"Against the truth, over all points and with the calibration above: median {score.median_um:.0f} um, RMS "
        f"{score.rms_um:.0f} um,\n99 % within {score.p99_um:.0f} um; "
        f"{score.share_within_200um:.2%} of the points are within 200 um, and {score.completeness:.1%} of the\n"
        "surface that both cameras of a pod see was measured. (At full resolution it is some three times finer.)"
    )
