"""Driver and synchronisation layer for a rig of GenICam cameras, flashing projectors and a serial trigger box.

    from rigdriver import Rig

What an application needs stands here; it is imported when it is first asked for, so that the camera process and the
command line load only what they use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rigdriver.config import RigConfig
    from rigdriver.errors import RigError
    from rigdriver.frames import Frame, FrameSet, Gap, GapReason, Proof
    from rigdriver.rig import Rig

__all__ = ["Frame", "FrameSet", "Gap", "GapReason", "Proof", "Rig", "RigConfig", "RigError"]

_HOMES = {
    "Frame": "frames",
    "FrameSet": "frames",
    "Gap": "frames",
    "GapReason": "frames",
    "Proof": "frames",
    "Rig": "rig",
    "RigConfig": "config",
    "RigError": "errors",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module rigdriver has no attribute {name}; there are {', '.join(__all__)}")
    return getattr(import_module(f"rigdriver.{_HOMES[name]}"), name)
