"""An application that keeps every frame, with as few slots as a rig file allows, while frames wait for their place.

In: a run in which one camera's clock steps back to the pulse of a lost frame, so that its frames wait in the matcher
until six of them have shown where they belong. Out: every frame or a gap for it, and each image in the frame set of its
own pulse. Not here: what tells where frames belong (see tests/unit/sync).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.rig import Rig
from rigdriver.run_end import EndCause, RunEnd
from rigdriver_sim.bench import stamp
from tests.rig.played import dark

pytestmark = pytest.mark.sim

PULSES, AT = 24, 12
CAMERA = "left_upper"
FEWEST_SLOTS = 4
RATE_HZ = 20
ONE_PULSE_BACK = {
    f"faults.lose_frame.{CAMERA}": f"[{AT - 1}]",
    f"faults.clock_step.{CAMERA}": f"[{AT}]",
    "faults.clock_step_us": -1_000_000 // RATE_HZ,
}


def cramped(config: RigConfig) -> RigConfig:
    """With the fewest slots, and room for a single frame set."""
    narrow = dark(config)
    genicam = narrow.genicam.model_copy(update={"frame_slots": FEWEST_SLOTS, "buffers": FEWEST_SLOTS})
    run = narrow.run.model_copy(update={"queue_frame_sets": 1})
    return narrow.model_copy(update={"genicam": genicam, "run": run})


def test_frames_that_wait_for_their_place_lack_no_slot_though_the_application_keeps_all_others(launch_rig):
    running = launch_rig(width=160, height=120, rate_hz=RATE_HZ, **ONE_PULSE_BACK)
    with Rig.open(cramped(load(Path(running.rig_file)))) as rig:
        run = rig.run(frames=PULSES)
        kept = list(run)
        names = [camera.name for camera in rig.config.cameras]
        counted = rig.cameras.statistics()
    assert [frame_set.pulse_index for frame_set in kept] == list(range(PULSES))
    assert [set(f.frames) | set(f.gaps) for f in kept] == [set(names)] * PULSES
    assert [(f.pulse_index, name) for f in kept for name in f.gaps] == [(AT - 1, CAMERA)], "only the lost frame is lost"
    assert run.statistics.stopped_by == RunEnd(EndCause.DONE)
    assert {name: counts.no_slot for name, counts in counted.items()} == dict.fromkeys(names, 0)
    assert counted[CAMERA].copied >= PULSES - FEWEST_SLOTS, "the application kept them"
    waited = [
        f.pulse_index for f in kept if any("placed by" in note for p in f.proof.frames.values() for note in p.notes)
    ]
    assert waited == list(range(AT, AT + 5))
    marks = {(f.pulse_index, name): stamp.read(frame.pixels) for f in kept for name, frame in f.frames.items()}
    assert {(m.pulse, names[m.camera]) for m in marks.values() if m is not None} == set(marks)
