"""Options that many verbs have: which rig, which calibration, whether measuring is locked, and how results are shown.

In: the options --rig, --sim and --scenario. Out: a source that `Rig.open` takes.
Not here: rig files and simulators (see rigdriver/sources.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rigdriver.errors import UsageError

DEFAULT_RIG_FILE = Path("rig.toml")

RigOption = Annotated[
    Path | None,
    typer.Option("--rig", metavar="FILE", help="Rig file; if not given and without --sim, rig.toml of this folder."),
]
SimOption = Annotated[bool, typer.Option("--sim", help="Start a simulated rig and use it.")]
ScenarioOption = Annotated[
    str,
    typer.Option(
        "--scenario",
        metavar="NAME|FILE",
        help="Scenario of the simulated rig, with overrides: smile, my.toml, 'default?width=640&height=480'.",
    ),
]
CalibrationOption = Annotated[
    Path | None,
    typer.Option("--calibration", "-c", metavar="FILE", help="Calibration; if not given, as in the rig file."),
]
LockOption = Annotated[
    Path | None,
    typer.Option(
        "--lock", metavar="HISTORY", help="Measure only if the last acceptance test in this history.jsonl passed."
    ),
]
LockDaysOption = Annotated[
    float | None,
    typer.Option("--lock-days", metavar="DAYS", min=0, help="Largest age of that test, days; 7 if not given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def chosen_source(rig: Path | None, sim: bool, scenario: str = "") -> str | Path:
    """Return the rig that the options name.

    Raises:
        UsageError: both or none of --rig and --sim were given.
    """
    # A scenario is one of the simulated rig, so that --sim need not be said.
    wants_sim = sim or bool(scenario)
    if rig is not None and wants_sim:
        raise UsageError(
            device="--rig",
            seen="was given together with --sim or --scenario",
            expected="one rig",
            remedy="name one of them",
        )
    if wants_sim:
        return f"sim:{scenario}" if scenario else "sim"
    # Never the simulator by default: nobody shall take simulated frames for a real rig's.
    if rig is not None or DEFAULT_RIG_FILE.is_file():
        return rig or DEFAULT_RIG_FILE
    raise UsageError(
        device="rig",
        seen=f"none is named, and this folder holds no {DEFAULT_RIG_FILE}",
        remedy="name a rig file with --rig FILE, or use the simulated rig with --sim",
    )
