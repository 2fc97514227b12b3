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
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from rigdriver.acceptance.judge import Acceptance, Characteristic
from rigdriver.errors import NotAccepted, UsageError
from rigdriver.file_text import json_values, read_utf8
from rigdriver.line_file import LineFile

MOST_AHEAD = timedelta(minutes=5)
"""Longest time by which a test may be dated ahead: clocks of two computers differ, and are set back a little."""


def append_history(path: Path, done: Acceptance) -> None:
    """Add one test to the history file."""
    with LineFile(path) as history:
        history.append(json.dumps(asdict(done)), is_durable=True)


def read_history(path: Path) -> list[Acceptance]:
    """Return all tests, oldest first; none when there is no file.

    Raises:
        UsageError: a line cannot be read.
    """
    try:
        lines = read_utf8(path).splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as exc:
        raise UsageError(
            device=str(path), seen=f"cannot be read: {exc}", remedy="move the file away, and verify again"
        ) from exc
    found = []
    for number, text in enumerate(lines, start=1):
        try:
            found.append(_HistoryLine.model_validate(json_values(text)).as_acceptance())
        except ValueError as exc:
            raise UsageError(
                device=f"{path} line {number}",
                seen=f"cannot be read as an acceptance test ({_first(exc)})",
                expected="a line that `rigdriver verify` wrote",
                remedy="move the file away, and verify again",
            ) from exc
    return found


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("names no time zone")
    return text


class _HistoryLine(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    created: Annotated[str, AfterValidator(_moment)]
    rig: str
    calibration: str
    characteristics: tuple[Characteristic, ...]
    ball_bar_positions: int = Field(0, ge=0, lt=10**9)
    plate_positions: int = Field(0, ge=0, lt=10**9)

    def as_acceptance(self) -> Acceptance:
        return Acceptance(
            self.created,
            self.rig,
            self.calibration,
            self.characteristics,
            self.ball_bar_positions,
            self.plate_positions,
        )


def _first(exc: ValueError) -> str:
    """Return the first thing that is wrong, in one line."""
    if not isinstance(exc, ValidationError):
        return str(exc)
    first = exc.errors(include_url=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


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
    if age < -MOST_AHEAD:
        raise NotAccepted(
            device=f"last acceptance test ({last.created})",
            seen=f"has a date after the clock of this computer ({now.astimezone(UTC).isoformat(timespec='seconds')})",
            expected="a date in the past",
            remedy="set this computer's clock, then run `rigdriver verify` again",
        )
    # Asked so that an age which is no number of days does not unlock.
    if not age / timedelta(days=1) <= most_days:
        raise NotAccepted(
            device=f"last acceptance test ({last.created})",
            seen=f"is {age.days} days old",
            expected=f"at most {most_days:g} days",
            remedy="run `rigdriver verify` again",
        )
