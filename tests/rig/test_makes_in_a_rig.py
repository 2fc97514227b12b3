"""Cameras of many makes in a rig: the same rig file opens all of them, in every mode, and their images are as asked.

In: rigs of up to six simulated cameras, each of another make, and what an earlier program left in them. Out: proved
frame sets, frames of benches, and refusals with the true cause. Not here: node maps of single makes (see
tests/unit/devices/camera_process).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.errors import CameraError, RigError
from rigdriver.images.region import ImageRegion
from rigdriver.rig import Rig
from rigdriver_sim.camera.makes import MAKES
from rigdriver_sim.program.launch import RunningRig, launch
from tests.conformance.camera_worlds import scenario_of_makes
from tests.rig.played import LOCKSTEP, dark, play

pytestmark = pytest.mark.sim

CAMERAS = 6
SPEC = f"default?width=320&height=240&rate_hz=30&seed=1&{LOCKSTEP}"
STAMPED = [name for name, make in MAKES.items() if make.has_tick_hz]
"""Makes whose frames can be proved; without the frequency of its stamps a camera's clock cannot be tied."""
GROUPS = [tuple(STAMPED[n : n + CAMERAS]) for n in range(0, len(STAMPED), CAMERAS)]


def with_mode(config: RigConfig, mode: str) -> RigConfig:
    return config.model_copy(update={"schedule": config.schedule.model_copy(update={"mode": mode})})


def with_features(config: RigConfig, camera: str, **changes: object) -> RigConfig:
    """Return the rig with other features or another reset of one camera."""
    reset = changes.pop("reset", "factory")
    cameras = tuple(
        c.model_copy(update={"features": {**c.features, **changes}, "reset": reset}) if c.name == camera else c
        for c in config.cameras
    )
    return config.model_copy(update={"cameras": cameras})


@pytest.mark.parametrize("makes", GROUPS, ids=lambda makes: makes[0])
def test_cameras_of_every_make_are_triggered_exposed_and_proved(makes: tuple[str, ...], tmp_path: Path) -> None:
    with launch(str(scenario_of_makes(makes, tmp_path))) as running, Rig.open(dark(load(running.rig_file))) as rig:
        reports = rig.cameras.reports
        played = play(rig, 5)
    assert (played.error, played.gaps, played.indices) == (None, {}, list(range(5))), makes
    for report in reports.values():
        exposures = [f for f in report.features if f.name == "ExposureTime"]
        assert [f.is_clamped for f in exposures] == [False], (report.name, makes)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningRig]:
    with launch(SPEC) as running:
        yield running


@pytest.fixture
def config(running: RunningRig) -> RigConfig:
    return dark(load(running.rig_file))


def test_a_region_and_gain_of_an_earlier_program_do_not_reach_the_next_one(config: RigConfig) -> None:
    left = {"Width": 160, "Height": 120, "OffsetX": 80, "OffsetY": 60, "Gain": 12.0, "ChunkModeActive": True}
    with Rig.open(with_features(config, "left_upper", **left)) as rig:
        assert rig.regions()["left_upper"] == ImageRegion((80, 60))
    with Rig.open(with_features(config, "left_upper", Width=200)) as rig:
        assert rig.sizes_px()["left_upper"] == (200, 240)
        assert rig.regions()["left_upper"] == ImageRegion()
        assert rig.cameras.get("left_upper", "Gain") == 0.0
        assert rig.cameras.get("left_upper", "ChunkModeActive") is False
        assert play(rig, 3).gaps == {}


def test_a_camera_that_keeps_its_state_says_what_is_in_the_way(
    config: RigConfig, caplog: pytest.LogCaptureFixture
) -> None:
    left = {"Width": 160, "Height": 120, "OffsetX": 80, "OffsetY": 60}
    Rig.open(with_features(config, "left_upper", **left)).close()
    with pytest.raises(RigError, match=r"left_upper .*Width = 320 refused.*at most 240.*OffsetX = 80 was left"):
        Rig.open(with_features(config, "left_upper", reset="keep", Width=320))
    with caplog.at_level(logging.WARNING):
        Rig.open(with_features(config, "left_upper", reset="keep", Width=160, Height=120)).close()
    assert "camera left_upper (SN SIM0001): has OffsetX = 80, which this rig file does not ask for" in caplog.text
    Rig.open(config).close()


