"""One simulated rig: box, wires, cameras, lamps, painter and truth, put together in one loop.

In: a scenario, an engine, a folder, and whoever makes the cameras. Out: a rig that runs as long as the engine does, and
acts that a test may ask of it. This file refuses to know processes and how the rig is reached from outside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from rigdriver_sim import chance
from rigdriver_sim.camera.faults import CameraFaults
from rigdriver_sim.camera.spec import CameraSpec, Exposure
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.lamps import LampLog
from rigdriver_sim.painter import TexturePainter
from rigdriver_sim.scenario import CameraTable, FaultTable, Scenario, ScenarioError, findings
from rigdriver_sim.trigger_box.box import BoxSetup, SimulatedBox
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.truth import Truth
from rigdriver_sim.wires import Wires

INTERLOCK_INPUT = 6
SYNC_INPUT = 7
PORT = "box"
TRUTH = "truth.jsonl"

_FLUSH_NS = 500_000_000


class Camera(Protocol):
    """What the rig needs of a simulated camera."""

    on_exposure: Callable[[Exposure], None]
    painter: Callable[[Exposure, npt.NDArray[Any]], None]
    faults: CameraFaults

    def trigger(self, t_ns: int) -> Exposure | None: ...

    def has_room(self) -> bool: ...

    def unplug(self) -> None: ...

    def replug(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CameraBank:
    """All cameras of a rig, in the order of their specs, and what ends them."""

    cameras: Sequence[Camera]
    close: Callable[[], None]
    frames_dropped: Callable[[], Sequence[int]]
    """How many frames of each camera found no room, because nobody took the ones before."""


MakeCameras = Callable[[Sequence[CameraSpec], Path, EventEngine, int], CameraBank]
"""Takes specs, the rig's folder, the engine and the seed."""


class SimulatedRig:
    """A rig in an engine. Close it before the engine."""

    def __init__(self, scenario: Scenario, engine: EventEngine, folder: Path, make_cameras: MakeCameras) -> None:
        self.scenario = scenario
        self._engine = engine
        self._stack = ExitStack()
        with ExitStack() as undo:
            self.truth = Truth(folder / TRUTH)
            undo.callback(self.truth.close)
            self.box = SimulatedBox(_box_setup(scenario, folder), engine)
            undo.callback(self.box.close)
            bank = make_cameras(
                [camera_spec(scenario, table) for table in scenario.cameras], folder, engine, scenario.seed
            )
            undo.callback(bank.close)
            self._stack = undo.pop_all()
        names = [table.name for table in scenario.cameras]
        self.cameras: Mapping[str, Camera] = dict(zip(names, bank.cameras, strict=True))
        self._frames_dropped = bank.frames_dropped
        lamps = LampLog([lamp.output for lamp in scenario.lamps])
        self.wires = Wires(scenario.cameras, lamps, engine, self.truth, scenario.seed)
        self._connect()
        self.set_faults(scenario.faults)

    def set_faults(self, faults: FaultTable) -> None:
        """Plant these faults from now on."""
        self.wires.faults = faults
        for number, (name, camera) in enumerate(self.cameras.items()):
            self._plant(camera.faults, name, number, faults)

    def set_fault(self, key: str, value: Any) -> None:
        """Change one key of the fault table.

        Raises:
            ScenarioError: no such key, or an impossible value.
        """
        try:
            changed = Scenario.model_validate(
                {**self.scenario.model_dump(), "faults": {**self.wires.faults.model_dump(), key: value}}
            )
        except ValidationError as exc:
            raise ScenarioError("; ".join(findings(exc))) from exc
        self.set_faults(changed.faults)

    def status(self) -> dict[str, Any]:
        """Return what the rig says about itself, as plain values."""
        return {
            "now_ns": self._engine.now_ns,
            "pacing": asdict(self._engine.pacing),
            "box_state": self.box.state.name,
            "output_levels": self.box.output_levels,
            "frames_dropped": dict(zip(self.cameras, self._frames_dropped(), strict=True)),
            "faults": self.wires.faults.model_dump(),
        }

    def close(self) -> None:
        """Take everything down; closing twice is harmless."""
        self._stack.close()

    # ---------------------------------------------------------------- inside

    def _connect(self) -> None:
        self.wires.connect(self.box, self.cameras, lambda: self.box.committed_generation)
        self.box.on_outputs = self.wires.outputs_changed
        self._engine.add_gate(self.box.has_room)
        for number, table in enumerate(self.scenario.cameras):
            camera = self.cameras[table.name]
            camera.on_exposure = self.wires.exposed
            camera.painter = self._painter(table, number)
            self._engine.add_gate(camera.has_room)
        self._engine.at(self._engine.now_ns + _FLUSH_NS, self._flush_truth, is_background=True)

    def _painter(self, table: CameraTable, number: int) -> Callable[[Exposure, npt.NDArray[Any]], None]:
        texture = TexturePainter(table.name, number)
        spec = camera_spec(self.scenario, table)
        texture.prepare(spec.width, spec.height, spec.pixel_formats[0])
        lamps = [lamp.output for lamp in self.scenario.lamps if lamp.pod == table.pod]

        def paint(exposure: Exposure, out: npt.NDArray[np.generic]) -> None:
            light = self.wires.lamps.share(lamps, exposure.start_ns, exposure.end_ns) if lamps else 1.0
            texture.paint(exposure, self.wires.pulse_of(exposure), light, out)

        return paint

    def _plant(self, switches: CameraFaults, name: str, number: int, faults: FaultTable) -> None:
        seed, of = self.scenario.seed, len(self.cameras)

        def rule(what: str, every: int, ordinals: Mapping[str, tuple[int, ...]]) -> Callable[[int], bool]:
            mine = frozenset(ordinals.get(name, ()))
            return lambda ordinal: ordinal in mine or chance.is_the_one(seed, what, every, ordinal, number, of)

        switches.lose_frame = rule("lose_frame", faults.lose_frame_every, faults.lose_frame)
        switches.incomplete = rule("incomplete", faults.incomplete_every, faults.incomplete)

    def _flush_truth(self) -> None:
        self.truth.flush()
        self._engine.at(self._engine.now_ns + _FLUSH_NS, self._flush_truth, is_background=True)


