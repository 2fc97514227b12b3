"""`rigdriver config check FILE`: say everything that is wrong with a rig file.

In: a path. Out: exit status 0 and a summary, or 2 and one line for each finding, with key, value, bound and line. No
device is touched, so this file refuses to know whether the rig exists.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.screen import complain, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import COULD_NOT_TELL, GOOD, verb
from rigdriver.config import RigConfig, load
from rigdriver.errors import ConfigError, ScheduleError
from rigdriver.schedule.plan import compile_schedule

_USUAL_TICK_RATE_HZ = 10_000_000


@verb
def config_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rig file (TOML).", show_default=False)],
    json: JsonOption = False,
) -> int:
    """Check a rig file without touching a device."""
    try:
        config = load(file)
    except ConfigError as exc:
        return _tell(json, file, str(exc).splitlines())
    try:
        compile_schedule(config, _USUAL_TICK_RATE_HZ, generation=1)
    except ScheduleError as exc:
        return _tell(json, file, [f"{file}: {exc}"])
    if json:
        show_json({"passed": True, "file": str(file), "findings": []})
    else:
        show(f"{file}: good: {_summary(config)}")
    return GOOD


def _tell(json: bool, file: Path, findings: list[str]) -> int:
    if json:
        show_json({"passed": False, "file": str(file), "findings": findings})
    for finding in findings:
        complain(finding)
    return COULD_NOT_TELL


def _summary(config: RigConfig) -> str:
    plan = config.schedule
    return (
        f"rig {config.name}, {len(config.cameras)} cameras, {len(config.lamps)} lamps, {plan.rate_hz:g} Hz, "
        f"box at {(config.box.url if config.box else 'none')}"
    )
