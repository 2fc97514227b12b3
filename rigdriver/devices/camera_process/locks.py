"""What a camera's own description says about why a feature cannot be written now.

In: a GenApi node. Out: names of the features on which its pIsLocked and pIsAvailable depend. Descriptions may leave
that out. Not here: guesses (see refusals.py), and the binding itself (see binding.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_REASONS = ("pIsLocked", "pIsAvailable")
_DEEPEST = 4
"""Largest number of formulas between a feature and the one that locks it."""


def locking_features(
    node: Any, find: Callable[[str], Any], peer_errors: tuple[type[BaseException], ...]
) -> tuple[str, ...]:
    """Return the features that lock a node, by its description; none when that does not say."""
    found: dict[str, None] = {}
    errors: tuple[type[BaseException], ...] = (*peer_errors, AttributeError, TypeError, ValueError)
    try:
        own = node.property_names
        for name in [n for reason in _REASONS if reason in own for n in listed_names(node, reason)]:
            _collect(find(name), found, _DEEPEST)
    except errors:
        return tuple(found)
    found.pop(node.name, None)
    return tuple(found)


def _collect(interface: Any, found: dict[str, None], depth: int) -> None:
    node = None if interface is None else interface.node
    if node is None:
        return
    if node.is_feature():
        found[node.name] = None
        return
    if depth > 0:
        for child in node.children:
            _collect(child, found, depth - 1)


def listed_names(node: Any, reason: str) -> list[str]:
    """Return the names of the nodes that a property of a node lists."""
    value, _attribute = node.get_property(reason)
    return [name for name in str(value).split("\t") if name]
