"""Exposures are changed between runs by their own door, and by no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigdriver.errors import CameraError, ConfigError, ScheduleError, StateError, UsageError
from rigdriver.rig import Rig
from rigdriver_sim.program.launch import RunningRig, launch
from tests.rig.played import LOCKSTEP, opened, play

pytestmark = pytest.mark.sim


@pytest.fixture(scope="module")
def running() -> Iterator[RunningRig]:
    with launch(f"default?width=160&height=120&rate_hz=20&seed=3&{LOCKSTEP}") as running:
        yield running


def exposure_us(rig: Rig, camera: str) -> float:
    """Return how long that camera exposes in a run, as the box measures it."""
    (frame_set,) = rig.run(frames=1)
    proof = frame_set.proof
    ticks = proof.frames[camera].exposure_end_ticks - proof.frames[camera].exposure_start_ticks
    return ticks * 1e6 / proof.tick_rate_hz


def test_an_exposure_is_changed_between_two_runs_and_the_next_one_is_proved_with_it(running: RunningRig) -> None:
    with opened(running) as rig:
        before_us = exposure_us(rig, "left_upper")
        assert rig.set_exposure("left_upper", 3000) == pytest.approx(3000, rel=1e-3)
        assert exposure_us(rig, "left_upper") == pytest.approx(3000, rel=0.02)
        assert before_us == pytest.approx(2000, rel=0.02)
        played = play(rig, 10)
    assert (played.error, played.gaps, played.shifted) == (None, {}, [])


@pytest.mark.parametrize(
    ("feature", "value"),
    [("ExposureTime", 3000.0), ("TriggerMode", "Off"), ("TriggerSource", "Software"), ("ExposureAuto", "Continuous")],
)
def test_what_the_plan_owns_is_refused_and_stays(running: RunningRig, feature: str, value: str | float) -> None:
    with opened(running) as rig:
        before = rig.cameras.get("left_upper", feature)
        for write in (
            lambda: rig.cameras.set("left_upper", feature, value),
            lambda: rig.cameras["left_upper"].features.set(feature, value),
        ):
            with pytest.raises(
                UsageError, match=f"camera left_upper: {feature} = .* cannot be written, because the schedule sets it"
            ):
                write()
        assert rig.cameras.get("left_upper", feature) == before
        assert rig.cameras.set("left_upper", "Gain", 2.0).got == 2.0


def test_of_loaded_settings_what_the_plan_owns_is_left_to_it_and_told(
    running: RunningRig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[features]\nGain = 3.0\nExposureTime = 1200.0\n")
    with opened(running) as rig:
        exposure_us = rig.cameras.get("left_upper", "ExposureTime")
        assert rig.cameras["left_upper"].features.load(file).is_as_asked
        assert rig.cameras.get("left_upper", "Gain") == 3.0
        assert rig.cameras.get("left_upper", "ExposureTime") == exposure_us != 1200.0
    assert "settings.toml: left to the schedule of the rig: ExposureTime" in caplog.text


def test_an_exposure_that_cannot_be_changes_nothing(running: RunningRig) -> None:
    with opened(running) as rig:
        for wrong, error in ((0.0, ConfigError), (60_000.0, ScheduleError)):
            with pytest.raises(error):
                rig.set_exposure("left_upper", wrong)
        with pytest.raises(ConfigError, match="one of left_upper"):
            rig.set_exposure("nobody", 2000.0)
        with running.control() as control:
            control.set("faults.clamp_features", {"left_upper": {"ExposureTime": 500.0}})
            with pytest.raises(CameraError, match="makes 500 us of an exposure of 3000 us"):
                rig.set_exposure("left_upper", 3000.0)
            control.do("none")
        rig.set_exposure("left_upper", 2000.0)
        assert exposure_us(rig, "left_upper") == pytest.approx(2000, rel=0.02)


def test_an_exposure_is_not_changed_during_a_run(running: RunningRig) -> None:
    with opened(running) as rig, rig.run(frames=50), pytest.raises(StateError, match="running"):
        rig.set_exposure("left_upper", 3000.0)
