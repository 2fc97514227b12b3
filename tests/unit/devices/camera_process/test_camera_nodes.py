"""The features of a camera by its node map, and the counters of its stream where the camera has none of that name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rigdriver.devices.camera_process.camera_nodes import CameraNodes, NodePeer
from rigdriver.devices.camera_process.one_feature import NodeFacts, NodeKind
from rigdriver.errors import CameraError


class PlayedInteger:
    """An integer as GenApi shows it."""

    def __init__(self, value: int, mode: str = "RO") -> None:
        self.value, self._mode, self.node = value, mode, None
        self.min, self.max, self.inc, self.unit = 0, 100, 1, ""

    def get_access_mode(self) -> str:
        return self._mode


class PlayedText(PlayedInteger):
    """A feature that is no integer."""


class PlayedMap:
    """A node map; `is_broken`: the producer has described nothing."""

    def __init__(self, is_broken: bool = False, **nodes: Any) -> None:
        self._nodes, self._is_broken = nodes, is_broken

    def has_node(self, name: str) -> bool:
        if self._is_broken:
            raise OSError("node map is not loaded")
        return name in self._nodes

    def get_node(self, name: str) -> Any:
        return self._nodes[name]


@contextmanager
def translated(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError) as exc:
        raise CameraError(what) from exc


PEER = NodePeer(
    (OSError,), ((PlayedText, NodeKind.STRING), (PlayedInteger, NodeKind.INTEGER)), ("RO", "RW"), ("RW",), translated
)
STREAM = PlayedMap(Resent=PlayedInteger(7), Gain=PlayedInteger(9), Closed=PlayedInteger(1, "NA"), Name=PlayedText(0))


def nodes(stream: Any) -> CameraNodes:
    return CameraNodes(PlayedMap(Gain=PlayedInteger(3, "RW")), "camera a", PEER, stream)


def test_a_counter_of_the_stream_is_read_where_the_camera_has_none_of_that_name() -> None:
    found = nodes(STREAM)
    assert found.read("Resent") == 7
    assert found.facts("Resent") == NodeFacts(NodeKind.INTEGER, is_readable=True, is_writable=False)


def test_the_cameras_own_feature_comes_first() -> None:
    assert nodes(STREAM).read("Gain") == 3


@pytest.mark.parametrize("name", ["Closed", "Name", "Nothing"])
def test_of_a_stream_only_integers_that_can_be_read_count(name: str) -> None:
    assert nodes(STREAM).facts(name) is None


@pytest.mark.parametrize("stream", [None, PlayedMap(is_broken=True)])
def test_a_producer_that_describes_no_stream_has_no_counters(stream: PlayedMap | None) -> None:
    found = nodes(stream)
    assert found.facts("Resent") is None
    with pytest.raises(CameraError, match="Resent cannot be read"):
        found.read("Resent")
