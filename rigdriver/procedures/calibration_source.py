"""Which calibration a verb measures with: the one that is named, else the rig file's.

In: the option --calibration, a rig's configuration where there is one. Out: a path. This file refuses to know what
stands in a calibration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rigdriver.config import RigConfig
from rigdriver.errors import UsageError

CalibrationOption = Annotated[
    Path | None,
    typer.Option("--calibration", "-c", metavar="FILE", help="Calibration; the rig file's if not given."),
]


def calibration_file(named: Path | None, config: RigConfig | None) -> Path:
    """Return the calibration file: the one that was named, else the rig file's.

    Raises:
        UsageError: there is none.
    """
    found = named or (config.calibration if config else None)
    if found is not None:
        return found
    where = f"rig {config.name}: its rig file names no calibration" if config else "a folder of images names none"
    raise UsageError(f"no calibration: {where}; give one with --calibration FILE (`rigdriver calibrate` makes it)")
