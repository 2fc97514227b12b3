"""The walk through all features of a camera, category by category, as its description orders them.

In: something that reads nodes and their words. Out: one `FeatureDescription` per feature. A feature that cannot be read
is described with what the camera said, and hides no other. Not here: GenApi (see camera_nodes.py) and writing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from rigdriver.devices.camera_link.feature_tree import FeatureDescription, FeatureKind
from rigdriver.devices.camera_process.node_words import NodeWords
from rigdriver.devices.camera_process.one_feature import NodeFacts, NodeKind, Nodes
from rigdriver.errors import CameraError

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

ROOT = "Root"
"""Name of the category that holds all others (SFNC 2.7, chapter 1)."""


class WordyNodes(Nodes, Protocol):
    """Reads and writes the features of one camera, and reads what its description says about them."""

    def words(self, name: str) -> NodeWords | None:
        """Return what the description says about a feature or category; None when the camera has none of that name."""


def described(nodes: WordyNodes) -> tuple[FeatureDescription, ...]:
    """Return all features that a program shows, in the order of the categories; each one once."""
    found: dict[str, FeatureDescription] = {}
    for category, name, words in _walk(nodes):
        if name not in found:
            blank = FeatureDescription(
                name, category, FeatureKind.OTHER, None, False, False, words.display_name, words.tooltip,
                selectors=words.selectors, can_be_locked=words.can_be_locked,
            )  # fmt: skip
            found[name] = refreshed(nodes, blank)
    return tuple(found.values())


def _walk(nodes: WordyNodes) -> Iterator[tuple[str, str, NodeWords]]:
    """Return category, name and words of each feature."""
    root = nodes.words(ROOT)
    members = root.members if root is not None else tuple(nodes.names())
    # A description may hold a circle, so that each category is entered once.
    yield from _members(nodes, "", members, {ROOT})


def _members(
    nodes: WordyNodes, category: str, members: tuple[str, ...], entered: set[str]
) -> Iterator[tuple[str, str, NodeWords]]:
    for name in members:
        words = nodes.words(name)
        if words is None or words.is_hidden or name in entered:
            continue
        if words.members:
            entered.add(name)
            yield from _members(nodes, f"{category}/{name}" if category else name, words.members, entered)
        else:
            yield category, name, words


def refreshed(nodes: WordyNodes, feature: FeatureDescription) -> FeatureDescription:
    """Return a feature with its value, bounds and access as they are now."""
    value: FeatureValue | None = None
    facts, failure = None, ""
    try:
        facts = nodes.facts(feature.name)
        if facts is not None and facts.is_readable and facts.kind not in (NodeKind.COMMAND, NodeKind.OTHER):
            value = nodes.read(feature.name)
    except CameraError as exc:
        failure = str(exc)
    now = facts or NodeFacts(NodeKind.OTHER, False, False)
    return replace(
        feature, kind=FeatureKind[now.kind.name], value=value, is_readable=now.is_readable,
        is_writable=now.is_writable, unit=now.unit, low=now.low, high=now.high, step=now.step, entries=now.entries,
        locked_by=now.locked_by, failure=failure,
    )  # fmt: skip
