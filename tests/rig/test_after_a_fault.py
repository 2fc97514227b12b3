"""After a fault of the box the next program works, or says what to remove; a refused try leaves nothing behind.

In: a simulated rig whose interlock opens, and programs that come afterwards. Out: the right reason and no folder, then
a capture by the same command.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from rigdriver.cli.box import clear, status
from rigdriver.config import load
from rigdriver.errors import BoxFault, LinkLost, UsageError
from rigdriver.procedures.box import look_at_box
from rigdriver.procedures.capture import CaptureOptions, capture
from rigdriver.recording.proof_files import COLUMNS, CSV
from rigdriver.rig import Rig
from rigdriver.wire.registers import BoxStates, Faults
from tests.rig.played import dark

pytestmark = [pytest.mark.sim, pytest.mark.plants_faults]
SMALL = {"width": 160, "height": 120}
NOTICED_S = 1.0


def consumed_until_it_opens(rig, running) -> None:
    for frame_set in rig.run(frames=50):
        if frame_set.pulse_index == 2:
            with running.control() as control:
                control.do("interlock.open")


def trip_the_interlock(running) -> None:
    """Let a program end because the interlock opened."""
    with Rig.open(running.rig_file) as rig, pytest.raises(BoxFault, match="the interlock opened"):
        consumed_until_it_opens(rig, running)


def test_a_latched_interlock_says_what_to_remove_leaves_no_folder_and_is_over_once_it_is_cleared(launch_rig, tmp_path):
    running = launch_rig(**SMALL)
    trip_the_interlock(running)
    options = CaptureOptions(5, tmp_path / "out")
    for _ in range(2):
        with pytest.raises(BoxFault, match="the interlock opened; close it; then run `rigdriver box clear`"):
            capture(running.rig_file, options)
        assert not options.folder.exists()
    found = look_at_box(running.rig_file, is_clearing=True)
    assert (found.status.state, found.old_fault.is_cleared, found.old_fault.remedy) == (
        BoxStates.FAULT, False, "close it",
    )  # fmt: skip
    with running.control() as control:
        control.do("interlock.close")
        # Closing alone makes no light possible: the fault stays until a program clears it.
        assert control.get("status")["box_state"] == "FAULT"
    found = look_at_box(running.rig_file)
    assert (found.status.state, found.old_fault.fault) == (BoxStates.FAULT, Faults.INTERLOCK_OPEN)
    assert found.old_fault.age_s is not None
    with pytest.raises(BoxFault, match="the interlock opened; close it; then run `rigdriver box clear`"):
        capture(running.rig_file, options)
    assert look_at_box(running.rig_file, is_clearing=True).old_fault.is_cleared
    assert capture(running.rig_file, options).has_passed


def test_box_verbs_tell_and_clear(launch_rig, capsys):
    running = launch_rig(**SMALL)
    trip_the_interlock(running)
    with running.control() as control:
        control.do("interlock.close")

    def told(act) -> tuple[int, dict]:
        with pytest.raises(typer.Exit) as ended:
            act(rig=Path(running.rig_file), json=True)
        return ended.value.exit_code, json.loads(capsys.readouterr().out)

    code, facts = told(status)
    assert (code, facts["state"], facts["fault"]["kinds"]) == (1, "fault", ["INTERLOCK_OPEN"])
    code, facts = told(clear)
    assert (code, facts["state"], facts["fault"]["is_cleared"]) == (0, "idle", True)
    code, facts = told(status)
    assert (code, facts["fault"]) == (0, None)


def test_a_folder_with_a_heading_alone_is_of_a_program_that_was_killed_and_may_be_used(launch_rig, tmp_path):
    running = launch_rig(**SMALL)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / CSV).write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    assert capture(running.rig_file, CaptureOptions(3, folder)).has_passed
    with pytest.raises(UsageError, match="holds a capture already"):
        capture(running.rig_file, CaptureOptions(3, folder))


@pytest.mark.parametrize("rate_hz", [1, 20])
def test_a_box_that_resets_is_noticed_within_a_second_at_every_rate(launch_rig, rate_hz):
    running = launch_rig(**SMALL, rate_hz=rate_hz)
    with Rig.open(dark(load(Path(running.rig_file)))) as rig:
        loop = iter(rig.run(frames=1000))
        next(loop)
        with running.control() as control:
            control.do("box.reset")
        reset_s = rig.timebase.now_s()
        with pytest.raises(LinkLost, match="it has restarted and lost its schedule"):
            list(loop)
        assert rig.timebase.now_s() - reset_s < NOTICED_S
