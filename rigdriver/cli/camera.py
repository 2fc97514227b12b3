"""`rigdriver camera NAME`: the features of one camera, changes to them, its settings as a file, and one image.

In: a rig, a camera's name, what to do. Out: the features as a tree, what became of each change, and exit status 0; 1
when the camera changed or refused what was loaded or changed what was set, 2 when it refused what was set.
Not here: what is done (see procedures/camera.py), and how features are printed (see feature_text.py).
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.feature_text import browsed_json, feature_lines
from rigdriver.cli.screen import complain, note, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, COULD_NOT_TELL, GOOD, verb
from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.settings import TriggerBy
from rigdriver.errors import UsageError
from rigdriver.procedures.camera import BrowsedCamera, CameraOptions, FeatureChange, browse_camera

_CHANGE = re.compile(r"\s*([^\[=\s]+(?:\[[^\]]*\])?)\s*=(.*)", re.DOTALL)
_TRIGGERS = {TriggerBy.SOFTWARE: "triggered by a command", TriggerBy.ITSELF: "running freely"}


@verb
def camera(  # noqa: PLR0913, PLR0917  one argument per option
    name: Annotated[str, typer.Argument(metavar="NAME", help="Camera, as the rig file names it.", show_default=False)],
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="TEXT", help="Show only features with this text in name or tooltip."),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="F=V",
            help="Write a feature: Gain=2.5, 'TriggerMode[TriggerSelector=FrameStart]=On'; may be repeated.",
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write all settings to a new TOML file.")
    ] = None,
    load: Annotated[Path | None, typer.Option("--load", metavar="FILE", help="Write the settings of a file.")] = None,
    snap: Annotated[
        Path | None,
        typer.Option("--snap", metavar="FILE", help="Take one image (.png) with the rig file's settings."),
    ] = None,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Show and change the features of one camera, save and load them, take one image."""
    if save is not None and load is not None:
        raise UsageError(
            device="--save",
            seen="was given together with --load",
            expected="one of them",
            remedy="load first, then save",
        )
    changes = tuple(map(parsed_change, change or ()))
    is_listed = search is not None or not (changes or save or load or snap)
    options = CameraOptions(load, changes, save, (search or "") if is_listed else None, snap)
    browsed = browse_camera(chosen_source(rig, sim, scenario), name, options)
    for remark in browsed.report.remarks:
        note(remark)
    if json:
        show_json(browsed_json(browsed, options))
    else:
        _tell(browsed, options)
    for outcome in (browsed.loaded, browsed.changed):
        for refusal in outcome.refusals if outcome is not None else ():
            complain(str(refusal))
    if browsed.has_refused:
        return COULD_NOT_TELL
    return GOOD if browsed.is_as_asked and _has_found(browsed, search) else CHECK_FAILED


def parsed_change(text: str) -> FeatureChange:
    """Read `Name=Value` or `Name[Selector=Entry]=Value`; the value is a TOML scalar, and a bare word is a text.

    Raises:
        UsageError: no name, or no equals sign.
    """
    found = _CHANGE.fullmatch(text)
    if found is None:
        expected = "Name=Value or Name[Selector=Entry]=Value"
        raise UsageError(device=f"--set {text}", seen="names no feature and value", expected=expected)
    return FeatureChange(found[1], _value(found[2].strip()))


def _value(text: str) -> FeatureValue:
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = read.get("value")
    is_scalar = isinstance(value, bool | int | float | str) and len(read) == 1
    if not is_scalar or (isinstance(value, float) and not math.isfinite(value)):
        return text  # dates, lists, and the words inf and nan
    assert isinstance(value, bool | int | float | str)
    return value


def _has_found(browsed: BrowsedCamera, search: str | None) -> bool:
    if search is None or browsed.features:
        return True
    complain(
        f"camera {browsed.report.name}: no feature's name or tooltip holds {search!r}; without --search, all are shown"
    )
    return False


def _tell(browsed: BrowsedCamera, options: CameraOptions) -> None:
    report = browsed.report
    show(f"camera {report.name}: {report.vendor} {report.model}, SN {report.serial}")
    if browsed.loaded is not None:
        changed = [str(r) for r in browsed.loaded.reports if r.is_clamped]
        _tell_lines([f"loaded {options.load}: {len(browsed.loaded.reports)} features", *changed])
    if browsed.changed is not None:
        _tell_lines([str(r) for r in browsed.changed.reports])
    if browsed.saved is not None:
        _tell_lines([f"saved {len(browsed.saved.values)} features to {options.save}"])
        _tell_names("at the present entries of their selectors only", browsed.saved.present_only)
        _tell_names("left out, set by an automatic function or not readable", browsed.saved.left_out)
    _tell_lines(feature_lines(browsed.features))
    if browsed.snapshot is not None:
        frame = browsed.snapshot.frame
        height, width = frame.pixels.shape[:2]
        how = _TRIGGERS[browsed.snapshot.trigger]
        show(f"one image, {width} x {height} {frame.pixel_format}, {how}, written to {options.snap}")


def _tell_names(what: str, names: Sequence[str]) -> None:
    if names:
        show(f"  {what}: {', '.join(names)}")


def _tell_lines(lines: Sequence[str]) -> None:
    for line in lines:
        show(line)
