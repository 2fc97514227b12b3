"""Which trigger reaches which camera: one output at a time, and see whose exposure line and whose frame answer.

In: an open box and open cameras, idle. Out: for each camera whether its own frame came and its own line rose, and how
long after the trigger. Swapped cables show as the other camera's name. No lamp is lit. Not here: schedules with light,
clocks and matching (see run_checks.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median
from typing import Protocol

from rigdriver.clock import ticks_from_us, us_from_ticks
from rigdriver.config import CameraConfig, RigConfig
from rigdriver.devices.box.events import BoxEvent
from rigdriver.devices.cameras.events import CameraEvent, CameraLost
from rigdriver.frames import Edge, Frame, PulseReport
from rigdriver.schedule.plan import exposure_us
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.selftest.result import CheckResult, verdict
from rigdriver.signal_safe import SafeCondition
from rigdriver.timebase import WALL_TIME, Timebase, wait_for

TRIGGERS = 3
"""Number of triggers per camera; a camera may miss the first one after a pause."""
# A number of its own: a report that comes late from another run cannot pass for an answer.
_GENERATION = 0x57495245
_SPACING_US = 100_000.0
_QUIET_S = 0.05


class ProbingBox(Protocol):
    """What this file needs of a trigger box."""

    def subscribe(self, sink: Callable[[BoxEvent], None]) -> None: ...
    def unsubscribe(self, sink: Callable[[BoxEvent], None]) -> None: ...
    def commit(self, schedule: BoxSchedule) -> None: ...
    def arm(self, generation: int) -> None: ...
    def start(self, generation: int) -> None: ...
    def stop(self, now: bool = True) -> None: ...


class CameraGroup(Protocol):
    """What this file needs of the cameras."""

    def start(self, sink: Callable[[CameraEvent], None]) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WiringAnswer:
    """What came back when one output was pulsed alone."""

    camera: str
    frames: Mapping[str, int]
    """Number of frames delivered, by camera."""
    lines: Mapping[int, int]
    """Number of rising edges, by box input."""
    delays_us: tuple[float, ...]
    """Times from the trigger edge to the rise of the camera's own line."""
    lengths_us: tuple[float, ...]
    """Times during which the camera's own line was high."""
    silence: str = ""
    """What the camera answered, when it was asked for an image without its trigger line and gave none."""
    lost: str = ""
    """Reason why the camera itself is gone: it does not answer, or another program took it."""


def probe_wiring(
    box: ProbingBox, cameras: CameraGroup, config: RigConfig, tick_rate_hz: int, timebase: Timebase = WALL_TIME
) -> list[WiringAnswer]:
    """Pulse each camera's output alone and collect what answers."""
    watch = _Watch(timebase)
    with ExitStack() as last:
        last.callback(box.unsubscribe, watch.hear_box)
        # Closed in reverse: the outputs are off before the cameras stop, and nobody listens afterwards.
        box.subscribe(watch.hear_box)
        cameras.start(watch.hear_camera)
        last.callback(cameras.stop)
        last.callback(box.stop, now=True)
        return [_probe(box, watch, config, camera, tick_rate_hz) for camera in config.cameras]


def _probe(box: ProbingBox, watch: _Watch, config: RigConfig, camera: CameraConfig, tick_rate_hz: int) -> WiringAnswer:
    # The next trigger comes when this exposure is over, however long it is: a camera that exposes ignores triggers.
    longest_us = camera.start_us + exposure_us(config, camera) + camera.jitter_us
    period_us = max(_SPACING_US, 2 * longest_us)
    width = ticks_from_us(config.schedule.trigger_width_us, tick_rate_hz)
    step = box_step(1 << camera.output, 0, width)
    watch.begin()
    box.commit(BoxSchedule.of(_GENERATION, ticks_from_us(period_us, tick_rate_hz), TRIGGERS, (step,)))
    box.arm(_GENERATION)
    box.start(_GENERATION)
    watch.wait_for_pulses(TRIGGERS, timeout_s=1 + 2 * TRIGGERS * period_us / 1e6)
    watch.wait_for_frames(camera.name, TRIGGERS, timeout_s=config.sync.gap_timeout_s)
    # Frames of a swapped camera come without being waited for; they must not count for the next output.
    watch.wait_until_quiet(timeout_s=1.0)
    return watch.answer(camera, tick_rate_hz)