def test_a_size_between_the_cameras_steps_stops_the_rig(config: RigConfig) -> None:
    with pytest.raises(CameraError, match=r"left_upper .*Width = 301 refused.*its step is 4: write 300 or 304"):
        Rig.open(with_features(config, "left_upper", Width=301))


def test_a_clamped_gain_is_told_when_the_rig_is_opened(config: RigConfig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), Rig.open(with_features(config, "left_upper", Gain=99.0)) as rig:
        assert [f.name for f in rig.cameras.reports["left_upper"].clamped] == ["Gain"]
    assert (
        "camera left_upper (SN SIM0001): Gain: asked 99.0, got 24.0 (clamped; the camera allows 0 to 24 now)"
        in caplog.text
    )


def test_a_bench_runs_freely_after_a_program_that_left_the_triggers_on(config: RigConfig) -> None:
    with Rig.open(with_mode(config, "software")) as rig:
        assert rig.cameras.get("left_upper", "TriggerMode") == "On"
    with Rig.open(with_mode(config, "free")) as rig:
        assert {rig.cameras.get(c.name, "TriggerMode") for c in config.cameras} == {"Off"}
        assert len(play(rig, 3).indices) == 3


def test_a_camera_that_is_not_triggered_is_named_with_the_line_that_the_driver_chose(config: RigConfig) -> None:
    with Rig.open(config) as rig:
        rig.cameras.guard = None
        rig.cameras.set("left_upper", "TriggerSource", "Software")  # as if its cable were on another line
        error = play(rig, 3).error
    assert "camera left_upper: 0 of 5 exposures" in str(error)
    assert "camera left_upper: is triggered by Line0; if its cable is on another line, write TriggerSource" in str(
        error
    )


WHOLE = ("gige1", "genie", "blackfly", "viva", "aravis")
"""Makes that are whole cameras."""


@pytest.mark.parametrize("mode", ["free", "software"])
def test_benches_without_a_box_take_whole_cameras_of_other_makes(mode: str, tmp_path: Path) -> None:
    makes = tuple(m for m in WHOLE if mode == "free" or MAKES[m].has_software_trigger)
    scenario = str(scenario_of_makes(makes, tmp_path))
    with launch(scenario) as running, Rig.open(with_mode(dark(load(running.rig_file)), mode)) as rig:
        played = play(rig, 3)
    assert played.error is None
    assert len(played.indices) == 3


def test_a_camera_without_a_software_trigger_is_refused_by_a_software_bench(tmp_path: Path) -> None:
    expected = "TriggerSource has the entries Line0: none is Software"
    with launch(str(scenario_of_makes(("aravis",), tmp_path))) as running, pytest.raises(CameraError, match=expected):
        Rig.open(with_mode(dark(load(running.rig_file)), "software"))


def test_damaged_frames_that_have_the_ids_of_later_ones_leave_gaps_only_where_they_were(tmp_path: Path) -> None:
    scenario = scenario_of_makes(["damaged_ahead"] * 2, tmp_path)
    pulses = [n for n in range(60) if n % 3 == 2]
    spec = f"{scenario}?faults.incomplete.c0={str(pulses).replace(' ', '')}"
    with launch(spec) as running, Rig.open(dark(load(running.rig_file))) as rig:
        played = play(rig, 40)
    gaps = played.reasons("c0")
    assert (played.error, played.reasons("c1"), played.shifted) == (None, {}, [])
    assert set(gaps.values()) <= {"INCOMPLETE", "NOT_DELIVERED"}
    assert len(gaps) in (13, 14), gaps
    assert {pulse - min(gaps) for pulse in gaps} == set(range(0, 3 * len(gaps), 3))
