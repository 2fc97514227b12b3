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
    CalibrationMismatch,
    ConfigError,
    DeviceError,
    DevicesFailed,
    NotAccepted,
    NotMeasured,
    RigError,
    ScheduleError,
    StateError,
    SyncError,
    gather,
)
from rigdriver.findings import BrokenLimit, Finding, MismatchKind, RigFileFinding

CLASSES = {name: c for name, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, RigError)}
PARTED = DeviceError | SyncError | ConfigError | StateError | NotMeasured | NotAccepted
WITH_KIND = {"ScheduleError", "CalibrationMismatch"}
"""Errors whose findings have a kind."""
WITH_PARTS = {n for n, c in CLASSES.items() if issubclass(c, PARTED)} | WITH_KIND
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
        has_parts = "device" in given and given & {"seen", "expected"} and (name not in WITH_KIND or "kind" in given)
        if name in WITH_PARTS and name != "DevicesFailed" and "findings" not in given and not has_parts:
            yield name


def test_an_error_without_parts_is_found() -> None:
    source = 'raise LinkLost("box: gone")\nraise LinkLost(device="box", seen="gone")\nraise errors.BoxFault(seen="off")'
    assert list(_errors_without_parts(source)) == ["LinkLost", "BoxFault"]
    kind = 'raise ScheduleError(device="a", seen="b")\nraise ScheduleError(kind=BrokenLimit.RATE, device="a", seen="b")'
    assert list(_errors_without_parts(kind)) == ["ScheduleError"]
    assert list(_errors_without_parts("raise ScheduleError(findings=broken)")) == []


def test_every_error_of_a_device_of_times_of_a_plan_and_of_a_file_carries_its_parts() -> None:
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


RATE = Finding(BrokenLimit.RATE, "schedule", "rate_hz = 0", "more than 0 Hz")
DUTY = Finding(BrokenLimit.DUTY, "lamp left", "lit 12% of the time", "at most 5%", "lower rate_hz")
OTHER_RIG = Finding(MismatchKind.OTHER_RIG, "camera left", "SN 1", "SN 2, as calibrated")
OTHER_SIZE = Finding(MismatchKind.OTHER_IMAGES, "camera right", "images of 4x4 px", "8x8 px, as calibrated")


def test_a_schedule_error_says_a_line_for_each_finding_and_its_kinds_come_through_a_pipe() -> None:
    error = pickle.loads(pickle.dumps(ScheduleError(findings=(RATE, DUTY))))
    assert str(error) == (
        "schedule: rate_hz = 0; expected more than 0 Hz\n"
        "lamp left: lit 12% of the time; expected at most 5%; lower rate_hz"
    )
    assert error.findings == (RATE, DUTY)
    assert error.kinds == {BrokenLimit.RATE, BrokenLimit.DUTY}


def test_a_calibration_mismatch_says_all_findings_in_one_line_and_its_kinds_come_through_a_pipe() -> None:
    both = CalibrationMismatch(device="rig.json", findings=(OTHER_RIG, OTHER_SIZE), remedy="calibrate this rig")
    error = pickle.loads(pickle.dumps(both))
    assert str(error) == (
        "rig.json: camera left: SN 1; expected SN 2, as calibrated; camera right: images of 4x4 px; expected 8x8 px, "
        "as calibrated; calibrate this rig"
    )
    assert error.findings == (OTHER_RIG, OTHER_SIZE)
    assert error.kinds == {MismatchKind.OTHER_RIG, MismatchKind.OTHER_IMAGES}


def test_an_error_of_one_kind_is_its_own_finding() -> None:
    error = ScheduleError(
        kind=DUTY.kind, device=DUTY.device, seen=DUTY.seen, expected=DUTY.expected, remedy=DUTY.remedy
    )
    assert error.findings == (DUTY,)
    assert str(error) == str(DUTY)
    alone = CalibrationMismatch(kind=MismatchKind.OTHER_RIG, device="camera left", seen="SN 1")
    assert alone.kinds == {MismatchKind.OTHER_RIG}
    assert str(alone) == "camera left: SN 1"
