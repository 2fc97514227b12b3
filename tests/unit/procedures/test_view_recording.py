"""The viewer is started on this computer's own address, and what is missing is told with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.errors import UsageError
from rigdriver.procedures.view_recording import view_command
from rigdriver.recording.compaction import compact
from rigdriver.recording.recorder import Recorder
from tests.unit.recording.recorded import frame_set, plan


@pytest.fixture
def take(tmp_path: Path) -> Path:
    with Recorder(tmp_path / "take.mcap", plan(1)) as recorder:
        recorder.write(frame_set(0))
    return tmp_path / "take.mcap"


def test_the_viewer_listens_on_this_computer_only(take: Path) -> None:
    command = view_command(take, lambda name: name == "rerun")
    assert command[1:] == ["-m", "rerun", "--bind", "127.0.0.1", str(take)]


def test_a_missing_viewer_is_told_with_its_remedy(take: Path) -> None:
    with pytest.raises(UsageError, match=r"Rerun: is not installed; call `pip install 'rigdriver\[rerun\]'`"):
        view_command(take, lambda _name: False)


def test_a_compact_recording_is_no_file_for_the_viewer(take: Path) -> None:
    compact(take)
    with pytest.raises(UsageError, match="viewers do not decode"):
        view_command(take, lambda _name: True)
    with pytest.raises(UsageError, match="No such file"):
        view_command(take.with_name("none.mcap"))
