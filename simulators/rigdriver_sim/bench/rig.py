"""One simulated rig: box, wires, cameras, lamps, painter and truth, put together in one loop.

In: a scenario, an engine, a folder, and whoever makes the cameras. Out: a rig that runs as long as the engine does, and
acts that a test may ask of it. Not here: processes, and how the rig is reached from outside (see program/serve.py and
reach/control.py).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from rigdriver_sim.bench import stamp
from rigdriver_sim.bench.lamps import LampLog
from rigdriver_sim.bench.lighting import Lighting
from rigdriver_sim.bench.painter import FramePainter, TextureView
from rigdriver_sim.bench.truth import Truth
from rigdriver_sim.bench.wires import Wires
from rigdriver_sim.camera.faults import CameraFaults
from rigdriver_sim.camera.outages import Outages
from rigdriver_sim.camera.shared_link import SharedLink
from rigdriver_sim.camera.spec import CameraSpec, Exposure
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.faults.disk import FaultyDisk
from rigdriver_sim.faults.incidents import Incidents, Reach
from rigdriver_sim.faults.planting import CameraPlanter, Place
from rigdriver_sim.faults.table import Bump, FaultTable
from rigdriver_sim.scenario import CameraTable, Scenario, ScenarioError, findings
from rigdriver_sim.trigger_box.box import BoxSetup, SimulatedBox
from rigdriver_sim.trigger_box.event_damage import EventDamage
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.line_noise import Damage

INTERLOCK_INPUT = 6
SYNC_INPUT = 7
PORT = "box"
TRUTH = "truth.jsonl"

_FLUSH_NS = 500_000_000


class BenchCamera(Protocol):
    """What the rig needs of a simulated camera."""

    on_exposure: Callable[[Exposure], None]
    on_published: Callable[[Exposure, int], None]
    painter: Callable[[Exposure, npt.NDArray[Any]], None]
    faults: CameraFaults
    shared_link: SharedLink | None
    is_light_known: Callable[[Exposure], bool]

    @property
    def outages(self) -> Outages: ...

    def trigger(self, t_ns: int, *, is_rising: bool = True) -> Exposure | None: ...

    def has_room(self) -> bool: ...

    def set_temperature(self, sensor_c: float | None) -> None: ...

    def unplug(self) -> None: ...

    def replug(self) -> None: ...


class Guard(Protocol):
    """What stands between the consumer's writes and a camera."""

    refused: frozenset[str]
    clamped: Mapping[str, float]
    is_hung: bool


class Scenery(Protocol):
    """What the cameras look at."""

    def painter(self, table: CameraTable, number: int, spec: CameraSpec, lighting: Lighting) -> FramePainter: ...

    def change(self, bumped: Mapping[str, Bump], defocus_px: Mapping[str, float]) -> None: ...

    @property
    def is_changing(self) -> bool: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CameraBank:
    """All cameras of a rig, in the order of their specs, and what ends them."""

    cameras: Sequence[BenchCamera]
    close: Callable[[], None]
    frames_dropped: Callable[[], Sequence[int]]
    """Number of frames per camera that found no room, because nobody took the ones before."""
    guards: Sequence[Guard] = ()
    """Guards of the cameras, in the same order."""
    plant: Callable[[int], None] = lambda _what: None
    """Act that makes the producer crash or hang in its next call (`feed_layout.PLANT_...`)."""


MakeCameras = Callable[[Sequence[CameraSpec], Path, EventEngine, int], CameraBank]
"""Function of specs, the rig's folder, the engine and the seed."""


