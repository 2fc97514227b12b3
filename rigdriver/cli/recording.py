"""`rigdriver recording info|verify|recover|compact|view|export`: what a recording holds, is it whole, rescue, images.

In: a file that `rigdriver record` wrote, in any state. Out: its seal first, then the rest; exit status 0 when it is
complete and whole, 1 when it is not, 2 when it is no recording.
Not here: the file (see rigdriver/recording).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.subject_options import CatalogueOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.cli.watching import PROGRESS
from rigdriver.images.image_writer import ImageFormat
from rigdriver.json_values import JsonObject
from rigdriver.procedures.export_placeholders import PLACEHOLDERS
from rigdriver.procedures.export_recording import ExportOptions, GapPolicy, export_recording
from rigdriver.procedures.view_recording import view_recording
from rigdriver.recording.compaction import Compacted
from rigdriver.recording.compaction import compact as compact_recording
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.recovery import recover as recover_recording
from rigdriver.recording.seal import Seal, SealState

_MOST_LINES = 20
app = typer.Typer(help="Look at recordings, check and rescue them.", no_args_is_help=True)
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Recording (MCAP).")]


@app.command("info")
@verb
def info(file: FileArgument, json: JsonOption = False) -> int:
    """Show what a recording holds. Its images are not looked at."""
    with Recording(file) as recording:
        plan, seal, state = recording.plan, recording.seal, recording.state
        if json:
            show_json(
                {
                    **seal_facts(state, seal),
                    "rig": plan.rig,
                    "cameras": list(plan.cameras),
                    "t_utc_ns": plan.t_utc_ns,
                    "planned": plan.frame_sets,
                    "rate_hz": plan.rate_hz,
                    "trigger_index": plan.trigger_index,
                    "t_trigger_utc_ns": plan.t_trigger_utc_ns,
                    "readable": len(recording),
                    "bytes": recording.size,
                }
            )
        else:
            show("\n".join(seal_lines(state, seal)))
            began = datetime.fromtimestamp(plan.t_utc_ns / 1e9, UTC)
            planned = "until it was stopped" if plan.frame_sets is None else f"{plan.frame_sets} frame sets"
            show(
                f"rig {plan.rig}, {len(plan.cameras)} cameras, began {began:%Y-%m-%d %H:%M:%S} UTC; planned: {planned}"
            )
            show(f"{len(recording)} frame sets can be read; {recording.size / 1e6:.1f} MB")
            if plan.trigger_index is not None:
                show(f"frame sets with an index below {plan.trigger_index} came before the trigger")
            if plan.recovered_from:
                show(f"recovered from {plan.recovered_from}")
        return GOOD if state is SealState.COMPLETE else CHECK_FAILED


@app.command("verify")
@verb
def verify(file: FileArgument, json: JsonOption = False) -> int:
    """Look at every byte and every frame set of a recording."""
    with Recording(file) as recording:
        with PROGRESS.stage("checking", recording.size) as advance:
            found = [str(damage) for damage in recording.check(advance)]
        state, seal = recording.state, recording.seal
        if json:
            show_json({**seal_facts(state, seal), "is_whole": not found, "damage": found})
        else:
            show("\n".join(seal_lines(state, seal)))
            show(
                "\n".join(found[:_MOST_LINES]) if found else f"all {len(recording)} frame sets are as they were written"
            )
            if len(found) > _MOST_LINES:
                show(f"and {len(found) - _MOST_LINES} more")
        return GOOD if state is SealState.COMPLETE and not found else CHECK_FAILED


@app.command("recover")
@verb
def recover(
    file: FileArgument,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="New file; FILE-recovered.mcap if not given.")
    ] = None,
    catalogue: CatalogueOption = None,  # noqa: ARG001  verb.py takes it
    json: JsonOption = False,
) -> int:
    """Copy all whole frame sets of a cut or damaged recording into a new file; the original stays as it is."""
    into = out or file.with_name(f"{file.stem}-recovered{file.suffix}")
    with PROGRESS.stage("recovering", None) as advance:
        done = recover_recording(file, into, advance)
    if json:
        show_json(
            {
                "file": str(into),
                "frame_sets": done.frame_sets,
                "is_lossless": done.is_lossless,
                "damaged": [str(damage) for damage in done.lost],
                "cut_bytes": done.cut_bytes,
            }
        )
    else:
        show(f"{done.frame_sets} frame sets are in {into}")
        if done.is_lossless:
            show("nothing of the original is missing but its end")
        if done.lost:
            show(f"{len(done.lost)} frame sets of the original are damaged and were left out")
        if done.cut_bytes:
            show(f"the last {done.cut_bytes} bytes of the original are no whole frame set and were left out")
    return GOOD if done.is_lossless else CHECK_FAILED


@app.command("compact")
@verb
def compact(
    file: FileArgument,
    catalogue: CatalogueOption = None,  # noqa: ARG001  verb.py takes it
    json: JsonOption = False,
) -> int:
    """Make a recording smaller without loss (JPEG XL); stopped by Ctrl-C, the next call goes on."""
    done = compacted(file)
    if json:
        facts = {"frame_sets": done.frame_sets, "taken_over": done.taken_over}
        show_json({"file": str(file), **facts, **size_facts(done)})
    else:
        show(size_line(done))
    return GOOD


@app.command("view")
@verb
def view(file: FileArgument) -> int:
    """Show a recording in Rerun, which listens on this computer only."""
    return view_recording(file, os.environ)


@app.command("export")
@verb
def export(
    file: FileArgument,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="New folder; the recording's name if not given.")
    ] = None,
    image_format: Annotated[
        ImageFormat, typer.Option("--format", help="png is smaller, tiff is faster; both keep every digital number.")
    ] = ImageFormat.PNG,
    gaps: Annotated[
        GapPolicy, typer.Option("--gaps", help="What stands for a missing frame: nothing, or a black image.")
    ] = GapPolicy.SKIP,
    video: Annotated[bool, typer.Option("--video", help="Also write a small MP4 per camera to look at.")] = False,
    catalogue: CatalogueOption = None,  # noqa: ARG001  verb.py takes it
    json: JsonOption = False,
) -> int:
    """Write a recording as image files with their proofs, as `capture` does."""
    options = ExportOptions(image_format, gaps, video)
    folder = out or file.with_suffix("")
    done = export_recording(file, folder, options, PROGRESS)
    if json:
        facts = {"frame_sets": done.frame_sets, "damaged": done.damaged, "placeholders": done.placeholders}
        show_json({"folder": str(done.folder), **facts})
    else:
        show(f"{done.frame_sets} frame sets written to {done.folder}")
        if done.placeholders:
            show(f"{done.placeholders} black images stand for missing ones; {PLACEHOLDERS} lists them")
        if done.damaged:
            show(f"{done.damaged} frame sets are damaged and could not be read")
    return CHECK_FAILED if done.damaged else GOOD


def compacted(file: Path) -> Compacted:
    """Make a recording smaller, and show how far that is."""
    with Recording(file) as recording:
        total = len(recording)
    with PROGRESS.stage("compacting", total) as advance:
        return compact_recording(file, advance)


def size_line(done: Compacted) -> str:
    """Return what a compaction came to."""
    before, after = done.before_bytes / 1e6, done.after_bytes / 1e6
    return f"{done.frame_sets} frame sets: {before:.1f} MB became {after:.1f} MB; each image was compared to the bit"


def size_facts(done: Compacted) -> JsonObject:
    """Return the same for scripts."""
    return {"before_bytes": done.before_bytes, "after_bytes": done.after_bytes}


def seal_lines(state: SealState, seal: Seal | None) -> list[str]:
    """Return what a person must know first."""
    if seal is None:
        why = "its seal is not what was written" if state is SealState.DAMAGED else "nobody has counted what is missing"
        return [f"{state.value.upper()}: {why}; `rigdriver recording recover` copies the rest"]
    lines = [state.value.upper() + (f": {seal.reason}" if seal.reason else "")]
    lines.append(f"{seal.frame_sets} frame sets, {seal.complete} with all cameras, {seal.safe} known to be on the disk")
    for camera, reasons in seal.gaps.items():
        told = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
        lines.append(f"  {camera}: {seal.frames.get(camera, 0)} frames; {told}")
    return lines


def seal_facts(state: SealState, seal: Seal | None) -> JsonObject:
    """Return the same for scripts."""
    return {"state": state.value, "seal": None if seal is None else seal.model_dump(mode="json")}
