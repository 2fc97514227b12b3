"""Stands between the consumer's register writes and one camera: refuses, clamps, or lets the camera hang.

In: writes as the consumer sent them, and which features are to misbehave. Out: writes as the camera gets them, or an
error, or silence. Not here: why a write is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Protocol

from rigdriver_sim.camera.feature_table import feature_table
from rigdriver_sim.camera.features import Feature, Kind
from rigdriver_sim.camera.register_file import STRIDE
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.feed.server import GC_ERR_ACCESS_DENIED, NoAnswer, Refused


class Feed(Protocol):
    """What takes writes."""

    on_write: Callable[[int, bytes], None]


class WriteGuard:
    """One camera's guard; it takes the place of the camera's own `on_write`."""

    def __init__(self, spec: CameraSpec, feed: Feed) -> None:
        self.refused: frozenset[str] = frozenset()
        self.clamped: Mapping[str, float] = {}
        self.is_hung = False
        self._features: Mapping[int, Feature] = {n * STRIDE: f for n, f in enumerate(feature_table(spec))}
        self._camera = feed.on_write
        feed.on_write = self._write

    def _write(self, address: int, data: bytes) -> None:
        if self.is_hung:
            raise NoAnswer
        feature = self._features.get(address)
        # By the camera's own name: whoever plants the fault sees that one in the camera's description.
        if feature is not None and feature.shown_name in self.refused:
            raise Refused(GC_ERR_ACCESS_DENIED, f"{feature.shown_name} cannot be written now")
        self._camera(address, data if feature is None else self._clamp(feature, data))

    def _clamp(self, feature: Feature, data: bytes) -> bytes:
        limit = self.clamped.get(feature.shown_name)
        if limit is None or not feature.is_numeric or len(data) != 8:
            return data
        code = "<d" if feature.kind is Kind.FLOAT else "<q"
        (value,) = struct.unpack(code, data)
        # The write succeeds all the same: only reading back shows which value the camera took.
        return struct.pack(code, limit if code == "<d" else int(limit)) if value > limit else data
