"""Plays a run on a rig and keeps what a fault can change: gaps, notes, order, stamps, brightness; no pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rigdriver.config import RigConfig, load
from rigdriver.errors import RigError
from rigdriver.frames import FrameSet, Gap
from rigdriver.rig import Rig
from rigdriver.run.statistics import RunStatistics
from rigdriver_sim.bench import stamp
from rigdriver_sim.program.launch import RunningRig

LOCKSTEP = "lockstep=true&pace=0"
"""The part of a simulated rig's spec that has its time wait for the driver (rigdriver/timebase.py)."""


@dataclass(slots=True)
class Played:
    """What came of a run."""

    generation: int = 0
    indices: list[int] = field(default_factory=list)
    gaps: dict[tuple[int, str], Gap] = field(default_factory=dict)
    notes: dict[int, list[str]] = field(default_factory=dict)
    brightness: dict[tuple[int, str], float] = field(default_factory=dict)
    shifted: list[str] = field(default_factory=list)
    """Frames whose own stamp names another pulse or camera than their frame set does."""
    delays_ms: dict[tuple[int, str], float] = field(default_factory=dict)
    """From the pulse to the arrival of each frame on this computer."""
    statistics: RunStatistics | None = None
    error: RigError | None = None

    def reasons(self, camera: str) -> dict[int, str]:
        """Return pulse -> name of the gap's reason."""
        return {pulse: gap.reason.name for (pulse, name), gap in sorted(self.gaps.items()) if name == camera}

    def notes_of(self, pulse: int) -> str:
        return "; ".join(self.notes.get(pulse, []))


def play(rig: Rig, frames: int, rate_hz: float | None = None, then: Callable[[FrameSet], None] | None = None) -> Played:
    """Run; an error of the driver is kept, anything else is the test's failure."""
    names = [camera.name for camera in rig.config.cameras]
    played = Played()
    run = rig.run(frames=frames, rate_hz=rate_hz)
    try:
        for frame_set in run:
            _keep(played, frame_set, names)
            if then is not None:
                then(frame_set)
    except RigError as exc:
        played.error = exc
    played.statistics = run.statistics
    return played


def _keep(played: Played, frame_set: FrameSet, names: list[str]) -> None:
    index = frame_set.pulse_index
    played.generation = frame_set.proof.generation
    played.indices.append(index)
    proofs = frame_set.proof.frames
    notes = [*frame_set.proof.reasons, *(f"{name}: {note}" for name in proofs for note in proofs[name].notes)]
    if notes:
        played.notes[index] = notes
    played.gaps |= {(index, name): gap for name, gap in frame_set.gaps.items()}
    for name, frame in frame_set.frames.items():
        played.brightness[index, name] = float(frame.pixels[stamp.HEIGHT_PX + 40 :].mean())
        played.delays_ms[index, name] = (frame.t_host_ns - frame_set.t_host_ns) / 1e6
        mark = stamp.read(frame.pixels)
        if mark is not None and (mark.pulse, mark.camera) != (index, names.index(name)):
            played.shifted.append(f"pulse {index}, {name}: image says {mark}")


def dark(config: RigConfig) -> RigConfig:
    """Without lamps no limit on light ends a run; with room for frames, and with short patience."""
    genicam = config.genicam.model_copy(update={"frame_slots": 128, "buffers": 64, "command_timeout_s": 5.0})
    return config.model_copy(update={"lamps": (), "genicam": genicam})


@contextmanager
def opened(running: RunningRig, change: Callable[[RigConfig], RigConfig] = dark) -> Iterator[Rig]:
    with Rig.open(change(load(Path(running.rig_file)))) as rig:
        yield rig


def planted(running: RunningRig, played: Played, fault: str) -> set[tuple[int, str]]:
    """Return the pulses and cameras of that run at which the simulator says it planted the fault."""
    return {
        (line["pulse"], line["camera"])
        for line in running.truth()
        if line["what"] == "fault" and line["fault"] == fault and line["run"] == played.generation
    }
