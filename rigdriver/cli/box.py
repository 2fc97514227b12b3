"""`rigdriver box status` and `rigdriver box clear`: the trigger box by itself, after a fault.

In: a rig. Out: its state, and an old fault with cause and age; exit status 0 when it is ready, 1 when it is in Fault.
Not here: how a fault is judged (see devices/box/found.py).
"""

from __future__ import annotations

import typer

from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.json_values import JsonObject
from rigdriver.procedures.box import BoxFound, look_at_box
from rigdriver.wire.registers import BoxStates, Faults

app = typer.Typer(
    help="Show the state of the trigger box, and clear a fault that an earlier program left.", no_args_is_help=True
)


@app.command("status")
@verb
def status(
    rig: RigOption = None, sim: SimOption = False, scenario: ScenarioOption = "", json: JsonOption = False
) -> int:
    """Show the state of the trigger box, and a fault with its cause and age. Clears nothing."""
    return _told(look_at_box(chosen_source(rig, sim, scenario)), json)


@app.command("clear")
@verb
def clear(
    rig: RigOption = None, sim: SimOption = False, scenario: ScenarioOption = "", json: JsonOption = False
) -> int:
    """Clear a fault of the trigger box, or show which cause must be removed first."""
    return _told(look_at_box(chosen_source(rig, sim, scenario), is_clearing=True), json)


def _told(found: BoxFound, json: bool) -> int:
    if json:
        show_json(_facts(found))
    else:
        show(f"trigger box {found.identity.serial_number}: {found.status.state.name.lower()}")
        if (old := found.old_fault) is not None:
            then = "cleared" if old.is_cleared else old.remedy or "run `rigdriver box clear`"
            show(f"  {old}; {then}")
    return CHECK_FAILED if found.status.state is BoxStates.FAULT else GOOD


def _facts(found: BoxFound) -> JsonObject:
    old = found.old_fault
    return {
        "serial_number": found.identity.serial_number,
        "state": found.status.state.name.lower(),
        "fault": None
        if old is None
        else {
            "kinds": [kind.name for kind in Faults if kind in old.fault],
            "cause": old.cause,
            "age_s": old.age_s,
            "is_cleared": old.is_cleared,
            "remedy": old.remedy,
        },
    }
