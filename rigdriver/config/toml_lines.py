"""The line of each key of a TOML text, so that an error can name it.

In: a text that tomllib has accepted. Out: key path -> line number; elements of array tables count from 0. tomllib gives
no lines. Not here: parsing; this scanner recognises headers, keys and multi-line values as far as it needs them to find
keys.
"""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$"""
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line (from 1) of every table header and key."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    open_until: str | None = None
    depth = 0
    # TOML has two line ends; `splitlines` would count form feeds and others, too.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if open_until is not None:
            if open_until in line:
                open_until = None
            continue
        if depth > 0:
            depth += _brackets(line)
            continue
        if header := _HEADER.match(line):
            table = _resolve(_split(header[2]), counts)
            if header[1] == "[[":
                index = counts.get(table, -1) + 1
                counts[table] = index
                # The first place of a header or key counts; tomllib has refused doubles already.
                lines.setdefault(table, number)
                table = (*table, index)
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_split(key[1])), number)
            value = key[2].strip()
            quote = next((q for q in ('"""', "'''") if value.startswith(q)), None)
            if quote and quote not in value[3:]:
                open_until = quote
            else:
                depth = max(0, _brackets(value))
    return lines


def _split(dotted: str) -> KeyPath:
    return tuple(part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.]+', dotted))


def _resolve(path: KeyPath, counts: dict[KeyPath, int]) -> KeyPath:
    """Put the index of the newest element behind each array table that the path runs through."""
    resolved: KeyPath = ()
    for part in path[:-1]:
        resolved = (*resolved, part)
        if resolved in counts:
            resolved = (*resolved, counts[resolved])
    return (*resolved, path[-1])


def _brackets(text: str) -> int:
    # Brackets in texts and comments open nothing.
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'[^\']*\'', "", text).split("#", 1)[0]
    return sum(bare.count(c) for c in "[{") - sum(bare.count(c) for c in "]}")