def camera_spec(scenario: Scenario, table: CameraTable) -> CameraSpec:
    """Return the camera model's numbers.

    Raises:
        ScenarioError: sizes or pixel formats that no camera has.
    """
    try:
        return CameraSpec(
            name=table.name,
            serial=table.serial,
            user_id=table.name,
            width=table.width or scenario.width,
            height=table.height or scenario.height,
            pixel_formats=table.pixel_formats,
            latency_us=table.latency_us,
            jitter_us=table.jitter_us,
            clock_offset_ns=round(table.clock_offset_s * 1e9),
            drift_ppm=table.drift_ppm,
            readout_us=table.readout_us,
            max_rate_hz=table.max_rate_hz,
            line_delay_us=table.line_delay_us,
            link_bytes_per_s=table.link_bytes_per_s,
        )
    except ValueError as exc:
        raise ScenarioError(f"{scenario.name}: {exc}") from exc


def _box_setup(scenario: Scenario, folder: Path) -> BoxSetup:
    box = scenario.box
    lamp_outputs = 0
    for lamp in scenario.lamps:
        lamp_outputs |= 1 << lamp.output
    facts = BoxFacts(
        lamp_outputs=lamp_outputs,
        interlock_inputs=1 << INTERLOCK_INPUT,
        sync_inputs=1 << SYNC_INPUT,
        device_name=box.device_name,
        serial_number=box.serial_number,
        uid=hashlib.blake2b(f"{box.device_name} {box.serial_number}".encode(), digest_size=16).digest(),
        interface_hash=box.interface_hash,
        who_am_i=box.who_am_i,
    )
    return BoxSetup(
        facts=facts,
        port=folder / PORT,
        booted_ago_ns=round(box.booted_ago_s * 1e9),
        drift_ppb=round(box.drift_ppm * 1000),
        has_tcp=box.tcp,
        input_levels=1 << INTERLOCK_INPUT,
    )
