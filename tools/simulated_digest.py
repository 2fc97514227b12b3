"""`python tools/simulated_digest.py [SPEC]`: play a short scenario and print a digest of all it did and showed.

In: a scenario spec. Out: one line: the digest of every exposure, planted fault and pixel in simulated time. The rig is
played without a driver, so nothing depends on wall time: the same scenario and seed give the same line in each run and
on each Python. `--pythons 3.12.1 3.13.0` makes virtual environments of those and compares.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rigdriver_sim.bench.rig import TRUTH, CameraBank, Scenery, SimulatedRig
from rigdriver_sim.camera.model import SimulatedCamera
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.feed.layout import Slot
from rigdriver_sim.scenario import load
from rigdriver_sim.trigger_box.behaviour import OutputChange

MS = 1_000_000
FAULTS = (
    "faults.withhold_trigger_every=3&faults.double_trigger_every=4&faults.noise_edge_every=3&faults.incomplete_every=5"
    "&faults.lose_frame_every=5&faults.late_exposure_every=4&faults.warm_up_ppm=40&faults.deliver_late_every=6"
)
SPECS = (
    f"default?width=320&height=240&{FAULTS}",
    f"smile?width=256&height=192&scene.bank.views=2&{FAULTS}",
)
PULSES = 8
PERIOD_NS = 100 * MS


class _MemoryFeed:
    """A camera's feed in plain memory, always streaming; keeps a digest of what comes."""

    def __init__(self, digest: Any, image_bytes: int) -> None:
        self.is_present = self.is_streaming = True
        self.on_write: Callable[[int, bytes], None] = lambda _address, _data: None
        self.on_release: Callable[[], None] = lambda: None
        self._digest = digest
        self._data = np.zeros(image_bytes, np.uint8)
        self._slot: Any = None

    def write_registers(self, address: int, data: bytes) -> None:
        pass

    def set_present(self, is_present: bool) -> None:
        self.is_present = is_present

    def has_room(self) -> bool:
        return True

    def drop(self) -> None:
        raise AssertionError("there is always room")

    def next_slot(self) -> tuple[Any, Any]:
        self._slot = Slot()
        return self._slot, self._data

    def send(self) -> None:
        pass

    def publish(self) -> None:
        slot = self._slot
        told = (slot.frame_id, slot.stamp, slot.is_incomplete, slot.filled_bytes)
        self._digest.update(json.dumps(told).encode())
        self._digest.update(self._data.tobytes())

    def push_event(self, event_id: int, t_camera_ns: int, frame_id: int) -> None:
        self._digest.update(json.dumps((event_id, t_camera_ns, frame_id)).encode())


def digest(spec: str) -> str:
    """Play a scenario and return the digest of its truth and of all its frames."""
    scenario = load(spec)
    seen = hashlib.blake2b(digest_size=16)
    view: Scenery | None = None
    if scenario.scene:
        from rigdriver_sim.bench.scene_view import SceneView  # noqa: PLC0415 - the compiler behind it takes a second to load

        view = SceneView(scenario)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        # Wall time stands still, so nothing can depend on it.
        engine = EventEngine(pace=0, wall_ns=lambda: 0)
        stack.callback(engine.close)
        rig = SimulatedRig(scenario, engine, Path(folder), _bank(seen), view)
        stack.callback(rig.close)
        for camera in rig.cameras.values():
            assert isinstance(camera, SimulatedCamera)
            _start(camera)
        lamps = [lamp.output for lamp in scenario.lamps]
        for pulse in range(PULSES):
            _pulse(engine, rig, (pulse + 1) * PERIOD_NS, pulse, [t.output for t in scenario.cameras], lamps)
        end_ns = (PULSES + 3) * PERIOD_NS
        # At pace 0 time leaps from action to action, so one must lie at the end.
        engine.at(end_ns, lambda: None)
        while engine.now_ns < end_ns:
            engine.step()
        rig.truth.flush()
        for line in (Path(folder) / TRUTH).read_text(encoding="utf-8").splitlines():
            # When a frame was handed over in wall time is the machine's business, not the scenario's.
            facts = {key: value for key, value in json.loads(line).items() if key != "t_host_ns"}
            seen.update(json.dumps(facts, sort_keys=True).encode())
    return seen.hexdigest()


def _bank(seen: Any) -> Callable[[Sequence[CameraSpec], Path, EventEngine, int], CameraBank]:
    def make(specs: Sequence[CameraSpec], _folder: Path, engine: EventEngine, seed: int) -> CameraBank:
        feeds: list[Any] = [_MemoryFeed(seen, spec.width * spec.height) for spec in specs]
        cameras = [SimulatedCamera(spec, engine, feed, seed) for spec, feed in zip(specs, feeds, strict=True)]
        return CameraBank(cameras, lambda: None, lambda: [0] * len(specs))

    return make


def _start(camera: SimulatedCamera) -> None:
    registers = camera._control.registers  # noqa: SLF001 - what a consumer writes through the feed
    for name, value in (("TriggerMode", 1), ("ExposureTime", 2000.0), ("AcquisitionStart", 1)):
        raw = struct.pack("<d" if isinstance(value, float) else "<q", value)
        camera._write(registers.address(name), raw)  # noqa: SLF001


def _pulse(
    engine: EventEngine, rig: SimulatedRig, t_ns: int, pulse: int, cameras: Sequence[int], lamps: Sequence[int]
) -> None:
    """Raise all cameras' lines, light all lamps in the middle of the exposure, drop everything."""
    mask, light = sum(1 << c for c in cameras), sum(1 << lamp for lamp in lamps)
    for after_ns, changed, levels in (
        (0, mask, mask),
        (200_000, light, mask | light),
        (1_500_000, light, mask),
        (1_600_000, mask, 0),
    ):
        change = OutputChange(0, changed, levels, pulse)
        engine.at(t_ns + after_ns, partial(rig.wires.outputs_changed, t_ns + after_ns, change))


def compare(pythons: Sequence[str]) -> int:
    """Make an environment for each Python, play there, and compare with this one."""
    ours = [digest(spec) for spec in SPECS]
    status = 0
    for python in pythons:
        binary = Path.home() / ".pyenv" / "versions" / python / "bin" / "python"
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([str(binary), "-m", "venv", folder], check=True)
            inside = Path(folder) / "bin" / "python"
            subprocess.run([str(inside), "-m", "pip", "install", "-q", "."], check=True)
            done = subprocess.run([str(inside), __file__], capture_output=True, text=True, check=True)
        theirs = [line.split()[0] for line in done.stdout.splitlines()]
        is_same = theirs == ours
        status |= not is_same
        print(f"Python {python}: {'identical' if is_same else f'DIFFERENT: {theirs} instead of {ours}'}")
    return status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", nargs="*", help="scenario specs; by default a flat and a face one, with faults")
    parser.add_argument("--pythons", nargs="*", default=[], help="versions under ~/.pyenv to compare with")
    options = parser.parse_args()
    if options.pythons:
        return compare(options.pythons)
    for spec in options.spec or SPECS:
        print(f"{digest(spec)}  {spec}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
