"""Which calibration a procedure measures with: the one that is named, else the rig file's.

In: a path or None, a rig's configuration where there is one. Out: a path.
Not here: what stands in a calibration (see calibration/file.py).
"""

from __future__ import annotations

from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.errors import UsageError


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
