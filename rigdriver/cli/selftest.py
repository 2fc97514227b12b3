"""`rigdriver selftest`: ask the whole rig, and say what is wrong and what to do.

In: a rig, and which checks are wanted. Out: a table, a JSON object, an HTML page or JUnit XML; exit status 0 when all
is good, 1 when a check failed, 2 when the rig could not be opened or a check not be made.
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
from rigdriver.errors import RigError, UsageError
from rigdriver.outputs import refuse_overwriting
from rigdriver.recording.recording_file import Recording
from rigdriver.rig import Rig
from rigdriver.selftest import text
from rigdriver.selftest.junit import junit as as_junit
from rigdriver.selftest.recorded import check_recording
from rigdriver.selftest.result import Report
from rigdriver.selftest.selection import Selection
from rigdriver.selftest.suite import run_selftest, untested
from rigdriver.whole_file import write_whole


@verb
def selftest(  # noqa: PLR0913, PLR0917  one argument per option
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as an HTML page, too.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the report as JUnit XML, too.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="CHECK", help="Make these checks and their grounds only.")
    ] = None,
    skip: Annotated[list[str] | None, typer.Option("--skip", metavar="CHECK", help="Leave these checks out.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the run at full rate and the watchdog.")] = False,
    recording: Annotated[
        Path | None,
        typer.Option("--recording", metavar="FILE", help="Make the run's checks on a recording; no rig is needed."),
    ] = None,
    overwrite: OverwriteOption = False,
) -> int:
    """Test the whole rig. Cameras are triggered, and lamps flash: each alone, and as the rig file says.

    Something must be in view: a person, or a sheet of paper. CHECK is a name as in the report, or a glob: "light.*".
    """
    refuse_overwriting([html, junit], overwrite)
    if recording is not None:
        if rig or sim or scenario or only or skip or quick:
            raise UsageError(
                device="--recording",
                seen="was given together with a rig or a choice of checks",
                remedy="leave --rig, --sim, --scenario, --only, --skip and --quick out",
            )
        with Recording(recording) as opened_file:
            return _shown(check_recording(opened_file), None, html, junit, json)
    selection = Selection(tuple(only or ()), tuple(skip or ()), quick)
    source = chosen_source(rig, sim, scenario)
    error: RigError | None = None
    is_open = False
    try:
        with Rig.open(source) as opened:
            is_open = True
            report = tested(opened, selection)
    # A rig that cannot be opened still gets a report, with the checks that were not reached.
    except RigError as exc:
        if is_open and isinstance(exc, UsageError):
            raise
        error, report = exc, untested(str(source), exc)
    return _shown(report, error, html, junit, json)


def _shown(report: Report, error: RigError | None, html: Path | None, junit: Path | None, json: bool) -> int:
    """Write and show a report; return the exit status."""
    # The page is written in every case, since it is sent when something is wrong.
    if html is not None:
        write_whole(html, text.html(report))
    if junit is not None:
        write_whole(junit, as_junit(report))
    if json:
        show_json(asdict(report.record()))
    elif error is None:
        tell(report)
    if error is not None:
        complain(str(error))
    return report.exit_status


def tested(rig: Rig, selection: Selection) -> Report:
    """Run the self-test; on a terminal, a line says what is being tested."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return run_selftest(rig, lambda _: None, selection)
    with console.status("self-test") as status:
        return run_selftest(rig, lambda what: status.update(f"self-test: {what}"), selection)


def tell(report: Report) -> None:
    """Print a report for people."""
    show(text.table(report))
    for remedy in text.remedies(report):
        note(remedy)
    show(text.summary(report))
