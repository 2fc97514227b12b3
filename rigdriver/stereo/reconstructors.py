"""Which reconstructor: the built-in one, or one that another package brings.

In: a name and a calibration. Out: a `Reconstructor`. Others register under the entry point group
`rigdriver.reconstructors`: a callable that takes a `RigCalibration`. Not here: how any of them works (the built-in one
is in reconstruct.py).
"""

from __future__ import annotations

from importlib.metadata import entry_points

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.errors import UsageError
from rigdriver.stereo.reconstruct import CellReconstructor, Reconstructor

GROUP = "rigdriver.reconstructors"
BUILT_IN = "cells"


def open_reconstructor(calibration: RigCalibration, name: str = BUILT_IN) -> Reconstructor:
    """Build the reconstructor of that name; close it in the end.

    Raises:
        UsageError: no package registers that name, or what it registers is no reconstructor.
    """
    if name == BUILT_IN:
        return CellReconstructor(calibration)
    others = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in others:
        raise UsageError(f"no reconstructor {name!r}; there are {', '.join(sorted({BUILT_IN, *others}))}")
    made: Reconstructor = others[name].load()(calibration)
    if not callable(getattr(made, "reconstruct", None)):
        raise UsageError(f"reconstructor {name}: what {others[name].value} builds has no method `reconstruct`")
    return made
