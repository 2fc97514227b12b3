"""One write to one camera: what, to which value, and for whom.

In: nothing. Out: the value `FeatureWrite` that plans are made of. Not here: the order (see feature_plan.py) and the
writing (see features.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

EVERY = "*"
"""Selector entry that stands for each of a selector's entries in turn."""


class Origin(Enum):
    """Who wants a write, and so what becomes of a camera that cannot do it."""

    DEMAND = "the rig file or a caller names it: a camera without it is refused"
    WISH = "the rig's mode needs it: a camera that has it under no name is used as it is"
    PREPARATION = "it makes way for other writes: nobody misses it"


@dataclass(frozen=True, slots=True)
class FeatureWrite:
    """One write to one camera."""

    key: str
    """Name as the caller wrote it, selector included."""
    name: str
    value: FeatureValue
    selector: tuple[str, str] | None = None
    """Selector feature and its entry, set first; EVERY stands for each of its entries."""
    origin: Origin = Origin.DEMAND
    others: tuple[str, ...] = ()
    """Further entries, best first, for a camera that lacks the entry `value`."""
    is_any_line: bool = False
    """Whether any line of the camera may be chosen; `value` is only the usual one."""
    value_from: str = ""
    """Feature whose value is written in place of `value`; a camera without it is left as it is."""
    is_fallback: bool = False
    """Whether the write is left out when a user set was loaded, as that has a better value."""

    @property
    def is_preparation(self) -> bool:
        """Not asked for: a camera may refuse it, and it is not reported."""
        return self.origin is Origin.PREPARATION
