"""`rigdriver selftest`: ask the whole rig, and say what is wrong and what to do.

In: a rig, and which checks are wanted. Out: a table, a JSON object, an HTML page or JUnit XML, and a line in the
history beside the rig file; exit status 0 when all is good, 1 when a check failed, 2 when the rig could not be opened
or a check not be made. With `--watch` it repeats until Ctrl-C and shows what is new.
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
from rigdriver.errors import FileNotWritten, RigError, UsageError
from rigdriver.outputs import refuse_overwriting
from rigdriver.rig import Rig
from rigdriver.selftest import text
from rigdriver.selftest.history import FigureChange, append, changes, differences, history_of, read
from rigdriver.selftest.junit import junit as as_junit
from rigdriver.selftest.page import html as page
from rigdriver.selftest.result import Report
from rigdriver.selftest.run_checks import FRAME_SETS
from rigdriver.selftest.selection import Selection
from rigdriver.selftest.suite import run_selftest, untested
from rigdriver.signal_safe import SafeEvent
from rigdriver.whole_file import write_whole

PAUSE_S = 2.0
"""Time between two tests of `--watch`, in s."""


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
    frames: Annotated[
        int, typer.Option("--frames", metavar="N", min=5, max=10_000, help="Number of frame sets of the run.")
    ] = FRAME_SETS,
    watch: Annotated[bool, typer.Option("--watch", help="Test again and again until Ctrl-C; show changes.")] = False,
    history: Annotated[
        bool, typer.Option(help="Compare figures with earlier tests; keep this one in RIG.selftest.jsonl.")
    ] = True,
    overwrite: OverwriteOption = False,
) -> int:
    """Test the whole rig. Cameras are triggered, and lamps flash: each alone, and as the rig file says.

    Something must be in view: a person, or a sheet of paper. CHECK is a name as in the report, or a glob: "light.*".
    """
    refuse_overwriting([html, junit], overwrite)
    selection = Selection(tuple(only or ()), tuple(skip or ()), quick)
    source = chosen_source(rig, sim, scenario)
    kept = History(source) if history and isinstance(source, Path) else None
    before: Report | None = None
    while True:
        report, error = _made(source, selection, frames)
        # The page is written in every case, since it is sent when something is wrong.
        if html is not None:
            write_whole(html, page(report), is_private=True)  # it shows people
        if junit is not None:
            write_whole(junit, as_junit(report))
        _tell(report, error, before, kept.take(report) if kept else [], json)
        if not watch:
            return report.exit_status
        before = report
        SafeEvent().wait(PAUSE_S)


class History:
    """The history of a rig file; a folder that cannot be written to is told once."""

    def __init__(self, rig_file: Path) -> None:
        self._path = history_of(rig_file)
        self._is_told = False

    def take(self, report: Report) -> list[FigureChange]:
        """Return what has changed much since the earlier tests, and keep this one."""
        found = changes(report, read(self._path))
        try:
            append(self._path, report)
        except FileNotWritten as exc:
            if not self._is_told:
                note(f"this test is not kept: {exc}")
            self._is_told = True
        return found


def _made(source: str | Path, selection: Selection, frame_sets: int) -> tuple[Report, RigError | None]:
    """Make one self-test; a rig that cannot be opened gets a report too, with the checks that were not reached."""
    is_open = False
    try:
        with Rig.open(source) as opened:
            is_open = True
            return tested(opened, selection, frame_sets), None
    except RigError as exc:
        if is_open and isinstance(exc, UsageError):
            raise
        return untested(str(source), exc), exc


def tested(rig: Rig, selection: Selection, frame_sets: int) -> Report:
    """Run the self-test; on a terminal, a line says what is being tested."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return run_selftest(rig, lambda _: None, selection, frame_sets)
    with console.status("self-test") as status:
        return run_selftest(rig, lambda what: status.update(f"self-test: {what}"), selection, frame_sets)


def _tell(
    report: Report, error: RigError | None, before: Report | None, found: list[FigureChange], is_json: bool
) -> None:
    """Print a report, or, where one was printed before, what is new in it."""
    if is_json:
        show_json({**asdict(report.record()), "changed": [asdict(change) for change in found]})
    elif before is not None:
        date = "" if report.about is None else f"{report.about.date} "
        show(f"{date}{text.summary(report)}")
        for line in differences(before, report):
            show(f"  {line}")
    elif error is None:
        tell(report)
    for change in [] if is_json else found:
        note(f"changed much: {change}")
    if error is not None and (before is None or is_json):
        complain(str(error))


def tell(report: Report) -> None:
    """Print a report for people."""
    show(text.table(report))
    for remedy in text.remedies(report):
        note(remedy)
    show(text.summary(report))
