"""What a camera's own description says about a feature beside its value: its words, its place, its selectors.

In: a GenApi node. Out: a `NodeWords`. A category is a feature whose members are other features. Not here: values,
bounds and access (see camera_nodes.py), and the walk through all features (see feature_walk.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rigdriver.devices.camera_process.locks import listed_names

INVISIBLE = 3
"""GenApi's number of the visibility that no program shows."""
_MEMBERS, _LOCK = "pFeature", "pIsLocked"


@dataclass(frozen=True, slots=True)
class NodeWords:
    """What a description says about one feature."""

    display_name: str = ""
    tooltip: str = ""
    members: tuple[str, ...] = ()
    """Names of a category's members; empty for a feature."""
    selectors: tuple[str, ...] = ()
    """Features that choose which of several values this feature is."""
    is_selector: bool = False
    can_be_locked: bool = False
    """Whether the description names what locks it, so that it can be written at other times."""
    is_hidden: bool = False


def words_of(node: Any) -> NodeWords:
    """Return what the description says about a node."""
    properties = node.property_names
    return NodeWords(
        display_name=node.display_name,
        tooltip=node.tooltip,
        members=tuple(listed_names(node, _MEMBERS)) if _MEMBERS in properties else (),
        selectors=tuple(selecting.node.name for selecting in node.selecting_features),
        is_selector=node.is_selector(),
        can_be_locked=_LOCK in properties,
        is_hidden=node.visibility == INVISIBLE,
    )
