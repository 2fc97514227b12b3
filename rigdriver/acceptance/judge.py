"""Judgement of the acceptance test: several positions of certified artefacts against the rig's limits.

In: results of `artefacts`, limits. Out: an `Acceptance` with every figure and whether it keeps its limit. The worst
position decides, as VDI/VDE 2634 part 2 asks. Not here: history and lock (see lock.py), the report (see page.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from pydantic import StrictBool

from rigdriver.acceptance.artefacts import BallBarResult, PlateResult
from rigdriver.config import AcceptanceConfig
from rigdriver.errors import NotMeasured


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One line of the report: a characteristic of the rig, and its worst position."""

    name: str
    meaning: str
    worst_um: float
    limit_um: float
    full_range_um: float | None
    """Full range over all points, none left out; None where the characteristic has none."""
    rms_um: float
    is_passed: StrictBool


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One acceptance test."""

    created: str
    """Date of the test in UTC, ISO 8601."""
    rig: str
    calibration: str
    """Date of the calibration that was tested."""
    characteristics: tuple[Characteristic, ...]
    ball_bar_positions: int = 0
    plate_positions: int = 0

    @property
    def missing(self) -> tuple[str, ...]:
        """Artefacts that were not measured, so that their characteristics were not tested."""
        counts = {"ball bar": self.ball_bar_positions, "plate": self.plate_positions}
        return tuple(name for name, count in counts.items() if not count)

    @property
    def is_passed(self) -> bool:
        """Whether all characteristics keep their limits, and there is at least one."""
        return bool(self.characteristics) and all(c.is_passed for c in self.characteristics)


def judge(
    rig: str, calibration: str, bars: Sequence[BallBarResult], plates: Sequence[PlateResult], limits: AcceptanceConfig,
    now: datetime,
) -> Acceptance:  # fmt: skip
    """Compare all positions with the limits.

    Raises:
        NotMeasured: no position was measured.
    """
    if not bars and not plates:
        raise NotMeasured(
            device="acceptance test",
            seen="no position was measured",
            expected="at least one",
            remedy="hold a ball bar or a plate in the volume",
        )
    # The largest value of each characteristic over all positions is reported, its full range and RMS beside it.
    lines = []
    spheres = [sphere for bar in bars for sphere in bar.spheres]
    if spheres:
        form = max(spheres, key=lambda s: s.form.range_95_um).form
        lines.append(_line(
            "probing error form", "range of 95 % of the points about the fitted sphere", form.range_95_um,
            limits.probing_form_um, max(s.form.range_um for s in spheres), max(s.form.rms_um for s in spheres),
        ))  # fmt: skip
        # Errors are signed: the largest by its amount is shown with its sign.
        sizes = [error for bar in bars for error in bar.size_errors_um]
        lines.append(_line(
            "probing error size", "fitted minus certified diameter", max(sizes, key=abs), limits.probing_size_um, None,
            float(np.sqrt(np.mean(np.square(sizes)))),
        ))  # fmt: skip
        spacings = [bar.spacing_error_um for bar in bars]
        lines.append(_line(
            "sphere-spacing error", "fitted minus certified distance of the centres", max(spacings, key=abs),
            limits.spacing_um, None, float(np.sqrt(np.mean(np.square(spacings)))),
        ))  # fmt: skip
    if plates:
        worst = max(plates, key=lambda p: p.flatness.range_95_um).flatness
        lines.append(_line(
            "flatness", "range of 95 % of the points about the fitted plane", worst.range_95_um, limits.flatness_um,
            max(p.flatness.range_um for p in plates), max(p.flatness.rms_um for p in plates),
        ))  # fmt: skip
    return Acceptance(
        now.astimezone(UTC).isoformat(timespec="seconds"), rig, calibration, tuple(lines), len(bars), len(plates)
    )


def _line(name: str, meaning: str, worst: float, limit: float, full: float | None, rms: float) -> Characteristic:
    return Characteristic(name, meaning, float(worst), limit, full, rms, abs(worst) <= limit)
