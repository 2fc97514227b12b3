"""One class name, one class: a reader who meets a name in a package knows which class it is.

In: the source of `rigdriver` and of `rigdriver_sim`. Out: every class of a package has a name of its own. The two
packages may share a name: the simulator is an independent witness and has its own classes for the contract's words.
Not here: what classes are called beyond that.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"rigdriver": ROOT / "rigdriver", "rigdriver_sim": ROOT / "simulators" / "rigdriver_sim"}
MIRRORS = {"feed/layout.py"}
"""Files whose classes bear the names of the C structures that they mirror, and are only used as `layout.Feed`."""


def classes(source: str) -> Iterator[str]:
    """Return the names of all classes of a source, those inside classes and functions too."""
    return (node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))


def doubled(files: dict[str, str]) -> dict[str, list[str]]:
    """Return each name that more than one class has, with the files of those classes."""
    found = defaultdict(list)
    for file, source in files.items():
        for name in classes(source):
            found[name].append(file)
    return {name: where for name, where in found.items() if len(where) > 1}


def sources(package: Path) -> dict[str, str]:
    """Return the source of each file of a package."""
    paths = {path.relative_to(package).as_posix(): path for path in sorted(package.rglob("*.py"))}
    return {file: path.read_text(encoding="utf-8") for file, path in paths.items() if file not in MIRRORS}


def test_a_doubled_class_name_is_found_wherever_the_classes_stand() -> None:
    files = {"a.py": "class Box: pass", "b.py": "def make():\n    class Box: pass\nclass Lamp: pass"}
    assert doubled(files) == {"Box": ["a.py", "b.py"]}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_classes_of_a_package_have_the_same_name(package: str) -> None:
    files = sources(PACKAGES[package])
    assert len(files) > 20
    assert doubled(files) == {}


def test_every_mirror_is_there() -> None:
    assert {file for file in MIRRORS if (PACKAGES["rigdriver_sim"] / file).is_file()} == MIRRORS
