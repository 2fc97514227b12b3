"""`python -m rigdriver_sim fault RIG NAME [VALUE ...]`: plant a fault in a running rig, or list what can be planted.

In: a rig file or its folder, a fault, values. Out: one line that says what was planted, exit status 0, or 2 with the
reason. Not here: what a fault does (see faults/planting.py).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rigdriver_sim.faults.table import catalogue
from rigdriver_sim.reach.acts import ACTS
from rigdriver_sim.reach.control import Control, ControlError

_HELP = """\
VALUE is TOML: 50, [3, 4], left_upper=[30, 31], left_upper=0.3. A camera's name alone means its next pulse.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the verb; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="rigdriver sim fault", description="Plant a fault in a running simulated rig.", epilog=_HELP
    )
    parser.add_argument("rig", nargs="?", type=Path, help="its rig file, or the folder in which that lies")
    parser.add_argument("name", nargs="?", help="name of the fault; --list shows all")
    parser.add_argument("values", nargs="*", metavar="VALUE", help="where, when, how much")
    parser.add_argument("--list", action="store_true", help="list all faults and acts")
    options = parser.parse_args(arguments)
    if options.list:
        sys.stdout.write(listing())
        return 0
    if options.rig is None or options.name is None:
        parser.error("name a rig and a fault, or give --list")
    folder = options.rig.parent if options.rig.is_file() else options.rig
    try:
        with Control(folder, timeout_s=30.0) as control:
            sys.stdout.write(f"{control.fault(options.name, *options.values)}\n")
    except ControlError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 2
    return 0


def listing() -> str:
    """Return all acts and faults, one per line, for people."""
    acts = [f"  {name:26} {what}" for name, what in ACTS.items()]
    faults = [f"  {name:26} {what}  [{default}]" for name, default, what in catalogue()]
    return "\n".join(["At once:", *acts, "", "Until changed [value without a fault]:", *faults, "", _HELP])
