"""How two pytest workers share the suite: whole files, all real-time tests together, long files first."""

from __future__ import annotations

from pathlib import Path

import pytest

import dev
from tests.workers import LONG_FILES

ROOT = Path(__file__).parents[3]
LIMIT_S = 600.0
"""Longest run of such a suite, in s; it takes some seconds, and a minute on a busy computer."""


def test_the_long_files_are_there():
    assert [name for name in LONG_FILES if not (ROOT / name).is_file()] == []


MIXED = """
import pytest
@pytest.mark.realtime
@pytest.mark.parametrize("what", ["a", "b@c] d"])
def test_real(what): pass
def test_plain(): pass
def test_plain_too(): pass
"""


@pytest.fixture
def suite(pytester):
    """The suite's own hooks, in a suite of three files."""
    pytester.makeini("[pytest]\nmarkers =\n    realtime: x\n    slow: x\n    sim: x\n")
    names = "pytest_addoption, pytest_collection_modifyitems, pytest_configure_node, pytest_xdist_make_scheduler"
    pytester.makeconftest(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.conftest import {names}\n")
    pytester.makepyfile(test_one=MIXED, test_two=MIXED, test_three="def test_plain(): pass\n")
    return pytester


def test_real_time_tests_of_all_files_run_on_one_worker_and_each_file_on_one(suite):
    done = suite.runpytest_subprocess("-n", "2", "--dist", "loadfile", "-v", "-p", "no:cacheprovider", timeout=LIMIT_S)
    done.assert_outcomes(passed=9)
    ran_on = {}
    for line in done.outlines:
        worker, _, told = line.partition("] [")
        if " PASSED " in told:
            nodeid = told.partition(" PASSED ")[2]
            ran_on.setdefault("realtime" if "test_real[" in nodeid else nodeid.partition("::")[0], []).append(worker)
    assert {scope: (len(set(workers)), len(workers)) for scope, workers in ran_on.items()} == {
        "realtime": (1, 4),
        "test_one.py": (1, 2),
        "test_two.py": (1, 2),
        "test_three.py": (1, 1),
    }
    assert ran_on["realtime"][0] != ran_on["test_one.py"][0], "the second worker does not wait for the first"


FATAL = """
import os, time
def test_before(): pass
def test_dies(): os._exit(1)
def test_after(): pass
def test_long_after(): time.sleep(0.3)
"""


def test_a_worker_that_dies_costs_one_test_and_no_other(suite):
    suite.makepyfile(test_fatal=FATAL, test_fatal_too=FATAL, test_last="def test_plain(): pass\n")
    done = suite.runpytest_subprocess("-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", timeout=LIMIT_S)
    done.assert_outcomes(passed=9 + 6 + 1, failed=2)
    done.stdout.fnmatch_lines(["*crashed while running*test_fatal.py::test_dies*"])


def test_a_test_that_waits_for_ever_fails_and_the_others_run(suite):
    suite.makepyfile(test_hangs="import time\ndef test_hangs(): time.sleep(3600)\ndef test_after(): pass\n")
    limit = ["-o", "faulthandler_timeout=5", "-o", "faulthandler_exit_on_timeout=true"]
    words = ["-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider"]
    done = suite.runpytest_subprocess(*words, *limit, timeout=LIMIT_S)
    done.assert_outcomes(passed=9 + 1, failed=1)


def test_plain_pytest_runs_all_of_it_in_the_order_of_the_files(suite):
    done = suite.runpytest_subprocess("-v", "-p", "no:cacheprovider", timeout=LIMIT_S)
    done.assert_outcomes(passed=9)
    files = [line.partition("::")[0] for line in done.outlines if " PASSED" in line]
    assert files == ["test_one.py"] * 4 + ["test_three.py"] + ["test_two.py"] * 4


@pytest.mark.parametrize("words", [["--rig", "rig.toml"], ["--rig=rig.toml"], ["--pdb"], ["tests", "--co"]])
def test_one_rig_and_a_person_who_looks_on_get_no_workers(words):
    assert dev.workers(words) == []


def test_an_own_number_of_workers_comes_last_and_so_counts():
    assert [*dev.workers(["-n", "0"]), "-n", "0"] == ["-n", "3", "--dist", "loadfile", "-n", "0"]
