"""`rigdriver config check FILE`: say everything that is wrong with a rig file.

In: a path. Out: exit status 0 and a summary, or 2 and one line for each finding, with key, value, bound and line. No
device is touched.
Not here: the checks (see config and schedule).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.screen import complain, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import COULD_NOT_TELL, GOOD, verb
from rigdriver.config import RigConfig
from rigdriver.findings import Finding
from rigdriver.procedures.rig_file import check_rig_file


@verb
def config_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rig file (TOML).", show_default=False)],
    json: JsonOption = False,
) -> int:
    """Check a rig file without touching a device."""
    checked = check_rig_file(file)
    # A limit that the plan breaks names no file; a key that is wrong does.
    sentences = [f"{file}: {found}" if isinstance(found, Finding) else str(found) for found in checked.findings]
    if json:
        show_json({"passed": not checked.findings, "file": str(file), "findings": sentences})
    # On stderr with --json too: stdout holds one JSON object and nothing else.
    for sentence in sentences:
        complain(sentence)
    if checked.config is None:
        return COULD_NOT_TELL
    if not json:
        show(f"{file}: good: {_summary(checked.config)}")
    return GOOD


def _summary(config: RigConfig) -> str:
    plan = config.schedule
    return (
        f"rig {config.name}, {len(config.cameras)} cameras, {len(config.lamps)} lamps, {plan.rate_hz:g} Hz, "
        f"{f'box at {config.box.url}' if config.box else 'no trigger box'}"
    )
