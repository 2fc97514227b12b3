"""`rigdriver config keys [WORD]`: every key that a rig file knows, with type, default, bounds, unit and meaning.

In: a word that key, table or meaning must hold, or none. Out: the keys, table by table; exit status 1 when no key holds
the word. Not here: where the facts come from (see config/keys.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from textwrap import fill
from typing import Annotated

import typer

from rigdriver.cli.screen import complain, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.config.keys import KeyFacts, all_keys

WIDTH = 100


@verb
def config_keys(
    word: Annotated[
        str, typer.Argument(metavar="[WORD]", help="Show only keys with this text in name or meaning.")
    ] = "",
    json: JsonOption = False,
) -> int:
    """Print every key of a rig file: type, default, bounds, unit, meaning."""
    wanted = word.lower()
    found = [key for key in all_keys() if wanted in f"{key.table} {key.name} {key.meaning}".lower()]
    if json:
        show_json({"keys": [asdict(key) for key in found]})
    else:
        typer.echo(as_text(found), nl=False)
    if not found:
        complain(f"no key holds {word!r}; without a word, every key is printed")
        return CHECK_FAILED
    return GOOD


def as_text(keys: Iterable[KeyFacts]) -> str:
    """Return the keys as a person reads them: a header per table, two or more lines per key."""
    parts = []
    for table, group in groupby(keys, key=lambda key: key.table):
        parts.append(f"{table or 'at the top of the file'}\n")
        parts += [_entry(key) for key in group]
    return "\n".join(parts)


def _entry(key: KeyFacts) -> str:
    kind = f"{key.kind}, {key.unit}" if key.unit else key.kind
    state = "required" if key.is_required else f"default {key.default}" if key.default else "optional"
    first = fill(f"{key.name}: {'; '.join(filter(None, (kind, state, key.bounds)))}", WIDTH, initial_indent="  ",
                 subsequent_indent="      ")  # fmt: skip
    return f"{first}\n{fill(key.meaning, WIDTH, initial_indent='      ', subsequent_indent='      ')}\n"
