"""The simulator as other programs use it: a running rig, and what it does in a process of its own.

In: a scenario, or an act with its words. Out: a running rig, an answer, or an exit status. What the simulator says on
stderr goes there as it is.
Not here: what is simulated (see the package of the entry point `sim`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

from rigdriver.errors import ConfigError, DeviceError, RigError, UsageError
from rigdriver.json_values import JsonObject
from rigdriver.sources import GROUP

ANSWER_S = 600.0
"""Longest wait for an answer; scoring a full-sized face takes some ten seconds."""


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


def launch(scenario: str) -> AbstractContextManager[RunningRig]:
    """Start a simulated rig. ConfigError for a bad scenario, DeviceError when it cannot start here."""
    try:
        return cast("AbstractContextManager[RunningRig]", _simulator().load()(scenario))
    except RigError:
        raise
    except ValueError as exc:
        raise ConfigError(device="simulated rig", seen=str(exc)) from exc
    except (OSError, RuntimeError) as exc:
        raise DeviceError(device="simulated rig", seen=f"cannot be started: {exc}") from exc


def answer_of(act: str, words: list[str]) -> JsonObject:
    """Have the simulator do it, in a process of its own, and return the JSON object that it prints.

    Raises:
        DeviceError: it could not, and the reason stands on stderr; or it took too long.
    """
    package = _simulator().module.partition(".")[0]
    # A process of its own, because the driver never imports the simulator, nor its truth.
    with subprocess.Popen([sys.executable, "-m", package, act, *words], stdout=subprocess.PIPE, text=True) as child:
        try:
            text, _ = child.communicate(timeout=ANSWER_S)
        except KeyboardInterrupt:
            child.terminate()
            raise
        except subprocess.TimeoutExpired as exc:
            child.kill()
            raise DeviceError(
                device="simulator",
                seen=f"`{act}` gave no answer within {ANSWER_S:.0f} s",
                remedy="try a smaller scene",
            ) from exc
    if child.returncode != 0:
        raise DeviceError(
            device="simulator", seen=f"`{act}` ended with status {child.returncode}, for the reason above"
        )
    told: JsonObject = json.loads(text)
    return told


def pass_on(act: str, words: list[str]) -> int:
    """Have the simulator do it, in a process of its own, and return its exit status."""
    package = _simulator().module.partition(".")[0]
    with subprocess.Popen([sys.executable, "-m", package, act, *words]) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.terminate()
            raise


def _simulator() -> EntryPoint:
    found = next(iter(entry_points(group=GROUP, name="sim")), None)
    if found is None:
        raise UsageError(
            device="simulated rig",
            seen=f"the entry point sim of {GROUP} is missing",
            remedy="install rigdriver again",
        )
    return found
