"""The campaign draws faults of different parts, and counts what was not found, or blamed, as a miss.

In: rows of the fault matrix and made-up reports. Out: pairs and verdicts. Not here: playing them (the campaign itself).
"""

from __future__ import annotations

import random

import campaign_selftest
from rigdriver.selftest.result import CheckResult, Report, Status
from rigdriver_sim.scenario import load
from tests.rig.selftest_pairs import drawn, on_one_rig, parts
from tests.rig.selftest_rows import FAULTS, Fault

LAMP = Fault("dead lamp", ("light.a",), ("lamp a",))
CABLE = Fault("cut cable", ("wiring.b.frames",), ("cable of b",))


def report(*checks: tuple[str, Status, str], was_opened: bool = True) -> Report:
    made = tuple(CheckResult(name, status, None, None, "", remedy) for name, status, remedy in checks)
    return Report("sim", made, was_opened)


def outcome(*checks: tuple[str, Status, str]) -> str:
    return campaign_selftest.judged_pair(report(*checks), (LAMP, CABLE)).outcome


def test_two_faults_of_a_pair_lie_in_different_parts_and_their_rig_exists() -> None:
    for pair in drawn(200, random.Random(3)):
        assert not parts(pair[0]) & parts(pair[1])
        one, other = on_one_rig(pair)
        assert one.rig == other.rig
        assert bool(load(one.rig).scene) == any(fault.rig.startswith("smile") for fault in pair)


def test_two_faults_of_the_one_projector_exclude_each_other() -> None:
    stopped, late = (next(f for f in FAULTS if f.name == name) for name in (
        "the projector's sequence is stopped", "the projector answers late"))  # fmt: skip
    assert parts(stopped) & parts(late)


def test_of_two_sizes_of_images_a_pair_has_the_larger_one_in_either_order() -> None:
    large, small = (
        Fault(name, (), rig=f"smile?width={width}&height={width}") for name, width in (("a", 480), ("b", 96))
    )
    for pair in ((large, small), (small, large)):
        assert load(on_one_rig(pair)[0].rig).width == 480


def test_every_fault_of_the_matrix_is_drawn() -> None:
    names = {fault.name for pair in drawn(600, random.Random(1), FAULTS) for fault in pair}
    assert names == {fault.name for fault in FAULTS if fault.fails or fault.unknown}


def test_a_pair_is_good_when_both_are_found_or_one_is_and_the_other_is_not_run() -> None:
    found = ("wiring.b.frames", Status.FAILED, "check the cable of b")
    assert outcome(found, ("light.a", Status.FAILED, "lamp a is dead")) == "found + found"
    assert outcome(found, ("light.a", Status.NOT_RUN, "wiring.b.frames is not good")) == "not run + found"


def test_a_fault_that_is_good_unnamed_or_not_run_with_the_other_one_is_a_miss() -> None:
    found = ("wiring.b.frames", Status.FAILED, "check the cable of b")
    assert outcome(found, ("light.a", Status.GOOD, "")) == campaign_selftest.MISS
    assert outcome(found, ("light.a", Status.FAILED, "lamp c is dead")) == campaign_selftest.MISS
    assert outcome(("wiring.b.frames", Status.NOT_RUN, ""), ("light.a", Status.NOT_RUN, "")) == campaign_selftest.MISS


def test_what_a_rig_that_cannot_be_opened_does_not_reach_is_not_run() -> None:
    busy, file = Fault("busy", (), unknown=("computer.load",)), Fault("rig file", ("rig_file",), ("lamp a",))
    found = report(("rig_file", Status.FAILED, "lamp a"), was_opened=False)
    assert campaign_selftest.judged_pair(found, (busy, file)).outcome == "not run + found"
    assert campaign_selftest.judged_pair(report(("rig_file", Status.FAILED, "lamp a")), (busy, file)).outcome == (
        campaign_selftest.MISS
    )


def test_a_check_that_is_not_made_because_its_ground_has_failed_is_not_run() -> None:
    late = Fault("late", ("wiring.b.latency",), ("camera b",))
    cable = Fault("line", ("wiring.b.exposure_line",), ("b",))
    found = report(("wiring.b.exposure_line", Status.FAILED, "cable of b"))
    assert campaign_selftest.judged_pair(found, (late, cable)).outcome == "not run + found"
    elsewhere = report(("wiring.c.exposure_line", Status.FAILED, "cable of c"))
    assert campaign_selftest.judged_pair(elsewhere, (late, cable)).outcome == campaign_selftest.MISS


def test_a_check_that_neither_fault_concerns_is_a_miss_when_it_fails() -> None:
    both = ("wiring.b.frames", Status.FAILED, "cable of b"), ("light.a", Status.FAILED, "lamp a")
    assert outcome(*both, ("focus.c", Status.FAILED, "clean its lens")) == campaign_selftest.MISS


def test_a_healthy_rig_passes_or_the_computer_is_too_busy_and_anything_else_is_a_miss() -> None:
    good = ("wiring.b.frames", Status.GOOD, "")
    busy = ("host.load.run", Status.UNKNOWN, "this computer is too busy")
    bad = ("run.b.frames", Status.FAILED, "check its cable")
    judged = [campaign_selftest.judged_healthy(report(*checks), "sim").outcome for checks in (
        (good,), (good, busy), (good, busy, bad), (good, ("light.a", Status.UNKNOWN, "no frame")))]  # fmt: skip
    assert judged == [campaign_selftest.PASSED, campaign_selftest.BUSY, campaign_selftest.MISS, campaign_selftest.MISS]
