"""Recordings of a simulated rig: what is read back is what came, and the verbs tell what a file lacks.

In: a running rig, command lines, a disk without room. Out: the same frame sets to the bit; seals and exit statuses.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from rigdriver.config import load
from rigdriver.errors import UsageError
from rigdriver.frames import FrameSet
from rigdriver.procedures.record import RecordOptions, plan_of, record
from rigdriver.procedures.record_checks import refuse_if_too_large
from rigdriver.progress import Advance, SilentProgress
from rigdriver.recording.channels import CLOCKS, SCHEDULE
from rigdriver.recording.image_folder import ImageFolder
from rigdriver.recording.pre_trigger import SaveButton
from rigdriver.recording.recorder import Recorder
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.seal import SealState
from rigdriver_sim.program.launch import RunningRig, launch
from rigdriver_sim.score import read_checksums
from tests.rig.played import LOCKSTEP, opened, play
from tests.unit.recording.recorded import same

pytestmark = pytest.mark.sim
TIMEOUT_S = 600


@pytest.fixture(scope="module")
def running() -> Iterator[RunningRig]:
    spec = f"default?width=160&height=120&rate_hz=10&seed=3&stamps=true&checksums=true&{LOCKSTEP}"
    with launch(spec) as running:
        yield running


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rigdriver.cli", *map(str, words)],
        capture_output=True, text=True, timeout=TIMEOUT_S, cwd=cwd, check=False,
    )  # fmt: skip


def test_a_replayed_recording_gives_the_frame_sets_of_the_live_run_to_the_bit(
    running: RunningRig, tmp_path: Path
) -> None:
    live: list[FrameSet] = []
    options = RecordOptions(tmp_path / "take.mcap", frames=12)
    with opened(running) as rig:
        with Recorder(options.path, plan_of(rig, options, 10.0)) as recorder:

            def keep(frame_set: FrameSet) -> None:
                recorder.write(frame_set)
                live.append(frame_set)

            played = play(rig, 12, then=keep)
        sizes, regions = dict(rig.sizes_px()), dict(rig.regions())
    assert played.shifted == []
    with Recording(options.path) as recording:
        assert recording.state is SealState.COMPLETE
        assert len(recording) == len(live) == 12
        assert all(same(ours, taken.frame_set) for ours, taken in zip(live, recording, strict=True))
        assert recording.sizes_px() == sizes
        assert recording.regions() == regions
        assert recording.config is not None
        assert recording.config.name == rig.config.name
        assert list(recording.check()) == []


def test_a_recording_holds_the_pixels_that_the_simulator_painted(running: RunningRig, tmp_path: Path) -> None:
    done = record(running.rig_file, RecordOptions(tmp_path / "take.mcap", frames=4))
    with running.control() as control:
        control.do("truth.flush")
    painted = read_checksums(running.truth_file)
    with Recording(done.path) as recording:
        for taken in recording:
            run, pulse = taken.frame_set.proof.generation, taken.frame_set.pulse_index
            for frame in taken.frame_set:
                assert crc32(frame.pixels.data) == painted[run, pulse, frame.camera]


def test_a_recording_is_compacted_when_it_has_ended_where_that_is_asked_for(
    running: RunningRig, tmp_path: Path
) -> None:
    words = ("record", "--rig", running.rig_file, "--frames", 3, "-o", "take.mcap", "--compact", "--json")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["seal"]["frame_sets"]) == ("complete", 3)
    assert (tmp_path / "take.mcap").stat().st_size == told["after_bytes"] < told["before_bytes"]
    with Recording(tmp_path / "take.mcap") as recording:
        assert recording.plan.coding == "jxl"


def test_the_verbs_record_show_and_check(rig_file: Path, tmp_path: Path) -> None:
    done = run("record", "--rig", rig_file, "--frames", 6, "-o", "take.mcap", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["seal"]["frame_sets"], told["seal"]["safe"]) == ("complete", 6, 6)
    shown = run("recording", "info", "take.mcap", cwd=tmp_path)
    assert shown.returncode == 0
    assert shown.stdout.startswith("COMPLETE\n6 frame sets, 6 with all cameras, 6 known to be on the disk")
    assert run("recording", "verify", "take.mcap", cwd=tmp_path).returncode == 0
    exported = run("recording", "export", "take.mcap", "-o", "images", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    with Recording(tmp_path / "take.mcap") as recording:
        config = recording.config
        assert config is not None
        roles = {camera.name: camera.role for camera in config.cameras}
        images = list(ImageFolder(tmp_path / "images", roles))
        for ours, theirs in zip(recording, images, strict=True):
            assert ours.index == theirs.index
            assert ours.frame_set.proof.to_json() == theirs.frame_set.proof.to_json()
            for frame in ours.frame_set:
                assert np.array_equal(frame.pixels, theirs.frame_set[frame.camera].pixels)
                assert frame.pixel_format == theirs.frame_set[frame.camera].pixel_format
    proved = run("proof", "take.mcap", cwd=tmp_path)
    assert (proved.returncode, proved.stdout.splitlines()[0]) == (0, "6 frame sets, 6 proved, 0 not")
    again = run("record", "--rig", rig_file, "--frames", 1, "-o", "take.mcap", "--json", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already and is never overwritten" in again.stderr + again.stdout


def test_a_recording_tells_the_schedule_the_clocks_and_the_light_of_its_run(
    running: RunningRig, tmp_path: Path
) -> None:
    config = load(Path(running.rig_file))
    light = config.light.model_copy(update={"log": tmp_path / "light.jsonl"})
    (tmp_path / "light.jsonl").write_text('{"kind": "older"}\n')
    done = record(config.model_copy(update={"light": light}), RecordOptions(tmp_path / "take.mcap", frames=4))
    assert done.seal.state is SealState.COMPLETE
    with Recording(done.path) as recording:
        (schedule,) = (json.loads(message.data) for message in recording.rig_messages(SCHEDULE))
        assert schedule["generation"] == recording[0].frame_set.proof.generation
        assert set(schedule["exposures"]) == {camera.name for camera in config.cameras}
        clocks = [json.loads(message.data) for message in recording.rig_messages(CLOCKS)]
        assert [set(told["cameras"]) for told in clocks] == [set(schedule["exposures"])] * 2
        lit = [json.loads(line.text) for line in recording.log() if line.source == "light"]
    logged = [json.loads(line) for line in (tmp_path / "light.jsonl").read_text().splitlines()]
    assert lit == logged[1:]
    assert lit[-1]["kind"] == "ended"


class Presser(SilentProgress):
    """Presses the button when that many frame sets have come."""

    def __init__(self, button: SaveButton, after: int) -> None:
        self.button, self.after = button, after

    @contextmanager
    def stage(self, what: str, total: int | None) -> Iterator[Advance]:
        yield lambda done: self.button.save() if what.startswith("waiting") and done >= self.after else None


def test_a_recording_begins_before_its_trigger_and_says_where_that_was(running: RunningRig, tmp_path: Path) -> None:
    button = SaveButton()
    options = RecordOptions(tmp_path / "take.mcap", frames=4, pre_s=0.5)
    done = record(running.rig_file, options, Presser(button, 9), button)
    assert (done.seal.state, done.seal.frame_sets) == (SealState.COMPLETE, 10)
    with Recording(done.path) as recording:
        assert recording.plan.trigger_index == 6, "half a second at 10 Hz, and the one that was under way"
        pulses = [taken.frame_set.pulse_index for taken in recording]
        assert pulses == list(range(pulses[0], pulses[0] + 10))
        assert list(recording.check()) == []


def test_a_cut_recording_is_called_interrupted_and_can_be_recovered(rig_file: Path, tmp_path: Path) -> None:
    assert run("record", "--rig", rig_file, "--seconds", 0.5, "-o", "take.mcap", cwd=tmp_path).returncode == 0
    path = tmp_path / "take.mcap"
    with Recording(path) as recording:
        last = recording._chunks[-1]
        os.truncate(path, last.place + 1000)
    cut = path.read_bytes()
    shown = run("recording", "info", "take.mcap", cwd=tmp_path)
    assert shown.returncode == 1
    assert shown.stdout.startswith("INTERRUPTED")
    rescued = run("recording", "recover", "take.mcap", "--json", cwd=tmp_path)
    told = json.loads(rescued.stdout)
    assert (rescued.returncode, told["frame_sets"], told["is_lossless"], told["cut_bytes"]) == (1, 4, False, 1000)
    assert path.read_bytes() == cut
    with Recording(path) as recording, Recording(tmp_path / "take-recovered.mcap") as new:
        assert all(same(a.frame_set, b.frame_set) for a, b in zip(recording, new, strict=True))
        assert new.state is SealState.INCOMPLETE
        assert list(new.check()) == []
        assert new.plan.recovered_from == "take.mcap"


def test_ctrl_c_seals_what_came(rig_file: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "rigdriver.cli", "record", "--rig", str(rig_file), "-o", "take.mcap"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        path = tmp_path / "take.mcap"
        while process.poll() is None and not (path.exists() and path.stat().st_size > 100_000):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130, told
    with Recording(path) as recording:
        assert recording.state is SealState.COMPLETE, "Ctrl-C is the planned end of a recording without a number"
        assert len(recording) > 0


def test_a_recording_that_does_not_fit_is_refused_with_what_does(tmp_path: Path) -> None:
    path = tmp_path / "take.mcap"
    with pytest.raises(UsageError, match=r"needs 1000000\.00 GB, and the disk has .* GB free; expected \d+ frame sets"):
        refuse_if_too_large(path, 10**9, 10**6)
    assert not path.exists()


def test_the_light_is_off_and_the_file_sealed_when_the_disk_fails(
    running: RunningRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fdatasync(_handle: int) -> None:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    options = RecordOptions(tmp_path / "take.mcap", frames=1000, sync_interval_s=0.05)
    with pytest.raises(OSError, match="Input/output error"):
        record(running.rig_file, options)
    with running.control() as control:
        assert control.get("status")["output_levels"] == 0
