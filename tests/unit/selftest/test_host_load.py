"""Whether a computer had time for a stage: judged by what was seen, and watched while a block lasts."""

from __future__ import annotations

import threading

import pytest

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.own_pause import LOOK_S
from rigdriver.selftest.host_load import HostLoad, LoadWatch, judge_load
from rigdriver.selftest.result import Status


def test_a_computer_with_time_is_good():
    assert judge_load("run", HostLoad(0.02, 0.1, 0.0)).status is Status.GOOD


@pytest.mark.parametrize(
    ("load", "told"),
    [
        (HostLoad(2 * LOOK_S, 0.1, 0.0), "up to 500 ms late"),
        (HostLoad(0.1, 0.8, 0.0), "80% of the time"),
        (HostLoad(0.1, 0.1, 0.7), "other machines took 70%"),
    ],
)
def test_one_without_time_is_unknown_and_says_what_was_seen(load, told):
    check = judge_load("run", load)
    assert (check.name, check.status) == ("host.load.run", Status.UNKNOWN)
    assert check.remedy.startswith("this computer is too busy to tell")
    assert told in check.remedy


@pytest.mark.parametrize(("is_all_good", "status"), [(True, Status.GOOD), (False, Status.UNKNOWN)])
def test_programs_that_starve_excuse_what_is_not_good_and_spoil_nothing(is_all_good, status):
    check = judge_load("run", HostLoad(0.02, 0.1, 0.0, waiting_share=0.95), is_all_good)
    assert check.status is status
    assert ("95% of it some program waited" in check.remedy) is not is_all_good


def test_some_waiting_excuses_nothing():
    assert judge_load("run", HostLoad(0.02, 0.1, 0.0, waiting_share=0.5), is_all_good=False).status is Status.GOOD


def test_waiting_is_that_of_the_block(tmp_path):
    pressure = tmp_path / "proc" / "pressure" / "cpu"
    pressure.parent.mkdir(parents=True)
    line = "some avg10=80.00 avg60=70.00 avg300=60.00 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    pressure.write_text(line.format(5_000_000_000))
    with LoadWatch(ComputerFiles(tmp_path)) as watch:
        pressure.write_text(line.format(6_000_000_000))
    assert watch.load.waiting_share > 0
    with LoadWatch(ComputerFiles(tmp_path)) as watch:
        pass
    assert watch.load.waiting_share == 0


def test_stolen_time_is_that_of_the_block(tmp_path):
    stat = tmp_path / "proc" / "stat"
    stat.parent.mkdir()
    stat.write_text("cpu  100 0 100 800 0 0 0 50 0 0\n")
    with LoadWatch(ComputerFiles(tmp_path)) as watch:
        stat.write_text("cpu  120 0 110 840 0 0 0 80 0 0\n")
    assert watch.load.stolen_share == pytest.approx(0.3)


def test_without_proc_nothing_counts_as_stolen(tmp_path):
    with LoadWatch(ComputerFiles(tmp_path)) as watch:
        pass
    assert watch.load.stolen_share == 0


def test_the_watch_leaves_no_thread():
    with LoadWatch():
        pass
    assert "host load" not in {thread.name for thread in threading.enumerate()}
