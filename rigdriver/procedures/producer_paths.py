"""Where GenTL producers lie: the standard's variable, and a producer that is given by its bare name.

In: the environment, or a name. Out: paths of .cti files, and a finding for each entry that gives none. Not here:
loading them (see list_devices.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rigdriver.errors import UsageError

STANDARD_PATH = "GENICAM_GENTL64_PATH"
"""Variable in which the GenTL standard has producers' folders; installers also write files into it."""
_SUFFIX = ".cti"


class EntryProblem(Enum):
    """Why an entry of the variable gives no producer."""

    MISSING = "does not exist"
    UNREADABLE = "cannot be read"
    NO_PRODUCER = "is a file that does not end in .cti"
    EMPTY = "holds no .cti file"
    DOUBLE = "is there already"


@dataclass(frozen=True, slots=True)
class EntryFinding:
    """One entry of the variable that gives no producer of its own."""

    entry: str
    problem: EntryProblem

    def __str__(self) -> str:
        remedy = "nothing to do" if self.problem is EntryProblem.DOUBLE else f"correct {STANDARD_PATH}"
        return f"{STANDARD_PATH}: {self.entry} {self.problem.value}; {remedy}"


@dataclass(frozen=True, slots=True)
class InstalledProducers:
    """What the variable gives."""

    paths: tuple[Path, ...]
    findings: tuple[EntryFinding, ...]


def search_standard_path(environment: Mapping[str, str]) -> InstalledProducers:
    """Return the producers that the variable names or whose folders it names, each once, in its order."""
    paths: dict[Path, Path] = {}
    findings: list[EntryFinding] = []
    for entry in filter(None, (e.strip() for e in environment.get(STANDARD_PATH, "").split(os.pathsep))):
        found = _producers_of(Path(entry))
        if isinstance(found, EntryProblem):
            findings.append(EntryFinding(entry, found))
            continue
        # A folder and a link to it give the same file, which must be loaded once.
        new = {path.resolve(): path for path in found if path.resolve() not in paths}
        if not new:
            findings.append(EntryFinding(entry, EntryProblem.DOUBLE))
        paths |= new
    return InstalledProducers(tuple(paths.values()), tuple(findings))


def chosen_producers(given: Sequence[Path] | None, environment: Mapping[str, str]) -> InstalledProducers:
    """Return the producers that a person names, each once; without any, those of the variable.

    Raises:
        UsageError: as in `find_producer`.
    """
    if not given:
        return search_standard_path(environment)
    return InstalledProducers(tuple(dict.fromkeys(find_producer(path, environment) for path in given)), ())


def find_producer(given: Path, environment: Mapping[str, str]) -> Path:
    """Return the file that a person means: a path as it is; a bare name from here, else from the variable's folders.

    Raises:
        UsageError: a bare name that is in none of these places.
    """
    if given.name != str(given) or given.is_file():
        return given.absolute()
    installed = search_standard_path(environment)
    for path in installed.paths:
        if path.name.lower() == given.name.lower():
            return path
    entries = ", ".join(filter(None, environment.get(STANDARD_PATH, "").split(os.pathsep))) or "it is not set"
    raise UsageError(
        device=f"producer {given}",
        seen=f"no such file in {Path.cwd()} and in the entries of {STANDARD_PATH}: {entries}",
        remedy="give its path with --producer",
    )


def _producers_of(entry: Path) -> list[Path] | EntryProblem:
    try:
        if entry.is_dir():
            return sorted(_files_of(entry)) or EntryProblem.EMPTY
        if not entry.exists():
            return EntryProblem.MISSING
    except OSError:
        return EntryProblem.UNREADABLE
    return [entry] if _is_producer(entry) else EntryProblem.NO_PRODUCER


def _files_of(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if _is_producer(path) and path.is_file())


def _is_producer(path: Path) -> bool:
    return path.suffix.lower() == _SUFFIX
