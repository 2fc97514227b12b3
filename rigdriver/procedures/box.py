"""The trigger box by itself: its state, and the fault that an earlier program left in it.

In: a rig. Out: `BoxFound`, with the box closed again. No camera is opened, nothing is lit. Not here: how a box is taken
over when it is opened (see devices/box/found.py).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.devices.box.events import BoxStatus
from rigdriver.devices.box.found import OldFault
from rigdriver.devices.box.identity import BoxIdentity
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.sources import resolve
from rigdriver.timebase import open_timebase


@dataclass(frozen=True, slots=True)
class BoxFound:
    """A box as it was found, and as it is left."""

    identity: BoxIdentity
    status: BoxStatus
    """State in which it is left."""
    old_fault: OldFault | None
    """Fault in which it was found."""


def look_at_box(source: str | Path | RigConfig, is_clearing: bool = False) -> BoxFound:
    """Open the box of a rig, look at it, and close it again; a run that nobody watches any more is stopped.

    `is_clearing` clears an old fault whose cause is gone; else it is left as it is.

    Raises:
        UsageError: the rig file has no box.
        RigError: what `TriggerBox.open` raises.
    """
    with ExitStack() as stack:
        config = resolve(source, stack)
        policy = {"old_faults": "clear" if is_clearing else "keep"}
        box_config = config.required_box().model_copy(update=policy)
        box = stack.enter_context(TriggerBox.open(box_config, open_timebase(config.timebase)))
        return BoxFound(box.identity, box.status(), box.old_fault)
