"""What a recording's plan holds is what JSON can hold, so that whoever makes a plan learns of it, and not the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rigdriver.recording.seal import PLAN, Plan, as_note, plan_of


def plan(**more: Any) -> Plan:
    return Plan(rig="bench", cameras=("left",), t_utc_ns=1, sync_interval_s=1.0, **more)


@pytest.mark.parametrize("key", ["config", "calibration"])
def test_a_plan_takes_no_value_that_json_cannot_write(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        plan(**{key: {"file": {"of": [Path("rig.toml")]}}})


def test_files_with_keys_that_this_version_does_not_know_are_kept_as_they_are() -> None:
    file = {"new_key": [1, 2.5, None, {"nested": True}], "name": "bench"}
    read = plan_of({PLAN: as_note(plan(config=file, calibration=file))})
    assert (read.config, read.calibration, read.rig_config()) == (file, file, None)
