"""All verbs of the command line, and how they are named.

In: the words of the command line. Out: `app`, which calls a verb. Not here: the verbs, one file each, and what happens
before they are loaded (see the package's own file).
"""

from __future__ import annotations

import importlib.metadata
from typing import Annotated

import typer

from rigdriver.cli import (
    box,
    calibrate,
    camera,
    capture,
    config_check,
    config_keys,
    config_new,
    demo,
    list_devices,
    measure,
    mesh,
    projector,
    proof_show,
    reconstruct,
    record,
    recording,
    report,
    schedule_show,
    selftest,
    sim,
    subject,
    verify,
)

app = typer.Typer(
    name="rigdriver",
    help="Drive a rig of GenICam cameras, lamps and a serial trigger box; every frame set is proved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Check, explain and write rig files.", no_args_is_help=True)
config_app.command("check")(config_check.config_check)
config_app.command("keys")(config_keys.config_keys)
config_app.command("new")(config_new.config_new)
app.add_typer(config_app, name="config")
schedule_app = typer.Typer(help="Show the schedule that a rig file gives the box.", no_args_is_help=True)
schedule_app.command("show")(schedule_show.schedule_show)
app.add_typer(schedule_app, name="schedule")
app.command("proof")(proof_show.proof_show)
app.add_typer(box.app, name="box")
app.add_typer(projector.app, name="projector")
app.add_typer(calibrate.app, name="calibrate")
app.command("list")(list_devices.list_devices)
app.command("camera")(camera.camera)
app.command("selftest")(selftest.selftest)
app.command("report")(report.report)
app.command("capture")(capture.capture)
app.command("record")(record.record)
app.add_typer(recording.app, name="recording")
app.add_typer(subject.app, name="subject")
app.add_typer(sim.app, name="sim")
app.command("reconstruct")(reconstruct.reconstruct)
app.command("mesh")(mesh.mesh)
app.command("measure")(measure.measure)
app.command("verify")(verify.verify)
app.command("demo")(demo.demo)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"rigdriver {importlib.metadata.version('rigdriver')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Drive a rig of GenICam cameras, lamps and a serial trigger box; every frame set is proved."""
