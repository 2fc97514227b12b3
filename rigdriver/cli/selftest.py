"""`rigdriver selftest`: ask the whole rig, and say what is wrong and what to do.

In: a rig. Out: a table, a JSON object or an HTML page; exit status 0 when all is good, 1 when a check failed, 2 when
the rig could not be opened or a check not be made.
Not here: the checks (see rigdriver.selftest).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rigdriver.cli.overwriting import OverwriteOption
from rigdriver.cli.screen import complain, note, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import verb
from rigdriver.errors import RigError
from rigdriver.outputs import refuse_overwriting
from rigdriver.rig import Rig
from rigdriver.selftest import text
from rigdriver.selftest.result import Report
from rigdriver.selftest.suite import run_selftest, untested
from rigdriver.whole_file import write_whole


@verb
def selftest(
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as an HTML page, too.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> int:
    """Test the whole rig. Cameras are triggered, and lamps flash as the rig file says."""
    refuse_overwriting([html], overwrite)
    source = chosen_source(rig, sim, scenario)
    error: RigError | None = None
    try:
        with Rig.open(source) as opened:
            report = tested(opened)
    # A rig that cannot be opened still gets a report, with the checks that were not reached.
    except RigError as exc:
        error, report = exc, untested(str(source), exc)
    # The page is written in every case, since it is sent when something is wrong.
    if html is not None:
        write_whole(html, text.html(report))
    if json:
        show_json(asdict(report.record()))
    elif error is None:
        tell(report)
    if error is not None:
        complain(str(error))
    return report.exit_status


def tested(rig: Rig) -> Report:
    """Run the self-test; on a terminal, a line says what is being tested."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return run_selftest(rig, lambda _: None)
    with console.status("self-test") as status:
        return run_selftest(rig, lambda what: status.update(f"self-test: {what}"))


def tell(report: Report) -> None:
    """Print a report for people."""
    show(text.table(report))
    for remedy in text.remedies(report):
        note(remedy)
    show(text.summary(report))
