"""The one rule for results: no verb overwrites one without being told to, and it says so before its work begins.

In: every verb of the command line, with a result that lies there already. Out: exit status 2, the file unchanged. A new
option that names a file has to be put on one of the lists here.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.errors import UsageError
from rigdriver.outputs import refuse_mixing, refuse_overwriting

KEPT = "what a user has\n"
WRITES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("calibrate", "board"): ("--pdf",), ("calibrate", "solve"): ("--out", "--report"),
    ("calibrate", "resolve"): ("--out",),
    ("calibrate", "export"): ("to",), ("calibrate", "import"): ("--out",),
    ("selftest",): ("--html", "--junit"), ("report",): ("--out",),
    ("schedule", "show"): ("--out",), ("measure",): ("--lines", "--picture"), ("demo",): ("--out",),
}  # fmt: skip
"""Files that verbs write; they take --overwrite."""
WRITES_NEW: dict[tuple[str, ...], tuple[str, ...]] = {
    ("capture",): ("--out",), ("calibrate", "capture"): ("--out",), ("reconstruct",): ("--out",),
    ("config", "new"): ("file",), ("camera",): ("--save", "--snap"), ("record",): ("--out",),
    ("recording", "recover"): ("--out",), ("recording", "export"): ("--out",),
}  # fmt: skip
"""Folders and files that must be new in any case."""
GROWS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("verify",): ("--out", "--catalogue"), ("record",): ("--catalogue",), ("capture",): ("--catalogue",),
    ("reconstruct",): ("--catalogue",), ("recording", "recover"): ("--catalogue",),
    ("recording", "export"): ("--catalogue",), ("recording", "compact"): ("--catalogue",),
    ("measure",): ("--catalogue",), ("selftest",): ("--catalogue",), ("calibrate", "solve"): ("--catalogue",),
    ("calibrate", "resolve"): ("--catalogue",),
    **{("subject", name): ("--catalogue",) for name in ("new", "list", "show", "change", "add", "erase", "expired")},
}  # fmt: skip
"""Folders and files to which every run adds a line or a row."""
READS = {
    "--rig", "--recording", "--calibration", "--producer", "--load", "--lock", "--ball-bar", "--plate", "--to",
    "folder", "calibration", "source", "mesh", "file", "scenario", "paths",
}  # fmt: skip
OF_SUBJECTS = {"--recording", "--ball-bar", "--plate", "--to", "folder", "source", "mesh", "file"}
"""Options that may name something of a subject."""
OF_RIGS = {("config", "new"), ("schedule", "show"), ("calibrate", "import")}
"""Verbs with such a name for a file of a rig."""
WORDS: dict[tuple[str, ...], tuple[tuple[str, ...], str]] = {
    ("calibrate", "board"): (("--pdf", "{there}"), "there.pdf"),
    ("calibrate", "solve"): (("missing", "-o", "{there}"), "there.json"),
    ("calibrate", "resolve"): (("left", "missing", "--calibration", "missing", "-o", "{there}"), "there.json"),
    ("calibrate", "import"): (("missing", "--rig", "missing", "-o", "{there}"), "there.json"),
    ("selftest",): (("--sim", "--html", "{there}"), "there.html"),
    ("report",): (("--out", "{there}"), "there.zip"),
    ("schedule", "show"): (("missing", "--out", "{there}"), "there.svg"),
    ("measure",): (("missing", "--to", "missing", "--picture", "{there}"), "there.png"),
}


def _verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    below = getattr(command, "commands", {})
    if not below:
        yield path, command
    for name, part in below.items():
        yield from _verbs(part, (*path, name))


def _kinds(command: Any, name: str) -> Iterator[object]:
    """Yield the types in a parameter's annotation."""
    waiting = [typing.get_type_hints(command.callback)[name]]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting += typing.get_args(kind)


VERBS = dict(_verbs(typer.main.get_command(app)))


def test_every_option_that_names_a_file_is_known_as_read_or_written() -> None:
    written: dict[tuple[str, ...], tuple[str, ...]] = {
        path: (*WRITES.get(path, ()), *WRITES_NEW.get(path, ()), *GROWS.get(path, ()))
        for path in (*WRITES, *WRITES_NEW, *GROWS)
    }
    unknown = []
    for path, command in VERBS.items():
        for parameter in command.params:
            names = {*parameter.opts, parameter.name}
            is_path = any(kind is Path for kind in _kinds(command, parameter.name))
            if is_path and not names & {*written.get(path, ()), *READS}:
                unknown.append((path, parameter.name))
    assert unknown == []


@pytest.mark.parametrize("path", sorted(WRITES), ids=" ".join)
def test_a_verb_that_writes_a_named_file_takes_the_same_option(path: tuple[str, ...]) -> None:
    assert "--overwrite" in {name for parameter in VERBS[path].params for name in parameter.opts}


def test_a_verb_that_makes_files_from_images_or_meshes_takes_the_catalogue() -> None:
    makes = {*WRITES, *WRITES_NEW, *GROWS} - {path for path in GROWS if path[0] == "subject"}
    lacking = []
    for path in makes:
        names = {name for parameter in VERBS[path].params for name in (*parameter.opts, parameter.name)}
        if names & OF_SUBJECTS and "--catalogue" not in names and path not in OF_RIGS:
            lacking.append(path)
    assert lacking == []


@pytest.mark.parametrize("path", sorted(WORDS), ids=" ".join)
def test_a_result_that_is_there_is_kept_and_nothing_is_begun(path: tuple[str, ...], tmp_path: Path) -> None:
    words, name = WORDS[path]
    there = tmp_path / name
    there.write_text(KEPT)
    result = CliRunner().invoke(app, [*path, *(word.format(there=there) for word in words)])
    assert result.exit_code == 2
    told = " ".join(result.output.split())
    # Not "missing cannot be read": the rule comes before the work.
    assert "there already" in told
    assert "--overwrite" in told
    assert there.read_text() == KEPT


def test_a_folder_that_is_not_empty_gets_no_demo(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(KEPT)
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not empty" in " ".join(result.output.split())
    refuse_mixing(tmp_path, is_allowed=True)
    with pytest.raises(UsageError, match="is no folder"):
        refuse_mixing(tmp_path / "notes.txt", is_allowed=True)


def test_a_file_is_replaced_when_it_is_told_and_a_folder_never(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(KEPT)
    refuse_overwriting([tmp_path / "a", None, tmp_path / "b"], is_allowed=True)
    refuse_overwriting([None, tmp_path / "b"], is_allowed=False)
    with pytest.raises(UsageError, match="is a folder"):
        refuse_overwriting([tmp_path], is_allowed=True)
