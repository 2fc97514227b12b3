"""A run without a trigger box, on cameras that the test plays by hand.

In: frames handed to the run. Out: the frame sets that the consumer gets, above all at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from rigdriver.config import RigConfig
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.events import CameraEvent
from rigdriver.frames import Frame, GapReason
from rigdriver.lifecycle import Lifecycle, RigState
from rigdriver.run.bench_run import BenchRun

CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "genicam": {"producers": ["x.cti"]},
        "schedule": {"mode": "external"},
        "cameras": [{"name": n, "serial": n, "output": i} for i, n in enumerate(("left", "right"))],
    }
)
PERIOD_NS = 3_600_000_000_000
"""A group ends by itself only after this time, so in a test never."""


class HandPlayed:
    """Cameras that deliver what the test says."""

    def start(self, sink: Callable[[CameraEvent], None]) -> None:
        self._sink = sink

    def stop(self) -> None: ...

    def deliver(self, camera: str, frame_id: int, t_host_ns: int) -> None:
        self._sink(Frame(camera, frame_id, 0, t_host_ns, "Mono8", np.zeros((2, 2), np.uint8)))


def test_the_group_under_way_is_handed_out_when_the_run_is_stopped() -> None:
    cameras, lifecycle = HandPlayed(), Lifecycle()
    run = BenchRun(CONFIG, cast(Cameras, cameras), lifecycle, None, 1e9 / PERIOD_NS)
    run.start()
    cameras.deliver("left", 0, 0)
    cameras.deliver("right", 0, 1)
    cameras.deliver("left", 1, PERIOD_NS - 1)
    run.stop()
    first, last = list(run)
    assert first.is_complete
    assert set(last.frames) == {"left"}
    assert last.gaps["right"].reason is GapReason.NOT_DELIVERED
    assert run.statistics.stopped_by == "stopped"
    assert lifecycle.state is RigState.OPEN


def test_a_stopped_run_hands_out_no_more_than_was_asked_for() -> None:
    cameras = HandPlayed()
    run = BenchRun(CONFIG, cast(Cameras, cameras), Lifecycle(), 1, 1e9 / PERIOD_NS)
    run.start()
    cameras.deliver("left", 0, 0)
    cameras.deliver("left", 1, PERIOD_NS - 1)
    run.stop()
    assert [set(frame_set.frames) for frame_set in run] == [{"left"}]
