"""Test healthy simulated rigs, and rigs with random pairs of planted faults, and count what the self-test got wrong.

In: how many of each, and a seed. Out: a line for each miss as it happens, a table, a progress bar on a terminal, every
test with `--json`, and exit status 1 when there is a miss. Ctrl-C ends with what has been played. A healthy rig must
pass, or the self-test must say that the computer is too busy to tell; every second of these rigs keeps the wall's time,
so that a busy computer can spoil it, and `--burners` makes it busy. Of two faults both must be found, or one found and
the checks of the other not run; nothing else may be blamed. Two faults of one part are drawn again. Not here: the
faults (see tests/rig/selftest_rows.py, the matrix that the tests play one by one).

    .venv/bin/python tools/campaign_selftest.py --healthy 100 --pairs 100 --seed 1 --json selftest.json
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

# The faults are the tests' own: campaign and suite judge alike.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bad_conditions import burners
from rigdriver.config import load
from rigdriver.errors import RigError
from rigdriver.rig import Rig
from rigdriver.selftest.result import Report, Status
from rigdriver.selftest.suite import run_selftest, untested
from rigdriver_sim.program.launch import LaunchError, launch
from tests.rig.played import LOCKSTEP
from tests.rig.selftest_faults import TestedRig
from tests.rig.selftest_pairs import Seen, drawn, judged, on_one_rig
from tests.rig.selftest_rows import Fault

PASSED, BUSY, MISS = "passed", "too busy to tell", "miss"
HEALTHY = ("default?width=320&height=240", "smile?width=320&height=240&scene.bank.views=1")
"""Healthy rigs, without and with a face in view."""
LARGEST_DRIFT_PPM = 50
"""Largest drift that a healthy camera's clock is given, in ppm."""
OF_THE_LOAD = ("computer.load", "host.load.")


@dataclass(frozen=True, slots=True)
class Tested:
    """One self-test of the campaign."""

    kind: str
    """`healthy` or `pair`."""
    of: str
    """The rig, or the two faults."""
    outcome: str
    told: Mapping[str, str] = field(default_factory=dict)
    """Checks that are not good, as far as they count against it, and what they say."""


