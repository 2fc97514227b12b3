"""The errors are the tree that their file draws, and each says in a sentence and an example what it is.

In: errors.py. Out: agreement of drawing and classes; messages that are made of their parts and survive a pipe.
"""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from rigdriver import errors
from rigdriver.errors import DevicesFailed, RigError, gather

CLASSES = {name: c for name, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, RigError)}
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
