"""Cells of the matrix of first contact: a make of camera, a mode, a fault, and whether the driver said what happened.

In: a running rig with one camera per make, a mode and a fault. Out: a verdict per camera: its frames are complete, or
the driver told within two seconds of the rig's time what is wrong and which camera; no frame is lost in silence.
`tools/campaign_first_contact.py` plays all cells, the tests a few. Not here: tables and progress.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from types import FrameType

from rigdriver.config import CameraConfig, RigConfig, load
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import RigError
from rigdriver.frames import FrameSet, Gap
from rigdriver.rig import Rig
from rigdriver.schedule.plan import compile_schedule
from rigdriver_sim.camera.makes import MAKES, Make
from rigdriver_sim.program.launch import RunningRig
from rigdriver_sim.reach.control import Control, ControlError
from tests.conformance.camera_worlds import scenario_of_makes
from tests.rig.played import dark

MODES = ("box", "software", "free", "external")
RATE_HZ = 10.0
FRAMES = 30
WITNESS = "plain"
"""Make of the last camera of each rig, which never has a fault."""
ONSET = 5
"""Number of frame sets that come before a fault that is planted by an act."""
TOLD_WITHIN_S = 2.0
"""Longest time from a fault to its report, of the rig's time."""
LIMIT_S = 90.0
"""Wall time after which a cell counts as hung."""
AGAIN_S = 10.0
"""Wall time after which the closing of what hung is ended, too: run, cameras and box, one after the other."""
FOREIGN_PULSES = 400
"""Number of pulses of the box that plays the foreign trigger."""
ALWAYS = tuple(range(600))
ONE_IN_THREE = tuple(range(2, 600, 3))


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and which reports name it rightly."""

    key: str = ""
    """Key of the simulator's fault table, planted from the start."""
    pulses: tuple[int, ...] = ()
    act: str = ""
    """Act on the camera after `ONSET` frame sets."""
    link_down_s: float = 0.0
    reasons: frozenset[str] = frozenset()
    """Names of the gap reasons that say what is wrong; empty: nothing may be missing."""
    words: str = ""
    """Part of the error that says the same."""
    is_slow: bool = False
    """Whether one camera per rig has it: a producer waits for each of them, seconds long."""
    frames: int = FRAMES


