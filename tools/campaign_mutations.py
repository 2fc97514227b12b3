#!/usr/bin/env python3
"""Put faults into the product, one at a time, and see whether the tests that should notice do.

In: the list MUTATIONS (a file, what stands there, what a mistaken hand would write, the tests that must fail). Out: a
table; exit status 1 when a mutation survives. Each mutation is made in a copy of the tracked files, never in the
checkout, and its tests run until the first failure. `--only WORD` picks some, `--workers N` runs several at a time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = Path("simulators/rigdriver_sim/rigsim.cti")
LIMIT_S = 900.0
SYNC, FAULTS, ENDS = "tests/unit/sync", "tests/rig/test_faults_in_frames.py", "tests/rig/test_ways_to_end.py"
DEVICES, POLICIES = "tests/rig/test_faults_in_devices.py", "tests/rig/test_policies.py"
FRAME_SETS, LIGHT = "tests/rig/test_frame_sets.py", "tests/rig/test_light_safety.py"
LINK, DAMAGED = "tests/conformance/test_box_link.py", "tests/conformance/test_box_damaged_link.py"
BOX_FAULTS = "tests/conformance/test_box_faults.py"
PROOFS, COMMANDS = "tests/rig/test_proofs_against_truth.py", "tests/rig/test_command_line.py"
HANGS, SIGNALS = "tests/conformance/test_realtime_camera_process.py", "tests/rig/test_realtime_signals.py"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mistake."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _sync(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, "rigdriver/sync/matcher.py", old, new, tests)


MUTATIONS: tuple[Mutation, ...] = (
    _sync("a frame of a mistimed exposure is accepted", "if not exposure.is_on_time:", "if False:", FAULTS),
    _sync("a lost frame is never given up", "OVERTAKEN = 2\n", "OVERTAKEN = 2000\n", FAULTS),
    _sync(
        "a gap comes too late",
        "if t_host_ns - pending.t_report_ns - pending.excused_ns > self._gap_timeout_ns:",
        "if t_host_ns - pending.t_report_ns > 90 * self._gap_timeout_ns:",
        FAULTS,
        SYNC,
    ),
    _sync("time in which nobody looked counts", "pending.excused_ns += held_up_ns", "pending.excused_ns += 0", SYNC),
    Mutation(
        "a turn that was long because the process stood still counts as the other's silence",
        "rigdriver/own_pause.py",
        "self._attended_s += self._owed_s + (0.0 if self.away_s else passed_s)",
        "self._attended_s += passed_s",
        ("tests/unit/test_own_pause.py", "tests/unit/test_time_limit.py"),
    ),
    _sync(
        "a lost camera is waited for",
        "if name in self._gone:\n            return Gap",
        "if False:\n            return Gap",
        DEVICES,
        POLICIES,
    ),
    Mutation(
        "a loss has no reason",
        "rigdriver/sync/losses.py",
        "if frame_id is None:\n            self._take_unnamed",
        "if True:\n            self._take_unnamed",
        (SYNC,),
    ),
    _sync(
        "lost reports are not told",
        "pending.go(PulseAct.LOSE)\n        self._are_edges",
        "pass\n        self._are_edges",
        SYNC,
    ),
    Mutation(
        "exposures are counted one pulse off",
        "rigdriver/sync/trust.py",
        "return self.ordinal + frame.frame_id - self.frame_id",
        "return self.ordinal + frame.frame_id - self.frame_id + 1",
        (FRAME_SETS,),
    ),
    Mutation(
        "any time stamp is good",
        "rigdriver/sync/exposures.py",
        "abs(self._starts[i] - ticks) <= within_ticks",
        "abs(self._starts[i] - ticks) <= 1e9",
        (SYNC, FAULTS),
    ),
    Mutation(
        "a frame before its report is refused",
        "rigdriver/sync/track.py",
        "if self._unreported.may_come(start, ordinal, by_clock, by_count, self._period_ticks):",
        "if by_clock is None and by_count is None and self._unreported.is_ahead(ordinal):",
        (SYNC, FAULTS),
    ),
    Mutation(
        "any skew is good",
        "rigdriver/sync/proof.py",
        "> self._max_skew_us:",
        "> 1e9:",
        ("tests/unit/sync/test_proof.py",),
    ),
    Mutation(
        "dark frames are not told",
        "rigdriver/run/run.py",
        "self._brightness.judge(resolved.frames)",
        "[]",
        ("tests/rig/test_faults_in_light_and_disk.py",),
    ),
    Mutation(
        "a silent box is waited for",
        "rigdriver/run/ending.py",
        "if now - self._heard_at > self._silence_s:",
        "if False:",
        ("tests/unit/run",),
    ),
    Mutation(
        "a box fault does not end the run",
        "rigdriver/run/ending.py",
        "if status.state is BoxStates.FAULT:",
        "if False:",
        ("tests/unit/run", LIGHT),
    ),
    Mutation(
        "a restarted box goes unnoticed",
        "rigdriver/run/ending.py",
        "if lost.has_restarted:",
        "if False:",
        ("tests/unit/run", DEVICES),
    ),
    Mutation(
        "the watchdog is never fed",
        "rigdriver/devices/box/watch.py",
        "if now_ns >= self._next_feed_ns:",
        "if False:",
        (LINK, DAMAGED, ENDS),
    ),
    Mutation(
        "the watchdog is fed for ever",
        "rigdriver/devices/box/trigger_box.py",
        'box notices."""\n        self._watch.stop_feeding()',
        'box notices."""',
        (LIGHT, COMMANDS),
    ),
    Mutation(
        "a running box is not stopped when it is opened",
        "rigdriver/devices/box/found.py",
        "link.write(registers.STOP, registers.StopModes.NOW)",
        "pass",
        (LINK, DAMAGED),
    ),
    Mutation(
        "every fault is cleared when a box is opened",
        "rigdriver/devices/box/found.py",
        "is_cleared = is_allowed and not remedy",
        "is_cleared = True",
        (BOX_FAULTS, LINK, DAMAGED),
    ),
    Mutation(
        "a watchdog's fault stays when a box is opened",
        "rigdriver/devices/box/found.py",
        "link.write(registers.CLEAR_FAULT, 1)",
        "pass",
        (LINK, DAMAGED, DEVICES),
    ),
    Mutation(
        "a late reply is taken for a fresh one",
        "rigdriver/devices/box/link.py",
        "self.traffic.fence(self.new_nonce())",
        "self.traffic.trust()",
        ("tests/unit/devices", LINK, DAMAGED),
    ),
    Mutation(
        "the box runs on when a loop is left",
        "rigdriver/run/run.py",
        "self._box.stop_within(time_left_s(BOX_END_S))\n                is_dark = True",
        "is_dark = True",
        (ENDS, LIGHT),
    ),
    Mutation(
        "incomplete frames are frames",
        "rigdriver/devices/camera_process/stream.py",
        "self._losses.add(GapReason.INCOMPLETE, found.frame_id, t_host_ns)",
        "pass",
        (FAULTS, FRAME_SETS),
    ),
    Mutation(
        "a hung camera process is waited for",
        "rigdriver/devices/cameras/process.py",
        "if silent_s > limit_s or unheard_s > self._silence_timeout_s:",
        "if False:",
        (HANGS, DEVICES),
    ),
    Mutation(
        "a lost camera process is not told",
        "rigdriver/devices/cameras/process.py",
        "self._on_lost(self._lost)",
        "pass",
        (DEVICES, HANGS),
    ),
    Mutation(
        "frames that were dropped are not counted",
        "rigdriver/run/queues.py",
        "self.dropped += 1",
        "pass",
        ("tests/unit/run",),
    ),
    Mutation(
        "retry hands gaps out",
        "rigdriver/run/run.py",
        'if self._on_gap == "retry" and frame_set.gaps:',
        "if False:",
        (POLICIES,),
    ),
    Mutation(
        "stop goes on after a gap",
        "rigdriver/run/run.py",
        'if self._on_gap == "stop" and frame_set.gaps:',
        "if False:",
        (POLICIES,),
    ),
    Mutation(
        "an open group of a bench never closes",
        "rigdriver/sync/grouping.py",
        "        if t_host_ns - group.t_host_ns - group.excused_ns > self._hold_ns:\n            return True\n",
        "",
        (SYNC, POLICIES),
    ),
    Mutation(
        "the dark pause is not kept",
        "rigdriver/run/light.py",
        "and train + frames > light.",
        "and train > 10**9 + light.",
        ("tests/unit/run", LIGHT),
    ),
    Mutation(
        "swapped cables pass the self-test",
        "rigdriver/selftest/wiring.py",
        "is_good = not others and answer",
        "is_good = answer",
        ("tests/unit/selftest", DEVICES),
    ),
    Mutation(
        "the self-test believes any watchdog",
        "rigdriver/selftest/box_checks.py",
        "has_tripped = fault is not None and Faults.WATCHDOG_EXPIRED in fault.fault",
        "has_tripped = True",
        ("tests/unit/selftest",),
    ),
)
"""Mistakes where whole-chain tests were moved to modelled time: each must still fail one of its tests."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a mutation."""

    mutation: Mutation
    failed: str
    """The first test that failed; empty when the mutation survived."""
    wall_s: float


