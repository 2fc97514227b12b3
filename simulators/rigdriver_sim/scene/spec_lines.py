"""Where the keys of a TOML text stand, for error messages.

In: a text that tomllib accepts. Out: key path -> line, from 1. Knows headers and plain keys; values that run over
several lines are told by their first line.
"""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]

_TABLE = re.compile(r"^\s*\[(\[?)([^\[\]]+)\]")
_ASSIGN = re.compile(r"^\s*([\w.\"' -]+?)\s*=")


def find_key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line of each table header and key; the elements of array tables are counted from 0."""
    found: dict[KeyPath, int] = {}
    elements: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _parts(header[2])
            if header[1]:
                elements[table] = elements.get(table, -1) + 1
                table = (*table, elements[table])
            found.setdefault(table, number)
        elif assign := _ASSIGN.match(line):
            found.setdefault((*table, *_parts(assign[1])), number)
    return found


def _parts(dotted: str) -> KeyPath:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
