"""The errors are the tree that their file draws, and each says in a sentence and an example what it is.

In: errors.py. Out: agreement of drawing and classes; messages that are made of their parts and survive a pipe.
"""

from __future__ import annotations

import ast
import inspect
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigdriver import errors
from rigdriver.errors import (
    ConfigError,
    DeviceError,
    DevicesFailed,
    NotAccepted,
    NotMeasured,
    RigError,
    RigFileFinding,
    StateError,
    SyncError,
    gather,
)

CLASSES = {name: c for name, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, RigError)}
PARTED = DeviceError | SyncError | ConfigError | StateError | NotMeasured | NotAccepted
WITH_PARTS = {n for n, c in CLASSES.items() if issubclass(c, PARTED)}
WHOLE_SENTENCES = {
    "sources.py": {"ConfigError"},
}
"""Errors that take over the sentence of a simulator's ValueError, whose parts nobody knows."""
PLAIN = [c for c in CLASSES.values() if c is not DevicesFailed]


def _drawn() -> dict[str, tuple[str, str]]:
    """Each name of the drawing with its parent and the builtin in brackets."""
    assert errors.__doc__ is not None
    found: dict[str, tuple[str, str]] = {"RigError": ("Exception", "")}
    parents = ["RigError"]
    for line in errors.__doc__.splitlines():
        if branch := re.match(r"    ([| ]*)[|`]-- (\w+)(?:\((\w+)\))?\s+\S", line):
            depth = len(branch[1]) // 4
            parents[depth + 1 :] = [branch[2]]
            found[branch[2]] = (parents[depth], branch[3] or "")
    return found


def test_the_drawing_is_the_tree() -> None:
    real = {}
    for name, c in CLASSES.items():
        parent, *builtins = (base.__name__ for base in c.__bases__)
        real[name] = (parent, builtins[0] if builtins else "")
    assert _drawn() == real


@pytest.mark.parametrize("name", [name for name in CLASSES if name != "RigError"])
def test_every_error_has_one_sentence_and_an_example(name: str) -> None:
    doc = inspect.getdoc(CLASSES[name])
    assert doc is not None
    sentence, blank, *example = doc.splitlines()
    assert re.fullmatch(r"[A-Z][^.]*\.", sentence), "one sentence"
    assert blank == ""
    assert re.fullmatch(r"`.+`.*", example[0])


@pytest.mark.parametrize("kind", PLAIN)
def test_an_error_makes_its_sentence_of_its_parts_and_carries_them_through_a_pipe(kind: type[RigError]) -> None:
    error = kind(device="camera left", seen="2 views", expected="at least 3", remedy="show it the board")
    assert str(error) == "camera left: 2 views; expected at least 3; show it the board"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert (again.device, again.seen, again.expected, again.remedy) == (
        "camera left", "2 views", "at least 3", "show it the board",
    )  # fmt: skip


def test_parts_that_are_left_out_leave_no_punctuation() -> None:
    assert str(RigError(seen="no rig", remedy="name one")) == "no rig; name one"
    assert str(RigError(device="box", expected="a reply")) == "box; expected a reply"
    assert str(RigError("a whole sentence", device="box")) == "a whole sentence"


def test_several_errors_are_told_together_and_one_alone() -> None:
    one, two = RigError("one"), RigError("two")
    assert gather("rig", [one]) is one
    both = gather("rig", [one, two])
    assert str(both) == "rig: 2 failed\n  one\n  two"
    assert isinstance(both, DevicesFailed)
    assert both.errors == (one, two)


def _errors_without_parts(source: str) -> Iterator[str]:
    """Return each error that a source makes without saying which device and what was seen or expected."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        given = {keyword.arg for keyword in node.keywords}
        has_parts = "findings" in given or ("device" in given and given & {"seen", "expected"})
        if name in WITH_PARTS and name != "DevicesFailed" and not has_parts:
            yield name


def test_an_error_without_parts_is_found() -> None:
    source = 'raise LinkLost("box: gone")\nraise LinkLost(device="box", seen="gone")\nraise errors.BoxFault(seen="off")'
    assert list(_errors_without_parts(source)) == ["LinkLost", "BoxFault"]


def test_every_error_of_a_device_of_times_and_of_a_rig_file_carries_its_parts() -> None:
    root = Path(errors.__file__).parent
    found = {
        path.relative_to(root).as_posix(): set(_errors_without_parts(path.read_text(encoding="utf-8")))
        for path in root.rglob("*.py")
        if path.name != "errors.py"
    }
    assert {file: names for file, names in found.items() if names} == WHOLE_SENTENCES


def test_a_config_error_says_a_line_for_each_finding_and_carries_them_through_a_pipe() -> None:
    findings = (
        RigFileFinding("rig.toml", 12, "schedule.rate_hz", "0", "expected greater than 0"),
        RigFileFinding("rig.toml", None, "box", "", "is missing; add it"),
    )
    error = pickle.loads(pickle.dumps(ConfigError(findings=findings)))
    assert error.findings == findings
    assert str(error) == (
        "rig.toml line 12: schedule.rate_hz = 0: expected greater than 0\nrig.toml: box: is missing; add it"
    )
    assert ConfigError(device="rig.toml", seen="cannot be read").findings == ()
