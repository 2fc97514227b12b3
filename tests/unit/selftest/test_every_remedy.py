"""Every check that can fail tells what to do.

In: the source of the self-test. Out: agreement: each call that makes a failed or unknown result has a remedy. Not here:
whether what a remedy names exists (see test_remedies.py).
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from rigdriver import selftest

REMEDY_AT = {"verdict": 5, "unknown": 2, "not_checked": 1, "not_run": 2, "CheckResult": 5}
"""Maker of a result -> place of the remedy, or of the reason, among its arguments."""
FILES = sorted(Path(selftest.__file__).parent.glob("*.py"))


def makers(path: Path) -> list[tuple[str, ast.Call]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return [(call.func.id, call) for call in calls if isinstance(call.func, ast.Name) and call.func.id in REMEDY_AT]


def is_always_good(name: str, call: ast.Call) -> bool:
    """`verdict(True, ...)`, a good result, or the raw result that `verdict` and `not_run` complete."""
    first = call.args[0] if call.args else None
    is_told_good = name == "verdict" and isinstance(first, ast.Constant) and first.value is True
    return is_told_good or (name == "CheckResult" and any(t in ast.unparse(call) for t in ("GOOD", "UNKNOWN, None")))


def has_remedy(name: str, call: ast.Call) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg in ("remedy", "why")]
    given += call.args[REMEDY_AT[name] : REMEDY_AT[name] + 1]
    return bool(given) and not (isinstance(given[0], ast.Constant) and not given[0].value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_result_that_is_not_good_has_a_remedy(path: Path) -> None:
    assert [
        f"line {call.lineno}: {ast.unparse(call)}"
        for name, call in makers(path)
        if not is_always_good(name, call) and not has_remedy(name, call)
    ] == []


def test_there_are_many_results_to_look_at() -> None:
    assert sum(len(makers(path)) for path in FILES) >= 80
