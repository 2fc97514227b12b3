"""The optional lock: no measuring when the last acceptance test failed, is too old, or was of another calibration.

In: a wish, or the rig file's `[acceptance]`, and the calibration that is to be used. Out: nothing, or a refusal that
says what to do. Without lock_days nothing is locked.
Not here: how a test is made (see procedures/verify.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rigdriver.acceptance.lock import check_lock
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.config import RigConfig
from rigdriver.errors import NotAccepted

DEFAULT_FOLDER = Path("acceptance")
HISTORY = "history.jsonl"
DEFAULT_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class LockWish:
    """What a person asks of the lock; None leaves it to the rig file."""

    history: Path | None = None
    days: float | None = None


def refuse_unless_accepted(wish: LockWish, config: RigConfig | None, known: RigCalibration) -> None:
    """Look at the last acceptance test, where the wish or the rig file asks for it.

    Raises:
        NotAccepted: it failed, is too old, was of another calibration, or there is none.
    """
    limits = config.acceptance if config else None
    # The person's wish comes before the rig file, and 0 days is a wish.
    most_days = wish.days if wish.days is not None else limits.lock_days if limits else None
    history = wish.history
    if history is None and most_days is None:
        return
    if history is None:
        history = limits.history if limits and limits.history else DEFAULT_FOLDER / HISTORY
    if history.is_dir():
        history /= HISTORY
    if not history.exists():
        raise NotAccepted(
            device=str(history), seen="holds no acceptance test yet", remedy="run `rigdriver verify` first"
        )
    check_lock(history, datetime.now(UTC), DEFAULT_DAYS if most_days is None else most_days, known.created)