class SimulatedRig:
    """A rig in an engine. Close it before the engine."""

    def __init__(
        self,
        scenario: Scenario,
        engine: EventEngine,
        folder: Path,
        make_cameras: MakeCameras,
        view: Scenery | None = None,
    ) -> None:
        """`view` is closed with the rig; None: a flat texture."""
        self.scenario = scenario
        self._engine = engine
        self._stack = ExitStack()
        self._view: Scenery = view or TextureView()
        specs = [camera_spec(scenario, table) for table in scenario.cameras]
        names = [table.name for table in scenario.cameras]
        with ExitStack() as undo:
            undo.callback(self._view.close)
            self.truth = Truth(folder / TRUTH)
            undo.callback(self.truth.close)
            self.box = SimulatedBox(_box_setup(scenario, folder), engine)
            undo.callback(self.box.close)
            # With boot and drift whoever scores a run can turn the box's ticks into true time.
            clock = self.box.clock
            self.truth.note("box", boot_ns=clock.boot_ns, drift_ppb=clock.drift_ppb)
            bank = make_cameras(specs, folder, engine, scenario.seed)
            undo.callback(bank.close)
            self._disk = FaultyDisk(names, engine)
            undo.callback(self._disk.clear)
            # Until here what was opened is closed again when a later
            # part cannot be made; from here on `close` does it.
            self._stack = undo.pop_all()
        self.cameras: Mapping[str, BenchCamera] = dict(zip(names, bank.cameras, strict=True))
        self._guards: Mapping[str, Guard] = dict(zip(names, bank.guards, strict=False))
        self._frames_dropped = bank.frames_dropped
        self.plant_in_producer = bank.plant
        lamps = LampLog([lamp.output for lamp in scenario.lamps])
        self.lighting = Lighting(scenario.lamps, lamps)
        self.wires = Wires(scenario.cameras, lamps, engine, self.truth, scenario.seed)
        self._incidents = Incidents(
            engine, Reach(self.act_on_camera, self._act_on_box, self.plant_in_producer, self._note_incident)
        )
        self._planters = {spec.name: self._planter(spec, number) for number, spec in enumerate(specs)}
        self._connect(specs)
        self.set_faults(scenario.faults)

    def set_faults(self, faults: FaultTable) -> None:
        """Plant these faults from now on.

        Raises:
            ValueError: this rig cannot do one of them; nothing has changed then.
        """
        # First what can refuse: nothing must have changed then.
        self._view.change(faults.bump_camera, faults.defocus_px)
        self._disk.plant(faults)
        self.wires.faults = self._incidents.faults = self.lighting.faults = faults
        damage = Damage(faults.flip_byte_every, faults.lose_byte_every, faults.insert_byte_every)
        self.box.damage_line(
            Damage() if faults.serial_side == "to_host" else damage,
            Damage() if faults.serial_side == "to_box" else damage,
        )
        self.box.damage_events(
            EventDamage(faults.lose_event_every, faults.double_event_every, faults.overtake_event_every)
        )
        for name, camera in self.cameras.items():
            self._planters[name].plant(camera.faults, faults)
            camera.set_temperature(faults.temperature_c.get(name))
        for name, guard in self._guards.items():
            guard.refused = frozenset(faults.refuse_features.get(name, ()))
            guard.clamped = faults.clamp_features.get(name, {})

    def set_fault(self, key: str, value: Any) -> None:
        """Change one key of the fault table.

        Raises:
            ScenarioError: no such key, or an impossible value.
        """
        try:
            # The whole scenario is checked anew, because only it knows the cameras and lamps that a fault may name.
            changed = Scenario.model_validate(
                {**self.scenario.model_dump(), "faults": {**self.wires.faults.model_dump(), key: value}}
            )
        except ValidationError as exc:
            raise ScenarioError("; ".join(findings(exc))) from exc
        self.set_faults(changed.faults)

    def act_on_camera(self, name: str, act: str) -> None:
        """Do an act of `acts.py` to a camera, its name without `camera.`."""
        camera, guard = self.cameras[name], self._guards.get(name)
        match act:
            case "unplug":
                camera.unplug()
            case "replug":
                # Plugged in anew, the firmware boots: that alone ends a hang.
                self.wires.hung.discard(name)
                camera.replug()
            case "hang":
                self.wires.hung.add(name)
                camera.outages.hang()
            case "link_down":
                camera.outages.cut_link()
                if (down_s := self.wires.faults.link_down_s) > 0:
                    self._engine.at(self._engine.now_ns + round(down_s * 1e9), camera.outages.restore_link)
            case "link_up":
                camera.outages.restore_link()
            case "take_control":
                camera.outages.lose_control()
            case "free_control":
                camera.outages.regain_control()
        if guard is not None:
            guard.is_hung = name in self.wires.hung

    def status(self) -> dict[str, Any]:
        """Return what the rig says about itself, as plain values."""
        return {
            "now_ns": self._engine.now_ns,
            "origin_wall_ns": self._engine.origin_wall_ns,
            "pulse": self.wires.last_pulse,
            "pacing": asdict(self._engine.pacing),
            "box_state": self.box.state.name,
            "box_counters": list(self.box.counters),
            "output_levels": self.box.output_levels,
            "is_scene_changing": self._view.is_changing,
            "bytes_damaged": self.box.bytes_damaged,
            "events_damaged": self.box.events_damaged,
            "frames_dropped": dict(zip(self.cameras, self._frames_dropped(), strict=True)),
            "faults": self.wires.faults.model_dump(),
        }

    def close(self) -> None:
        """Take everything down; closing twice is harmless."""
        self._stack.close()

    # ---------------------------------------------------------------- inside

    def _connect(self, specs: Sequence[CameraSpec]) -> None:
        self.wires.connect(self.box, self.cameras, lambda: self.box.committed_generation)
        self.wires.on_pulse = self._incidents.pulse
        self.box.on_outputs = self.wires.outputs_changed
        # At pace 0 time waits for the slowest reader, so that haste alone loses neither event nor frame.
        self._engine.add_gate(self.box.has_room)
        links = {link.name: SharedLink(link.bytes_per_s) for link in self.scenario.links}
        for number, (table, spec) in enumerate(zip(self.scenario.cameras, specs, strict=True)):
            camera = self.cameras[table.name]
            camera.on_exposure = self.wires.exposed
            camera.on_published = self.wires.published
            camera.painter = self._painter(table, number, spec)
            # A frame that is painted while a lamp shines would lack the light that is still to come.
            camera.is_light_known = lambda exposure: self.wires.lamps.is_settled(exposure.end_ns)
            camera.shared_link = links.get(table.link) if table.link else None
            self._engine.add_gate(camera.has_room)
        # In the background: at pace 0 time must not leap from one flush to the next.
        self._engine.at(self._engine.now_ns + _FLUSH_NS, self._flush_truth, is_background=True)

    def _painter(
        self, table: CameraTable, number: int, spec: CameraSpec
    ) -> Callable[[Exposure, npt.NDArray[Any]], None]:
        paint_view = self._view.painter(table, number, spec, self.lighting)
        has_stamps, has_checksums = self.scenario.has_stamps, self.scenario.checksums

        def paint(exposure: Exposure, out: npt.NDArray[np.generic]) -> None:
            pulse = self.wires.pulse_of(exposure)
            paint_view(exposure, pulse, out)
            if has_stamps:
                stamp.put(stamp.Stamp(number, exposure.ordinal, pulse), table.name, out)
            if has_checksums:
                self.wires.painted(exposure, zlib.crc32(out.data))

        return paint

    def _planter(self, spec: CameraSpec, number: int) -> CameraPlanter:
        name = spec.name
        return CameraPlanter(
            Place(spec, number, len(self.scenario.cameras), self.scenario.seed),
            pulse=lambda: self.wires.pulse_on_wire(name),
            run=lambda: self.box.committed_generation,
            now_ns=lambda: self._engine.now_ns,
            note=lambda fault, pulse: self.wires.note_fault(fault, name, pulse, self._engine.now_ns),
        )

    def _act_on_box(self, act: str) -> None:
        box = self.box
        acts = {"unplug": box.unplug, "replug": box.replug, "reset": box.reset, "cut": box.cut, "mend": box.mend}
        acts[act]()

    def _note_incident(self, fault: str, camera: str, pulse: int) -> None:
        self.wires.note_fault(fault, camera, pulse, self._engine.now_ns)

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
            stamp_jitter_ns=table.stamp_jitter_us * 1000,
            readout_us=table.readout_us,
            max_rate_hz=table.max_rate_hz,
            line_delay_us=table.line_delay_us,
            link_bytes_per_s=table.link_bytes_per_s,
            make=scenario.make_of(table),
            first_frame_id=table.first_frame_id,
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
        # Derived, not drawn: a box has the same identity each time its scenario is run.
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
        seed=scenario.seed,
    )
