"""History of acceptance tests, and the lock that refuses measuring when the last test does not allow it.

In: a history file (one test per line, JSON), the time now, the calibration in use. Out: the tests, or a refusal that
names what to do. Not here: when the lock is asked for (the rig file's `[acceptance]` and the options of the verbs), and
how a test is judged (see judge.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rigdriver.acceptance.judge import Acceptance, Characteristic
from rigdriver.errors import NotAccepted, UsageError
from rigdriver.line_file import LineFile


def append_history(path: Path, done: Acceptance) -> None:
    """Add one test to the history file."""
    with LineFile(path) as history:
        history.append(json.dumps(asdict(done)), is_durable=True)


def read_history(path: Path) -> list[Acceptance]:
    """Return all tests, oldest first; none when there is no file.

    Raises:
        UsageError: a line cannot be read.
    """
    if not path.exists():
        return []
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        # Keys that a newer version added, or an older one lacked, are a TypeError here.
        try:
            table = json.loads(text)
            lines = tuple(Characteristic(**line) for line in table.pop("characteristics"))
            found.append(Acceptance(**table, characteristics=lines))
        except (ValueError, TypeError, KeyError) as exc:
            raise UsageError(
                device=f"{path} line {number}",
                seen=f"cannot be read as an acceptance test ({exc})",
                expected="a line that `rigdriver verify` wrote",
                remedy="move the file away, and verify again",
            ) from exc
    return found


def check_lock(path: Path, now: datetime, most_days: float, calibration: str = "") -> None:
    """Refuse measuring when the last acceptance test failed or is too old, or when there is none.

    `calibration`: date of the one in use; a test of another calibration does not count.

    Raises:
        NotAccepted: it names what to do.
        UsageError: a line of the history cannot be read.
    """
    history = read_history(path)
    if not history:
        raise NotAccepted(device=str(path), seen="holds no acceptance test yet", remedy="run `rigdriver verify` first")
    # Only the newest test counts: a rig that failed since it passed must not measure.
    last = history[-1]
    if not last.is_passed:
        names = ", ".join(c.name for c in last.characteristics if not c.is_passed)
        raise NotAccepted(
            device=f"last acceptance test ({last.created})",
            seen=f"failed: {names}",
            remedy="calibrate the rig, then run `rigdriver verify` again",
        )
    if calibration and last.calibration != calibration:
        raise NotAccepted(
            device=f"last acceptance test ({last.created})",
            seen=f"was of the calibration of {last.calibration}",
            expected=f"of the one in use, of {calibration}",
            remedy="run `rigdriver verify` with it",
        )
    age = now.astimezone(UTC) - datetime.fromisoformat(last.created)
    if age > timedelta(days=most_days):
        raise NotAccepted(
            device=f"last acceptance test ({last.created})",
            seen=f"is {age.days} days old",
            expected=f"at most {most_days:g} days",
            remedy="run `rigdriver verify` again",
        )
