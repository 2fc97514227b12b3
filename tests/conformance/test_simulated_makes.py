"""Simulated cameras of every make behind the producer, read by the binding as any camera's are.

In: rigs of up to six cameras, each of another make, running free. Out: whole frames whose pixels show which camera
they come from. Not here: what the driver asks of cameras on its own account (see tests/rig).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.config import load
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver_sim.bench import stamp
from rigdriver_sim.camera.makes import MAKES
from tests.conformance.camera_worlds import Sink, launched

CAMERAS = 6
GROUPS = [tuple(MAKES)[n : n + CAMERAS] for n in range(0, len(MAKES), CAMERAS)]


def scenario_of(makes: tuple[str, ...], folder: Path) -> Path:
    """Write a scenario with one small camera per make."""
    lines = ['name = "makes"', "width = 320", "height = 240", "lockstep = true", "pace = 0"]
    for number, make in enumerate(makes):
        lines += ["[[cameras]]", f'name = "c{number}"', f'serial = "SIM{number:04d}"', f'make = "{make}"']
        lines += [f"output = {number}", f"input = {number}"]
    path = folder / "makes.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("makes", GROUPS, ids=lambda makes: makes[0])
def test_cameras_of_every_make_send_whole_frames(makes: tuple[str, ...], tmp_path: Path) -> None:
    with launched(str(scenario_of(makes, tmp_path))) as running:
        config = load(running.rig_file)
        sink = Sink()
        with Cameras.open(
            config.genicam, config.cameras, {c.name: {} for c in config.cameras}, config.timebase
        ) as all_:
            all_.start(sink)
            sink.wait(lambda: all(len(sink.frames(c.name)) >= 3 for c in config.cameras), "3 frames of each camera")
            all_.stop()
    for number, (camera, make) in enumerate(zip(config.cameras, makes, strict=True)):
        frames = sink.frames(camera.name)
        first, _ = MAKES[make].frame_ids
        assert [frame.frame_id for frame in frames[:3]] == [first, first + 1, first + 2], make
        for frame in frames[:3]:
            shown = stamp.read(frame.pixels)
            assert shown is not None, make
            assert (shown.camera, shown.ordinal) == (number, frame.frame_id - first), make
