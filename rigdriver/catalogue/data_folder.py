"""Where the catalogue, the takes and the caches lie, and how the file of a take is called.

In: environment variables, an id, a number. Out: paths. The data folder is the one that holds the catalogue: by default
the user's own after the XDG Base Directory Specification. Names follow BIDS: `sub-<label>`, then pairs of key and
value, parted by `_`. Not here: what lies there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CATALOGUE_NAME = "catalogue.sqlite"


def default_catalogue(environment: Mapping[str, str]) -> Path:
    """Return the user's catalogue."""
    return _folder(environment, "XDG_DATA_HOME", ".local/share") / CATALOGUE_NAME


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of what can be made again."""
    return _folder(environment, "XDG_CACHE_HOME", ".cache")


def subject_folder(catalogue: Path, subject_id: str) -> Path:
    """Return the folder of a subject's takes."""
    return catalogue.resolve().parent / f"sub-{subject_id}"


def take_name(subject_id: str, number: int) -> str:
    """Return the name of a take, without a suffix."""
    return f"sub-{subject_id}_take-{number:03d}"


def _folder(environment: Mapping[str, str], key: str, below_home: str) -> Path:
    named = environment.get(key, "")
    # The specification: a path that is not absolute is to be ignored.
    home = Path(named) if named.startswith("/") else Path.home() / below_home
    return home / "rigdriver"
