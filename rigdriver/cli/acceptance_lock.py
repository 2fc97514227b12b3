"""The optional lock: no measuring when the last acceptance test failed, is too old, or was of another calibration.

In: options, or the rig file's `[acceptance]`, and the calibration that is to be used. Out: nothing, or a refusal that
says what to do. Without lock_days nothing is locked. This file refuses to know how a test is made.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.config import RigConfig
from rigdriver.errors import UsageError

DEFAULT_FOLDER = Path("acceptance")
HISTORY = "history.jsonl"

LockOption = Annotated[
    Path | None,
    typer.Option("--lock", metavar="HISTORY", help="Refuse unless the last test in that history.jsonl was passed."),
]
LockDaysOption = Annotated[
    float | None, typer.Option("--lock-days", metavar="DAYS", min=0, help="And is no older; 7 if not given.")
]
DEFAULT_DAYS = 7.0


def refuse_unless_accepted(
    history: Path | None, days: float | None, config: RigConfig | None, known: RigCalibration
) -> None:
    """Look at the last acceptance test, where the options or the rig file ask for it.

    Raises:
        UsageError: it failed, is too old, was of another calibration, or there is none.
    """
    wish = config.acceptance if config else None
    most_days = days if days is not None else wish.lock_days if wish else None
    if history is None and most_days is None:
        return
    if history is None:
        history = wish.history if wish and wish.history else DEFAULT_FOLDER / HISTORY
    if history.is_dir():
        history /= HISTORY
    if not history.exists():
        raise UsageError(f"{history}: no acceptance test yet; run `rigdriver verify` first")
    from rigdriver.acceptance.lock import check_lock  # noqa: PLC0415  compiled code is slow to import

    check_lock(history, datetime.now(UTC), DEFAULT_DAYS if most_days is None else most_days, known.created)
