"""The acceptance test: several positions of certified artefacts against the rig's limits, kept over time.

In: results of `artefacts`, limits, a history file. Out: a verdict with every figure, and a lock that refuses measuring
when the last test failed or is too old. The history is JSON lines. This file refuses to know cameras, clouds and pages.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from rigdriver.acceptance.artefacts import BallBarResult, PlateResult
from rigdriver.config import AcceptanceConfig
from rigdriver.errors import UsageError


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One line of the certificate: the worst position decides."""

    name: str
    meaning: str
    worst_um: float
    limit_um: float
    full_range_um: float | None
    """Of all points, none left out; None where it has no meaning."""
    rms_um: float
    is_passed: bool


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One acceptance test."""

    created: str
    """UTC, ISO 8601."""
    rig: str
    calibration: str
    """When the calibration that was tested was made."""
    characteristics: tuple[Characteristic, ...]
    ball_bar_positions: int = 0
    plate_positions: int = 0

    @property
    def missing(self) -> tuple[str, ...]:
        """Artefacts that were not measured, so what they tell was not tested."""
        counts = {"ball bar": self.ball_bar_positions, "plate": self.plate_positions}
        return tuple(name for name, count in counts.items() if not count)

    @property
    def is_passed(self) -> bool:
        """All characteristics are within their limits, and there is at least one."""
        return bool(self.characteristics) and all(c.is_passed for c in self.characteristics)


def judge(
    rig: str, calibration: str, bars: Sequence[BallBarResult], plates: Sequence[PlateResult], limits: AcceptanceConfig,
    now: datetime,
) -> Acceptance:  # fmt: skip
    """Compare all positions with the limits.

    Raises:
        UsageError: no position was measured.
    """
    if not bars and not plates:
        raise UsageError("acceptance: no position was measured; place a ball bar or a plate in the volume")
    lines = []
    spheres = [sphere for bar in bars for sphere in bar.spheres]
    if spheres:
        form = max(spheres, key=lambda s: s.form.range_95_um).form
        lines.append(_line(
            "probing error form", "range of 95 % of the points about the fitted sphere", form.range_95_um,
            limits.probing_form_um, max(s.form.range_um for s in spheres), max(s.form.rms_um for s in spheres),
        ))  # fmt: skip
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


def append_history(path: Path, done: Acceptance) -> None:
    """Add one test to the history file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(done)) + "\n")


def read_history(path: Path) -> list[Acceptance]:
    """Return all tests, oldest first; none when there is no file.

    Raises:
        UsageError: a line cannot be read.
    """
    if not path.exists():
        return []
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            table = json.loads(text)
            lines = tuple(Characteristic(**line) for line in table.pop("characteristics"))
            found.append(Acceptance(**table, characteristics=lines))
        except (ValueError, TypeError, KeyError) as exc:
            raise UsageError(f"{path} line {number}: no acceptance test: {exc}; move the file away") from exc
    return found


def check_lock(path: Path, now: datetime, most_days: float, calibration: str = "") -> None:
    """Refuse measuring when the last acceptance test failed, is too old, or there is none.

    `calibration`: when the one in use was made; a test of another one says nothing about it.

    Raises:
        UsageError: with what to do.
    """
    history = read_history(path)
    if not history:
        raise UsageError(f"{path}: no acceptance test yet; run `rigdriver verify` first")
    last = history[-1]
    if not last.is_passed:
        names = ", ".join(c.name for c in last.characteristics if not c.is_passed)
        raise UsageError(f"the last acceptance test ({last.created}) failed: {names}; calibrate, then verify again")
    if calibration and last.calibration != calibration:
        raise UsageError(
            f"the last acceptance test ({last.created}) was of the calibration of {last.calibration}, this one is of "
            f"{calibration}; run `rigdriver verify` with it"
        )
    age = now.astimezone(UTC) - datetime.fromisoformat(last.created)
    if age > timedelta(days=most_days):
        raise UsageError(
            f"the last acceptance test is {age.days} days old, at most {most_days:g} are allowed; "
            "run `rigdriver verify` again"
        )
