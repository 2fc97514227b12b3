#!/usr/bin/env python3
"""Run the whole suite again and again under bad conditions, and write a table of what came of it.

In: how many runs, beside how many CPU burners, at which priority, and whether random processes of a run are stopped
for 50 to 500 ms now and then. Out: a Markdown table, and a log, a JUnit file and a list of stops per run. Each run is a
fresh clone in an empty folder with a clean environment; `--venv` tests a checkout as it stands, for a quick hunt. Linux
only, standard library only. Not here: what set-up and tests do (see dev.py).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import BinaryIO
from xml.etree import ElementTree as ET

from bad_conditions import Stopper, adopt_orphans, burners, bury_orphans, end_family, look_at, plan_stops

ROOT = Path(__file__).resolve().parent.parent
SPACING_S = 3.5
"""Mean time between two stops, s: something is stopped for 7 % of the time."""
LIMIT_MIN = 60.0
"""Time limit of one run, set-up included, min."""
LOOK_S = 0.01
"""Pause between two looks at a run, s."""
LOAD_EVERY_S = 5.0
"""Time between two looks at the machine's load, s."""
KEPT_VARIABLES = re.compile(r"PATH|HOME|USER|LANG|LC_\w+|(PIP|UV|SSL|REQUESTS)_\w+|(https?|no)_proxy", re.IGNORECASE)
"""Variables of this environment that a run gets: paths, language, and where packages come from."""


# ---------------------------------------------------------------- what came of it


@dataclass(slots=True)
class Outcome:
    """What came of one run."""

    number: int
    python: str
    conditions: str
    load_at_start: float
    loads: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    """Number of tests passed, failed, errors, skipped; empty when pytest wrote no report."""
    failures: list[str] = field(default_factory=list)
    ended: str = ""
    """Cause of the end, when pytest did not end by itself."""

    @property
    def has_passed(self) -> bool:
        """Whether tests ran, all of them, and none failed."""
        good = bool(self.counts.get("passed")) and not self.counts.get("failed") and not self.counts.get("errors")
        return good and not self.ended


def read_report(report: Path) -> tuple[dict[str, int], list[str]]:
    """Return the counts and the names of the failures of a JUnit file."""
    counts = dict.fromkeys(("passed", "failed", "errors", "skipped"), 0)
    names: list[str] = []
    kinds = {"failure": "failed", "error": "errors", "skipped": "skipped"}
    for case in ET.parse(report).getroot().iter("testcase"):
        told = [kinds[child.tag] for child in case if child.tag in kinds]
        for kind in told or ["passed"]:
            counts[kind] += 1
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '')}"
        names += [f"{name} ({kind})" for kind in told if kind != "skipped"]
    return counts, names


def read_log(log: str) -> list[str]:
    """Return the failures that pytest -v has shown so far, for a run without a report."""
    # Workers of pytest-xdist put the verdict before the name, plain pytest puts it behind.
    found = re.findall(r"^\[gw\d+\] \[ *\d+%\] (FAILED|ERROR) (.+?)\s*$", log, re.MULTILINE)
    found += [(kind, name) for name, kind in re.findall(r"^(\S.*?) (FAILED|ERROR) +\[ *\d+%\]\s*$", log, re.MULTILINE)]
    words = {"FAILED": "failed", "ERROR": "errors"}
    return [f"{name} ({words[kind]})" for kind, name in found]


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the Markdown table of the runs."""
    heads = ("run", "Python", "conditions", "load at start", "mean load", "wall time", "passed", "failed", "errors")
    rows = [[*heads, "skipped", "result", "failures"]]
    rows.append(["---"] * len(rows[0]))
    for outcome in outcomes:
        mean = sum(outcome.loads) / len(outcome.loads) if outcome.loads else outcome.load_at_start
        counts = [str(outcome.counts.get(kind, "?")) for kind in ("passed", "failed", "errors", "skipped")]
        result = outcome.ended or ("passed" if outcome.has_passed else "FAILED")
        minutes, seconds = divmod(round(outcome.wall_s), 60)
        about = [str(outcome.number), outcome.python, outcome.conditions]
        measured = [f"{outcome.load_at_start:.1f}", f"{mean:.1f}", f"{minutes}:{seconds:02d}"]
        names = "<br>".join(name.replace("|", "\\|") for name in outcome.failures)
        rows.append([*about, *measured, *counts, result, names])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


# ---------------------------------------------------------------- one run


@dataclass(frozen=True, slots=True)
class Plan:
    """What is the same for all runs."""

    repository: Path
    venv: Path | None
    tests: tuple[str, ...]
    out: Path
    burners: int
    nice: int
    spacing_s: float | None
    """Mean time between two stops, s; None when nothing is stopped."""
    seed: int
    limit_s: float
    has_own_home: bool

    @property
    def conditions(self) -> str:
        """The conditions in a few words."""
        words = [f"{self.burners} burners"] if self.burners else []
        words += [f"stops every {self.spacing_s:g} s"] if self.spacing_s else []
        words += [f"nice {self.nice}"] if self.nice else []
        return ", ".join(words) or "quiet"


class TimeLimit(Exception):
    """The run has used up its time."""


class SetupFailed(Exception):
    """The run's clone or set-up failed, so there was nothing to test."""


