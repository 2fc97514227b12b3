"""The cables: box outputs to cameras and lamps, exposure lines to box inputs, and what can go wrong on them.

In: output changes of the box, exposures of the cameras. Out: trigger edges at cameras, edges at box inputs, and whose
pulse is on a wire. Each fault is a pure function of (seed, camera, pulse). Not here: what a camera does with an edge
(see camera/model.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from rigdriver_sim import chance
from rigdriver_sim.bench.lamps import LampLog
from rigdriver_sim.bench.line_delays import CameraLines
from rigdriver_sim.bench.truth import Truth
from rigdriver_sim.camera.spec import Exposure
from rigdriver_sim.engine import Engine
from rigdriver_sim.faults.table import FaultTable
from rigdriver_sim.scenario import CameraTable
from rigdriver_sim.trigger_box.behaviour import OutputChange

_PULSES_KEPT = 256


class CabledCamera(Protocol):
    """The end of a trigger cable."""

    def trigger(self, t_ns: int, *, is_rising: bool = True) -> Exposure | None:
        """An edge reached the camera."""
        ...


class BoxInputs(Protocol):
    """The box's end of the exposure lines."""

    def input_edge(self, line: int, level: int, t_ns: int) -> None:
        """An input changed."""
        ...


@dataclass(frozen=True, slots=True)
class Plant:
    """A rising edge on its way to a camera, and what the faults make of it."""

    is_withheld: bool
    is_doubled: bool
    is_noisy: bool


def plant(faults: FaultTable, seed: int, camera: str, number: int, of: int, pulse: int) -> Plant:
    """Return what happens on this camera's cables at this pulse."""

    def hits(what: str, every: int, pulses: Mapping[str, tuple[int, ...]]) -> bool:
        return pulse in pulses.get(camera, ()) or chance.is_the_one(seed, what, every, pulse, number, of)

    return Plant(
        hits("withhold_trigger", faults.withhold_trigger_every, faults.withhold_trigger),
        hits("double_trigger", faults.double_trigger_every, faults.double_trigger),
        hits("noise_edge", faults.noise_edge_every, faults.noise_edge),
    )


