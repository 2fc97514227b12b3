"""`rigdriver sim`: leave a simulated rig running, for this driver and for other programs.

In: a scenario. Out: how to reach the rig (rig file, GenTL producer, serial port), until Ctrl-C. With --json that is one
flushed line, so a program can start this verb and read it. `fault`, `render` and `score` are the simulator's own: their
words go to it as they are. This file refuses to know what is simulated.
"""

from __future__ import annotations

import json as jsons
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, Protocol, cast

import typer
from typer.core import TyperGroup

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


class _Verbs(TyperGroup):
    """`rigdriver sim smile` means `rigdriver sim run smile`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before anything that is no verb."""
        words = args if args and args[0] in {*self.commands, "-h", "--help"} else ["run", *args]
        return super().parse_args(ctx, words)


app = typer.Typer(cls=_Verbs, help="Run a simulated rig, plant faults in it, render and score its scenes.")
_ANSWER_S = 600.0
"""Scoring a full-sized face takes some ten seconds."""
_PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@app.command("run")
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


@app.command("fault", context_settings=_PASSED_ON)
@verb
def fault(context: typer.Context) -> int:
    """Plant a fault in a running rig: RIG NAME [VALUE]; --list tells what there is."""
    return pass_on("fault", context.args)


@app.command("render", context_settings=_PASSED_ON)
@verb
def render(context: typer.Context) -> int:
    """Render images and truth of a scenario: SCENARIO --out DIR; or one picture of its views: --sheet FILE."""
    return pass_on("render", context.args)


@app.command("score", context_settings=_PASSED_ON)
@verb
def score(context: typer.Context) -> int:
    """Score measured points by the truth: SCENARIO --points FILE --calibration FILE [--pulse N | --index N]."""
    return pass_on("score", context.args)


def answer_of(act: str, words: list[str]) -> dict[str, Any]:
    """Have the simulator do it, in a process of its own, and return the JSON object that it prints.

    Raises:
        DeviceError: it could not, and the reason stands on stderr; or it took too long.
    """
    package = _simulator().module.partition(".")[0]
    with subprocess.Popen([sys.executable, "-m", package, act, *words], stdout=subprocess.PIPE, text=True) as child:
        try:
            text, _ = child.communicate(timeout=_ANSWER_S)
        except KeyboardInterrupt:
            child.terminate()
            raise
        except subprocess.TimeoutExpired as exc:
            child.kill()
            raise DeviceError(
                f"simulator: `{act}` gave no answer within {_ANSWER_S:.0f} s; try a smaller scene"
            ) from exc
    if child.returncode != 0:
        raise DeviceError(f"simulator: `{act}` ended with status {child.returncode}, for the reason above")
    told: dict[str, Any] = jsons.loads(text)
    return told


def pass_on(act: str, words: list[str]) -> int:
    """Have the simulator do it, in a process of its own."""
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
        raise UsageError(f"no simulated rig: the entry point sim of {GROUP} is missing; install rigdriver again")
    return found


def _launch(scenario: str) -> AbstractContextManager[RunningRig]:
    """Start a simulated rig. ConfigError for a bad scenario, DeviceError when it cannot start here."""
    try:
        return cast("AbstractContextManager[RunningRig]", _simulator().load()(scenario))
    except RigError:
        raise
    except ValueError as exc:
        raise ConfigError(f"simulated rig: {exc}") from exc
    except (OSError, RuntimeError) as exc:
        raise DeviceError(f"simulated rig: cannot be started: {exc}") from exc


def _wait_for_its_end(pid: int) -> None:
    while Path(f"/proc/{pid}").exists():
        time.sleep(_LOOK_S)
