"""`rigdriver selftest`: ask the whole rig, and say what is wrong and what to do.

In: a rig, and which checks are wanted. Out: a table, a JSON object, an HTML page or JUnit XML; exit status 0 when all
is good, 1 when a check failed, 2 when the rig could not be opened or a check not be made. On demand the measured delays
of the cameras' lines are written into the rig file.
Not here: the checks (see rigdriver.selftest).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
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
from rigdriver.procedures.write_delays import delays_diff
from rigdriver.procedures.write_delays import write_delays as write_into
from rigdriver.rig import Rig
from rigdriver.selftest import text
from rigdriver.selftest.junit import junit as as_junit
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
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the run at full rate, the swept flash and the watchdog.")
    ] = False,
    write_delays: Annotated[
        bool, typer.Option("--write-delays", help="Write the measured delays of the cameras' lines into the rig file.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    overwrite: OverwriteOption = False,
) -> int:
    """Test the whole rig. Cameras are triggered, and lamps flash: each alone, and as the rig file says.

    Something must be in view: a person, or a sheet of paper. CHECK is a name as in the report, or a glob: "light.*".
    """
    refuse_overwriting([html, junit], overwrite)
    selection = Selection(tuple(only or ()), tuple(skip or ()), quick)
    source = chosen_source(rig, sim, scenario)
    to_change = _file_to_change(source, quick) if write_delays else None
    error: RigError | None = None
    is_open = False
    delays: dict[str, int] = {}
    try:
        with Rig.open(source) as opened:
            is_open = True
            report = tested(opened, selection)
            delays = report.changed_keys(opened.config)
    # A rig that cannot be opened still gets a report, with the checks that were not reached.
    except RigError as exc:
        if is_open and isinstance(exc, UsageError):
            raise
        error, report = exc, untested(str(source), exc)
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
    elif to_change is not None:
        _offer(to_change, delays, yes)
    return report.exit_status


def _file_to_change(source: str | Path, quick: bool) -> Path:
    """Return the rig file into which delays can be written. UsageError when there is none, or nothing is measured."""
    if not isinstance(source, Path):
        raise UsageError(device="--write-delays", seen="there is no rig file to write", remedy="name one with --rig")
    if quick:
        raise UsageError(device="--write-delays", seen="--quick measures no delays", remedy="leave out --quick")
    return source


def _offer(file: Path, delays: Mapping[str, int], yes: bool) -> None:
    """Show on stderr what would change in the rig file, and write it when that is wanted."""
    diff = delays_diff(file, delays)
    if not diff:
        note(f"{file}: no delay differs from what was measured, or none was measured; nothing is written")
        return
    note(diff)
    # A script that pipes in or out must never wait for an answer.
    is_asked = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    if yes or (is_asked and typer.confirm(f"Write this into {file}?", err=True)):
        write_into(file, delays)
        note(f"{file}: written")
    else:
        note(f"{file}: nothing was written" + ("" if is_asked else "; --yes writes without asking"))


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
