"""What a technician reads of a calibration that was just made.

In: a `Calibrated`. Out: a line per finding on stdout, notes on stderr.
Not here: the findings (see calibration/verdict.py).
"""

from __future__ import annotations

from rigdriver.cli.screen import note, show
from rigdriver.procedures.calibrated import Calibrated


def tell(made: Calibrated) -> None:
    """Print what was found, for people."""
    for finding in made.findings:
        show(("good  " if finding.is_good else "POOR  ") + finding.text)
    for text in made.calibration.notes:
        note(text)
    show(f"written: {made.file}" + (f", report {made.page}" if made.page else ""))
