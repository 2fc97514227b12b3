"""When the lock is looked at, and which history and age count: options first, then the rig file, then defaults.

In: a stand-in for the last test. Out: what the lock is asked. What it says of a history is tested in
tests/unit/acceptance/test_lock.py.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.config import AcceptanceConfig, RigConfig
from rigdriver.errors import NotAccepted
from rigdriver.procedures.acceptance_lock import DEFAULT_DAYS, LockWish, refuse_unless_accepted

KNOWN = cast("RigCalibration", SimpleNamespace(created="2026-01-01"))


def config_of(**keys):
    return cast("RigConfig", SimpleNamespace(acceptance=AcceptanceConfig(**keys)))


@pytest.fixture
def asked(mocker):
    """What `check_lock` was called with, without the time of day."""
    found: list[tuple[Path, float, str]] = []
    mocker.patch(
        "rigdriver.procedures.acceptance_lock.check_lock",
        lambda path, _now, days, made: found.append((path, days, made)),
    )
    return found


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text("", encoding="utf-8")
    return path


def test_nothing_is_locked_unless_somebody_asks(asked, history):
    refuse_unless_accepted(LockWish(), None, KNOWN)
    refuse_unless_accepted(LockWish(), config_of(history=history), KNOWN)
    assert asked == []


def test_the_rig_file_locks_with_its_own_history_and_age(asked, history):
    refuse_unless_accepted(LockWish(), config_of(history=history, lock_days=3), KNOWN)
    assert asked == [(history, 3, "2026-01-01")]


def test_options_go_before_the_rig_file(asked, history, tmp_path):
    config = config_of(history=tmp_path / "other.jsonl", lock_days=3)
    refuse_unless_accepted(LockWish(history, 1), config, KNOWN)
    assert asked == [(history, 1, "2026-01-01")]


def test_a_history_alone_locks_for_the_usual_time_and_may_be_named_by_its_folder(asked, history):
    refuse_unless_accepted(LockWish(history.parent), None, KNOWN)
    assert asked == [(history, DEFAULT_DAYS, "2026-01-01")]


def test_without_a_history_it_refuses_and_says_what_to_do(asked, tmp_path):
    with pytest.raises(NotAccepted, match="no acceptance test yet; run `rigdriver verify` first"):
        refuse_unless_accepted(LockWish(), config_of(history=tmp_path / "none.jsonl", lock_days=3), KNOWN)
    assert asked == []
