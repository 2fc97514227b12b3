"""Play every make of camera in every mode with every fault, and count the cells in which the driver said nothing.

In: simulated rigs, each with a camera of up to five makes and one witness without a fault. Out: a table of modes and
faults, the failed cells with what was seen, a JSON file on request, and exit status 1 when any cell fails. A cell
passes when its frames are complete and proved, or when the driver told within 2 s of the rig's time which camera it is
and why, with no frame lost in silence. Time is modelled, so load changes no result. Not here: what a cell is (see
tests/rig/first_contact.py, of which the tests carry a few).

    .venv/bin/python tools/campaign_first_contact.py --json matrix.json
    .venv/bin/python tools/campaign_first_contact.py --make aravis --make gige1 --mode free --fault control_taken
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

# The cells are the tests' own: campaign and suite judge alike.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rigdriver_sim.camera.makes import MAKES
from rigdriver_sim.program.launch import launch
from tests.rig.first_contact import FAULTS, MODES, Cell, play_cells, scenario

MAKES_PER_RIG = 5


def main() -> int:
    """Play the cells that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--make", action="append", choices=sorted(MAKES), help="this make alone; may be repeated")
    parser.add_argument("--mode", action="append", choices=MODES, help="this mode alone; may be repeated")
    parser.add_argument("--fault", action="append", choices=list(FAULTS), help="this fault alone; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every cell into this file")
    asked = parser.parse_args()
    # What the driver logs in a fault is expected here, and would break the progress bar.
    logging.getLogger("rigdriver").addHandler(logging.NullHandler())
    modes, faults, makes = asked.mode or MODES, asked.fault or list(FAULTS), asked.make or list(MAKES)
    groups = [makes[n : n + MAKES_PER_RIG] for n in range(0, len(makes), MAKES_PER_RIG)]
    cells: list[Cell] = []
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("first contact", total=len(groups) * len(modes) * len(faults))
        for group in groups:
            for played in _play_group(group, [(mode, fault) for mode in modes for fault in faults]):
                cells += played
                progress.advance(task)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(cell) for cell in cells], indent=1) + "\n", encoding="utf-8")
    console = Console()
    console.print(_table(cells, modes, faults))
    failed = [cell for cell in cells if cell.complaint]
    for cell in failed:
        told = f"{cell.frames} frames, gaps {dict(cell.gaps)}, error: {cell.error or 'none'}"
        console.print(f"FAILED {cell.make}, {cell.mode}, {cell.fault}: {cell.complaint} ({told})", highlight=False)
    console.print(f"{len(cells)} cells, {len(cells) - len(failed)} passed, {len(failed)} failed", highlight=False)
    return 1 if failed else 0


def _play_group(makes: Sequence[str], jobs: Sequence[tuple[str, str]]) -> Iterator[list[Cell]]:
    """Play all jobs on one rig; a rig on which a run hung is launched anew."""
    left = list(jobs)
    while left:
        with tempfile.TemporaryDirectory() as folder, launch(scenario(makes, Path(folder))) as running:
            is_sound = True
            while left and is_sound:
                cells = play_cells(running, makes, *left.pop(0))
                is_sound = not any(cell.is_hung for cell in cells)
                yield cells


def _table(cells: Sequence[Cell], modes: Sequence[str], faults: Sequence[str]) -> Table:
    table = Table("fault", *modes, title="passed of played cells; slowest report of a fault, s of the rig's time")
    for fault in faults:
        row = []
        for mode in modes:
            here = [cell for cell in cells if (cell.mode, cell.fault) == (mode, fault)]
            passed = sum(not cell.complaint for cell in here)
            slowest_s = max((cell.told_s for cell in here if cell.told_s is not None), default=None)
            told = "" if slowest_s is None else f"  {slowest_s:.2f} s"
            row.append(
                f"[{'green' if passed == len(here) else 'red'}]{passed} of {len(here)}[/]{told}" if here else "-"
            )
        table.add_row(fault, *row)
    return table


if __name__ == "__main__":
    sys.exit(main())
