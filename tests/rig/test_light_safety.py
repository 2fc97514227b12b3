"""Light on a whole rig: what turns it off, what bounds it, and that every flash is written down.

Judged by the box's own stamps, heard beside the run that is under test, and by the edges of the lamp outputs that the
simulator wrote down where the cables begin.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.devices.box.events import BoxEvent, BoxStatus
from rigdriver.errors import BoxFault, BoxRefused, DevicesFailed, FileNotWritten, ScheduleError
from rigdriver.frames import FrameSet, PulseReport
from rigdriver.rig import Rig
from rigdriver.run_end import EndCause, RunEnd
from rigdriver.wire.registers import BoxStates

pytestmark = pytest.mark.sim

TICKS_PER_S = 10_000_000
RATE_HZ = 20
PERIOD = TICKS_PER_S // RATE_HZ
INTERLOCK = 6
LAMPS = {6: "left_pattern", 7: "right_pattern", 8: "left_white", 9: "right_white"}
SMALL = {"width": 160, "height": 120, "rate_hz": RATE_HZ}

SeenFlash = tuple[int, int, str, int, int]
"""Generation, pulse, lamp, rise and fall in ticks."""


@dataclass
class Witness:
    """Hears the box beside the driver."""

    flashes: list[SeenFlash] = field(default_factory=list)
    rises: list[int] = field(default_factory=list)
    """Every output that went up, cameras' too."""
    falls: list[int] = field(default_factory=list)
    interlock_ticks: int | None = None
    fault_ticks: int | None = None
    _lit: dict[int, int] = field(default_factory=dict)

    def hear(self, event: BoxEvent) -> None:
        if isinstance(event, BoxStatus) and event.state is BoxStates.FAULT:
            self.fault_ticks = event.t_box_ticks
        if not isinstance(event, PulseReport):
            return
        for edge in event.edges:
            if edge.is_input:
                if edge.falling >> INTERLOCK & 1:
                    self.interlock_ticks = edge.t_box_ticks
                continue
            self.rises += [edge.t_box_ticks] if edge.rising else []
            self.falls += [edge.t_box_ticks] if edge.falling else []
            for output, lamp in LAMPS.items():
                if edge.rising >> output & 1:
                    self._lit[output] = edge.t_box_ticks
                elif edge.falling >> output & 1:
                    self.flashes.append(
                        (event.generation, event.pulse_index, lamp, self._lit.pop(output), edge.t_box_ticks)
                    )


def with_light(log: Path | None = None, **light: float) -> Callable[[RigConfig], RigConfig]:
    def change(config: RigConfig) -> RigConfig:
        return config.model_copy(update={"light": config.light.model_copy(update={"log": log, **light})})

    return change


@contextmanager
def witnessed(running, change: Callable[[RigConfig], RigConfig]) -> Iterator[tuple[Rig, Witness]]:
    with Rig.open(change(load(running.rig_file))) as rig:
        witness = Witness()
        rig.box.subscribe(witness.hear)
        yield rig, witness


def true_flashes(running) -> list[SeenFlash]:
    """Return every flash that the lamp outputs made, whatever box and driver say of it."""
    found, lit = [], {}
    boot_ns = drift_ppb = 0
    for line in running.truth():
        if line["what"] == "box":
            boot_ns, drift_ppb = line["boot_ns"], line["drift_ppb"]
        if line["what"] == "lamp":
            ticks = (line["t_ns"] - boot_ns) * (10**9 + drift_ppb) // (100 * 10**9)
            if line["level"]:
                lit[line["output"]] = ticks
            else:
                rise = lit.pop(line["output"])
                found.append((line["run"], line["pulse"], LAMPS[line["output"]], rise, ticks))
    assert not lit, f"outputs {sorted(lit)} are still lit"
    return found


def play(rig: Rig, frames: int, then: Callable[[FrameSet], None] = lambda _: None) -> list[FrameSet]:
    kept = []
    for frame_set in rig.run(frames=frames):
        kept.append(frame_set)
        then(frame_set)
    return kept


def wait_until_stopped(rig: Rig) -> None:
    """Wait in the consumer's place until the box plays no more."""
    for _ in range(2000):
        if rig.box.status().state is not BoxStates.RUNNING:
            return
    raise AssertionError("the box still plays")


def logged(log: Path) -> list[tuple[int, int, str, float]]:
    lines = [line for line in map(json.loads, log.read_text().splitlines()) if line["kind"] == "flash"]
    return sorted((line["generation"], line["pulse_index"], line["lamp"], line["width_us"]) for line in lines)


