"""Every key that a rig file knows, as the models state it: type, bounds, default, unit and meaning.

In: the tables of models.py and device_tables.py. Out: one `KeyFacts` per key, in the order of the rig file. Nothing is
written twice: types, bounds and defaults are read from the models, meanings from the docstrings of their fields. Not
here: printing (see cli/config_keys.py).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rigdriver.config import device_tables, models
from rigdriver.config.models import RigConfig

UNITS: Mapping[str, str] = {
    "us": "us", "s": "s", "hz": "Hz", "um": "um", "mm": "mm", "mj": "mJ", "j": "J", "w": "W", "days": "days",
    "megabytes_per_s": "MB/s", "duty": "share from 0 to 1",
}  # fmt: skip
"""Units by the ending of a key's name."""
KINDS: Mapping[object, str] = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}
"""Words for the types that TOML knows."""
BOUNDS: tuple[tuple[type, str, str], ...] = (
    (Gt, "gt", "more than"), (Ge, "ge", "at least"), (Lt, "lt", "less than"), (Le, "le", "at most"),
)  # fmt: skip
"""Kinds of numeric bounds: pydantic's class, the name of its value, and the words for it."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One key of a rig file."""

    table: str
    """Header under which the key stands: `[schedule]`, `[[cameras]]`; empty for the keys at the top of the file."""
    name: str
    kind: str
    is_required: bool
    default: str
    """Default as a rig file would state it; empty when there is none."""
    bounds: str
    unit: str
    meaning: str


@cache
def all_keys() -> tuple[KeyFacts, ...]:
    """Return every key of a rig file: first those at the top, then table by table."""
    return tuple(_keys_of(RigConfig, "", _meanings()))


def _meanings() -> Mapping[tuple[str, str], str]:
    """Return the docstring below each field of the models, by class and field.

    Read from the source on demand: pydantic can do it, too, but for every program that loads a rig file.
    """
    found = {}
    for model in chain.from_iterable(ast.parse(inspect.getsource(module)).body for module in (device_tables, models)):
        for field, below in pairwise(getattr(model, "body", ())):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ) if isinstance(model, ast.ClassDef):
                    found[model.name, name] = " ".join(text.replace("`", "").split())
    return found


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known key that a wrong name most probably means; None when nothing is near.

    A name without its unit (`exposure` for `exposure_us`) means the one key that begins with it.
    """
    plain = name.lower().replace("-", "_")
    longer = [key for key in known if key.startswith(f"{plain}_")]
    if len(longer) == 1:
        return longer[0]
    close = get_close_matches(plain, list(known), n=1, cutoff=0.75)
    return close[0] if close else None


def fields_of(path: tuple[str | int, ...]) -> Mapping[str, FieldInfo]:
    """Return the fields of the table at a path of keys and numbers; empty when the path leads to no table."""
    model: type[BaseModel] = RigConfig
    for part in path:
        # A number picks one table of an array; all of them have the same model.
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = None if field is None else _table_in(field.annotation)
        if inner is None:
            return {}
        model = inner
    return model.model_fields


def _keys_of(model: type[BaseModel], table: str, meanings: Mapping[tuple[str, str], str]) -> Iterator[KeyFacts]:
    tables: list[tuple[str, FieldInfo, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        inner = _table_in(field.annotation)
        if inner is None:
            yield _facts(table, name, field, meanings.get((model.__name__, name), ""))
        else:
            tables.append((name, field, inner))
    # Tables come after the plain keys: in TOML a key belongs to the header above it.
    for name, field, inner in tables:
        is_array = _part_of_tuple(field.annotation) is not None
        yield from _keys_of(inner, f"[[{name}]]" if is_array else f"[{name}]", meanings)


def _facts(table: str, name: str, field: FieldInfo, meaning: str) -> KeyFacts:
    default = "" if field.is_required() or field.default_factory is not None else _as_toml(field.default)
    return KeyFacts(
        table, name, _kind(field.annotation), field.is_required(), default, ", ".join(_bounds(field)), _unit(name),
        meaning,
    )  # fmt: skip


def _table_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation holds, alone, in a list or beside None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _table_in(part)) is not None), None)


def _part_of_tuple(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is tuple else None


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), [part for part in get_args(annotation) if part is not NoneType]
    if origin is Literal:
        return "one of " + ", ".join(f'"{part}"' for part in parts)
    if origin is tuple:
        return f"list of {_kind(parts[0])}s"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return "table of feature names and values"
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_kind, parts)))
    if annotation in KINDS:
        return KINDS[annotation]
    return _kind(parts[0])  # Annotated


def _bounds(field: FieldInfo) -> Iterator[str]:
    limits = [*field.metadata, *_limits_within(field.annotation)]
    for kind, attribute, words in BOUNDS:
        yield from (f"{words} {getattr(limit, attribute):.15g}" for limit in limits if isinstance(limit, kind))
    for limit in limits:
        if isinstance(limit, MinLen) and _part_of_tuple(field.annotation) is not None:
            yield f"at least {limit.min_length} of them"
        if isinstance(limit, MaxLen):
            parts = "characters" if _part_of_tuple(field.annotation) is None else "of them"
            yield f"at most {limit.max_length} {parts}"
        if getattr(limit, "pattern", None):
            yield "a letter, then letters, digits, _ or -, 40 at most"


def _limits_within(annotation: Any) -> Iterator[Any]:
    """Return the limits that stand inside an annotation such as `Annotated[str, Field(...)] | None`."""
    for part in get_args(annotation):
        if isinstance(part, FieldInfo):
            yield from part.metadata
        elif get_args(part):
            yield from _limits_within(part)


def _unit(name: str) -> str:
    # The longest ending wins: `_megabytes_per_s` ends in `_s`, too.
    endings = sorted(UNITS, key=len, reverse=True)
    return next((UNITS[ending] for ending in endings if name == ending or name.endswith(f"_{ending}")), "")


def _as_toml(value: Any) -> str:
    if value is None:
        return ""
    # Before numbers: a bool is an int in Python, and would become 1.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[]" if not value else str(list(value))
    return f'"{value}"' if isinstance(value, str | Path) else f"{value:g}"
