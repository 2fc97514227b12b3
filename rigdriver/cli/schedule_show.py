"""`rigdriver schedule show FILE`: the timing diagram of a rig file, on the terminal and as a picture.

In: a rig file. Out: the diagram, what the schedule emits and demands, and exit status 0; 2 with the reason when the
plan breaks a limit. No device is touched.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import GOOD, verb
from rigdriver.clock import us_from_ticks
from rigdriver.config import RigConfig, load
from rigdriver.errors import UsageError
from rigdriver.schedule.diagram import as_text, draw, rows
from rigdriver.schedule.plan import compile_schedule
from rigdriver.schedule.planned import Schedule

_USUAL_TICK_RATE_HZ = 10_000_000
_SUFFIXES = (".svg", ".png")


@verb
def schedule_show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rig file (TOML).", show_default=False)],
    rate_hz: Annotated[float | None, typer.Option("--rate", metavar="HZ", help="Instead of the rig file's.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Picture: .svg or .png.")] = None,
    json: JsonOption = False,
) -> int:
    """Draw the timing of one pulse, and prove that it breaks no limit."""
    if out is not None and out.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{out}: expected a name that ends in {' or '.join(_SUFFIXES)}")
    config = load(file)
    schedule = compile_schedule(config, _USUAL_TICK_RATE_HZ, generation=1, rate_hz=rate_hz)
    if out is not None:
        draw(schedule, out)
    if json:
        show_json(_facts(config, schedule))
    else:
        show(as_text(schedule, shutil.get_terminal_size((100, 24)).columns))
        show("\n".join(_light_lines(config, schedule)))
        if out is not None:
            show(f"picture: {out}")
    return GOOD


def _light_lines(config: RigConfig, schedule: Schedule) -> list[str]:
    """Say what each lamp emits: the figures that an assessment of the lamp needs."""
    lines = []
    powers = {lamp.name: lamp.radiant_power_w for lamp in config.lamps}
    for flash in schedule.flashes:
        width_us = us_from_ticks(flash.width_ticks, schedule.tick_rate_hz)
        power_w = powers[flash.lamp]
        energy = "" if power_w is None else f", {power_w * width_us * 1e-3:.3g} mJ per flash"
        duty = flash.width_ticks / schedule.box.pulse_period_ticks
        lines.append(f"{flash.lamp}: {width_us:.0f} us at {schedule.rate_hz:g} Hz, duty {duty:.2%}{energy}")
    return lines


def _facts(config: RigConfig, schedule: Schedule) -> dict[str, object]:
    return {
        "passed": True,
        "rig": config.name,
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
