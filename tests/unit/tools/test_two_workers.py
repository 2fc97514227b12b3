"""How two pytest workers share the suite: whole files, all real-time tests together, long files first."""

from __future__ import annotations

from pathlib import Path

import pytest

import dev
from tests.two_workers import LONG_FILES, scope_of

ROOT = Path(__file__).parents[3]


def test_a_file_stays_on_one_worker_and_real_time_files_stay_together():
    assert scope_of("tests/rig/test_forks.py::test_a[x::y]") == "tests/rig/test_forks.py"
    real = {scope_of(f"tests/{folder}/test_realtime_signals.py::test_a") for folder in ("rig", "unit/sim")}
    assert real == {"realtime"}


def test_the_long_files_are_there():
    assert [name for name in LONG_FILES if not (ROOT / name).is_file()] == []


@pytest.fixture
def suite(pytester):
    """The suite's own hooks, in a suite of three files."""
    pytester.makeini("[pytest]\nmarkers =\n    realtime: x\n    slow: x\n    sim: x\n")
    names = "pytest_addoption, pytest_collection_modifyitems, pytest_xdist_make_scheduler"
    pytester.makeconftest(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.conftest import {names}\n")
    two = "def test_a(): pass\ndef test_b(): pass\n"
    pytester.makepyfile(test_realtime_one=two, test_realtime_two=two, test_other=two)
    return pytester


def test_all_real_time_tests_run_on_one_worker_and_another_file_on_the_other(suite):
    done = suite.runpytest_subprocess("-n", "2", "--dist", "loadfile", "-v", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=6)
    workers = {}
    for line in done.outlines:
        worker, _, told = line.partition("]")
        if "PASSED" in told:
            workers.setdefault(told.split()[-1].partition("::")[0], set()).add(worker)
    assert workers["test_realtime_one.py"] == workers["test_realtime_two.py"] != workers["test_other.py"]
    assert {len(ran_on) for ran_on in workers.values()} == {1}


def test_the_marker_is_given_by_the_files_name_and_refused_elsewhere(suite):
    chosen = suite.runpytest_subprocess("-m", "realtime", "-p", "no:cacheprovider")
    chosen.assert_outcomes(passed=4, deselected=2)
    suite.makepyfile(test_other="import pytest\n@pytest.mark.realtime\ndef test_a(): pass\n")
    refused = suite.runpytest_subprocess("-p", "no:cacheprovider")
    refused.stderr.fnmatch_lines(["*test_other.py::test_a: real-time tests stand in files test_realtime_*.py*"])


@pytest.mark.parametrize("words", [["--rig", "rig.toml"], ["--rig=rig.toml"], ["--pdb"], ["tests", "--co"]])
def test_one_rig_and_a_person_who_looks_on_get_no_workers(words):
    assert dev.workers(words) == []


def test_an_own_number_of_workers_comes_last_and_so_counts():
    assert [*dev.workers(["-n", "0"]), "-n", "0"] == ["-n", "2", "--dist", "loadfile", "-n", "0"]
