"""`rigdriver demo`: three seconds of the simulated rig, what they prove, its calibration, and a measured face.

In: nothing but a folder. Out: the self-test's table, thirty frame sets with their proofs, a contact sheet to look at,
a calibration with its report, and the last frame set as a face; exit status 0 when all of it is good. This file refuses
to do anything that the other verbs do not.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.capture import capture_run
from rigdriver.cli.demo_calibration import board_scenario, calibrate_simulated
from rigdriver.cli.demo_face import Shot, measure_face
from rigdriver.cli.proof_files import ProofFiles
from rigdriver.cli.screen import note, show
from rigdriver.cli.selftest import tell, tested
from rigdriver.cli.source import ScenarioOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.config import RigConfig
from rigdriver.errors import UsageError
from rigdriver.frames import FrameSet
from rigdriver.rig import Rig
from rigdriver.run.statistics import RunStatistics

_SECONDS = 3
_RATE_HZ = 10.0
_FACE = "smile?width=1024&height=768&scene.bank.views=2"
"""A face that takes a minute to render the first time, and nothing from then on."""


@verb
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for what it leaves.")] = Path(
        "rigdriver-demo"
    ),
    scenario: ScenarioOption = "",
) -> int:
    """Start a simulated rig, test it, capture three seconds, show what was proved, calibrate it, measure a face."""
    frames = round(_SECONDS * _RATE_HZ)
    note("starting the simulated rig: six GenICam cameras behind a GenTL producer, and a trigger box on a serial port")
    latest, seen, shot = Latest(), scenario or _FACE, None
    with ExitStack() as stack:
        rig = stack.enter_context(Rig.open(f"sim:{seen}"))
        size_px = min(rig.sizes_px().values())
        report = tested(rig)
        tell(report)
        proofs = stack.enter_context(ProofFiles(out, rig.config.name))
        statistics = capture_run(rig, frames, _RATE_HZ, [proofs.write, latest.take])
        _tell_what_was_proved(statistics, rig.config)
        if latest.frame_set is not None:
            _leave_sheet(latest.frame_set, rig.config, out)
            shot = Shot.of(latest.frame_set)
    is_good = report.has_passed and statistics.complete == frames
    is_good &= calibrate_simulated(rig.config, board_scenario(seen, size_px), out)
    # A scenario of the user's own may show no face at all.
    measured = measure_face(shot, seen, out) if shot is not None else None
    return GOOD if is_good and (measured or (measured is None and scenario)) else CHECK_FAILED


class Latest:
    """Keeps the newest complete frame set, or the newest at all."""

    def __init__(self) -> None:
        self.frame_set: FrameSet | None = None

    def take(self, frame_set: FrameSet, _index: int) -> None:
        """Keep it unless it has gaps and the kept one has none."""
        if self.frame_set is None or frame_set.is_complete or not self.frame_set.is_complete:
            self.frame_set = frame_set


def _tell_what_was_proved(statistics: RunStatistics, config: RigConfig) -> None:
    frames = statistics.frame_sets * len(config.cameras) - statistics.gaps
    show(
        f"\nCaptured {statistics.frame_sets} frame sets at {statistics.rate_hz:.3f} Hz from {len(config.cameras)} "
        f"cameras: {statistics.complete} complete, {statistics.gaps} gaps."
    )
    show(
        f"Each of the {frames} frames is proved to belong to its pulse: the box saw its trigger\n"
        f"go out and its exposure begin, and its time stamp, mapped to the box's clock, agrees\n"
        f"within {statistics.residual_us_max:.2f} us (allowed: {config.sync.tolerance_us:g} us)."
    )
    show(
        f"Exposures that belong together began within {statistics.skew_us_max:.1f} us of each other, the plan's own\n"
        "differences (pattern light first, then white) taken off."
    )


def _leave_sheet(frame_set: FrameSet, config: RigConfig, out: Path) -> None:
    import cv2  # noqa: PLC0415  `rigdriver --help` does without

    from rigdriver.cli.contact_sheet import contact_sheet  # noqa: PLC0415

    sheet = out / "contact-sheet.png"
    if not cv2.imwrite(str(sheet), contact_sheet(frame_set, config)):
        raise UsageError(f"{sheet}: cannot be written; name another folder with --out")
    show(f"\nLook at {sheet} (pulse {frame_set.pulse_index}); the proofs are in {out / 'proofs.csv'} and proofs.json.")
