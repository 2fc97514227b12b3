"""Changing a rig file: the keys that are named get new values, everything else stays as its author wrote it.

In: a path, and new values by dotted key. Out: the changed file and a diff text. Comments, order and layout stay. The
new text is checked before it is written, and the file is replaced as a whole or not at all.
Not here: what a valid value is (see models.py), reading a file (see loading.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from rigdriver.config.loading import parse, read_text
from rigdriver.config.models import RigConfig
from rigdriver.errors import ConfigError, FileNotWritten, UsageError
from rigdriver.whole_file import write_whole

Value = bool | int | float | str | Path | Sequence[Any] | Mapping[str, Any]
"""Value that a rig file can hold."""


def write(path: Path, changes: Mapping[str, Value | None]) -> str:
    """Change keys of a rig file and return the unified diff, which is empty when nothing changed.

    A key is dotted, as findings name it: `schedule.rate_hz`. An element of an array of tables goes by its number or by
    its name: `cameras.0.output`, `cameras.left_upper.exposure_us`; the number after the last one appends an element.
    The value None removes a key.

    Raises:
        ConfigError: the file cannot be read or written, or it would not load when changed; the file stays as it was.
        UsageError: a key leads nowhere, or a value is of a kind that TOML does not know.
    """
    change = _change_of(path, changes)
    # A file that would not change is left alone, with its date.
    if change.after != change.before:
        _replace(path, change.after)
    return change.diff


def preview(path: Path, changes: Mapping[str, Value | None]) -> tuple[RigConfig, str]:
    """Return what the rig file would say, and the diff, as `write` makes it; nothing is written. Errors as there."""
    change = _change_of(path, changes)
    return change.config, change.diff


@dataclass(frozen=True, slots=True)
class _FileChange:
    """A rig file's text before and after a change."""

    before: str
    after: str
    config: RigConfig
    """Configuration afterwards."""
    name: str

    @property
    def diff(self) -> str:
        """Unified diff, which is empty when nothing changes."""
        lines = self.before.splitlines(True), self.after.splitlines(True)
        return "".join(difflib.unified_diff(*lines, self.name, self.name))


def _change_of(path: Path, changes: Mapping[str, Value | None]) -> _FileChange:
    before = read_text(path)
    after = changed(before, changes, str(path))
    # Checked by the library that reads rig files, so that an error of the one that writes cannot hide.
    config = parse(after, f"{path} as changed", path.parent)
    return _FileChange(before, after, config, path.name)


def changed(text: str, changes: Mapping[str, Value | None], origin: str) -> str:
    """Return the text of a rig file with those keys changed; the result is not checked.

    Raises:
        ConfigError: the text is no TOML.
        UsageError: a key leads nowhere, or a value is of a kind that TOML does not know.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as exc:
        raise ConfigError(device=origin, seen=f"is no TOML: {exc}") from exc
    for key, value in changes.items():
        *folders, last = key.split(".")
        place: Any = document
        for depth, part in enumerate(folders):
            place = _enter(place, part, ".".join(folders[: depth + 1]))
        _set(place, last, value, key)
    return tomlkit.dumps(document)


def _enter(place: Any, part: str, key: str) -> Any:
    """Return the table or the array of tables `part` of `place`; a table that is not there yet is added."""
    if _is_array(place):
        return place[_index(place, part, key)]
    found = place.setdefault(part, tomlkit.table())
    if not isinstance(found, MutableMapping) and not _is_array(found):
        raise UsageError(device=key, seen=f"holds {found!r}", expected="a table", remedy="name a key of the rig file")
    return found


def _is_array(place: Any) -> bool:
    return isinstance(place, AoT) or (isinstance(place, list) and all(isinstance(e, Mapping) for e in place))


def _index(array: Sequence[Mapping[str, Any]], part: str, key: str, is_new_allowed: bool = False) -> int:
    names = [str(element.get("name", n)) for n, element in enumerate(array)]
    # Names come first, because a number changes when an element is removed.
    if part in names:
        return names.index(part)
    if part.isdecimal() and int(part) < len(array) + is_new_allowed:
        return int(part)
    raise UsageError(
        device=key, seen="no such element", expected=f"a number below {len(array)} or one of {', '.join(names)}"
    )


def _set(place: Any, last: str, value: Value | None, key: str) -> None:
    try:
        if _is_array(place):
            _set_element(place, _index(place, last, key, is_new_allowed=True), value)
        elif value is None:
            place.pop(last, None)
        else:
            place[last] = _plain(value)
    except (TypeError, ValueError, TOMLKitError) as exc:
        raise UsageError(
            device=key, seen=f"{value!r} is not a value that TOML can hold ({exc})", expected="text, a number or a list"
        ) from exc


def _set_element(array: Any, index: int, value: Value | None) -> None:
    if value is None:
        del array[index]
    elif not isinstance(value, Mapping):
        raise TypeError("an element of an array of tables is a table")
    elif index == len(array):
        array.append(_plain(value))
    else:
        array[index] = _plain(value)


def _plain(value: Any) -> Any:
    """Return the value in the kinds that TOML knows: a path becomes a text, a tuple a list."""
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value


def _replace(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except FileNotWritten as exc:
        raise ConfigError(
            device=str(path), seen=f"{exc.seen}; the file is as it was", expected=exc.expected, remedy=exc.remedy
        ) from exc
