"""Producers whose cameras the same tests drive, and what keeps what those cameras tell.

`viky` comes with the genicam binding: three free-running colour cameras, chunk data, no trigger, no time stamp.
`tlsimu` comes with an older genicam release: software trigger, time stamps in ns, at least five buffers, region locked
while it acquires. tools/dev.py fetches it. `sim` is this project's own simulated rig: conftest.py launches it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rigdriver.config import CameraConfig, FeatureValue, GenicamConfig, load
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.events import CameraEvent, CameraLost
from rigdriver.frames import Frame

PATIENCE_S = 60.0
BINDING = find_spec("genicam")
assert BINDING is not None
assert BINDING.origin is not None
VIKY = Path(BINDING.origin).parent / "viky.cti"
TLSIMU = Path(sys.prefix) / "foreign-producers" / "TLSimu.cti"


@dataclass(frozen=True, slots=True)
class Backend:
    """A producer, and what its cameras are like."""

    producer: Path
    serials: tuple[str, ...]
    devices: int
    features: dict[str, FeatureValue] = field(default_factory=dict)
    has_time_stamp: bool = True
    locks_region: bool = True
    page: Path | None = None
    """Where a simulated rig in lockstep publishes the time."""
    slow: dict[str, FeatureValue] = field(default_factory=dict)
    """Features with which its buffers last for ten seconds and more; none where it counts what finds no buffer."""

    def cameras(self, count: int | None = None) -> list[CameraConfig]:
        serials = self.serials[:count]
        return [CameraConfig(name=f"camera{i}", serial=s, output=i) for i, s in enumerate(serials)]

    def genicam(self, **changes: float) -> GenicamConfig:
        return GenicamConfig.model_validate({"producers": (self.producer,), **changes})

    def slowly(self) -> Backend:
        """Return the same cameras, so slow that a computer which stands still for seconds loses no frame."""
        return replace(self, features=self.features | self.slow)

    def open(self, count: int | None = None, **changes: float) -> Cameras:
        cameras = self.cameras(count)
        return Cameras.open(self.genicam(**changes), cameras, {c.name: self.features for c in cameras}, self.page)


BACKENDS = {
    "viky": Backend(
        VIKY,
        ("0", "1", "2"),
        3,
        {"PixelFormat": "Mono8"},
        has_time_stamp=False,
        locks_region=False,
        slow={"AcquisitionFrameRate": 5.0},
    ),
    "tlsimu": Backend(TLSIMU, ("SN_InterfaceA_0", "SN_InterfaceA_1", "SN_InterfaceB_0", "SN_InterfaceB_1"), 4),
}


def simulated(rig: Any) -> Backend:
    """Return the cameras of a simulated rig, running free."""
    serials = tuple(f"SIM000{n}" for n in range(1, 7))
    return Backend(rig.producer, serials, 6, {"AcquisitionFrameRate": 50.0}, page=load(rig.rig_file).timebase)


class Sink:
    """Keeps what cameras tell, and lets a test wait for it."""

    def __init__(self) -> None:
        self.events: list[CameraEvent] = []
        self.threads: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, event: CameraEvent) -> None:
        with self._changed:
            self.events.append(event)
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()

    def frames(self, camera: str) -> list[Frame]:
        return [e for e in list(self.events) if isinstance(e, Frame) and e.camera == camera]

    def lost(self) -> dict[str, CameraLost]:
        return {e.camera: e for e in list(self.events) if isinstance(e, CameraLost)}

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_S), f"waited {PATIENCE_S} s for {what}"


def launched(spec: str) -> Any:
    from rigdriver_sim.program.launch import launch

    return launch(spec)


def scenario_of_makes(makes: Sequence[str], folder: Path) -> Path:
    """Write a scenario with one small camera per make."""
    lines = ['name = "makes"', "width = 320", "height = 240", "lockstep = true", "pace = 0"]
    for number, make in enumerate(makes):
        lines += ["[[cameras]]", f'name = "c{number}"', f'serial = "SIM{number:04d}"', f'make = "{make}"']
        lines += [f"output = {number}", f"input = {number}"]
    path = folder / "makes.toml"
    path.write_text("\n".join(lines))
    return path
