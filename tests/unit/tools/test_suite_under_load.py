"""What the tool writes of its runs, and what a run gets of this environment.

In: outcomes, JUnit files and logs made here. Out: the table, counts, names of failures.
"""

from __future__ import annotations

import pytest

from suite_under_load import Outcome, Plan, environment, find_python, read_log, read_report, table

REPORT = """<testsuites><testsuite>
<testcase classname="tests.rig.test_forks" name="test_a"/>
<testcase classname="tests.rig.test_forks" name="test_b[x.y]"><failure message="m">text</failure></testcase>
<testcase classname="tests.rig.test_forks" name="test_c"><error message="m">text</error></testcase>
<testcase classname="tests.unit.test_clock" name="test_d"><skipped message="m"/></testcase>
<testcase classname="tests.unit.test_clock" name="test_e"><failure>x</failure><error>y</error></testcase>
</testsuite></testsuites>"""


def test_a_report_gives_counts_and_names_of_failures(tmp_path):
    (tmp_path / "run.xml").write_text(REPORT)
    counts, names = read_report(tmp_path / "run.xml")
    assert counts == {"passed": 1, "failed": 2, "errors": 2, "skipped": 1}
    assert names == [
        "tests/rig/test_forks.py::test_b[x.y] (failed)",
        "tests/rig/test_forks.py::test_c (errors)",
        "tests/unit/test_clock.py::test_e (failed)",
        "tests/unit/test_clock.py::test_e (errors)",
    ]


def test_a_run_without_a_report_names_the_failures_that_its_log_shows():
    log = (
        "tests/a.py::test_x \n[gw0] [  1%] PASSED tests/a.py::test_x \n[gw1] [ 12%] FAILED tests/a.py::test_y[a b] \n"
        "tests/a.py::test_z ERROR                [100%]\nE   FAILED to do it\n"
    )
    assert read_log(log) == ["tests/a.py::test_y[a b] (failed)", "tests/a.py::test_z (errors)"]


def outcome(**changes) -> Outcome:
    made = Outcome(1, "3.11.7", "quiet", 0.5, loads=[1.0, 3.0], wall_s=61.6)
    made.counts = {"passed": 10, "failed": 0, "errors": 0, "skipped": 2}
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_row_tells_the_conditions_the_load_the_time_and_the_counts():
    rows = table([outcome()]).splitlines()
    assert rows[1].count("---") == rows[0].count("|") - 1
    assert rows[2] == "| 1 | 3.11.7 | quiet | 0.5 | 2.0 | 1:02 | 10 | 0 | 0 | 2 | passed |  |"


def test_failures_and_what_ended_a_run_stand_in_its_row():
    failed = outcome(counts={"passed": 9, "failed": 1, "errors": 0, "skipped": 0}, failures=["t[a|b] (failed)"])
    assert table([failed]).splitlines()[2].endswith("| 9 | 1 | 0 | 0 | FAILED | t[a\\|b] (failed) |")
    ended = outcome(counts={}, ended="time limit of 60 min", failures=["a (failed)", "b (errors)"])
    assert (
        table([ended]).splitlines()[2].endswith("| ? | ? | ? | ? | time limit of 60 min | a (failed)<br>b (errors) |")
    )


@pytest.mark.parametrize(
    ("changes", "has_passed"),
    [
        ({}, True),
        ({"counts": {"passed": 0, "failed": 0, "errors": 0, "skipped": 5}}, False),
        ({"counts": {"passed": 5, "failed": 0, "errors": 1, "skipped": 0}}, False),
        ({"counts": {"passed": 5, "failed": 1, "errors": 0, "skipped": 0}}, False),
        ({"counts": {}}, False),
        ({"ended": "processes were left: ['x']"}, False),
    ],
)
def test_a_run_has_passed_only_when_tests_ran_and_all_of_them_passed(changes, has_passed):
    assert outcome(**changes).has_passed is has_passed
    assert ("| passed |" in table([outcome(**changes)]).splitlines()[2]) is has_passed


def test_a_run_gets_no_settings_of_this_environment(monkeypatch, tmp_path):
    for name in ("PYTHONPATH", "PYTEST_ADDOPTS", "VIRTUAL_ENV", "NUMBA_NUM_THREADS", "PYTEST_XDIST_WORKER"):
        monkeypatch.setenv(name, "stray")
    monkeypatch.setenv("PIP_INDEX_URL", "kept")
    monkeypatch.setenv("HOME", "/home/me")
    env = environment(tmp_path, has_own_home=False)
    assert "stray" not in env.values()
    assert (env["PIP_INDEX_URL"], env["HOME"], env["TMPDIR"]) == ("kept", "/home/me", str(tmp_path / "t"))
    assert environment(tmp_path, has_own_home=True)["HOME"] == str(tmp_path / "home")


def test_the_conditions_of_a_plan_are_told_in_words(tmp_path):
    quiet = Plan(tmp_path, None, (), tmp_path, 0, 0, None, 1, 60, has_own_home=False)
    loaded = Plan(tmp_path, None, (), tmp_path, 2, 19, 3.5, 1, 60, has_own_home=False)
    assert quiet.conditions == "quiet"
    assert loaded.conditions == "2 burners, stops every 3.5 s, nice 19"


def test_a_python_that_is_not_there_is_told():
    with pytest.raises(SystemExit, match=r"no Python 2\.1 on the PATH"):
        find_python("2.1")
