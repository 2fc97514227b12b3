"""Have a client that keeps no rule play with the simulated box, and count the limits on light that break: none may.

In: how many sequences, from which seed on. Out: sequences, flashes and what broke, a progress bar on a terminal, and
exit status 1 when any limit broke. A sequence is its seed: `--first-seed` goes on where a campaign was ended, and shows
again what one found. Long; the tests carry a slice of it. Everything runs in box time. Not here: the driver.

    .venv/bin/python tools/campaign_light.py --sequences 100000
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

# Moves and judge are the tests' own: campaign and suite try the same.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.unit.sim.trigger_box.light_moves import Dice, a_sequence, play


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sequences", type=int, default=1000, help="number of sequences (default 1000)")
    parser.add_argument("--first-seed", type=int, default=0)
    asked = parser.parse_args()
    console = Console()
    seeds = range(asked.first_seed, asked.first_seed + asked.sequences)
    played = flashes = broken = 0
    try:
        for seed in track(seeds, "playing", console=Console(stderr=True), disable=not sys.stderr.isatty()):
            client = play(a_sequence(Dice(seed)))
            played, flashes = played + 1, flashes + sum(map(len, client.lit.values()))
            for sentence in client.verdict():
                broken += 1
                console.print(f"BROKEN: seed {seed}: {sentence}", highlight=False)
    except KeyboardInterrupt:
        console.print(f"ended; go on with --first-seed {asked.first_seed + played}", highlight=False)
    console.print(f"{played} sequences, {flashes} flashes, {broken} limits broken", highlight=False)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
