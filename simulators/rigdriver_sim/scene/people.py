"""Kinds of people and of what is about them, as `[scene]` tables: what a rig meets beside an average adult.

In: nothing. Out: `PEOPLE`, by name. The proportions of children and old people are those of the average head, changed;
they are estimates, no measurements. Not here: what the keys mean (see spec.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_CHILD = {"face_length": 0.9, "nose_length": 0.7, "nose_width": 0.9, "chin": 0.8, "eye_depth": 0.9}
_OLD = {"nose_length": 1.15, "lips": 0.8, "chin": 1.1, "eye_depth": 1.15, "ears": 1.15}

PEOPLE: Mapping[str, Mapping[str, object]] = MappingProxyType({
    "average": {},
    "child": {"subject": _CHILD, "looks": {"size": 0.82}},
    "old": {"subject": _OLD, "looks": {"lines_mm": 1.2}},
    "dark skin": {"subject": {"skin_tone": 1.0}},
    "open mouth": {"looks": {"open_mm": 14.0, "wet": 1.0}},
    "wet": {"looks": {"wet": 1.0}},
    "hair": {"looks": {"hair_mm": 12.0}},
    "beard": {"looks": {"beard_mm": 8.0}},
    "glasses": {"looks": {"glasses_mm": 3.0}},
    "wall and chair": {"room": {"wall_mm": 700.0, "has_chair": True}},
    "all at once": {
        "subject": {**_OLD, "skin_tone": 0.8},
        "looks": {"lines_mm": 1.2, "open_mm": 10.0, "wet": 1.0, "hair_mm": 8.0, "beard_mm": 6.0, "glasses_mm": 2.0},
        "room": {"wall_mm": 700.0, "has_chair": True},
    },
})  # fmt: skip
"""`[scene]` tables without kind and seed."""