def copy_tree(folder: Path) -> None:
    """Copy the tracked files, and the compiled cameras, into the folder."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in [*filter(None, (n.decode() for n in names)), str(LIBRARY)]:
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def apply(mutation: Mutation, folder: Path) -> None:
    """Write the mistake into a copy. ValueError when what it replaces does not stand there exactly once."""
    path = folder / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise ValueError(
            f"{mutation.name}: {mutation.file} holds {mutation.old!r} {text.count(mutation.old)} times, not once"
        )
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def attempt(mutation: Mutation) -> Tried:
    """Try one mutation in a copy of its own."""
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        folder = Path(name)
        copy_tree(folder)
        apply(mutation, folder)
        # Ahead of the editable installation, which would lead back to the checkout.
        paths = os.pathsep.join(map(str, (folder, folder / "simulators", folder / "tools")))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests]
        try:
            done = subprocess.run(
                command, cwd=folder, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True,
                timeout=LIMIT_S, check=False,
            )  # fmt: skip
            output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired:
            # A busy computer and a mutation that hangs look alike, so it does not count as caught.
            return Tried(mutation, "", time.monotonic() - begun_s)
    first = next((line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
    failed = first or (f"pytest ended with status {status}" if status not in (0, 5) else "")
    return Tried(mutation, failed, time.monotonic() - begun_s)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutations that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="mutations whose names hold this")
    parser.add_argument("--workers", type=int, default=1, help="how many at a time")
    asked = parser.parse_args(arguments)
    wanted = [m for m in MUTATIONS if asked.only in m.name]
    survived = 0
    print("| mutation | file | caught by | s |\n|---|---|---|---|")
    with ThreadPoolExecutor(asked.workers) as pool:
        for tried in pool.map(attempt, wanted):
            survived += not tried.failed
            caught = tried.failed.removeprefix("FAILED ").removeprefix("ERROR ").partition(" - ")[0]
            missed = "**survived**" if tried.wall_s < LIMIT_S else f"**no test failed within {LIMIT_S:.0f} s**"
            what = f"{tried.mutation.name} | {tried.mutation.file}"
            print(f"| {what} | {caught or missed} | {tried.wall_s:.0f} |", flush=True)
    print(f"\n{len(wanted) - survived} of {len(wanted)} caught")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
