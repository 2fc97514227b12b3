"""What files keep of the facts of a gap: their kind by name, their members, and their sentence for other readers.

In: facts, or a table of a file. Out: the table, or the facts. A kind or a member that this version does not know, or a
member of another type, leaves the sentence. Not here: the kinds (see gap_facts.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rigdriver.gap_facts import (
    BadExposure,
    CountAgainstArrival,
    GapFacts,
    InARow,
    LostFrame,
    Miscounted,
    Oddity,
    Skew,
    StampOff,
    Told,
)
from rigdriver.json_values import JsonObject

_READERS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (BadExposure, Skew, StampOff, Miscounted, CountAgainstArrival, LostFrame, Told)
}


def facts_table(facts: GapFacts) -> JsonObject:
    """Return what a file keeps of them; `stored_facts` reads it back."""
    if isinstance(facts, Oddity):
        return {"kind": facts.name}
    if isinstance(facts, InARow):
        return {"kind": InARow.__name__, "last": facts_table(facts.last), "frames": facts.frames}
    return {"kind": type(facts).__name__, **asdict(facts)}


def stored_facts(table: Mapping[str, Any] | None, sentence: str) -> GapFacts | None:
    """Return the facts of a table; those that cannot be read, and those of older files, are their sentence."""
    facts = None if table is None else _read(table)
    if facts is None or str(facts) != sentence:
        return Told(sentence) if sentence else None
    return facts


def _read(table: Mapping[str, Any]) -> GapFacts | None:
    kind = str(table.get("kind"))
    if kind in Oddity.__members__:
        return Oddity[kind]
    if kind == InARow.__name__:
        return _read_row(table)
    members = {name: value for name, value in table.items() if name != "kind"}
    try:
        # From JSON, where strict means each member's type, and not that the whole is a dataclass already.
        return _READERS[kind].validate_json(json.dumps(members), strict=True)  # type: ignore[no-any-return]
    except (KeyError, ValidationError):
        return None


def _read_row(table: Mapping[str, Any]) -> InARow | None:
    inner, frames = table.get("last"), table.get("frames")
    last = _read(inner) if isinstance(inner, dict) and inner.get("kind") != InARow.__name__ else None
    if last is None or isinstance(last, InARow) or not isinstance(frames, int):
        return None
    return InARow(last, frames)
