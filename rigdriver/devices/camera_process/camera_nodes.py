"""The features of one camera as its GenApi node map has them: the `Nodes` of one_feature.py.

In: a node map, and the binding's classes, errors and translation (`NodePeer`), which binding.py hands over. Out: names,
facts, words and values of features; writes and commands. Not here: which features are wanted (see features.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rigdriver.devices.camera_process.locks import locking_features
from rigdriver.devices.camera_process.node_words import NodeWords, words_of
from rigdriver.devices.camera_process.one_feature import NodeFacts, NodeKind
from rigdriver.errors import CameraError
from rigdriver.timebase import WALL_TIME, TimeLimit

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

_COMMAND_TIMEOUT_S = 1.0
_LOAD_TIMEOUT_S = 5.0
_LOAD = "UserSetLoad"
_COMMAND_POLL_S = 0.001


@dataclass(frozen=True, slots=True)
class NodePeer:
    """What node maps need of the binding."""

    errors: tuple[type[Exception], ...]
    kinds: Sequence[tuple[type, NodeKind]]
    """Interface of the binding -> kind of feature."""
    readable: Sequence[Any]
    """Access modes in which a node can be read."""
    writable: Sequence[Any]
    translated: Callable[[str], AbstractContextManager[None]]
    """Context that turns the binding's errors into CameraError, given what was tried."""


class CameraNodes:
    """Reads and writes the features of one camera; those of its stream, such as counters, are read only."""

    def __init__(self, node_map: Any, label: str, peer: NodePeer, of_stream: Any = None) -> None:
        """`of_stream`: the node map of the camera's stream, for names that the camera itself does not have."""
        self._node_map, self._of_stream = node_map, of_stream
        self._label = label
        self._peer = peer

    def names(self) -> tuple[str, ...]:
        """Return the names of all features."""
        with self._peer.translated(f"{self._label}: its features cannot be listed"):
            nodes = [node.node for node in self._node_map.nodes]
            return tuple(node.name for node in nodes if node.is_feature())

    def facts(self, name: str) -> NodeFacts | None:
        """Return what is known about a feature now."""
        if not self._node_map.has_node(name):
            return NodeFacts(NodeKind.INTEGER, True, False) if self._is_of_stream(name) else None
        with self._peer.translated(f"{self._label}: {name} cannot be examined"):
            node = self._node_map.get_node(name)
            kind = next((kind for interface, kind in self._peer.kinds if isinstance(node, interface)), NodeKind.OTHER)
            mode = node.get_access_mode()
            readable, writable = mode in self._peer.readable, mode in self._peer.writable
            locks = () if writable else locking_features(node.node, self._node_map.get_node, self._peer.errors)
            if kind in (NodeKind.INTEGER, NodeKind.FLOAT) and (readable or writable):
                step = node.inc if kind is NodeKind.INTEGER or node.has_inc() else None
                return NodeFacts(kind, readable, writable, node.min, node.max, step, unit=node.unit, locked_by=locks)
            entries = tuple(node.symbolics) if kind is NodeKind.ENUMERATION else ()
            return NodeFacts(kind, readable, writable, entries=entries, locked_by=locks)

    def words(self, name: str) -> NodeWords | None:
        """Return what the description says about a feature or category: the `WordyNodes` of feature_walk.py."""
        if not self._node_map.has_node(name):
            return None
        with self._peer.translated(f"{self._label}: the description of {name} cannot be read"):
            return words_of(self._node_map.get_node(name).node)

    def read(self, name: str) -> FeatureValue:
        """Return a feature's value."""
        with self._peer.translated(f"{self._label}: {name} cannot be read"):
            is_of_stream = not self._node_map.has_node(name) and self._is_of_stream(name)
            value: FeatureValue = (self._of_stream if is_of_stream else self._node_map).get_node(name).value
        return value

    def _is_of_stream(self, name: str) -> bool:
        """Whether the stream has an integer of that name; the producer may describe no stream."""
        try:
            return self._of_stream is not None and self._of_stream.has_node(name) and self._is_integer(name)
        except self._peer.errors:
            return False

    def _is_integer(self, name: str) -> bool:
        node: Any = self._of_stream.get_node(name)
        kinds = [kind for interface, kind in self._peer.kinds if isinstance(node, interface)]
        return kinds[:1] == [NodeKind.INTEGER] and node.get_access_mode() in self._peer.readable

    def write(self, name: str, value: FeatureValue) -> None:
        """Write a feature."""
        with self._peer.translated(f"{self._label}: {name} = {value!r} refused"):
            self._node_map.get_node(name).value = value

    def execute(self, name: str) -> None:
        """Execute a command and wait until it is done."""
        with self._peer.translated(f"{self._label}: {name} refused"):
            node = self._node_map.get_node(name)
            node.execute()
            timeout_s = _LOAD_TIMEOUT_S if name == _LOAD else _COMMAND_TIMEOUT_S
            limit = TimeLimit(WALL_TIME, timeout_s)
            while not node.is_done():
                if limit.left_s() <= 0:
                    raise CameraError(
                        device=self._label,
                        seen=f"{name} is not done after {timeout_s} s",
                        remedy="restart the camera",
                    )
                WALL_TIME.sleep(_COMMAND_POLL_S)
            if name == _LOAD:
                self._node_map._invalidate_nodes()  # noqa: SLF001, few descriptions say that a load changes all values

    def integer(self, name: str) -> int:
        """Return the value of an integer; 0 when the camera has none of that name or does not tell."""
        if not self._node_map.has_node(name):
            return 0
        try:
            return int(self._node_map.get_node(name).value)
        except self._peer.errors:
            return 0
