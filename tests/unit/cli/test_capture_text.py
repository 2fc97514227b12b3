"""What `capture` prints of a run that was too short to measure everything."""

from __future__ import annotations

from pathlib import Path

from rigdriver.cli.capture import facts, tell
from rigdriver.run.statistics import Tally
from rigdriver.run_end import EndCause, RunEnd


def test_what_was_not_measured_is_no_number(capsys):
    nothing = Tally(1).snapshot(0, 0, 0, RunEnd(EndCause.DONE))
    tell(nothing, Path("out"))
    told = capsys.readouterr().out
    assert "nan" not in told
    assert "0 frame sets: 0 complete, 0 gaps" in told
    assert "skew not measured, residual not measured" in told
    assert facts(nothing)["rate_hz"] is None