def judge_wiring(answers: Sequence[WiringAnswer], config: RigConfig) -> list[CheckResult]:
    """Say for each camera whether its own trigger, its own line and its own images belong together."""
    owners = {camera.input: camera.name for camera in config.cameras if camera.input is not None}
    reached = {answer.camera: [name for name in answer.frames if name != answer.camera] for answer in answers}
    raised = {
        answer.camera: [owners[line] for line in answer.lines if owners.get(line, answer.camera) != answer.camera]
        for answer in answers
    }
    checks = []
    for answer in answers:
        camera = config.camera(answer.camera)
        checks.append(_judge_frames(answer, camera, _partner(answer.camera, reached)))
        if camera.input is not None:
            partner = _partner(answer.camera, raised)
            checks += _judge_line(answer, camera, owners, partner, exposure_us(config, camera))
    return checks


def _partner(camera: str, others: Mapping[str, Sequence[str]]) -> str | None:
    """Return the camera that answers to this one's output while this one answers to its: their cables are swapped."""
    return next((name for name in others[camera] if camera in others.get(name, ())), None)


def _judge_frames(answer: WiringAnswer, camera: CameraConfig, partner: str | None) -> CheckResult:
    others = [name for name in answer.frames if name != camera.name]
    # One frame may lack: some cameras lose the first one after a pause, and that is no wrong cable.
    is_good = not others and answer.frames.get(camera.name, 0) >= TRIGGERS - 1
    seen = ", ".join(f"{count} from {name}" for name, count in answer.frames.items()) or "no frames"
    name = f"wiring.{camera.name}.frames"
    remedy = _frames_remedy(answer, camera, others, partner)
    return verdict(is_good, name, seen, f"{TRIGGERS} from {camera.name}", remedy=remedy)


def _frames_remedy(answer: WiringAnswer, camera: CameraConfig, others: Sequence[str], partner: str | None) -> str:
    device = f"camera {camera.name} (SN {camera.serial})"
    if answer.lost:
        return answer.lost
    if partner is not None:
        return (
            f"box output {camera.output} reaches {partner}, and that of {partner} reaches {camera.name}: exchange the "
            f"trigger cables of {camera.name} and {partner}, or mend cameras.output"
        )
    if others:
        return (
            f"box output {camera.output} reaches {', '.join(others)}: check where the trigger cables of {camera.name} "
            f"and {', '.join(others)} go, or mend cameras.output"
        )
    if answer.silence:
        return (
            f"{device}: it gives no image at all, neither on its trigger nor by command, as when its firmware hangs: "
            f"take its power away, give it back and test again ({answer.silence})"
        )
    if not answer.frames and not any(answer.lines.values()):
        return f"{device}: check its trigger cable at box output {camera.output}"
    return f"{device}: it was triggered; check its data cable and link throughput"


def _judge_line(
    answer: WiringAnswer,
    camera: CameraConfig,
    owners: Mapping[int, str],
    partner: str | None,
    expected_us: float,
) -> list[CheckResult]:
    """Judge the exposure-active line: whose it is, how late it rises, and for how long it stays."""
    name = f"wiring.{camera.name}.exposure_line"
    wrong = [line for line in answer.lines if line != camera.input and line in owners]
    seen = ", ".join(f"{count} on input {line} ({owners.get(line, 'spare')})" for line, count in answer.lines.items())
    expected = f"{TRIGGERS} on input {camera.input} ({camera.name})"
    if wrong or not answer.delays_us:
        remedy = _line_remedy(camera, [owners[line] for line in wrong], partner)
        return [verdict(False, name, seen or "no edge", expected, remedy=remedy)]
    is_whole = len(answer.delays_us) >= TRIGGERS - 1
    remedy = f"camera {camera.name} skips triggers; check cable and connector"
    return [verdict(is_whole, name, seen, expected, remedy=remedy), *_judge_times(answer, camera, expected_us)]


def _line_remedy(camera: CameraConfig, others: Sequence[str], partner: str | None) -> str:
    if partner is not None:
        return (
            f"exposure-active lines: exchange the cables of {camera.name} and {partner} at the box inputs, or mend "
            "cameras.input"
        )
    if others:
        return (
            f"box input of {', '.join(others)} rises when {camera.name} exposes: check where the exposure-active line "
            f"of {camera.name} goes, or mend cameras.input"
        )
    return (
        f"camera {camera.name}: its exposure-active line does not reach box input {camera.input}; check the cable and "
        "LineSource = ExposureActive"
    )


