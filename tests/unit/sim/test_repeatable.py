"""The same scenario and seed show the same pixels and do the same things, run after run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLAYER = Path(__file__).parents[3] / "tools" / "simulated_digest.py"
FAULTS = "faults.withhold_trigger_every=3&faults.incomplete_every=5&faults.deliver_late_every=6&faults.warm_up_ppm=40"
FLAT = f"default?width=160&height=120&{FAULTS}"
PLATE = f"plate?width=64&height=48&scene.bank.views=1&{FAULTS}"


def digests(home: Path, *specs: str) -> list[str]:
    """Play in a process of its own, with a cache of its own."""
    done = subprocess.run(
        [sys.executable, str(PLAYER), *specs],
        capture_output=True, text=True, timeout=900, check=True, env={**os.environ, "HOME": str(home)},
    )  # fmt: skip
    return [line.split()[0] for line in done.stdout.splitlines()]


def test_a_scenario_played_twice_is_the_same_to_the_last_bit_and_another_seed_is_not(tmp_path: Path) -> None:
    first = digests(tmp_path / "a", FLAT, PLATE)
    assert digests(tmp_path / "b", FLAT, PLATE) == first
    (other,) = digests(tmp_path / "a", f"{FLAT}&seed=2")
    assert other not in first
