"""JSON documents as types: what may stand in a file, in a message or behind `--json`.

In: nothing. Out: two names for types. Not here: reading or writing (module `json`), and what a document means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
"""Any value that JSON can write."""
JsonObject: TypeAlias = "Mapping[str, JsonValue]"
"""A whole document: names with values."""
