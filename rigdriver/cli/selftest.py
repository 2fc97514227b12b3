"""`rigdriver selftest`: ask the whole rig, and say what is wrong and what to do.

In: a rig, and which checks are wanted. Out: a table, a JSON object, an HTML page or JUnit XML, and a line in the
history beside the rig file; exit status 0 when all is good, 1 when a check failed, 2 when the rig could not be opened
or a check not be made. With `--watch` it repeats until Ctrl-C and shows what is new. A test that Ctrl-C or SIGTERM ends
is reported, too: with the checks made so far, as one that is not finished. On demand the measured delays of the
cameras' lines are written into the rig file.
Not here: the checks (see rigdriver.selftest).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rigdriver.cli.overwriting import OverwriteOption
from rigdriver.cli.screen import can_ask, complain, note, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.subject_options import CatalogueOption
from rigdriver.cli.verb import expect_to_go_on, undisturbed, verb
from rigdriver.errors import FileNotWritten, RigError, UsageError
from rigdriver.outputs import refuse_overwriting
from rigdriver.procedures.write_delays import delays_diff
from rigdriver.procedures.write_delays import write_delays as write_into
from rigdriver.rig import Rig
from rigdriver.selftest import text
from rigdriver.selftest.history import FigureChange, append, changes, differences, history_of, read, series
from rigdriver.selftest.junit import junit as as_junit
from rigdriver.selftest.ledger import CheckLedger
from rigdriver.selftest.page import html as page
from rigdriver.selftest.plots import CheckPlot
from rigdriver.selftest.recorded import check_recording_file
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
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the run at full rate, the swept flash and the watchdog.")
    ] = False,
    frames: Annotated[
        int, typer.Option("--frames", metavar="N", min=5, max=10_000, help="Number of frame sets of the run.")
    ] = FRAME_SETS,
    watch: Annotated[bool, typer.Option("--watch", help="Test again and again until Ctrl-C; show changes.")] = False,
    history: Annotated[
        bool, typer.Option(help="Compare figures with earlier tests; keep this one in RIG.selftest.jsonl.")
    ] = True,
    write_delays: Annotated[
        bool, typer.Option("--write-delays", help="Write the measured delays of the cameras' lines into the rig file.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    recording: Annotated[
        Path | None,
        typer.Option("--recording", metavar="FILE", help="Make the run's checks on a recording; no rig is needed."),
    ] = None,
    catalogue: CatalogueOption = None,  # noqa: ARG001  verb.py takes it
    overwrite: OverwriteOption = False,
) -> int:
    """Test the whole rig. Cameras are triggered, and lamps flash: each alone, and as the rig file says.

    Something must be in view: a person, or a sheet of paper. CHECK is a name as in the report, or a glob: "light.*".
    """
    refuse_overwriting([html, junit], overwrite)
    if recording is not None:
        _refuse_rig_options(rig, sim, scenario, only, skip, quick, watch, write_delays)
        report, outputs = check_recording_file(recording), ReportOutputs(html, junit, None, json)
        outputs.give(SelfTestDone(report))
        return report.exit_status
    selection = Selection(tuple(only or ()), tuple(skip or ()), quick)
    source = chosen_source(rig, sim, scenario)
    to_change = _file_to_change(source, quick) if write_delays else None
    outputs = ReportOutputs(html, junit, History(source) if history and isinstance(source, Path) else None, json)
    while True:
        done = _tested_and_told(source, selection, frames, outputs)
        if to_change is not None and done.error is None:
            _offer(to_change, done.delays, yes)
        if not watch:
            return done.report.exit_status
        SafeEvent().wait(PAUSE_S)


def _refuse_rig_options(*given: object) -> None:
    """Refuse what a test of a recording cannot use, where any of it was given."""
    if any(given):
        raise UsageError(
            device="--recording",
            seen="was given together with a rig, or with an option that needs one",
            remedy="leave --rig, --sim, --scenario, --only, --skip, --quick, --watch and --write-delays out",
        )


@dataclass(frozen=True, slots=True)
class SelfTestDone:
    """One self-test, to its end or up to an interrupt."""

    report: Report
    error: RigError | None = None
    """Error with which the rig could not be opened."""
    delays: Mapping[str, int] = field(default_factory=dict)
    """Keys of the rig file that the test has measured anew."""


class ReportOutputs:
    """Where the reports of one call of the verb go."""

    def __init__(self, html: Path | None, junit: Path | None, history: History | None, is_json: bool) -> None:
        self._html, self._junit, self._history, self._is_json = html, junit, history, is_json
        self._before: Report | None = None

    def give(self, done: SelfTestDone) -> None:
        """Write and print a report."""
        # The page is written in every case, since it is sent when something is wrong; only a test that is not finished
        # does not replace that of a finished one before it.
        earlier = self._history.plots(done.report) if self._history and self._html else ()
        if done.report.is_finished or self._before is None:
            self._write(done.report, earlier)
        found = self._history.take(done.report) if self._history else []
        _tell(done.report, done.error, self._before, found, self._is_json)
        self._before = done.report

    def _write(self, report: Report, earlier: Sequence[CheckPlot]) -> None:
        if self._html is not None:
            write_whole(self._html, page(report, earlier), is_private=True)  # it shows people
        if self._junit is not None:
            write_whole(self._junit, as_junit(report))


def _tested_and_told(source: str | Path, selection: Selection, frame_sets: int, outputs: ReportOutputs) -> SelfTestDone:
    """Make one self-test and give its report away, also when it is interrupted; the interrupt is raised afterwards."""
    ledger, is_told = CheckLedger(str(source), selection), False
    try:
        with undisturbed():
            import scipy.optimize  # noqa: F401, PLC0415  slow to import; exposure_window.py needs it

        done = _done(source, selection, frame_sets, ledger)
        with undisturbed():
            outputs.give(done)
            is_told = True
    except KeyboardInterrupt:
        if not is_told:  # nothing interrupts it any more: a second signal waits
            outputs.give(SelfTestDone(ledger.interrupted()))
        raise
    return done


class History:
    """The history of a rig file; a folder that cannot be written to is told once."""

    def __init__(self, rig_file: Path) -> None:
        self._path = history_of(rig_file)
        self._is_told = False

    def plots(self, report: Report) -> list[CheckPlot]:
        """Return the figures of a report over the earlier tests."""
        return series(report, read(self._path))

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


def _done(source: str | Path, selection: Selection, frame_sets: int, ledger: CheckLedger) -> SelfTestDone:
    """Make one self-test; a rig that cannot be opened gets a report too, with the checks that were not reached."""
    is_open = False
    try:
        with Rig.open(source) as opened:
            is_open = True
            report = tested(opened, selection, frame_sets, ledger)
            return SelfTestDone(report, None, report.changed_keys(opened.config))
    except RigError as exc:
        # A device that failed because the test was being stopped is no finding.
        expect_to_go_on()
        if is_open and isinstance(exc, UsageError):
            raise
        return SelfTestDone(ledger.partial(str(exc)) if is_open else untested(str(source), exc), exc)


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
    is_asked = not yes and can_ask()
    if yes or (is_asked and typer.confirm(f"Write this into {file}?", err=True)):
        write_into(file, delays)
        note(f"{file}: written")
    else:
        note(f"{file}: nothing was written" + ("" if is_asked else "; --yes writes without asking"))


def tested(rig: Rig, selection: Selection, frame_sets: int, ledger: CheckLedger) -> Report:
    """Run the self-test; on a terminal, a line says what is being tested."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return run_selftest(rig, lambda _: expect_to_go_on(), selection, frame_sets, ledger)
    with console.status("self-test") as status:

        def tell(what: str) -> None:
            expect_to_go_on()  # somebody may have swallowed Ctrl-C
            status.update(f"self-test: {what}")

        return run_selftest(rig, tell, selection, frame_sets, ledger)


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
    elif error is None or report.was_opened:
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
