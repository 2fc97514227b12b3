"""`rigdriver schedule show FILE`: the timing diagram of a rig file, on the terminal and as a picture.

In: a rig file. Out: the diagram, what the schedule emits and demands, and exit status 0; of a bench without a trigger
box, its rate and exposures. Exit status 2 with the reason when the plan breaks a limit. No device is touched.
Not here: the plan (see procedures/rig_file.py) and the diagram (see schedule/diagram.py).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.overwriting import OverwriteOption
from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import GOOD, verb
from rigdriver.clock import us_from_ticks
from rigdriver.errors import UsageError
from rigdriver.json_values import JsonObject
from rigdriver.outputs import refuse_overwriting
from rigdriver.procedures.rig_file import LampLight, PlannedBench, PlannedRig, planned_rig
from rigdriver.schedule.diagram import as_text, draw, rows

_SUFFIXES = (".svg", ".png")
_MODES = {
    "software": "this computer triggers one camera after the other",
    "free": "the cameras run by themselves",
    "external": "somebody else triggers the cameras",
}
NO_BOX = "no trigger box"
NOT_PLANNED = ("order of the exposures", "light", "limits of box and lamps")
"""Parts of a plan that only a trigger box carries out."""


@verb
def schedule_show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rig file (TOML).", show_default=False)],
    rate_hz: Annotated[
        float | None, typer.Option("--rate", metavar="HZ", help="Pulses per second; if not given, as in the rig file.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Picture to write: .svg or .png.")
    ] = None,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
) -> int:
    """Draw the timing of one pulse, and prove that it breaks no limit."""
    if out is not None and out.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            device=f"--out {out}",
            seen=f"ends in {out.suffix!r}" if out.suffix else "has no ending",
            expected=f"a name that ends in {' or '.join(_SUFFIXES)}",
        )
    refuse_overwriting([out], overwrite)
    plan = planned_rig(file, rate_hz)
    if isinstance(plan, PlannedBench):
        return _show_bench(plan, out, json)
    if out is not None:
        draw(plan.schedule, out)
    if json:
        show_json(_facts(plan))
    else:
        show(as_text(plan.schedule, shutil.get_terminal_size((100, 24)).columns))
        show("\n".join(_light_line(light, plan.schedule.rate_hz) for light in plan.lights))
        if out is not None:
            show(f"picture: {out}")
    return GOOD


def _show_bench(plan: PlannedBench, out: Path | None, json: bool) -> int:
    """Show what is planned without a trigger box: there is no diagram, for nothing times the cameras to each other."""
    mode = plan.config.schedule.mode
    if out is not None:
        raise UsageError(
            device=f"--out {out}",
            seen=f"there is no diagram without a trigger box (schedule.mode = {mode!r})",
            remedy="leave out --out",
        )
    if json:
        show_json(
            {
                "passed": True,
                "rig": plan.config.name,
                "mode": mode,
                "rate_hz": plan.rate_hz,
                "period_us": 1e6 / plan.rate_hz,
                "rows": [{"name": name, "exposure_us": length} for name, length in plan.exposures_us.items()],
                "not_checked": dict.fromkeys(NOT_PLANNED, NO_BOX),
            }
        )
        return GOOD
    show(f"no trigger box (schedule.mode = {mode!r}): {_MODES[mode]}, {plan.rate_hz:g} Hz")
    for name, length in plan.exposures_us.items():
        show(f"{name}: exposes for {'its own time' if length is None else f'{length:g} us'}")
    show("\n".join(f"{name}: not checked: {NO_BOX}" for name in NOT_PLANNED))
    return GOOD


def _light_line(light: LampLight, rate_hz: float) -> str:
    energy = "" if light.energy_mj is None else f", {light.energy_mj:.3g} mJ per flash"
    return f"{light.lamp}: {light.width_us:.0f} us at {rate_hz:g} Hz, duty {light.duty:.2%}{energy}"


def _facts(plan: PlannedRig) -> JsonObject:
    schedule = plan.schedule
    return {
        "passed": True,
        "rig": plan.config.name,
        "rate_hz": schedule.rate_hz,
        "period_us": us_from_ticks(schedule.box.pulse_period_ticks, schedule.tick_rate_hz),
        "rows": [
            {
                "name": row.name,
                "trigger_us": row.trigger_us,
                "exposure_us": row.exposure_us,
                "jitter_us": row.jitter_us,
                "light_us": row.light_us,
            }
            for row in rows(schedule)
        ],
    }
