"""The list of keys is the models' own: what it states as type, bound and default is what loading a file does."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.config import parse
from rigdriver.config.keys import KeyFacts, all_keys, nearest
from rigdriver.errors import ConfigError

REQUIRED = {
    "name": '"rig"',
    "[box] url": '"/dev/ttyACM0"',
    "[genicam] producers": '["a.cti"]',
    "[[cameras]] name": '"a"', "[[cameras]] serial": '"1"', "[[cameras]] output": "7",
    "[[lamps]] name": '"l"', "[[lamps]] kind": '"pattern"', "[[lamps]] output": "8",
    "[projector] lamp": '"l"',
    "[[links]] name": '"usb"', "[[links]] megabytes_per_s": "380",
}  # fmt: skip
NUMERIC = [key for key in all_keys() if key.kind in {"number", "whole number"}]


def path_of(key: KeyFacts) -> str:
    return f"{key.table} {key.name}".strip()


def rig_text(**changed: str) -> str:
    """A rig file with every required key; `changed` by path."""
    tables: dict[str, dict[str, str]] = {}
    for path, value in {**REQUIRED, **changed}.items():
        table, _, name = path.rpartition(" ")
        tables.setdefault(table, {})[name] = value
    lines = []
    for table in sorted(tables, key=len):
        lines += [table, *(f"{name} = {value}" for name, value in tables[table].items())]
    return "\n".join(lines)


def loads(**changed: str) -> bool:
    try:
        parse(rig_text(**changed), "rig.toml", Path())
    except ConfigError:
        return False
    return True


def test_the_keys_called_required_are_exactly_those_that_a_file_needs() -> None:
    assert {path_of(key) for key in all_keys() if key.is_required} == set(REQUIRED)
    assert loads()


@pytest.mark.parametrize("key", all_keys(), ids=path_of)
def test_each_key_has_a_meaning_and_a_number_with_a_dimension_its_unit(key: KeyFacts) -> None:
    assert key.meaning.endswith("."), "a sentence"
    assert "`" not in key.meaning
    if key.name.rpartition("_")[2] in {"us", "s", "hz", "um", "mj", "w", "j"}:
        assert key.unit


@pytest.mark.parametrize("key", [key for key in all_keys() if key.default], ids=path_of)
def test_a_default_may_be_written_down_and_changes_nothing(key: KeyFacts) -> None:
    assert parse(rig_text(**{path_of(key): key.default}), "x", Path()) == parse(rig_text(), "x", Path())


@pytest.mark.parametrize("key", NUMERIC, ids=path_of)
def test_the_bounds_are_those_that_loading_holds(key: KeyFacts) -> None:
    step = 1.0 if key.kind == "whole number" else 1e-6
    for bound in filter(None, key.bounds.split(", ")):
        words, _, text = bound.rpartition(" ")
        limit = float(text)
        outward = step if words in {"at most", "less than"} else -step
        inside = limit if words in {"at most", "at least"} else limit - outward
        shown = int if key.kind == "whole number" else float
        assert not loads(**{path_of(key): str(shown(limit + outward if inside == limit else limit))})
        assert loads(**{path_of(key): str(shown(inside))})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("exposure", "exposure_us"),
        ("Exposure-us", "exposure_us"),
        ("seriall", "serial"),
        ("outputs", "output"),
        ("colour", None),
    ],
)
def test_a_wrong_name_leads_to_the_key_that_was_meant(wrong: str, meant: str | None) -> None:
    known: dict[str, Any] = {key.name: key for key in all_keys() if key.table == "[[cameras]]"}
    assert nearest(wrong, known) == meant


def test_the_command_prints_every_key_once_and_finds_by_a_word() -> None:
    every = json.loads(CliRunner().invoke(app, ["config", "keys", "--json"]).stdout)["keys"]
    assert [(k["table"], k["name"]) for k in every] == [(k.table, k.name) for k in all_keys()]
    found = CliRunner().invoke(app, ["config", "keys", "watchdog"])
    assert found.exit_code == 0
    assert "watchdog_s: number, s; default 0.5; at least 0.01, at most 2" in found.stdout
    assert "rate_hz" not in found.stdout
    assert CliRunner().invoke(app, ["config", "keys", "no such word"]).exit_code == 1


def test_the_text_of_this_test_is_toml() -> None:
    assert tomllib.loads(rig_text())["genicam"] == {"producers": ["a.cti"]}


def test_a_list_is_counted_in_parts_and_a_text_in_characters() -> None:
    bounds = {path_of(key): key.bounds for key in all_keys()}
    assert bounds["[projector] patterns"] == "at least 0, at most 24, at least 1 of them, at most 128 of them"
    assert bounds["[[cameras]] serial"] == "at most 64 characters"