def environment(folder: Path, has_own_home: bool) -> dict[str, str]:
    """Return the clean environment of a run whose temporary files and, if wanted, HOME lie in its folder."""
    env = {key: value for key, value in os.environ.items() if KEPT_VARIABLES.fullmatch(key)}
    env["TMPDIR"] = str(folder / "t")
    if has_own_home:
        env["HOME"] = str(folder / "home")
    return env


class Run:
    """One run in a folder of its own; `stopper` is there while tests run."""

    def __init__(self, plan: Plan, outcome: Outcome, folder: Path) -> None:
        self._plan, self._outcome, self._folder = plan, outcome, folder
        self._deadline_s = time.monotonic() + plan.limit_s
        self._env = environment(folder, plan.has_own_home)
        self._load_due_s = 0.0
        self._status = -1
        self._name = plan.out / f"run-{outcome.number:02d}"
        self._report = self._name.with_suffix(".xml")
        root = look_at(os.getpid())
        assert root is not None
        self._root = root
        for name in ("t", "home"):
            (folder / name).mkdir()

    def play(self, python: str) -> None:
        """Clone, set up and test; what came of it goes into the outcome."""
        for old in self._plan.out.glob(f"{self._name.name}.*"):
            old.unlink()
        with self._name.with_suffix(".log").open("wb") as log, burners(self._plan.burners) as spared:
            try:
                self._test(python, log, spared)
            except TimeLimit:
                self._outcome.ended = f"time limit of {self._plan.limit_s / 60:g} min"
            except SetupFailed as exc:
                self._outcome.ended = str(exc)
            except KeyboardInterrupt:
                self._outcome.ended = "interrupted"
                raise
            finally:
                left = end_family(self._root, spared)
                if left:
                    self._outcome.ended = f"processes were left: {[process.command for process in left]}"
                self._read()

    def _read(self) -> None:
        if self._report.is_file() and not self._outcome.ended:
            self._outcome.counts, self._outcome.failures = read_report(self._report)
            if self._status != 0 and not self._outcome.failures:
                self._outcome.ended = f"no failures, but exit status {self._status}: see the log"
        else:
            text = self._name.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
            self._outcome.failures = read_log(text)
            self._outcome.ended = self._outcome.ended or f"no report, exit status {self._status}: see the log"

    def _test(self, python: str, log: BinaryIO, spared: list[int]) -> None:
        plan = self._plan
        wanted = [f"--junitxml={self._report}", "-v", *plan.tests]
        if plan.venv is None:
            home = self._folder / "clone"
            self._do(["git", "clone", "--quiet", str(plan.repository), str(home)], self._folder, log)
            self._do([python, "tools/dev.py", "setup"], home, log)
            command = [python, "tools/dev.py", "test", *wanted]
        else:
            home = plan.venv.parent
            command = [python, "-m", "pytest", "-n", "3", "--dist", "loadfile", *wanted]
        begun_s = time.monotonic()
        try:
            self._status = self._watch(command, home, log, spared)
        finally:
            self._outcome.wall_s = time.monotonic() - begun_s

    def _do(self, command: list[str], folder: Path, log: BinaryIO) -> None:
        if self._watch(command, folder, log, None) != 0:
            raise SetupFailed(f"`{' '.join(command[:3])}` failed: see the log")

    def _watch(self, command: list[str], folder: Path, log: BinaryIO, spared: list[int] | None) -> int:
        """Run a command to its end; with a list of spared processes, others of the run are stopped now and then."""
        plan = self._plan
        stopper = None
        if spared is not None and plan.spacing_s:
            stops = plan_stops(plan.seed + self._outcome.number, plan.spacing_s)
            stopper = Stopper(self._root, spared, stops, self._name.with_suffix(".stops"))
        process = subprocess.Popen(
            ["nice", "-n", str(plan.nice), *command], cwd=folder, env=self._env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            while process.poll() is None:
                self._note_load()
                bury_orphans([process.pid, *(spared or ())])
                if stopper is not None:
                    stopper.turn()
                if time.monotonic() > self._deadline_s:
                    raise TimeLimit
                time.sleep(LOOK_S)
        finally:
            if stopper is not None:
                stopper.release()
            if process.returncode is None:
                process.kill()
                process.wait()
        return int(process.returncode)

    def _note_load(self) -> None:
        if time.monotonic() >= self._load_due_s:
            self._load_due_s = time.monotonic() + LOAD_EVERY_S
            self._outcome.loads.append(os.getloadavg()[0])


def play_all(plan: Plan, pythons: Sequence[str], runs: int) -> list[Outcome]:
    """Make all runs, one after the other, and keep the table up to date."""
    plan.out.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    for number, python in enumerate([python for python in pythons for _ in range(runs)], start=1):
        outcome = Outcome(number, version_of(python), plan.conditions, os.getloadavg()[0])
        outcomes.append(outcome)
        # A short name: sockets in temporary folders have little room for their paths.
        folder = Path(tempfile.mkdtemp(prefix="s-"))
        try:
            Run(plan, outcome, folder).play(python)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            (plan.out / "table.md").write_text(table(outcomes), encoding="utf-8")
        print(table(outcomes), flush=True)
    return outcomes


def version_of(python: str) -> str:
    """Return the version of that Python."""
    asked = [python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def find_python(name: str) -> str:
    """Return the program of `3.13`, `python3.13` or a path."""
    found = shutil.which(name) or shutil.which(f"python{name}")
    if found is None:
        raise SystemExit(f"suite_under_load: no Python {name} on the PATH: give the path of its program with --python")
    return found


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """End as on Ctrl-C."""
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None) -> int:
    """Make the runs of the command line; the exit status is 0 when all passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1, help="runs per Python")
    parser.add_argument("--python", action="append", metavar="PYTHON", help="3.13, or a path; again for more")
    parser.add_argument("--burners", type=int, default=0, help="CPU burners beside each run")
    parser.add_argument("--nice", type=int, default=0, help="priority of the run; 19 is the lowest")
    parser.add_argument("--stops", action="store_true", help="stop random processes of the run for 50 to 500 ms")
    parser.add_argument("--stop-every", type=float, default=SPACING_S, metavar="S", help="mean time between stops")
    parser.add_argument("--seed", type=int, default=1, help="seed of the stops of run 1; each further run adds one")
    parser.add_argument("--limit", type=float, default=LIMIT_MIN, metavar="MIN", help="time limit of one run")
    parser.add_argument("--own-home", action="store_true", help="an empty HOME per run: no rendered scenes, no caches")
    parser.add_argument("--venv", type=Path, help="test the checkout that this .venv lies in, without clone and set-up")
    parser.add_argument("--repository", type=Path, default=ROOT, help="what is cloned")
    parser.add_argument("--out", type=Path, default=Path("out/suite-under-load"), help="folder for table and logs")
    parser.add_argument("tests", nargs="*", help="paths and options for pytest, behind `--`; all tests without")
    given = parser.parse_args(words)
    pythons = [find_python(name) for name in given.python or [sys.executable]]
    if given.venv is not None:
        pythons = [str(given.venv / "bin" / "python")]
    plan = Plan(
        given.repository.resolve(), given.venv.absolute() if given.venv else None, tuple(given.tests),
        given.out.absolute(), given.burners, given.nice, given.stop_every if given.stops else None, given.seed,
        60 * given.limit, given.own_home,
    )  # fmt: skip
    # SIGINT, too: it may have been ignored from the start, which the run would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    adopt_orphans()
    try:
        outcomes = play_all(plan, pythons, given.runs)
    except KeyboardInterrupt:
        print("suite_under_load: interrupted; the table so far is in the folder of --out", file=sys.stderr)
        return 130
    return 0 if all(outcome.has_passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
