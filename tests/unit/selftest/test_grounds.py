"""The table of checks and their grounds: one fault is one failed check, and what stands on it is not run."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from rigdriver.selftest.grounds import ROWS, grounds_of, row_of, settled
from rigdriver.selftest.result import CheckResult, Status, unknown, verdict

GENERATED = re.compile(r"^(host\.load\.\w+|\w+\.finished)$")
"""Names that each stage has: its load, and that it was not carried out to its end."""


def failed(name: str) -> CheckResult:
    return verdict(False, name, "bad", "good", remedy="mend it")


def good(name: str) -> CheckResult:
    return verdict(True, name, "good", "good")


def statuses(*checks: CheckResult) -> dict[str, Status]:
    return {check.name: check.status for check in settled(checks)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_ground_is_a_check_of_the_table(row):
    names = [one.name.replace("@", "x") for one in ROWS]
    for ground in row.grounds:
        wanted = ground.replace("@", "x")
        assert GENERATED.match(wanted) or any(fnmatchcase(name, wanted) for name in names), ground


def test_no_check_stands_on_itself_however_far_the_chain_goes():
    below = {row.name: {g.replace("*", "@") for g in row.grounds} for row in ROWS}
    for row in ROWS:
        seen: set[str] = set()
        todo = set(below[row.name])
        while todo:
            name = todo.pop()
            seen.add(name)
            todo |= below.get(name, set()) - seen
        assert row.name not in seen


def test_a_row_knows_its_names_by_camera():
    found = row_of("wiring.left_upper.frames")
    assert found is not None
    assert found[1] == "left_upper"
    assert grounds_of("run.left_upper.residual")[-1] == "run.left_upper.frames"
    assert row_of("nothing.of.the.kind") is None


def test_what_stands_on_a_fault_is_not_run_and_says_on_which():
    checks = settled([failed("wiring.a.frames"), failed("wiring.a.exposure_line"), failed("wiring.b.exposure_line")])
    assert [check.status for check in checks] == [Status.FAILED, Status.NOT_RUN, Status.FAILED]
    assert checks[1].remedy == "wiring.a.frames is not good"


def test_a_chain_is_followed_to_its_end():
    found = statuses(failed("cameras.found"), unknown("cameras.features", "all", "not reached"), failed("rig_file"))
    assert found == {
        "cameras.found": Status.FAILED,
        "cameras.features": Status.NOT_RUN,
        "rig_file": Status.FAILED,
    }


def test_a_good_check_stays_good_whatever_it_stands_on():
    assert statuses(failed("wiring.a.frames"), good("run.a.frames"))["run.a.frames"] is Status.GOOD


def test_another_camera_is_not_excused_by_the_fault_of_one():
    found = statuses(failed("wiring.a.frames"), failed("run.b.noise_edges"))
    assert found["run.b.noise_edges"] is Status.FAILED


def test_a_watchdog_that_a_busy_run_has_tripped_blames_no_cable():
    busy = unknown("host.load.run", "<= 250", "this computer is too busy to tell", "ms")
    ended = unknown("watchdog.finished", "carried out", "trigger box: this computer was silent; check cable and load")
    assert statuses(busy, good("host.load.watchdog"), ended)["watchdog.finished"] is Status.NOT_RUN


@pytest.mark.parametrize("stage", ["box", "wiring", "run", "light", "optical", "watchdog"])
def test_a_stage_that_a_busy_computer_did_not_finish_is_not_run(stage):
    busy = unknown(f"host.load.{stage}", "<= 250", "this computer is too busy to tell", "ms")
    ended = unknown(f"{stage}.finished", "carried out", "trigger box: this computer was silent; check cable and load")
    assert statuses(busy, ended)[f"{stage}.finished"] is Status.NOT_RUN


def test_replies_that_a_busy_computer_takes_too_late_blame_no_cable_but_damage_does():
    busy = unknown("host.load.run", "<= 250", "this computer is too busy to tell", "ms")
    found = statuses(busy, failed("box.replies"), failed("box.link_counters"))
    assert found["box.replies"] is Status.NOT_RUN
    assert found["box.link_counters"] is Status.FAILED


@pytest.mark.parametrize("stage", ["run", "light", "optical"])
@pytest.mark.parametrize("cause", ["wiring.a.frames", "wiring.a.exposure_line"])
def test_a_cut_cable_that_keeps_a_stage_from_ending_is_told_once(stage, cause):
    ended = unknown(f"{stage}.finished", "carried out", "the cameras' clocks cannot be tied to the box's")
    assert statuses(failed(cause), ended)[f"{stage}.finished"] is Status.NOT_RUN


@pytest.mark.parametrize("stage", ["run", "light", "optical"])
@pytest.mark.parametrize("link", ["usb.controller.0000:00:14.0", "usb.hub.1-2"])
def test_a_schedule_that_a_link_cannot_carry_is_told_once(stage, link):
    refused = unknown(f"{stage}.finished", "carried out", "the frames of a pulse do not fit the link")
    assert statuses(failed(link), refused)[f"{stage}.finished"] is Status.NOT_RUN


def test_a_camera_that_exposes_late_is_told_once_and_no_other_camera_is_excused():
    nothing = "camera a gave no frame in a lamp's light"
    late = [failed(f"run.{camera}.frames") for camera in "ab"]
    unlit = [unknown(f"{check}.a", "", nothing) for check in ("ambient", "focus")]
    found = statuses(failed("wiring.a.latency"), *late, *unlit)
    assert [name for name, status in found.items() if status is not Status.NOT_RUN] == [
        "wiring.a.latency",
        "run.b.frames",
    ]


@pytest.mark.parametrize("left_out", ["", "run", "light"])
def test_a_camera_that_hung_in_an_earlier_stage_is_told_once(left_out):
    hung = "camera a: did not answer; check its cable and power"
    names = [f"{stage}.finished" for stage in ("wiring", "run", "light", "optical") if stage != left_out]
    found = statuses(*(unknown(name, "carried out", hung) for name in names))
    assert [name for name, status in found.items() if status is Status.UNKNOWN] == ["wiring.finished"]


def test_a_computer_that_is_too_busy_is_told_and_no_cable():
    busy = unknown("host.load.wiring", "<= 250", "this computer is too busy to tell: ...", "ms")
    checks = settled([busy, failed("wiring.a.frames"), failed("box.counters")])
    assert [check.status for check in checks] == [Status.UNKNOWN, Status.NOT_RUN, Status.FAILED]
    assert "this computer is too busy to tell" in checks[1].remedy
    assert "cable" not in checks[1].remedy


def test_one_busy_computer_is_told_once_whichever_check_sees_it_first():
    stages = [unknown(f"host.load.{stage}", "<= 250", "too busy", "ms") for stage in ("wiring", "run", "light")]
    found = statuses(unknown("computer.load", "<= 2", "30 programs share 2 processors"), *stages, failed("run.rate"))
    assert [name for name, status in found.items() if status is not Status.NOT_RUN] == ["computer.load", "run.rate"]
    found = statuses(good("computer.load"), *stages, failed("run.frame_sets"), failed("box.counters"))
    assert [name for name, status in found.items() if status not in {Status.NOT_RUN, Status.GOOD}] == [
        "host.load.wiring",
        "box.counters",
    ]


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("usb.controller.0000:00:14.0", "usb.controller.@"),
        ("usb.hub.1-2.4", "usb.hub.@"),
        ("usb.left_upper", "usb.@"),
        ("gige.left_upper.mtu", "gige.@.mtu"),
        ("gige.enp3s0", "gige.@"),
    ],
)
def test_parts_of_the_computer_have_rows_though_no_rig_file_names_them(name: str, row: str) -> None:
    found = row_of(name)
    assert found is not None
    assert found[0].name == row
