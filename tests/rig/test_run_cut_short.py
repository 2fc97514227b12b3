"""A run that ends with fewer frame sets than were asked for is an error that names the cause, unless its user ended it.

In: a running rig, and somebody else who stops its box. Out: `RunCutShort` after the frame sets that came, and a capture
that keeps what it has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigdriver.config import load
from rigdriver.errors import RunCutShort
from rigdriver.frames import FrameSet
from rigdriver.procedures.capture import CaptureOptions, capture
from rigdriver.progress import Advance, SilentProgress
from rigdriver.recording.proof_files import read_proofs
from rigdriver.rig import Rig
from rigdriver.run_end import EndCause, RunEnd
from tests.rig.played import dark

pytestmark = [pytest.mark.sim, pytest.mark.plants_faults]
SMALL = {"width": 160, "height": 120, "rate_hz": 20}
STOP_NOW = bytes([2, 5, 48, 0xFF, 0x01, 1])
"""Write of the register Stop (48, U8) with the value Now, without its checksum."""
BY_OTHERS = EndCause.BY_ANOTHER_PROGRAM


def stop_from_outside(port: str) -> None:
    """Send the box a Stop as another client of its port would."""
    fd = os.open(port, os.O_WRONLY | os.O_NOCTTY)
    try:
        os.write(fd, STOP_NOW + bytes([sum(STOP_NOW) % 256]))
    finally:
        os.close(fd)


def consumed(run, then_at: int, then) -> list[FrameSet]:
    """Take what comes, and act once after so many frame sets; what the loop raises is not kept back."""
    seen: list[FrameSet] = []
    try:
        for frame_set in run:
            seen.append(frame_set)
            if len(seen) == then_at:
                then()
    except RunCutShort as exc:
        exc.add_note(f"{len(seen)} seen")
        raise
    return seen


@pytest.mark.parametrize("frames", [50, None])
def test_a_run_that_another_program_stops_says_so(launch_rig, frames):
    running = launch_rig(**SMALL)
    with Rig.open(dark(load(Path(running.rig_file)))) as rig:
        run = rig.run(frames=frames)
        with pytest.raises(RunCutShort, match=BY_OTHERS.value) as caught:
            consumed(run, 3, lambda: stop_from_outside(running.port))
        error = caught.value
        assert (error.asked, error.frame_sets, error.cause) == (frames, run.statistics.frame_sets, BY_OTHERS)
        assert caught.value.__notes__ == [f"{error.frame_sets} seen"]
        assert run.statistics.stopped_by == RunEnd(BY_OTHERS, error)
        assert len(list(rig.run(frames=3))) == 3


def test_a_run_whose_box_this_program_stops_behind_its_back_says_so(launch_rig):
    with Rig.open(dark(load(Path(launch_rig(**SMALL).rig_file)))) as rig:
        run = rig.run(frames=50)
        with pytest.raises(RunCutShort, match="of 50 frame sets came; this program has stopped the trigger box"):
            consumed(run, 3, rig.box.stop)


def test_a_run_that_its_user_stops_is_no_error(launch_rig):
    with Rig.open(dark(load(Path(launch_rig(**SMALL).rig_file)))) as rig:
        run = rig.run(frames=50)
        assert 3 <= len(consumed(run, 3, run.stop)) < 50
        assert run.statistics.stopped_by == RunEnd(EndCause.STOPPED)


class StoppedFromOutside(SilentProgress):
    """Watches a capture, and stops the box after three frame sets."""

    def __init__(self, port: str) -> None:
        self._port = port
        self.notes: list[str] = []

    @contextmanager
    def stage(self, what: str, total: int | None) -> Iterator[Advance]:
        yield lambda done: stop_from_outside(self._port) if done == 3 else None

    def note(self, what: object) -> None:
        self.notes.append(str(what))


def test_a_capture_that_is_cut_short_keeps_what_came_and_has_not_passed(launch_rig, tmp_path):
    running = launch_rig(**SMALL)
    config = dark(load(Path(running.rig_file)))
    watcher = StoppedFromOutside(running.port)
    done = capture(config, CaptureOptions(50, tmp_path / "out"), watcher)
    assert not done.has_passed
    assert done.statistics.stopped_by is not None
    assert done.statistics.stopped_by.cause is BY_OTHERS
    proofs = read_proofs(tmp_path / "out")
    assert len(proofs) == done.statistics.frame_sets < 50
    images = {path.stem for path in (tmp_path / "out" / config.cameras[0].name).iterdir()}
    assert images == {f"{proof.index:06d}" for proof in proofs}
    assert any(f"{len(proofs)} of 50 frame sets came; {BY_OTHERS.value}" in note for note in watcher.notes)
