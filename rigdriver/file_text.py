"""Reading files that anybody may have written: bounded, and what cannot be read is a ValueError with a reason.

In: a path or a text. Out: text, or the values of a JSON text. Size, nesting and numbers are bounded here, so that no
file takes the memory, the stack or the time of the program that reads it. `plain_name` is the one check of names that
become parts of paths. Not here: what a file must hold.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MOST_BYTES = 32 << 20
"""Largest text that is read, in bytes; a calibration of twelve cameras has 2 MB."""
MOST_LINE = 8192
"""Longest line of a TOML text, in characters."""
MOST_NESTING = 60
"""Deepest nesting that is read, in levels; our own files have less than ten."""
_LONGEST_NAME = 100
_NO_NAME = frozenset('/\\:*?"<>|')
"""Characters that part paths, or that some file system cannot hold."""


def read_utf8(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        OSError: it cannot be read.
        ValueError: it is too large, or no UTF-8 text.
    """
    with path.open("rb") as stream:
        raw = stream.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise ValueError(f"it has more than {most_bytes >> 20} MB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ValueError(f"it is not UTF-8 text (byte {exc.start})") from exc


def json_values(text: str) -> Any:
    """Return the values of a JSON text. ValueError: it is none, nests too deep, or holds numbers that are none."""
    try:
        values = json.loads(text, parse_float=_finite, parse_constant=_refuse_constant)
    except RecursionError as exc:
        raise _too_deep() from exc
    _refuse_deep(values)
    return values


def toml_values(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text. ValueError: it is none, nests too deep, or has a line that is too long."""
    # Python's parser needs 29 s for one key of 100,000 parts: its time grows with the square of their number.
    longest = max(map(len, text.splitlines()), default=0)
    if longest > MOST_LINE:
        raise ValueError(f"it has a line of {longest} characters; expected at most {MOST_LINE}")
    try:
        values = tomllib.loads(text)
    except RecursionError as exc:
        raise _too_deep() from exc
    _refuse_deep(values)
    return values


def is_plain_name(name: str) -> bool:
    """Return whether a name of a camera or an image can stand in a path without leading anywhere else."""
    return (
        0 < len(name.encode("utf-8", "replace")) <= _LONGEST_NAME
        and not name.startswith((".", " "))
        and not name.endswith((".", " "))
        and name.isprintable()
        and not _NO_NAME & set(name)
    )


def _refuse_deep(values: Any) -> None:
    """Go down level by level: what follows would meet the same depth by recursion."""
    level = [values]
    for _ in range(MOST_NESTING):
        level = [part for value in level if isinstance(value, dict | list) for part in _parts(value)]
        if not level:
            return
    raise _too_deep()


def _parts(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _too_deep() -> ValueError:
    return ValueError(f"it nests deeper than {MOST_NESTING} levels")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is larger than any that a computer holds")
    return number


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
