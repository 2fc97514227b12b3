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
    """Whether it can be written only while no stream runs."""
    locked_while: tuple[tuple[str, str], ...] = ()
    """Features and values (a symbol, or `True`) with which this one is not writable."""
    selector: str = ""
    """Feature whose value selects what this one names."""
    depends_on: tuple[str, ...] = ()
    """Features whose writing changes this one or its bounds."""
    visibility: str = "Beginner"
    text: str = ""
    own_name: str = ""
    """Name of the feature in the camera, if it is not the SFNC 2.7 name."""
    is_absent: bool = False
    """Whether the camera does not show the feature; its default holds then."""
    scale: float = 1.0
    """Size of one step of a raw integer, in the unit of SFNC 2.7."""

    @property
    def shown_name(self) -> str:
        """Name in the camera's description."""
        return self.own_name or self.name

    @property
    def can_be_locked(self) -> bool:
        return self.is_locked_in_stream or bool(self.locked_while)

    @property
    def is_numeric(self) -> bool:
        return self.kind in (Kind.INTEGER, Kind.FLOAT)

    def symbol_of(self, number: int) -> str:
        """Return the symbol of an enumeration's number. KeyError when there is none."""
        return {n: symbol for symbol, n in self.entries}[number]
