"""`rigdriver projector show` and `rigdriver projector set`: a projector with a DLPC350 controller by itself.

In: a rig file with a table `[projector]`. Out: what the projector reports; exit status 0 when it can be used, 1 when it
reports a fault or refuses its patterns. Not here: talking to it (see devices/projector).
"""

from __future__ import annotations

import typer

from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.json_values import JsonObject
from rigdriver.procedures.projector import ProjectorFound, look_at_projector

app = typer.Typer(
    help="Show a projector with a DLPC350 controller (LightCrafter 4500) at USB, and set it as the rig file says.",
    no_args_is_help=True,
)


@app.command("show")
@verb
def show_projector(
    rig: RigOption = None, sim: SimOption = False, scenario: ScenarioOption = "", json: JsonOption = False
) -> int:
    """Show versions, status, mode, trigger, LEDs and patterns. Changes nothing."""
    return _told(look_at_projector(chosen_source(rig, sim, scenario)), json)


@app.command("set")
@verb
def set_projector(
    rig: RigOption = None, sim: SimOption = False, scenario: ScenarioOption = "", json: JsonOption = False
) -> int:
    """Write the rig file's settings, have them validated, and start the sequence.

    It keeps them until it is switched off.
    """
    return _told(look_at_projector(chosen_source(rig, sim, scenario), is_setting=True), json)


def _told(found: ProjectorFound, json: bool) -> int:
    facts = _facts(found)
    if json:
        show_json(facts)
    else:
        for name, value in facts.items():
            show(f"{name}: {'; '.join(map(str, value)) if isinstance(value, list) else value}")
    is_refused = any(fault.is_error for fault in found.table)
    return CHECK_FAILED if found.state.faults or is_refused else GOOD


def _facts(found: ProjectorFound) -> JsonObject:
    state = found.state
    return {
        "projector": found.lamp,
        "firmware": state.versions.application,
        "faults": [fault.value for fault in state.faults],
        "mode": state.mode.name.lower(),
        "from its memory": state.is_from_flash,
        "trigger mode": state.trigger_mode.name.lower(),
        "sequence": state.run.name.lower(),
        "LEDs": [state.levels.red, state.levels.green, state.levels.blue],
        "exposure in us": state.times.exposure_us,
        "period in us": state.times.period_us,
        "patterns": [f"{entry} at {entry.trigger.name.lower()}" for entry in state.entries],
        "table": [fault.value for fault in found.table],
    }
