"""A run that ends with fewer frame sets than were asked for, although nobody in this application asked it to end.

In: how many frame sets came, how many were asked for, and what is known of the end. Out: one `RunCutShort` that names
the cause and what to do. Not here: when a run is over (see ending.py).
"""

from __future__ import annotations

from rigdriver.errors import RunCutShort
from rigdriver.run_end import REMEDIES, EndCause


def cut_short(cause: EndCause, frame_sets: int, asked: int | None) -> RunCutShort:
    """Return the error. `asked` None: as many frame sets as come until somebody stops the run.

    Raises:
        KeyError: `cause` cuts no run short.
    """
    came = f"{frame_sets} frame sets" if asked is None else f"{frame_sets} of {asked} frame sets"
    return RunCutShort(
        device="run",
        seen=f"{came} came; {cause.value}",
        remedy=REMEDIES[cause],
        frame_sets=frame_sets,
        asked=asked,
        cause=cause,
    )