def healthy_specs(count: int, chance: random.Random) -> Iterator[str]:
    """Yield rigs that differ in their seeds and clocks; every second one keeps the wall's time."""
    for number in range(count):
        scene = HEALTHY[number // 2 % len(HEALTHY)]
        pace = LOCKSTEP if number % 2 == 0 else "lockstep=false"
        seed = chance.randrange(2**31)
        drifts = [
            f"cameras.{pod}_{camera}.drift_ppm={chance.uniform(-LARGEST_DRIFT_PPM, LARGEST_DRIFT_PPM):.1f}"
            for pod in ("left", "right")
            for camera in ("upper", "lower", "colour")
        ]
        head = [f"scene.seed={seed}"] if scene.startswith("smile") else []
        yield "&".join((scene, f"seed={seed}", *head, pace, *drifts))


def healthy_test(spec: str) -> Tested:
    """Test one healthy rig."""
    try:
        with launch(spec) as running:
            report = _report_of(running.rig_file)
    except LaunchError as exc:
        return Tested("healthy", spec, MISS, {"launch": str(exc)})
    return judged_healthy(report, spec)


def _report_of(rig_file: Path) -> Report:
    config = load(rig_file)
    try:
        with Rig.open(config) as rig:
            return run_selftest(rig, lambda _: None)
    except RigError as exc:
        return untested(config.name, exc)


def judged_healthy(report: Report, spec: str) -> Tested:
    """Judge the report of a healthy rig: anything but the load that is not good is a miss."""
    if report.has_passed:
        return Tested("healthy", spec, PASSED)
    bad = {c.name: c.remedy for c in report.checks if c.status in (Status.FAILED, Status.UNKNOWN)}
    wrong = {name: remedy for name, remedy in bad.items() if not name.startswith(OF_THE_LOAD)}
    return Tested("healthy", spec, MISS if wrong or not bad else BUSY, wrong or bad)


def pair_tests(pairs: Sequence[tuple[Fault, Fault]]) -> Generator[Tested]:
    """Test all pairs, those of one rig together."""
    rigs = list(dict.fromkeys(pair[0].rig for pair in pairs))
    for spec, group in groupby(sorted(pairs, key=lambda pair: rigs.index(pair[0].rig)), lambda pair: pair[0].rig):
        yield from _on_rig(spec, list(group))


def _on_rig(spec: str, pairs: Sequence[tuple[Fault, Fault]]) -> Iterator[Tested]:
    """Test pairs on one running rig; a rig that does not come through a test is started anew."""
    left = list(pairs)
    while left:
        with launch(spec) as running, TestedRig(running) as rig:
            for pair in list(left):
                left.remove(pair)
                tested = judged_pair(rig.tested(*pair), pair)
                yield tested
                if tested.outcome == MISS:
                    break


def judged_pair(report: Report, pair: tuple[Fault, Fault]) -> Tested:
    """Judge the report of a rig with two faults."""
    found = judged(report, pair)
    seen = " + ".join(one.value for one in found.seen)
    name = " | ".join(fault.name for fault in pair)
    if found.is_good:
        return Tested("pair", name, seen)
    checks = {check.name: check for check in report.checks}
    missed = [fault for fault, one in zip(pair, found.seen, strict=True) if one is not Seen.FOUND]
    told = {
        name: f"{checks[name].status.value}: {checks[name].remedy or checks[name].measured}"
        if name in checks
        else "not in the report"
        for fault in missed
        for name in (*fault.fails, *fault.unknown)
    }
    return Tested("pair", name, MISS, {"seen": seen, **told, **{f"blamed {n}": r for n, r in found.blamed.items()}})


def summary(tests: Sequence[Tested]) -> Table:
    """Return how many tests of each kind had which outcome."""
    table = Table("tests", "outcome", "number")
    for key in dict.fromkeys((one.kind, one.outcome) for one in tests):
        table.add_row(*key, str(sum((one.kind, one.outcome) == key for one in tests)))
    return table


def play(asked: argparse.Namespace, keep: Callable[[Tested], None]) -> None:
    """Play what the command line asks for; `keep` gets each test as it ends."""
    chance = random.Random(asked.seed)
    specs = list(healthy_specs(asked.healthy, chance))
    pairs = [on_one_rig(pair) for pair in drawn(asked.pairs, chance)]
    for spec in specs:
        keep(healthy_test(spec))
    with closing(pair_tests(pairs)) as tests:
        for tested in tests:
            keep(tested)


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--healthy", type=int, default=100, help="tests of healthy rigs (default 100)")
    parser.add_argument("--pairs", type=int, default=100, help="random pairs of faults (default 100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--burners", type=int, default=0, help="programs that keep a processor busy (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every test into this file")
    asked = parser.parse_args()
    # A shell starts jobs in the background with SIGINT ignored, and their children would ignore it, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # What the driver logs in a fault is expected here, and would break the progress bar.
    logging.getLogger("rigdriver").addHandler(logging.NullHandler())
    console, bar = Console(), Console(stderr=True)
    tests: list[Tested] = []
    with burners(asked.burners), Progress(console=bar, disable=not bar.is_terminal) as progress:
        task = progress.add_task("self-tests", total=asked.healthy + asked.pairs)

        def keep(tested: Tested) -> None:
            tests.append(tested)
            progress.advance(task)
            if tested.outcome == MISS:
                console.print(f"MISS {tested.of}", *(f"  {n}: {t}" for n, t in tested.told.items()), sep="\n",
                              highlight=False, soft_wrap=True)  # fmt: skip

        try:
            play(asked, keep)
        except KeyboardInterrupt:
            console.print(f"stopped after {len(tests)} of {asked.healthy + asked.pairs} self-tests")
    console.print(summary(tests))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(one) for one in tests], indent=1) + "\n", encoding="utf-8")
    return 1 if any(one.outcome == MISS for one in tests) else 0


if __name__ == "__main__":
    sys.exit(main())
