"""What the project promises about its packages and its README.

In: pyproject.toml, the pinned requirements, the README. Out: agreement: every dependency pinned, every name there.
Nothing is built or installed here.
"""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

import rigdriver

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED = {
    name: set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(), re.MULTILINE))
    for name in ("requirements.txt", "requirements-dev.txt")
}


def names(requirements):
    return {re.split(r"[<>=!~\[; ]", text, maxsplit=1)[0].lower() for text in requirements if isinstance(text, str)}


def test_every_dependency_is_pinned():
    assert names(PROJECT["project"]["dependencies"]) <= PINNED["requirements.txt"]
    groups = PROJECT["dependency-groups"]
    assert names(groups["dev"]) | names(groups["build"]) | PINNED["requirements.txt"] <= PINNED["requirements-dev.txt"]


@pytest.mark.parametrize("name", PINNED)
def test_every_pin_has_a_hash_and_no_file_names_an_index(name):
    lines = (ROOT / name).read_text().splitlines()
    for line, following in pairwise(lines):
        if "==" in line and not line.lstrip().startswith("#"):
            assert line.endswith("\\")
            assert "--hash=sha256:" in following
    assert not [line for line in lines if "://" in line or "index" in line.split("#")[0]]


def test_the_build_backend_is_the_pinned_one():
    (backend,) = PROJECT["build-system"]["requires"]
    assert backend in PROJECT["dependency-groups"]["build"]


def test_every_public_name_can_be_imported():
    for name in rigdriver.__all__:
        assert getattr(rigdriver, name).__module__.startswith("rigdriver.")


def test_another_name_is_refused_with_those_that_there_are():
    with pytest.raises(AttributeError, match="Rig, RigConfig"):
        _ = rigdriver.Rigg


def test_every_file_that_the_readme_names_is_there():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
