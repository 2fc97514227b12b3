"""The viewer is started on this computer's own address, and what is missing is told with its remedy."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from rigdriver.errors import UsageError
from rigdriver.procedures.view_recording import view_command, view_recording
from rigdriver.recording.compaction import compact
from rigdriver.recording.recorder import Recorder
from rigdriver.recording.rig_messages import LogLevel, LogLine, log_message
from tests.unit.recording.recorded import frame_set, plan

TIMEOUT_S = 120


@pytest.fixture
def take(tmp_path: Path) -> Path:
    with Recorder(tmp_path / "take.mcap", plan(1)) as recorder:
        recorder.write(frame_set(0))
    return tmp_path / "take.mcap"


def test_the_viewer_listens_on_this_computer_only(take: Path) -> None:
    command = view_command(take, lambda name: name == "rerun")
    assert command[1:] == ["-m", "rerun", "--bind", "127.0.0.1", "--port", "auto", str(take)]


def test_the_viewer_is_started_once_and_only_where_there_is_a_screen(take: Path, mocker: MockerFixture) -> None:
    mocker.patch("importlib.util.find_spec")
    started: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> int:
        started.append(command)
        return 3

    with pytest.raises(UsageError, match="needs a screen"):
        view_recording(take, {"DISPLAY": ""}, run)
    assert view_recording(take, {"WAYLAND_DISPLAY": "wayland-0"}, run) == 3
    assert started == [view_command(take)]


@pytest.mark.skipif(find_spec("rerun") is None, reason="Rerun is not installed: the optional extra `rerun`")
def test_six_images_of_each_frame_set_and_the_rest_arrive_in_rerun(
    tmp_path: Path,
) -> None:
    cameras = tuple(f"camera_{number}" for number in range(6))
    planned = plan(2).model_copy(update={"cameras": cameras, "config": {"name": "bench"}})
    with Recorder(tmp_path / "take.mcap", planned) as recorder:
        recorder.tell(log_message(LogLine(10**18, LogLevel.INFO, "run", "a line")))
        for index in range(2):
            known = frame_set(index)
            frames = {name: replace(known["left"], camera=name) for name in cameras}
            recorder.write(replace(known, frames=frames))
    # Without a window, by the way of the viewer itself.
    command = [*view_command(tmp_path / "take.mcap"), "--save", str(tmp_path / "seen.rrd")]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S).stderr
    assert "0.0.0.0" not in told
    words = [*command[:3], "rrd", "print", str(tmp_path / "seen.rrd")]
    lines = subprocess.run(words, check=True, capture_output=True, text=True, timeout=TIMEOUT_S).stdout.splitlines()
    for name in cameras:
        assert sum(f"/cameras/{name}/image " in line and "Image:buffer" in line for line in lines) == 2
    assert sum("/rig/frame_sets " in line and "McapMessage:data" in line for line in lines) == 2
    assert any("/rig/log " in line and "TextLog" in line for line in lines)
    assert any("/rig/configuration " in line and "McapMessage:data" in line for line in lines)


def test_a_missing_viewer_is_told_with_its_remedy(take: Path) -> None:
    with pytest.raises(UsageError, match=r"Rerun: is not installed; call `pip install 'rigdriver\[rerun\]'`"):
        view_command(take, lambda _name: False)


def test_a_compact_recording_is_no_file_for_the_viewer(take: Path) -> None:
    compact(take)
    with pytest.raises(UsageError, match="viewers do not decode"):
        view_command(take, lambda _name: True)
    with pytest.raises(UsageError, match="No such file"):
        view_command(take.with_name("none.mcap"))