def as_logged(flashes: list[SeenFlash]) -> list[tuple[int, int, str, float]]:
    return sorted((generation, pulse, lamp, (fall - rise) / 10) for generation, pulse, lamp, rise, fall in flashes)


def proved_flashes(frame_sets: list[FrameSet]) -> list[SeenFlash]:
    return [
        (f.proof.generation, f.pulse_index, s.lamp, s.rise_ticks, s.fall_ticks)
        for f in frame_sets
        for s in f.proof.flashes
    ]


def test_every_flash_of_a_run_stands_in_its_proofs_and_in_the_light_log(launch_rig, tmp_path):
    running, log = launch_rig(**SMALL), tmp_path / "light.jsonl"
    with witnessed(running, with_light(log)) as (rig, witness):
        frame_sets = play(rig, 20)
        assert rig.box.light_session().session_flashes == 20
    assert len(witness.flashes) == 4 * 20
    assert sorted(true_flashes(running)) == sorted(witness.flashes)
    assert sorted(proved_flashes(frame_sets)) == sorted(witness.flashes)
    assert logged(log) == as_logged(witness.flashes)


@pytest.mark.plants_faults
def test_an_opened_interlock_turns_everything_off_at_once_and_is_named(launch_rig, tmp_path):
    running, log = launch_rig(**SMALL), tmp_path / "light.jsonl"

    def open_at_3(frame_set: FrameSet) -> None:
        if frame_set.pulse_index == 3:
            with running.control() as control:
                control.do("interlock.open")

    with witnessed(running, with_light(log)) as (rig, witness):
        with pytest.raises(BoxFault, match=r"the interlock opened; close it; .* run again"):
            play(rig, 200, open_at_3)
        assert rig.box.status().output_levels == 0
        assert witness.interlock_ticks is not None
        # In lockstep the interlock may open in the very tick of an output that has risen; it falls in that tick, too.
        assert max(witness.rises) <= witness.interlock_ticks
        assert {rise for rise in witness.rises if rise == witness.interlock_ticks} <= set(witness.falls)
        assert max(witness.falls) <= witness.interlock_ticks + PERIOD
        lit = sorted(true_flashes(running))
        assert lit == sorted(witness.flashes)
        assert logged(log) == as_logged(lit)
        # It stays dark while the interlock is open, and light comes back only when somebody asks for it.
        rig.box.clear_fault()
        with pytest.raises(BoxRefused, match=r"(?i)interlock"):
            play(rig, 3)
        assert sorted(true_flashes(running)) == lit
        with running.control() as control:
            control.do("interlock.close")
        assert len(play(rig, 3)) == 3


@pytest.mark.plants_faults
def test_a_computer_that_falls_silent_leaves_everything_dark(launch_rig, tmp_path):
    log = tmp_path / "light.jsonl"
    with witnessed(launch_rig(**SMALL), with_light(log)) as (rig, witness):
        silent_since: list[int] = []

        def fall_silent(frame_set: FrameSet) -> None:
            if frame_set.pulse_index == 3:
                rig.box.stop_feeding()
                silent_since.append(rig.box.probe_clock().t_box_ticks)

        with pytest.raises(
            BoxFault, match=r"silent for longer than box.watchdog_s; check cable and load; .* run again"
        ):
            play(rig, 200, fall_silent)
        watchdog = round(rig.config.required_box().watchdog_s * TICKS_PER_S)
        assert witness.fault_ticks is not None
        assert witness.fault_ticks <= silent_since[0] + watchdog
        assert max(witness.rises) < witness.fault_ticks
        assert max(witness.falls) <= witness.fault_ticks + PERIOD
        assert rig.box.status().output_levels == 0
        assert logged(log) == as_logged(witness.flashes)


def test_a_loop_that_is_left_early_is_dark_and_logged_to_its_last_flash(launch_rig, tmp_path):
    log = tmp_path / "light.jsonl"
    with witnessed(launch_rig(**SMALL), with_light(log)) as (rig, witness):
        for frame_set in rig.run(frames=200):
            if frame_set.pulse_index == 5:
                break
        assert rig.box.status().output_levels == 0
        assert logged(log) == as_logged(witness.flashes)
        assert len(witness.flashes) >= 4 * 6


