"""Generate everything that follows from firmware-protocol/device.yml, the one source of the trigger box's interface.

`python -m tools.registers` in the root of the repository writes what drifted; with `--check` nothing is written, what
drifted is shown as a diff and the exit status is 1. In: device.yml, and harp_core.yml with the registers that every
Harp device has. Out: one file per target, each made by the emitter of its name. A new target (the firmware's C headers)
gets an emitter beside these and a line in `generate`.
"""

from __future__ import annotations

import argparse
import difflib
import subprocess
import sys
from pathlib import Path

from .host_table import host_table
from .model import read_model
from .protocol_tables import with_tables
from .simulator_table import simulator_table
from .vectors import with_bytes

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "firmware-protocol"
CORE = Path(__file__).resolve().parent / "harp_core.yml"
HOST = ROOT / "rigdriver" / "wire" / "registers.py"
SIMULATOR = ROOT / "simulators" / "rigdriver_sim" / "trigger_box" / "registers.py"
PROTOCOL = CONTRACT / "PROTOCOL.md"
VECTORS = CONTRACT / "vectors.json"


def formatted(source: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "120", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True, timeout=60).stdout


def generate() -> dict[Path, str]:
    """Return what each generated file should hold."""
    model = read_model(CONTRACT / "device.yml", CORE)
    return {
        HOST: formatted(host_table(model)),
        SIMULATOR: formatted(simulator_table(model)),
        PROTOCOL: with_tables(PROTOCOL.read_text(encoding="utf-8"), model),
        VECTORS: with_bytes(VECTORS.read_text(encoding="utf-8"), model),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 with a diff when something drifted")
    is_check = parser.parse_args().check
    drifted = False
    for path, wanted in generate().items():
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        if present == wanted:
            continue
        drifted = True
        name = str(path.relative_to(ROOT))
        if is_check:
            diff = difflib.unified_diff(
                present.splitlines(), wanted.splitlines(), name, f"{name} (generated)", lineterm=""
            )
            print("\n".join(diff))
        else:
            path.write_text(wanted, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if drifted and is_check else 0


if __name__ == "__main__":
    sys.exit(main())
