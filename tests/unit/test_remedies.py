"""Whatever a message or a remedy tells people to use exists: keys of the rig file, verbs and options.

In: every sentence in the driver's source (a string with a space in it; of f-strings, the parts that are fixed). Out:
agreement with the config model, the typer app and its options. Not here: whether the advice is good.
"""

from __future__ import annotations

import ast
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel

import rigdriver
from rigdriver.calibration.board.boards import Board
from rigdriver.cli.verbs import app
from rigdriver.config import RigConfig
from rigdriver.rig import Rig

ROOT = Path(rigdriver.__file__).parent
HOLE = "\x00"
"""Stands where an f-string has a value."""


def tables(model: type[BaseModel]) -> dict[str, set[str]]:
    """Each table of the rig file with its keys; the top level is called "", and tables below tables count too."""
    found: dict[str, set[str]] = {"": set(model.model_fields)}
    for name, field in model.model_fields.items():
        for below in _models(field.annotation):
            inner = tables(below)
            found[name] = inner.pop("")
            found |= inner
    return found


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models(part)


def verbs(command: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], set[str]]:
    """Each verb, `("calibrate", "solve")`, with its options; groups count as verbs."""
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    found = {path: options}
    for name, below in getattr(command, "commands", {}).items():
        found |= verbs(below, (*path, name))
    return found


def sentences(path: Path) -> list[tuple[int, str]]:
    """Line and text of every string that holds a space; of docstrings only those of verbs, which are their help."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        is_verb = isinstance(node, ast.FunctionDef) and "cli" in path.parts
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not is_verb:
            node.body = [part for part in node.body if not _is_docstring(part)]
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(part) for node in joined for part in node.values}
    found = [(node.lineno, "".join(_text(part) for part in node.values)) for node in joined]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            found.append((node.lineno, node.value))
    return [(line, text) for line, text in found if " " in text]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _text(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else HOLE


TABLES = tables(RigConfig)
KEYS = set().union(*TABLES.values())
VERBS = verbs(typer.main.get_command(app))
OPTIONS = set().union(*VERBS.values()) | {"--help"}
SIMULATOR_OPTIONS = {
    option
    for path in (ROOT.parent / "simulators").rglob("*.py")
    for option in re.findall(r"add_argument\(\s*\"(--[a-z-]+)", path.read_text(encoding="utf-8"))
}
"""Options that `rigdriver sim` hands on to the simulator's own programs."""
OF_THE_BOX = set(dir(typing.get_type_hints(Rig.__dict__["box"].fget)["return"]))
OTHER_NAMES = set(Board.__dataclass_fields__) | {"behind_mm", "worst_skew_us"}
"""Names with underscores that are no keys: what a user gives in Python, and a column of the catalogue."""
NO_VERBS = {"module rigdriver has no", "install rigdriver again"}


def wrong_keys(text: str) -> list[str]:
    """Keys that the sentence names and the rig file does not have."""
    wrong = []
    names = "|".join(name for name in TABLES if name)
    for table, key in re.findall(rf"(?<![\w./-])({names})\.([a-z][a-z0-9_]*)\b(?!\.py)", text):
        is_there = key in TABLES[table] or (table == "box" and key in OF_THE_BOX)
        if not is_there:
            wrong.append(f"{table}.{key}")
    wrong += [key for key in re.findall(rf"{HOLE}\.([a-z]+_[a-z0-9_]+)", text) if key not in KEYS]
    for word in re.findall(r"(?<![\w./`'\"{])[a-z]+(?:_[a-z0-9]+)*_(?:us|ms|s|hz|mj|j|w|mm|um|px|deg)\b", text):
        if word not in KEYS | OTHER_NAMES:
            wrong.append(word)
    return wrong


def wrong_verbs(text: str) -> list[str]:
    """Verbs and options that the sentence names and the program does not have."""
    wrong = []
    for told in NO_VERBS:
        text = text.replace(told, "")
    for quoted, first, second, rest in re.findall(
        r"(`?)(?<![\w.\"-])rigdriver ([a-z][a-z-]*)(?: ([a-z]+))?([^`]*)", text
    ):
        verb = (first, second) if (first, second) in VERBS else (first,)
        if verb not in VERBS:
            wrong.append(f"rigdriver {first}")
        elif quoted:
            wrong += [option for option in _options(rest) if option not in VERBS[verb] | {"--help"}]
    return wrong + [option for option in _options(text) if option not in OPTIONS | SIMULATOR_OPTIONS]


def _options(text: str) -> list[str]:
    return re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_key_verb_and_option_in_a_sentence_exists(path: Path) -> None:
    wrong = [
        f"line {line}: {name}" for line, text in sentences(path) for name in (*wrong_keys(text), *wrong_verbs(text))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("check cameras.time_stamp_of and its firmware", ["cameras.time_stamp_of"]),
        ("check cameras.latency_us; ask for box.clear_light_session; light.max_rate_hz allows 15", []),
        ("raise box.buffers", ["box.buffers"]),
        (f"{HOLE}.max_duty allows {HOLE}; {HOLE}.max_dutty does not", ["max_dutty"]),
        ("lower rate_hz or gaurd_us", ["gaurd_us"]),
        ("call `rigdriver calibrate solve DIR --lens 8` or `rigdriver selftest`", []),
        ("call `rigdriver calibrate sovle DIR`", []),
        ("call `rigdriver calibrate solve DIR --lense 8`", ["--lense", "--lense"]),
        ("call `rigdriver selftest --lens 8`", ["--lens"]),
        ("call rigdriver frobnicate", ["rigdriver frobnicate"]),
        ("name one with --rig FILE or --simulated", ["--simulated"]),
    ],
)
def test_a_name_that_does_not_exist_is_found(text: str, wrong: list[str]) -> None:
    assert [*wrong_keys(text), *wrong_verbs(text)] == wrong


def test_there_are_many_names_to_check() -> None:
    """Guards the test above: a change of its patterns that finds nothing any more is no agreement."""
    texts = [text for path in FILES for _, text in sentences(path)]
    assert sum("box.url" in text for text in texts) >= 5
    assert sum(bool(re.search(r"rigdriver [a-z]+", text)) for text in texts) >= 10
    assert sum(bool(_options(text)) for text in texts) >= 15
