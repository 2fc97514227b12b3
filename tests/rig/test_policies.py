"""What a run does about gaps, and what benches without a trigger box get: frame sets that claim nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import RunCutShort, StateError, SyncError
from rigdriver.frames import FrameSet
from rigdriver.rig import Rig
from rigdriver.run_end import EndCause, RunEnd
from rigdriver.schedule.plan import compile_schedule
from tests.rig.played import dark

pytestmark = pytest.mark.sim

SMALL = {"width": 160, "height": 120, "rate_hz": 20}
EVERY = {"faults.withhold_trigger_every": 4}
"""In one pulse of four some camera gets no trigger."""


def policy(on_gap: str) -> Callable[[RigConfig], RigConfig]:
    return lambda config: dark(config).model_copy(update={"run": config.run.model_copy(update={"on_gap": on_gap})})


def opened(running, change: Callable[[RigConfig], RigConfig]) -> Rig:
    return Rig.open(change(load(Path(running.rig_file))))


def test_continue_hands_out_every_pulse_with_its_gaps(launch_rig):
    with opened(launch_rig(**SMALL, **EVERY), policy("continue")) as rig:
        run = rig.run(frames=40)
        frame_sets = list(run)
        assert [frame_set.pulse_index for frame_set in frame_sets] == list(range(40))
        with_gaps = [frame_set for frame_set in frame_sets if frame_set.gaps]
        assert len(with_gaps) >= 5
        assert {frame_set.proof.verdict for frame_set in with_gaps} == {"gaps"}
        assert (run.statistics.gaps, run.statistics.left_out) == (sum(len(f.gaps) for f in with_gaps), 0)
        assert run.statistics.stopped_by == RunEnd(EndCause.DONE)


def test_retry_pulses_on_until_as_many_complete_frame_sets_have_come_as_were_asked_for(launch_rig):
    with opened(launch_rig(**SMALL, **EVERY), policy("retry")) as rig:
        run = rig.run(frames=30)
        frame_sets = list(run)
        assert len(frame_sets) == 30
        assert all(frame_set.is_complete for frame_set in frame_sets)
        missing = set(range(frame_sets[-1].pulse_index)) - {frame_set.pulse_index for frame_set in frame_sets}
        assert len(missing) == run.statistics.left_out >= 5
        assert run.statistics.gap_reasons["NOT_EXPOSED"] >= 5


def test_retry_gives_up_when_its_spare_pulses_are_used_up(launch_rig):
    always = {"faults.withhold_trigger.left_upper": str(list(range(1, 50)))}
    with opened(launch_rig(**SMALL, **always), policy("retry")) as rig:
        run = rig.run(frames=3)
        seen: list[FrameSet] = []
        with pytest.raises(RunCutShort, match=r"1 of 3 frame sets came; all pulses of the run are used up"):
            seen.extend(run)
        assert [frame_set.pulse_index for frame_set in seen] == [0]
        assert run.statistics.left_out == 3 + 10 - 1


def test_stop_ends_the_run_at_its_first_gap_with_the_reason(launch_rig):
    running = launch_rig(**SMALL, **{"faults.withhold_trigger.right_lower": "[6]"})
    with opened(running, policy("stop")) as rig:
        run = rig.run(frames=40)
        seen: list[FrameSet] = []
        with pytest.raises(SyncError, match=r"pulse 6: camera right_lower: triggered, but .* \(run.on_gap = 'stop'\)"):
            seen.extend(run)
        assert run.statistics.frame_sets == 7
        assert rig.box.status().output_levels == 0
        assert len(list(rig.run(frames=3))) == 3


def test_a_slow_consumer_of_modelled_time_misses_nothing_even_where_the_oldest_would_be_dropped(launch_rig):
    def newest_only(config: RigConfig) -> RigConfig:
        run = config.run.model_copy(update={"queue_frame_sets": 1, "slow_consumer": "drop_oldest"})
        return dark(config).model_copy(update={"run": run})

    with opened(launch_rig(**SMALL), newest_only) as rig:
        run = rig.run(frames=12)
        indices = []
        for frame_set in run:
            indices.append(frame_set.pulse_index)
            threading.Event().wait(0.3)  # what takes long here is not the rig's: its time waits
        assert indices == list(range(12))
        assert run.statistics.dropped_frame_sets == 0


# ---------------------------------------------------------------- benches without a box


def bench(mode: str, rate_hz: float = 20, **features: bool | float | str) -> Callable[[RigConfig], RigConfig]:
    def change(config: RigConfig) -> RigConfig:
        cameras = tuple(c.model_copy(update={"features": {**c.features, **features}}) for c in config.cameras)
        schedule = config.schedule.model_copy(update={"mode": mode, "rate_hz": rate_hz})
        return dark(config).model_copy(update={"cameras": cameras, "schedule": schedule, "box": None})

    return change


def assert_claims_nothing(frame_sets: list[FrameSet]) -> None:
    for frame_set in frame_sets:
        assert frame_set.proof.verdict == "unproved"
        assert frame_set.proof.frames == {}
        assert frame_set.proof.skew_us != frame_set.proof.skew_us
        assert "nothing proves" in frame_set.proof.reasons[0]


@pytest.mark.parametrize(
    "change",
    [
        bench("software"),
        bench("free", TriggerMode="Off", AcquisitionFrameRateEnable=True, AcquisitionFrameRate=20.0),
    ],
    ids=["software", "free"],
)
def test_a_bench_without_a_box_gets_frame_sets_that_claim_nothing(launch_rig, change):
    with opened(launch_rig(**SMALL), change) as rig:
        with pytest.raises(StateError, match="has no trigger box"):
            _ = rig.box
        for _ in range(2):  # and again
            run = rig.run(frames=15)
            frame_sets = list(run)
            assert [frame_set.pulse_index for frame_set in frame_sets] == list(range(15))
            assert sum(frame_set.is_complete for frame_set in frame_sets) >= 10
            assert_claims_nothing(frame_sets)
            assert run.statistics.stopped_by == RunEnd(EndCause.DONE)


def test_cameras_that_somebody_else_triggers_are_grouped_and_claim_nothing(launch_rig):
    running = launch_rig(**SMALL)
    config = dark(load(Path(running.rig_file)))
    with (
        Rig.open(bench("external")(config)) as rig,
        TriggerBox.open(config.required_box(), rig.timebase) as box,
        rig.run(frames=15) as run,
    ):
        schedule = compile_schedule(config, box.identity.tick_rate_hz, 5)
        box.commit(schedule.box)
        box.arm(5)
        box.start(5)
        frame_sets = list(run)
    assert len(frame_sets) == 15
    assert sum(frame_set.is_complete for frame_set in frame_sets) >= 10
    assert_claims_nothing(frame_sets)


def test_a_camera_that_goes_leaves_gaps_on_a_bench_too(launch_rig):
    running = launch_rig(**SMALL)
    with opened(running, bench("software")) as rig, running.control() as control:
        frame_sets = []
        for frame_set in rig.run(frames=15):
            frame_sets.append(frame_set)
            if frame_set.pulse_index == 2:
                control.do("camera.unplug", camera="left_lower")
    assert len(frame_sets) == 15
    assert set(frame_sets[-1].gaps) == {"left_lower"}
    assert_claims_nothing(frame_sets)


def test_cameras_of_other_makers_that_know_no_trigger_run_free():
    binding = find_spec("genicam")
    assert binding is not None
    assert binding.origin is not None
    config = RigConfig.model_validate(
        {
            "name": "viky",
            "genicam": {"producers": [str(Path(binding.origin).parent / "viky.cti")]},
            "schedule": {"mode": "free", "rate_hz": 10},
            "cameras": [{"name": f"camera{n}", "serial": str(n), "output": n} for n in range(3)],
        },
        strict=False,
    )
    with Rig.open(config) as rig:
        frame_sets = list(rig.run(frames=5))
    assert len(frame_sets) == 5
    assert all(frame_set.frames for frame_set in frame_sets)
    assert_claims_nothing(frame_sets)
