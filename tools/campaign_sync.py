"""Plant timing faults by the million and count the frames that got into a wrong frame set: there may be none.

In: how many seeds, from which one on. Out: a table with one row per kind of world (rate, faults, jitter, counters) and
one for all of them ("complete": share of the frame sets that have no gap), a progress bar on a terminal, and exit
status 1 when any frame is in a wrong frame set or a clean world has a gap. Long; the tests carry a slice of it.
Everything runs in simulated time through the driver's sync floor. Not here: devices.

    .venv/bin/python tools/campaign_sync.py --seeds 200
    .venv/bin/python tools/campaign_sync.py --clean 100000
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

# The worlds are the tests' own: campaign and suite plant the same faults.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.unit.sync.campaign import KINDS, Outcome, clean_outcome, planted_outcome

PULSES = 300
CLEAN_PULSES = 1000


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20, help="worlds of each kind (default 20)")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--clean", type=int, default=0, help="frame sets without a fault, for false alarms")
    parser.add_argument("--kind", choices=sorted(KINDS), help="this kind of world alone")
    asked = parser.parse_args()
    console = Console()
    kinds = [asked.kind] if asked.kind else list(KINDS)
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    jobs = [(kind, seed) for kind in kinds for seed in seeds]
    sums = {kind: Outcome() for kind in kinds}
    for kind, seed in track(jobs, "planting faults", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        outcome = planted_outcome(kind, seed, PULSES)
        sums[kind] += outcome
        if outcome.wrong:
            console.print(f"WRONG: kind {kind}, seed {seed}: {outcome.wrong} frames", highlight=False)
    clean = Outcome()
    worlds = range(asked.first_seed, asked.first_seed + -(-asked.clean // CLEAN_PULSES))
    for seed in track(worlds, "clean worlds", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        clean += clean_outcome(seed, CLEAN_PULSES)
    console.print(outcome_table(sums, clean))
    is_good = not any(s.wrong for s in sums.values()) and not clean.wrong and not clean.gaps and not clean.notes
    return 0 if is_good else 1


def outcome_table(sums: dict[str, Outcome], clean: Outcome) -> Table:
    """Return a row per kind of world, one for all of them, and one for the clean worlds; none for what was not run."""
    table = Table("world", "frame sets", "complete", "frames", "faults", "gaps", "needless gaps", "notes", "wrong")
    rows = [*sums.items(), ("all", sum(sums.values(), Outcome())), ("clean", clean)]
    for kind, s in rows:
        if s.frame_sets:
            counts = map(str, (s.frames, s.faults, s.gaps, s.needless, s.notes, s.wrong))
            table.add_row(kind, str(s.frame_sets), f"{s.complete_share:.3f}", *counts)
    return table


if __name__ == "__main__":
    sys.exit(main())
