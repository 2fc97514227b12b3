"""The projector by itself: what it is and does, and its settings written as the rig file states them.

In: a rig file with a table `[projector]`. Out: `ProjectorFound`, with the projector given back. No camera and no box is
opened; a projector that waits for the box gives no light meanwhile. Not here: what is good (see
rigdriver.selftest.projector_checks).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rigdriver.config import RigConfig
from rigdriver.devices.projector.commands import TableFault
from rigdriver.devices.projector.projector import Projector, ProjectorState
from rigdriver.devices.usb_library import CORE
from rigdriver.errors import ConfigError
from rigdriver.sources import resolve


@dataclass(frozen=True, slots=True)
class ProjectorFound:
    """A projector as it is left."""

    lamp: str
    """Name of the lamp that it is."""
    state: ProjectorState
    table: tuple[TableFault, ...]
    """What its validation of the patterns has found; none of a projector that was only looked at."""


def look_at_projector(source: str | Path | RigConfig, is_setting: bool = False, core: Any = CORE) -> ProjectorFound:
    """Open the projector of a rig, look at it or write the rig file's settings, and give it back.

    `core`: pyusb's, or another in its place.

    Raises:
        ConfigError: the rig file names no projector.
        DeviceError: there is none, or it does not answer as it should.
    """
    with ExitStack() as stack:
        config = resolve(source, stack)
        if config.projector is None:
            raise ConfigError(
                device=f"rig {config.name}", seen="has no projector",
                remedy="add a table [projector]; `rigdriver config keys projector` shows its keys",
            )  # fmt: skip
        projector = stack.enter_context(Projector.open(config.projector, core))
        table = projector.write() if is_setting else ()
        return ProjectorFound(config.projector.lamp, projector.state(), table)