@pytest.mark.plants_faults
def test_soft_limits_beyond_the_hard_ones_are_refused_before_there_is_light(launch_rig):
    running = launch_rig(**SMALL)
    for beyond in ({"max_flash_width_us": 5000.1}, {"max_train_flashes": 100_001}, {"max_duty": 0.201}):
        with witnessed(running, with_light(**beyond)) as (rig, witness):
            with pytest.raises(BoxRefused, match="hard limits"):
                play(rig, 3)
            assert witness.rises == []


def test_trains_are_apart_by_the_dark_pause_and_no_longer_than_allowed(launch_rig):
    limits = with_light(max_train_flashes=6, min_train_pause_s=2.0)
    with witnessed(launch_rig(**SMALL), limits) as (rig, witness):
        with pytest.raises(ScheduleError, match=r"at most 6 \(light\.max_train_flashes"):
            play(rig, 7)
        first, second = play(rig, 5), play(rig, 5)
        assert [len(first), len(second)] == [5, 5]
        dark = min(flash[3] for flash in proved_flashes(second)) - max(flash[4] for flash in proved_flashes(first))
        assert dark >= 2 * TICKS_PER_S
        assert len(witness.flashes) == 4 * 10


def test_a_run_without_an_end_is_as_long_as_a_flash_train_and_says_what_ended_it(launch_rig):
    with witnessed(launch_rig(**SMALL), with_light(max_train_flashes=6, min_train_pause_s=2.0)) as (rig, _):
        run = rig.run()
        assert len(list(run)) == 6
        assert run.statistics.stopped_by == RunEnd(EndCause.LIGHT_LIMIT)


def test_a_spent_session_is_refused_until_somebody_begins_a_new_one(launch_rig):
    with witnessed(launch_rig(**SMALL), with_light(max_session_flashes=8)) as (rig, _):
        play(rig, 5)
        with pytest.raises(ScheduleError, match=r"5 flashes made, 5 more asked for.*at most 8 "):
            play(rig, 5)
        rig.box.clear_light_session()
        assert len(play(rig, 5)) == 5


@pytest.mark.parametrize("is_busy", [False, True])
def test_light_ends_when_the_light_log_takes_no_more_whatever_the_consumer_does(launch_rig, tmp_path, is_busy):
    log = tmp_path / "light.jsonl"
    with witnessed(launch_rig(**SMALL), with_light(log)) as (rig, witness):
        at_removal: list[int] = []

        def remove_the_log(frame_set: FrameSet) -> None:
            if frame_set.pulse_index == 3:
                log.unlink()
                at_removal.append(len(witness.flashes))
                if is_busy:  # the error reaches a consumer only when it asks for the next frame set
                    wait_until_stopped(rig)

        with pytest.raises(FileNotWritten, match=r"light\.log = .*light\.jsonl: cannot be written: it was removed"):
            play(rig, 80, remove_the_log)
        assert rig.box.status().output_levels == 0
        # One pulse's report tells of the loss, one more may be lit until the stop has arrived, and two until it is
        # noticed that the file is gone: by then each of the four lamps has flashed at most five times.
        assert len(witness.flashes) - at_removal[0] <= 5 * len(LAMPS)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_light_log_on_a_full_disk_refuses_the_run_and_nothing_flashes(launch_rig):
    with witnessed(launch_rig(**SMALL), with_light(Path("/dev/full"))) as (rig, witness):
        with pytest.raises(FileNotWritten, match=r"light\.log = /dev/full: cannot be written: No space left on device"):
            play(rig, 20)
        assert witness.flashes == []
        assert rig.box.light_session().session_flashes == 0


def test_a_rig_whose_lamps_and_cameras_are_on_other_outputs_than_the_box_counts_is_refused_dark(launch_rig):
    running = launch_rig(**SMALL)
    config = load(running.rig_file)
    lamp = config.lamps[0].model_copy(update={"output": 12})
    camera = config.cameras[0].model_copy(update={"output": config.lamps[0].output})
    moved = config.model_copy(update={"lamps": (lamp, *config.lamps[1:]), "cameras": (camera, *config.cameras[1:])})
    with pytest.raises(DevicesFailed) as refused:
        Rig.open(moved)
    assert f"lamp {lamp.name}: lamps.0.output = 12" in str(refused.value)
    assert f"camera {camera.name}: cameras.0.output = {camera.output}" in str(refused.value)
    with running.control() as control:
        assert control.get("status")["output_levels"] == 0
    Rig.open(config).close()