def _judge_times(answer: WiringAnswer, camera: CameraConfig, expected_us: float) -> list[CheckResult]:
    # Medians of three: one edge that was delayed decides nothing.
    delay, length = median(answer.delays_us), median(answer.lengths_us or (0.0,))
    room_us = camera.jitter_us + 1
    expected_delay_us = camera.start_us + camera.line_rise_us
    expected_us += camera.line_fall_us - camera.line_rise_us
    return [
        verdict(
            abs(delay - expected_delay_us) <= room_us,
            f"wiring.{camera.name}.latency",
            round(delay, 2),
            f"{expected_delay_us:g} +- {room_us:g}",
            "us",
            f"camera {camera.name}: mend cameras.latency_us in the rig file, or its TriggerDelay; if its lines have "
            "opto-couplers, `rigdriver selftest --write-delays` measures their delays",
        ),
        verdict(
            # One percent more, because delays of rising and falling edges differ in opto-couplers and cameras round
            # exposures.
            abs(length - expected_us) <= room_us + 0.01 * expected_us,
            f"wiring.{camera.name}.exposure",
            round(length, 2),
            round(expected_us, 2),
            "us",
            f"camera {camera.name}: it exposes otherwise than ExposureTime says; check ExposureMode and ExposureAuto",
        ),
    ]


class _Watch:
    """Takes reports of box and cameras on their threads and lets this one wait, always with a timeout."""

    def __init__(self, timebase: Timebase) -> None:
        self._timebase = timebase
        self._news = SafeCondition()
        self._frames: Counter[str] = Counter()
        self._edges: list[Edge] = []
        self._closed_pulses = 0
        self._lost: dict[str, str] = {}

    def begin(self) -> None:
        """Forget the earlier reports."""
        with self._news:
            self._frames.clear()
            self._edges.clear()
            self._closed_pulses = 0

    def hear_box(self, event: BoxEvent) -> None:
        """Take an event of the box."""
        if not isinstance(event, PulseReport):
            return
        with self._news:
            self._edges += event.edges
            self._closed_pulses += event.is_closed
            self._news.notify_all()

    def hear_camera(self, event: CameraEvent) -> None:
        """Take an event of a camera."""
        with self._news:
            if isinstance(event, CameraLost):
                self._lost[event.camera] = str(event.error)
            elif isinstance(event, Frame):
                self._frames[event.camera] += 1
            self._news.notify_all()

    def wait_for_pulses(self, count: int, timeout_s: float) -> None:
        """Wait until the box has reported that many whole pulses."""
        with self._news:
            wait_for(self._timebase, self._news, lambda: self._closed_pulses >= count, timeout_s)

    def wait_for_frames(self, camera: str, count: int, timeout_s: float) -> None:
        """Wait until a camera has delivered that many frames."""
        with self._news:
            wait_for(self._timebase, self._news, lambda: self._has_all(camera, count), timeout_s)

    def _has_all(self, camera: str, count: int) -> bool:
        return self._frames[camera] >= count or camera in self._lost

    def wait_until_quiet(self, timeout_s: float) -> None:
        """Wait until no device has reported anything for a moment, so that the next probe gets only its own answers."""
        with self._news:
            for _ in range(round(timeout_s / _QUIET_S)):
                if not wait_for(self._timebase, self._news, self._has_more_than(self._said), _QUIET_S):
                    return

    @property
    def _said(self) -> int:
        return len(self._edges) + self._frames.total()

    def _has_more_than(self, said: int) -> Callable[[], bool]:
        return lambda: self._said > said

    def answer(self, camera: CameraConfig, tick_rate_hz: int) -> WiringAnswer:
        """Sum up what came back."""
        with self._news:
            edges, frames = sorted(self._edges, key=lambda edge: edge.t_box_ticks), +self._frames
        lines = Counter(line for edge in edges if edge.is_input for line in range(8) if edge.rising >> line & 1)
        triggers = [edge.t_box_ticks for edge in edges if not edge.is_input and edge.rising >> camera.output & 1]
        own = 0 if camera.input is None else 1 << camera.input
        rises = [edge.t_box_ticks for edge in edges if edge.is_input and edge.rising & own]
        falls = [edge.t_box_ticks for edge in edges if edge.is_input and edge.falling & own]
        return WiringAnswer(
            camera=camera.name,
            frames=dict(frames),
            lines=dict(lines),
            delays_us=_first_after(triggers, rises, tick_rate_hz),
            lengths_us=_first_after(rises, falls, tick_rate_hz),
            lost=self._lost.get(camera.name, ""),
        )


def _first_after(causes: Sequence[int], effects: Sequence[int], tick_rate_hz: int) -> tuple[float, ...]:
    """Return, for each cause that has one before the next cause, the time to its first effect in microseconds."""
    delays = []
    for cause, following in zip_longest(causes, causes[1:]):
        # Only up to the next cause: a missing answer must not be taken from the next trigger.
        effect = next((t for t in effects if t >= cause and (following is None or t < following)), None)
        if effect is not None:
            delays.append(us_from_ticks(effect - cause, tick_rate_hz))
    return tuple(delays)
