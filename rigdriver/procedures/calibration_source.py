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
    raise UsageError(
        device=f"rig {config.name}" if config else "folder of images",
        seen="names no calibration",
        remedy="give one with --calibration FILE (`rigdriver calibrate` makes it)",
    )
