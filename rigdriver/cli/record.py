"""`rigdriver record`: frame sets into one file that loses nothing and says so.

In: a rig, how many frame sets or seconds, perhaps the seconds before Enter is pressed. Out: a sealed MCAP file, a
summary, and exit status 0 when everything that was planned is on the disk, else 1.
Not here: the recording itself (see procedures/record.py), and whose take it is (see procedures/record_take.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.enter_key import pressed_by_enter
from rigdriver.cli.recording import compacted, seal_facts, seal_lines, size_facts, size_line
from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.subject_options import CatalogueOption, NoteOption, SubjectOption, chosen_catalogue, take_wishes
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.cli.watching import PROGRESS
from rigdriver.errors import UsageError
from rigdriver.procedures.derived import noting_results
from rigdriver.procedures.record import RecordOptions
from rigdriver.procedures.record_take import name_by_time, record_take
from rigdriver.recording.seal import SealState


@verb
def record(  # noqa: PLR0913, PLR0917  one argument per option
    seconds: Annotated[
        float | None, typer.Option("--seconds", "-s", metavar="S", min=0.001, help="How long to record.")
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option("--frames", "-n", min=1, help="Number of frame sets; without it and --seconds until Ctrl-C."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Recording; take-<time>.mcap if not given, or in the subject's folder."
        ),
    ] = None,
    rate_hz: Annotated[
        float | None,
        typer.Option("--rate", metavar="HZ", help="Frame sets per second; if not given, as in the rig file."),
    ] = None,
    pre: Annotated[
        float | None,
        typer.Option("--pre", metavar="S", min=0.001, help="Also keep this time before you press Enter, s."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Begin although the disk has too little room, or is too slow.")
    ] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="When it has ended, make it smaller without loss (JPEG XL).")
    ] = False,
    subject: SubjectOption = None,
    note: NoteOption = None,
    catalogue: CatalogueOption = None,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Record frame sets into one sealed file (MCAP)."""
    _expect_one_length(seconds, frames)
    source, whose = chosen_source(rig, sim, scenario), take_wishes(subject, catalogue, note)
    options = RecordOptions(out or name_by_time(), frames, seconds, rate_hz, pre, is_forced=force)
    take = record_take(source, options, whose, out, PROGRESS, None if pre is None else pressed_by_enter())
    path, seal = take.recorded.path, take.recorded.seal
    number = {} if take.number is None else {"take": take.number}
    facts = {"file": str(path), **number, **seal_facts(seal.state, seal)}
    if not json:
        show("\n".join(seal_lines(seal.state, seal)))
        show(f"written to {path}")
    if compact:
        # What it leaves when somebody stops it is the take's, too.
        with noting_results(chosen_catalogue(catalogue), [path]):
            smaller = compacted(path)
        facts |= size_facts(smaller)
        if not json:
            show(size_line(smaller))
    if json:
        show_json(facts)
    return GOOD if seal.state is SealState.COMPLETE else CHECK_FAILED


def _expect_one_length(seconds: float | None, frames: int | None) -> None:
    if seconds is not None and frames is not None:
        raise UsageError(
            device="--seconds",
            seen="was given together with --frames",
            expected="one length",
            remedy="name one of them",
        )
