"""`rigdriver sim`: leave a simulated rig running, for this driver and for other programs.

In: a scenario. Out: how to reach the rig (rig file, GenTL producer, serial port), until Ctrl-C. With --json that is one
flushed line, so a program can start this verb and read it. This file refuses to know what is simulated.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Protocol, cast

import typer

from rigdriver.cli.screen import note, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import verb
from rigdriver.errors import ConfigError, DeviceError, RigError, UsageError
from rigdriver.sources import GROUP

_LOOK_S = 0.5


class RunningRig(Protocol):
    """A simulated rig, as an entry point of `rigdriver.rigs` starts it."""

    @property
    def rig_file(self) -> Path: ...
    @property
    def producer(self) -> Path: ...
    @property
    def port(self) -> str: ...
    @property
    def pid(self) -> int: ...


@verb
def sim(
    scenario: Annotated[
        str, typer.Argument(metavar="[SCENARIO]", help="Name or file, with overrides: 'smile?rate_hz=20'.")
    ] = "",
    json: JsonOption = False,
) -> int:
    """Leave a simulated rig running until Ctrl-C and say how to reach it."""
    with _launch(scenario) as rig:
        reach: dict[str, object] = {
            "rig_file": str(rig.rig_file),
            "producer": str(rig.producer),
            "port": rig.port,
            "pid": rig.pid,
        }
        if json:
            show_json(reach)
        else:
            for what, where in reach.items():
                show(f"{what:9} {where}")
            note(f"\nTry:  rigdriver selftest --rig {rig.rig_file}\nCtrl-C ends the rig.")
        _wait_for_its_end(rig.pid)
    raise DeviceError("the simulated rig ended by itself; start it again, and report what it printed")


def _launch(scenario: str) -> AbstractContextManager[RunningRig]:
    """Start a simulated rig. ConfigError for a bad scenario, DeviceError when it cannot start here."""
    found = next(iter(entry_points(group=GROUP, name="sim")), None)
    if found is None:
        raise UsageError(f"no simulated rig: the entry point sim of {GROUP} is missing; install rigdriver again")
    try:
        return cast("AbstractContextManager[RunningRig]", found.load()(scenario))
    except RigError:
        raise
    except ValueError as exc:
        raise ConfigError(f"simulated rig: {exc}") from exc
    except (OSError, RuntimeError) as exc:
        raise DeviceError(f"simulated rig: cannot be started: {exc}") from exc


def _wait_for_its_end(pid: int) -> None:
    while Path(f"/proc/{pid}").exists():
        time.sleep(_LOOK_S)
