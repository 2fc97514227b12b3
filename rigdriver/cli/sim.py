"""`rigdriver sim`: leave a simulated rig running, for this driver and for other programs.

In: a scenario. Out: how to reach the rig (rig file, GenTL producer, serial port), until Ctrl-C. With --json that is one
flushed line, so a program can start this verb and read it. `fault`, `render` and `score` are the simulator's own: their
words go to it as they are.
Not here: how the simulator is started and asked (see procedures/simulator.py).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rigdriver.cli.screen import note, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import verb
from rigdriver.errors import DeviceError
from rigdriver.json_values import JsonValue
from rigdriver.procedures.simulator import launch, pass_on

_LOOK_S = 0.5


class _Verbs(TyperGroup):
    """`rigdriver sim smile` means `rigdriver sim run smile`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before anything that is no verb."""
        words = args if args and args[0] in {*self.commands, "-h", "--help"} else ["run", *args]
        return super().parse_args(ctx, words)


app = typer.Typer(cls=_Verbs, help="Run a simulated rig, plant faults in it, render and score its scenes.")
# The simulator parses its own options, --help included; the driver imports nothing of it to know them.
_PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@app.command("run")
@verb
def sim(
    scenario: Annotated[
        str, typer.Argument(metavar="[SCENARIO]", help="Name or file, with overrides: 'smile?rate_hz=20'.")
    ] = "",
    json: JsonOption = False,
) -> int:
    """Run a simulated rig until Ctrl-C and show how to reach it."""
    with launch(scenario) as rig:
        reach: dict[str, JsonValue] = {
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
    raise DeviceError(
        device="simulated rig", seen="it ended by itself", remedy="start it again, and report what it printed"
    )


@app.command("fault", context_settings=_PASSED_ON)
@verb
def fault(context: typer.Context) -> int:
    """Plant a fault in a running rig: RIG NAME [VALUE]; --list shows all faults."""
    return pass_on("fault", context.args)


@app.command("render", context_settings=_PASSED_ON)
@verb
def render(context: typer.Context) -> int:
    """Render images and truth of a scenario: SCENARIO --out DIR; or one picture of its views: --sheet FILE."""
    return pass_on("render", context.args)


@app.command("score", context_settings=_PASSED_ON)
@verb
def score(context: typer.Context) -> int:
    """Compare measured points with the truth: SCENARIO --points FILE --calibration FILE [--pulse N | --index N]."""
    return pass_on("score", context.args)


def _wait_for_its_end(pid: int) -> None:
    while Path(f"/proc/{pid}").exists():
        time.sleep(_LOOK_S)