_LOST = frozenset({"LOST_ON_THE_WAY", "NOT_DELIVERED"})
FAULTS = {
    "none": Fault(),
    "incomplete": Fault("incomplete", ALWAYS, reasons=frozenset({"INCOMPLETE"}), words="bytes missing"),
    "one_in_three_lost": Fault("lose_frame", ONE_IN_THREE, reasons=_LOST, words="no frame"),
    "killed": Fault(act="camera.unplug", reasons=frozenset({"CAMERA_LOST"}), words="cable and power"),
    "hung": Fault(act="camera.hang", reasons=_LOST | {"NOT_EXPOSED", "CAMERA_LOST"}, words="answer", is_slow=True),
    "link_down_0.5": Fault(act="camera.link_down", link_down_s=0.5, reasons=_LOST | {"CAMERA_LOST"}, words="cable"),
    "link_down_2": Fault(
        act="camera.link_down", link_down_s=2.0, reasons=_LOST | {"CAMERA_LOST"}, words="cable", frames=50
    ),
    "link_down_8": Fault(
        act="camera.link_down", link_down_s=8.0, reasons=_LOST | {"CAMERA_LOST"}, words="cable", frames=100
    ),
    "control_taken": Fault(act="camera.take_control", reasons=frozenset({"CAMERA_LOST"}), words="control"),
    "leftovers": Fault(),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one make in one mode with one fault."""

    make: str
    mode: str
    fault: str
    frames: int = 0
    """Frame sets in which this camera's frame stands."""
    gaps: Mapping[str, int] = field(default_factory=dict)
    """Reason -> number of this camera's gaps."""
    told_s: float | None = None
    """Time from the fault to the first report that names camera and cause, of the rig's time; None: there is none."""
    error: str = ""
    """Error that ended the run."""
    complaint: str = ""
    """Reason why the cell fails; empty: it passes."""
    is_hung: bool = False
    """Whether the run had to be ended."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """What one run is played with."""

    running: RunningRig
    config: RigConfig
    control: Control
    fault: Fault
    struck: frozenset[str]
    """Names of the cameras that have the fault."""

    def strike(self) -> None:
        """Do the fault's act to each of them."""
        for name in sorted(self.struck):
            self.control.do(self.fault.act, camera=name)


@dataclass(slots=True)
class Played:
    """What a run gave its consumer."""

    struck_s: float = 0.0
    """Time of the fault; of the start, where it was planted before."""
    ended_s: float = 0.0
    frame_sets: list[FrameSet] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    error: RigError | None = None
    hung: str = ""


class _Hung(BaseException):
    """The wall time of a cell is over."""


@dataclass(slots=True)
class _Limit:
    """Whether it is, also where closing what hung has raised another error."""

    is_over: bool = False


def is_possible(make: str, mode: str) -> bool:
    """Whether a make can be driven in a mode at all."""
    return mode != "software" or MAKES[make].has_software_trigger


def scenario(makes: Sequence[str], folder: Path) -> str:
    """Write a scenario with a camera per make and the witness, and return what `launch` takes."""
    return str(scenario_of_makes((*makes, WITNESS), folder))


def play_cells(running: RunningRig, makes: Sequence[str], mode: str, fault_name: str) -> list[Cell]:
    """Play one run in which the cameras of all makes have the fault and the witness has none; return a cell for each.

    `running`: a rig of `scenario(makes)`.
    """
    fault = FAULTS[fault_name]
    tried = {f"c{number}": make for number, make in enumerate(makes) if is_possible(make, mode)}
    make_of = {**tried, f"c{len(makes)}": WITNESS}
    if not tried:
        return []
    struck = dict([*tried.items()][:1]) if fault.is_slow else tried
    config = _config(running, mode, make_of)
    with running.control() as control:
        stage = _Stage(running, config, control, fault, frozenset(struck))
        try:
            played = _play(stage, fault_name == "leftovers", make_of)
        finally:
            with suppress(ControlError):  # a rig on which a run hung is launched anew
                _heal(control, stage.struck)
    healthy = set(make_of) - set(struck)
    return [judge(played, Cell(make, mode, fault_name), name, healthy) for name, make in struck.items()]


def _config(running: RunningRig, mode: str, make_of: Mapping[str, str]) -> RigConfig:
    config = dark(load(running.rig_file))
    schedule = config.schedule.model_copy(update={"mode": mode, "rate_hz": RATE_HZ})
    cameras = tuple(_at_the_rate(c, MAKES[make_of[c.name]], mode) for c in config.cameras if c.name in make_of)
    box = config.box if mode == "box" else None
    run = config.run.model_copy(update={"on_gap": "continue"})
    return config.model_copy(update={"cameras": cameras, "schedule": schedule, "box": box, "run": run})


def _at_the_rate(camera: CameraConfig, make: Make, mode: str) -> CameraConfig:
    """Return a camera that runs at RATE_HZ where nothing triggers it, with the feature names of its make."""
    if mode != "free":
        return camera
    wanted = {"AcquisitionFrameRateEnable": True, "AcquisitionFrameRate": RATE_HZ}
    rates = {make.renamed.get(name, name): value for name, value in wanted.items() if name not in make.lacks}
    return camera.model_copy(update={"features": {**camera.features, **rates}})


def _heal(control: Control, struck: Collection[str]) -> None:
    control.do("none")
    for name in struck:
        control.do("camera.unplug", camera=name)
        control.do("camera.replug", camera=name)


# ---------------------------------------------------------------- one run


def _play(stage: _Stage, has_leftovers: bool, make_of: Mapping[str, str]) -> Played:
    played = Played()
    fault, limit = stage.fault, _Limit()
    try:
        with _bounded(limit):
            if has_leftovers:
                _leave_triggers_on(stage.config, make_of)
            stage.control.set("faults.link_down_s", fault.link_down_s)
            if fault.key:
                stage.control.set(f"faults.{fault.key}", {name: list(fault.pulses) for name in stage.struck})
            with Rig.open(stage.config) as rig, _triggered(stage, rig) as trigger:
                _consume(stage, rig, trigger, played)
    except RigError as exc:  # opening or closing the rig
        played.error = played.error or exc
    except _Hung:
        pass
    played.hung = f"not over after {LIMIT_S:g} s of wall time" if limit.is_over else ""
    return played


def _consume(stage: _Stage, rig: Rig, trigger: Callable[[], None], played: Played) -> None:
    now_s, run = rig.timebase.now_s, rig.run(frames=stage.fault.frames)
    played.struck_s = now_s()
    try:
        with run:
            trigger()
            for frame_set in run:
                played.frame_sets.append(frame_set)
                played.times_s.append(now_s())
                if len(played.frame_sets) == ONSET and stage.fault.act:
                    played.struck_s = now_s()
                    stage.strike()
    except RigError as exc:
        played.error = exc
    played.ended_s = now_s()


@contextmanager
def _triggered(stage: _Stage, rig: Rig) -> Iterator[Callable[[], None]]:
    """In mode `external` the rig's box, which the bench does not know, triggers the cameras."""
    if stage.config.schedule.mode != "external":
        yield lambda: None
        return
    whole = dark(load(stage.running.rig_file))
    with TriggerBox.open(whole.required_box(), rig.timebase) as box:

        def trigger() -> None:
            schedule = compile_schedule(whole, box.identity.tick_rate_hz, 5, FOREIGN_PULSES, RATE_HZ)
            box.commit(schedule.box)
            box.arm(5)
            box.start(5)

        yield trigger


def _leave_triggers_on(config: RigConfig, make_of: Mapping[str, str]) -> None:
    """Be another program, which leaves every trigger on, with a source that the mode does not use."""
    cameras = []
    for camera, make in ((c, MAKES[make_of[c.name]]) for c in config.cameras):
        features: dict[str, bool | int | float | str] = {}
        for selector in make.trigger_selectors if "TriggerSelector" not in make.lacks else ():
            features[f"TriggerMode[TriggerSelector={selector}]"] = "On"
        cameras.append(camera.model_copy(update={"features": features or {"TriggerMode": "On"}, "reset": "keep"}))
    schedule = config.schedule.model_copy(update={"mode": "external"})
    Rig.open(config.model_copy(update={"cameras": tuple(cameras), "schedule": schedule, "box": None})).close()


@contextmanager
def _bounded(limit: _Limit) -> Iterator[None]:
    """End whatever takes longer than LIMIT_S of wall time; for the main thread."""

    def end(_number: int, _frame: FrameType | None) -> None:
        limit.is_over = True
        raise _Hung

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ---------------------------------------------------------------- the verdict


def judge(played: Played, cell: Cell, name: str, healthy: set[str]) -> Cell:
    """Return the cell with what came of that camera, and why it fails."""
    fault = FAULTS[cell.fault]
    gaps = Counter(f.gaps[name].reason.name for f in played.frame_sets if name in f.gaps)
    told_s = _told_s(played, fault, name) if fault.reasons else None
    cell = replace(
        cell,
        frames=sum(name in f.frames for f in played.frame_sets),
        gaps=dict(gaps),
        told_s=told_s,
        error=" ".join(str(played.error or "").split()),
        is_hung=bool(played.hung),
    )
    complaints = [played.hung, *_complaints(played, fault, name, told_s), *_harm(played, fault, healthy)]
    return replace(cell, complaint="; ".join(filter(None, complaints)))


def _told_s(played: Played, fault: Fault, name: str) -> float | None:
    """Return when the driver said which camera it is and why, counted from the fault."""
    for frame_set, t_s in zip(played.frame_sets, played.times_s, strict=True):
        gap = frame_set.gaps.get(name)
        if gap is not None and t_s >= played.struck_s and _is_named(gap, fault):
            return t_s - played.struck_s
    text = str(played.error or "")
    if f"camera {name}" in text and fault.words in text:
        return played.ended_s - played.struck_s
    return None


def _is_named(gap: Gap, fault: Fault) -> bool:
    # CAMERA_LOST alone says no cause: that stands in its detail.
    return gap.reason.name in fault.reasons and (gap.reason.name != "CAMERA_LOST" or fault.words in str(gap))


def _complaints(played: Played, fault: Fault, name: str, told_s: float | None) -> list[str]:
    found = []
    if not fault.reasons:
        if missing := fault.frames - sum(name in f.frames for f in played.frame_sets):
            found.append(f"{missing} of {fault.frames} frames are missing")
        if played.error is not None:
            found.append("the run ended with an error")
    elif told_s is None:
        found.append("camera and cause were never told")
    elif told_s > TOLD_WITHIN_S:
        found.append(f"told after {told_s:.1f} s")
    if played.error is None and not played.hung and len(played.frame_sets) < fault.frames:
        found.append(f"{len(played.frame_sets)} of {fault.frames} frame sets, and no error")
    if (silent := _silent_losses(played, name)) > 0:
        found.append(f"{silent} frames lost in silence")
    return found


def _silent_losses(played: Played, name: str) -> int:
    """Return the number of frames of a camera that are neither in a frame set nor a gap.

    Each frame that a camera sends has the next id, so ids show what lies between two frames that came.
    """
    came = [(f.pulse_index, f.frames[name].frame_id) for f in played.frame_sets if name in f.frames]
    silent = 0
    for (index, frame_id), (next_index, next_id) in pairwise(came):
        silent += max(0, (next_id - frame_id) - (next_index - index))
    return silent


def _harm(played: Played, fault: Fault, healthy: set[str]) -> list[str]:
    """Return what went wrong with cameras that have no fault, and with the frame sets as a whole."""
    found = []
    for name in sorted(healthy):
        reasons = Counter(f.gaps[name].reason.name for f in played.frame_sets if name in f.gaps)
        if reasons:
            found.append(f"healthy camera {name} has gaps: {dict(reasons)}")
        if _silent_losses(played, name):
            found.append(f"healthy camera {name} lost frames in silence")
    indices = [f.pulse_index for f in played.frame_sets]
    if indices != list(range(len(indices))):
        found.append("numbers of frame sets are missing")
    unproved = [f for f in played.frame_sets if f.is_complete and f.proof.verdict not in ("proved", "unproved")]
    if unproved:
        found.append(f"complete, but {unproved[0].proof.verdict}")
    return found