class Wires:
    """All cables of one rig."""

    def __init__(
        self, cameras: tuple[CameraTable, ...], lamps: LampLog, engine: Engine, truth: Truth, seed: int
    ) -> None:
        self.faults = FaultTable()
        """Faults of the wires; may be replaced at any time."""
        self.lamps = lamps
        self.on_pulse: Callable[[int, int], None] = lambda _run, _pulse: None
        """Callback that gets run and pulse of every trigger edge, before the edge arrives."""
        self.hung: set[str] = set()
        """Cameras that do not answer to their triggers."""
        self.last_pulse: int | None = None
        """Newest pulse of the run."""
        self._tables = {camera.name: camera for camera in cameras}
        self._lines = {camera.name: CameraLines(camera) for camera in cameras}
        self._numbers = {camera.name: number for number, camera in enumerate(cameras)}
        self._engine = engine
        self._truth = truth
        self._seed = seed
        self._cameras: Mapping[str, CabledCamera] = {}
        self._box: BoxInputs | None = None
        self._generation: Callable[[], int] = lambda: 0
        self._pulse_on_wire: dict[str, int | None] = {}
        self._pulse_of: dict[str, dict[int, int | None]] = {camera.name: {} for camera in cameras}
        self._line_levels: dict[str, int] = {}
        self._driven_since_ns: dict[str, int] = {}
        """Camera -> time since which its trigger input is driven."""
        self._fell_ns: dict[str, int] = {}
        """Camera -> time at which the newest pulse at its trigger input ended."""

    def connect(self, box: BoxInputs, cameras: Mapping[str, CabledCamera], generation: Callable[[], int]) -> None:
        """Plug in; `generation` tells the box's committed generation, for the truth log."""
        self._box, self._cameras, self._generation = box, cameras, generation

    def pulse_of(self, exposure: Exposure) -> int | None:
        """Return the pulse whose edge started the exposure; None in free run or when it is long ago."""
        return self._pulse_of[exposure.camera].get(exposure.ordinal)

    def pulse_on_wire(self, camera: str) -> int | None:
        """Return the pulse whose edge reaches the camera just now."""
        return self._pulse_on_wire.get(camera)

    def note_fault(self, fault: str, camera: str, pulse: int | None, t_ns: int) -> None:
        """Write down for the truth that something went wrong."""
        self._truth.note("fault", fault=fault, run=self._generation(), pulse=pulse, camera=camera, t_ns=t_ns)

    def outputs_changed(self, t_ns: int, change: OutputChange) -> None:
        """The box set its outputs."""
        self.lamps.note(t_ns, change.changed, change.levels)
        self._note_lamps(t_ns, change)
        for name, table in self._tables.items():
            if not change.changed >> table.output & 1:
                continue
            # Faults go by the camera at the far end: a fault table names cameras, not sockets.
            if change.levels >> table.output & 1:
                self._edge_leaves(self._other_end(name), t_ns, change.pulse_index)
            else:
                self._trigger_falls(self._other_end(name), t_ns, change.pulse_index)

    def exposed(self, exposure: Exposure) -> None:
        """A camera is going to expose: plan the edges on its line, and note the truth."""
        name = exposure.camera
        pulse = self._pulse_on_wire.get(name)
        self._remember(exposure, pulse)
        self._truth.note(
            "exposure",
            run=self._generation(),
            pulse=pulse,
            camera=name,
            ordinal=exposure.ordinal,
            start_ns=exposure.start_ns,
            end_ns=exposure.end_ns,
        )
        lines = self._lines[name]
        rises_ns = exposure.start_ns + lines.exposure_ns(exposure.start_ns, is_rising=True)
        falls_ns = exposure.end_ns + lines.exposure_ns(exposure.end_ns, is_rising=False)
        if rises_ns < falls_ns:  # a shorter exposure does not pass the line
            self._engine.at(rises_ns, lambda: self._set_line(name, 1))
            self._engine.at(falls_ns, lambda: self._set_line(name, 0))
        if pulse is not None and pulse in self.faults.spike_start.get(name, ()):
            self._spike("spike_start", name, pulse, self._spike_ns(rises_ns))

    def published(self, exposure: Exposure, t_host_ns: int) -> None:
        """A camera's frame is in the computer: note when, on the host's clock."""
        pulse = self.pulse_of(exposure)
        self._truth.note("published", run=self._generation(), pulse=pulse, camera=exposure.camera, t_host_ns=t_host_ns)

    def painted(self, exposure: Exposure, crc32: int) -> None:
        """An image was painted: note the checksum of its pixels; one that is painted again is noted again."""
        pulse = self.pulse_of(exposure)
        self._truth.note("pixels", run=self._generation(), pulse=pulse, camera=exposure.camera, crc32=crc32)

    # ---------------------------------------------------------------- inside

    def _note_lamps(self, t_ns: int, change: OutputChange) -> None:
        """Note every edge of a lamp output, whoever asked for it and whatever the box reports of it."""
        for output in self.lamps.outputs:
            if change.changed >> output & 1:
                level = change.levels >> output & 1
                run = self._generation()
                self._truth.note("lamp", run=run, pulse=change.pulse_index, output=output, level=level, t_ns=t_ns)

    def _other_end(self, name: str) -> str:
        swap = self.faults.swap_triggers
        return swap[1 - swap.index(name)] if name in swap else name

    def _edge_leaves(self, name: str, t_ns: int, pulse: int | None) -> None:
        # Faults are planned by pulse; an edge outside every pulse has nothing to plan them by.
        if pulse is None:
            self._trigger_rises(name, t_ns, pulse)
            return
        self.last_pulse = pulse
        self.on_pulse(self._generation(), pulse)
        fate = plant(self.faults, self._seed, name, self._numbers[name], len(self._tables), pulse)
        if fate.is_withheld:
            self.note_fault("withhold_trigger", name, pulse, t_ns)
        else:
            self._trigger_rises(name, t_ns, pulse)
        if fate.is_doubled:
            after_ns = t_ns + round(self.faults.double_trigger_after_us * 1000)
            self.note_fault("double_trigger", name, pulse, after_ns)
            self._engine.at(after_ns, lambda: self._edge_arrives(name, after_ns, pulse))
        if fate.is_noisy:
            self._plan_noise(name, pulse, t_ns)

    def _trigger_rises(self, name: str, t_ns: int, pulse: int | None) -> None:
        """Drive the trigger input of a camera; the edge passes it later, unless the pulse is over by then."""
        self._driven_since_ns[name] = t_ns
        delay_ns = self._lines[name].trigger_ns(t_ns, is_rising=True)
        if not delay_ns:
            self._edge_arrives(name, t_ns, pulse)
            return

        def passes() -> None:
            if t_ns <= self._fell_ns.get(name, -1) < t_ns + delay_ns:
                self.note_fault("short_trigger", name, pulse, t_ns)
            else:
                self._edge_arrives(name, t_ns + delay_ns, pulse)

        self._engine.at(t_ns + delay_ns, passes)

    def _trigger_falls(self, name: str, t_ns: int, pulse: int | None) -> None:
        """End the pulse at a camera's trigger input; a pulse that did not pass has no falling edge either."""
        since_ns = self._driven_since_ns.pop(name, None)
        self._fell_ns[name] = t_ns
        lines = self._lines[name]
        if since_ns is None or t_ns - since_ns < lines.trigger_ns(since_ns, is_rising=True):
            return
        at_ns = t_ns + lines.trigger_ns(t_ns, is_rising=False)
        self._engine.at(at_ns, lambda: self._edge_arrives(name, at_ns, pulse, is_rising=False))

    def _edge_arrives(self, name: str, t_ns: int, pulse: int | None, *, is_rising: bool = True) -> None:
        # Camera and planted faults ask for the pulse while the edge is handled; afterwards none is on the wire.
        self._pulse_on_wire[name] = pulse
        try:
            is_obeyed = name not in self.hung and self._cameras[name].trigger(t_ns, is_rising=is_rising) is not None
            # Most cameras wait for rising edges, so a falling one that does nothing is no fault.
            if is_rising and not is_obeyed:
                self.note_fault("ignored_trigger", name, pulse, t_ns)
        finally:
            self._pulse_on_wire[name] = None

    def _plan_noise(self, name: str, pulse: int, t_ns: int) -> None:
        """Invert the line for a moment, somewhere in the 50 ms after the trigger."""
        at_ns = t_ns + round(chance.share(self._seed, "noise_at", name, pulse) * 50e6)
        self._spike("noise_edge", name, pulse, at_ns)

    def _spike_ns(self, start_ns: int) -> int:
        return max(start_ns + round(self.faults.spike_start_us * 1000), self._engine.now_ns)

    def _spike(self, fault: str, name: str, pulse: int, at_ns: int) -> None:
        self.note_fault(fault, name, pulse, at_ns)
        self._engine.at(at_ns, lambda: self._drive(name, 1 - self._line_levels.get(name, 0)))
        until_ns = at_ns + round(self.faults.noise_edge_width_us * 1000)
        self._engine.at(until_ns, lambda: self._drive(name, self._line_levels.get(name, 0)))

    def _set_line(self, name: str, level: int) -> None:
        # Kept apart from what is driven: this is the level to which a spike returns.
        self._line_levels[name] = level
        self._drive(name, level)

    def _drive(self, name: str, level: int) -> None:
        line = self._tables[name].input
        if self._box is not None and line is not None:
            self._box.input_edge(line, level, self._engine.now_ns)

    def _remember(self, exposure: Exposure, pulse: int | None) -> None:
        pulses = self._pulse_of[exposure.camera]
        # Ordinals begin anew with each AcquisitionStart.
        if exposure.ordinal == 0:
            pulses.clear()
        pulses[exposure.ordinal] = pulse
        pulses.pop(exposure.ordinal - _PULSES_KEPT, None)
