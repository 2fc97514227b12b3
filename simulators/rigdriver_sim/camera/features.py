"""What a feature of a camera is: name, kind, bounds, who may write it and when.

In: nothing. Out: the vocabulary in which `feature_table.py` lists a camera's SFNC features. The XML writer and the
register file both work from it, so that neither can know a feature that the other does not.
Not here: any feature by name (see feature_table.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Value = int | float | str


class Kind(Enum):
    """GenApi's interface types."""

    INTEGER = "Integer"
    FLOAT = "Float"
    BOOLEAN = "Boolean"
    ENUMERATION = "Enumeration"
    COMMAND = "Command"
    STRING = "String"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature, and the register that holds it."""

    name: str
    kind: Kind
    category: str
    default: Value = 0
    is_writable: bool = False
    unit: str = ""
    entries: tuple[tuple[str, int], ...] = ()
    """Symbols and numbers of an enumeration."""
    bounds: tuple[float, float, float] | None = None
    """Smallest, largest, step; the model may move them. A float is rounded to its step; step 0 takes any value."""
    is_locked_in_stream: bool = False
    """Writable only while no stream runs."""
    selector: str = ""
    """The feature whose value selects what this one names."""
    depends_on: tuple[str, ...] = ()
    """Features whose writing changes this one or its bounds."""
    visibility: str = "Beginner"
    text: str = ""

    @property
    def is_numeric(self) -> bool:
        return self.kind in (Kind.INTEGER, Kind.FLOAT)

    def symbol_of(self, number: int) -> str:
        """Return the symbol of an enumeration's number. KeyError when there is none."""
        return {n: symbol for symbol, n in self.entries}[number]
