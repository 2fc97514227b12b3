"""Simulated cameras of every make behind the producer, read by the binding as any camera's are.

In: rigs of up to six cameras, each of another make, running free. Out: whole frames whose pixels show which camera
they come from; packed images of odd sizes, in a run of the whole rig. Not here: what the
driver asks of cameras on its own account (see tests/rig).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rigdriver import Rig
from rigdriver.config import load
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver_sim.bench import stamp
from rigdriver_sim.bench.painter import LEVELS, TexturePainter
from rigdriver_sim.camera.makes import MAKES
from rigdriver_sim.camera.spec import Exposure
from tests.conformance.camera_worlds import Sink, launched, scenario_of_makes

CAMERAS = 6
BELOW_STAMP = 80
"""First row of an image below the simulator's stamp and its writing."""
GROUPS = [tuple(MAKES)[n : n + CAMERAS] for n in range(0, len(MAKES), CAMERAS)]


@pytest.mark.parametrize("makes", GROUPS, ids=lambda makes: makes[0])
def test_cameras_of_every_make_send_whole_frames(makes: tuple[str, ...], tmp_path: Path) -> None:
    with launched(str(scenario_of_makes(makes, tmp_path))) as running:
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


PACKED = ("Mono10p", "Mono12p", "BayerRG10p", "Mono10Packed", "Mono12Packed", "BayerRG12p")
NAMES = ("left_upper", "left_lower", "left_colour", "right_upper", "right_lower", "right_colour")


@pytest.mark.parametrize(("make", "width", "height"), [("odd", 641, 483), ("odd+padded", 321, 241), ("odd", 642, 242)])
def test_packed_images_of_any_size_arrive_as_they_were_painted(make: str, width: int, height: int) -> None:
    formats = dict(zip(NAMES, PACKED, strict=True))
    keys = [f"make={make}", f"width={width}", f"height={height}", "lockstep=true", "pace=0"]
    keys += [f'cameras.{camera}.pixel_formats=["{name}"]' for camera, name in formats.items()]
    with launched("default?" + "&".join(keys)) as running, Rig.open(running.rig_file) as rig:
        frame_sets = list(rig.run(frames=3))
    assert [frame_set.is_complete for frame_set in frame_sets] == [True] * 3
    for number, (camera, name) in enumerate(formats.items()):
        texture = TexturePainter(number)
        for frame_set in frame_sets:
            frame = frame_set[camera]
            assert (frame.pixel_format, frame.pixels.shape) == (name, (height, width))
            painted = np.empty_like(frame.pixels)
            exposure = Exposure(camera, 0, 0, 0, 0, 1.0, 0, pixel_format=name)
            matches = 0
            for level in range(LEVELS + 1):
                texture.paint(exposure, level / LEVELS, painted)
                matches += np.array_equal(painted[BELOW_STAMP:], frame.pixels[BELOW_STAMP:])
            assert matches == 1, (camera, name)
            shown = stamp.read(frame.pixels)
            assert shown is not None
            assert (shown.camera, shown.pulse) == (number, frame_set.pulse_index)


@pytest.mark.parametrize("keys", ["interfaces=6&producer.cameras=spread", "interfaces=8&producer.cameras=last"])
def test_cameras_of_any_interface_are_opened(keys: str) -> None:
    with launched(f"default?width=320&height=240&lockstep=true&pace=0&producer.{keys}") as running:
        config = load(running.rig_file)
        with Cameras.open(
            config.genicam, config.cameras, {c.name: {} for c in config.cameras}, config.timebase
        ) as all_:
            assert [all_.get(c.name, "DeviceSerialNumber") for c in config.cameras] == [
                c.serial for c in config.cameras
            ]
