"""A world for the sync tests: what box and cameras would report, with faults planted at known places.

In: a seed, rates, faults. Out: reports in the order of their arrival, and for every frame the pulse that truly made it,
written into its first pixel. Not here: how the driver matches. Its lies: exposure lines without delay, one host whose
threads never wait for each other.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import numpy as np

from rigdriver.config import RigConfig, parse
from rigdriver.devices.box.events import EventsLost
from rigdriver.frames import Edge, Frame, FrameSet, GapReason, PulseReport
from rigdriver.schedule.plan import compile_preamble, compile_schedule
from rigdriver.schedule.planned import Schedule
from rigdriver.schedule.steps import end_ticks
from rigdriver.sync.exposures import ExposureLog
from rigdriver.sync.matcher import Matcher, Resolved
from rigdriver.sync.preamble import Preamble
from rigdriver.sync.proof import Prover
from rigdriver.sync.track import Track

TICKS = 10_000_000
FLUSH_TICKS = 20_000
ANSWER_NS = 3_000_000
"""From a question to the box to its answer; what it had reported by then comes before."""
INPUTS = 8
BETWEEN_NS = 100_000_000
"""From the end of the preamble to the first pulse."""
CAMERAS = ("left_upper", "left_lower", "left_colour", "right_upper", "right_lower", "right_colour")
FAULTS = (
    "missed_trigger", "doubled_trigger", "noise_edge", "late_exposure", "lost_frame", "repeated_id", "reordered",
    "id_reset", "stamp_jump", "clock_step",
)  # fmt: skip
NASTY = (
    "uncounted_loss", "held_long", "stalled", "doubled_frame", "line_dead", "line_split", "line_ghost",
)  # fmt: skip
"""Faults after which more than the frame set of their own pulse may suffer."""
BENDS = ("id_step", "id_jump", "frozen_stamp", "lagging_header", "late")
"""Faults that bend a witness, or two, by whole frames. Faults can meet in one frame: "clock_step+id_step"."""


def rig_config(
    rate_hz: float = 10,
    inputs: bool = True,
    cameras: tuple[str, ...] = CAMERAS,
    waits: bool = False,
    exposure_us: float | None = None,
) -> RigConfig:
    lines = ['name = "planted"', "[box]", 'url = "none"', "[genicam]", 'producers = ["none.cti"]', "[schedule]"]
    lines += [f"rate_hz = {rate_hz}", "[light]", "max_rate_hz = 1000", "max_train_flashes = 1000000"]
    lines += ["[sync]", f"wait_for_close = {str(waits).lower()}"]
    for n, name in enumerate(cameras):
        role = "texture" if name.endswith("colour") else "geometry"
        lines += ["[[cameras]]", f'name = "{name}"', f'serial = "S{n}"', f"output = {n}", f'role = "{role}"']
        lines += [f"input = {n}"] if inputs and n < INPUTS else []
        lines += [f"exposure_us = {exposure_us}"] if exposure_us else []
    return parse("\n".join(lines), "planted", __import__("pathlib").Path())


@dataclass
class CameraTruth:
    """One camera's clock and counters."""

    rng: random.Random
    offset_ns: int
    drift_ppm: float
    stamp_jitter_ns: float
    arrival_ns: int
    next_id: int = 0
    step_ns: int = 0
    stalled_until_ns: float = 0
    lag: int = 0
    """How many frames late the camera's headers (id and stamp) are on its pixels."""
    headers: list[tuple[int, int]] = field(default_factory=list)
    """Id and stamp of each frame, in order."""

    def stamp(self, t_ns: float) -> int:
        return round(
            t_ns * (1 + self.drift_ppm * 1e-6) + self.offset_ns + self.step_ns + self.rng.gauss(0, self.stamp_jitter_ns)
        )


@dataclass(frozen=True)
class Loss:
    """A camera tells that a frame was lost."""

    camera: str
    frame_id: int
    reason: GapReason
    t_host_ns: int


Report = PulseReport | Frame | Loss | EventsLost


@dataclass
class World:
    """Box and cameras of one run, in true nanoseconds; the host's clock is true here, the box's is too."""

    seed: int
    rate_hz: float = 10
    inputs: bool = True
    cameras: tuple[str, ...] = CAMERAS
    stamp_jitter_ns: float = 5000
    waits: bool = False
    tells_losses: GapReason | None = None
    damaged_id_ahead: int = 0
    """How far the id that a producer gives a damaged frame is ahead of its own."""
    exposure_us: float | None = None
    arrival_jitter_ns: float = 1e6
    arrival_ns: float | None = None
    """From the end of an exposure to its frame's arrival; short frames come before the report of their exposure."""
    wrap: tuple[int, int] | None = None
    """(size, first): frame ids beyond size - 1 begin again at first, as 16-bit counters do."""
    first_id: int | None = None
    lost_reports: dict[int, float] = field(default_factory=dict)
    """pulse -> chance that a part of the box's report of it is lost"""
    faults: dict[tuple[str, int], str] = field(default_factory=dict)
    """(camera, pulse) -> fault"""
    stamp_tick_ns: int = 1
    """Length of one tick of the cameras' clocks: a stamp is a whole number of ticks."""
    stamp_wrap_ns: int | None = None
    """Time after which the cameras' clocks begin again at 0, as short tick counters do."""
    is_stamped_at_end: bool = False
    """Whether cameras stamp the end of the exposure."""
    is_counting_triggers: bool = False
    """Whether a trigger that a camera misses uses up a frame id."""
    step_of: dict[tuple[str, int], int] = field(default_factory=dict)
    """Nanoseconds of a stamp jump or clock step; else drawn."""
    ids_of: dict[tuple[str, int], int] = field(default_factory=dict)
    """By how much an id step (for good) or jump (once) is off; else +1 or -1, drawn."""
    late_of: dict[tuple[str, int], float] = field(default_factory=dict)
    """Periods by which a late frame and those behind it are held up; else 1."""
    spells: dict[int, tuple[float, float]] = field(default_factory=dict)
    """pulse -> (periods by which this computer falls behind then, in everything that it reads; periods until it has
    caught up)"""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._lost = 0
        self._told_ns = 0
        self.config = rig_config(self.rate_hz, self.inputs, self.cameras, self.waits, self.exposure_us)
        r = self.rng
        self.truth = {
            name: CameraTruth(
                random.Random(r.random()), r.randrange(10**15), r.uniform(-50, 50), self.stamp_jitter_ns,
                round(min(0.3 / self.rate_hz, 0.03) * 1e9 if self.arrival_ns is None else self.arrival_ns),
                r.choice([0, 1, 77]) if self.first_id is None else self.first_id,
            )
            for name in self.cameras
        }  # fmt: skip

    # ------------------------------------------------------------ reports

    def reports(self, schedule: Schedule, start_ns: int, pulses: int) -> list[Report]:
        """Return everything that arrives at the host, in order of arrival."""
        arriving: list[tuple[float, int, Report]] = []
        period_ns = schedule.box.pulse_period_ticks * 100
        is_preamble = schedule.box.pulse_count == 1 and len({s.delay_ticks for s in schedule.box.steps}) > 2
        for index in range(pulses):
            t0 = start_ns + index * period_ns
            edges: list[tuple[int, bool, int, int]] = []
            for step in schedule.box.steps:
                edges += [(t0 // 100 + step.delay_ticks, False, step.output_mask, 1)]
                edges += [(t0 // 100 + end_ticks(step), False, step.output_mask, 0)]
            for n, name in enumerate(self.cameras):
                plan = schedule.exposures[name]
                delays = [s.delay_ticks for s in schedule.box.steps if s.output_mask >> n & 1]
                for delay in delays:
                    fault = None if is_preamble else self.faults.get((name, index))
                    self._expose(name, n, t0 + delay * 100, plan, index, fault, edges, arriving, period_ns)
            self._tell(edges, index, schedule, t0, period_ns, arriving)
        if self.spells and not is_preamble:
            arriving = self._read_late(arriving, start_ns, period_ns)
        return [report for _, _, report in sorted(arriving, key=lambda a: (a[0], a[1]))]

    def _read_late(self, arriving, start_ns: int, period_ns: int) -> list[tuple[float, int, Report]]:
        """Return what arrives, read by a computer that falls behind at once and catches up evenly."""

        def behind_ns(t_ns: float) -> float:
            lags = [0.0]
            for pulse, (most, until) in self.spells.items():
                since = (t_ns - start_ns) / period_ns - pulse
                lags += [most * (1 - since / until) * period_ns] if 0 <= since < until else []
            return max(lags)

        late: list[tuple[float, int, Report]] = []
        read_ns = 0.0
        for t_ns, order, report in sorted(arriving, key=lambda a: (a[0], a[1])):
            read_ns = max(read_ns, t_ns + behind_ns(t_ns))  # in the order in which it came
            late.append((read_ns, order, replace(report, t_host_ns=round(read_ns))))
        return late

    def _expose(self, name, n, trigger_ns, plan, index, fault, edges, arriving, period_ns) -> None:
        camera = self.truth[name]
        rng = camera.rng
        faults = frozenset((fault or "").split("+"))
        if faults & {"id_reset", "restart"}:
            camera.next_id = 0
        if "id_step" in faults:
            camera.next_id += self._ids(name, index)
        if faults & {"clock_step", "restart"}:
            camera.step_ns += self._step(name, index)
        start = trigger_ns + plan.latency_ticks * 100 + rng.gauss(0, 1500)
        if "late_exposure" in faults:
            start += rng.choice([150_000, 400_000, 1_500_000])
        starts = [] if "missed_trigger" in faults else [start]
        camera.next_id += self.is_counting_triggers and not starts
        if "doubled_trigger" in faults:
            starts.append(start + 0.3 * period_ns)
        if "noise_edge" in faults:
            starts.append(start + rng.choice([0.2, 0.4, 0.5]) * period_ns)
        for nth, begin in enumerate(starts):
            width = plan.exposure_ticks * 100
            if plan.input is not None:
                edges += self._line(begin, width, 1 << n, faults, period_ns, rng)
            self._deliver(
                name, begin, width, index if nth == 0 else -1, faults if nth == 0 else frozenset(), arriving, period_ns
            )

    @staticmethod
    def _line(begin, width, mask, faults, period_ns, rng) -> list[tuple[int, bool, int, int]]:
        """Return the edges on the exposure line, which may lie."""
        spans = [(begin, begin + width)]
        if "line_dead" in faults:
            spans = []
        if "line_split" in faults:
            cut = begin + rng.uniform(0.1, 0.9) * width
            spans = [(begin, cut), (cut + 2000, begin + width)]
        if "line_spiked" in faults:  # a spike close to the true start, on either side of it
            at = begin + rng.choice([-1, 1]) * rng.uniform(5_000, 90_000)
            spans = [(at, at + 3000), *spans] if at < begin else [(begin, at), (at + 3000, begin + width)]
        if "line_ghost" in faults:
            spans.append((begin + 0.55 * period_ns, begin + 0.55 * period_ns + width))
        return [(round(t / 100), True, mask, level) for span in spans for t, level in zip(span, (1, 0), strict=True)]

    def _deliver(self, name, begin, width, index, faults, arriving, period_ns) -> None:
        camera = self.truth[name]
        stamp = camera.stamp(begin + width * self.is_stamped_at_end) // self.stamp_tick_ns * self.stamp_tick_ns
        stamp = stamp if self.stamp_wrap_ns is None else stamp % self.stamp_wrap_ns
        frame_id = self._wrapped(camera.next_id)
        if "uncounted_loss" in faults:
            return
        camera.next_id += 1
        if "lost_frame" in faults:
            if self.tells_losses:
                t_host = round(begin + width + camera.arrival_ns)
                told_id = frame_id + (self.damaged_id_ahead if self.tells_losses is GapReason.INCOMPLETE else 0)
                arriving.append((t_host, 1, Loss(name, told_id, self.tells_losses, t_host)))
            return
        if "lost_image" in faults:  # its header stays, and the next image gets it
            camera.headers.append((frame_id, stamp))
            camera.lag += 1
            return
        frame_id, stamp = self._header(name, index, faults, frame_id, stamp)
        arrival = begin + width + camera.arrival_ns + abs(camera.rng.gauss(0, self.arrival_jitter_ns))
        if "late" in faults:
            arrival += self.late_of.get((name, index), 1) * period_ns
        if arrival < camera.stalled_until_ns:  # frames queue up and come in a row, in order
            arrival = camera.stalled_until_ns + 1000
        if not faults & {"reordered", "held_long"}:
            camera.stalled_until_ns = arrival
        if "reordered" in faults:
            arrival += 1.05 * period_ns
        if "held_long" in faults:
            arrival += camera.rng.choice([1, 2, 3, 5]) * period_ns
        if "stalled" in faults:
            arrival = camera.stalled_until_ns = arrival + camera.rng.uniform(1, 6) * period_ns
        pixels = np.full((1, 1), index & 0xFFFF, np.uint16)
        arriving.append((arrival, 1, Frame(name, frame_id, stamp, round(arrival), "Mono16", pixels)))
        if "doubled_frame" in faults:
            again = arrival + camera.rng.choice([1e5, 0.5, 1.0]) * period_ns % period_ns
            arriving.append((again, 1, Frame(name, frame_id, stamp, round(again), "Mono16", pixels)))

    def _header(self, name, index, faults, frame_id, stamp) -> tuple[int, int]:
        """Return the id and stamp that the camera gives the frame."""
        camera = self.truth[name]
        if "repeated_id" in faults:
            frame_id -= 1
        if "stamp_jump" in faults:
            stamp += self._step(name, index)
        if "id_jump" in faults:
            frame_id += self._ids(name, index)
        if "frozen_stamp" in faults and camera.headers:
            stamp = camera.headers[-1][1]
        camera.headers.append((frame_id, stamp))
        camera.lag += "lagging_header" in faults
        return camera.headers[-1 - camera.lag]

    def _wrapped(self, count: int) -> int:
        if self.wrap is None or count < self.wrap[0]:
            return count
        size, first = self.wrap
        return first + (count - size) % (size - first)

    def _ids(self, name: str, index: int) -> int:
        return self.ids_of.get((name, index)) or self.truth[name].rng.choice([-1, 1])

    def _step(self, name: str, index: int) -> int:
        drawn = self.truth[name].rng.choice([-1, 1]) * self.truth[name].rng.choice(
            [500_000, 3_000_000, 10**8, 10**9, 10**12]
        )
        return self.step_of.get((name, index), drawn)

    def _tell(self, edges, index, schedule, t0, period_ns, arriving) -> None:
        edges.sort()
        levels = {True: 0, False: 0}
        records = []
        for t, is_input, mask, level in edges:
            levels[is_input] = levels[is_input] | mask if level else levels[is_input] & ~mask
            records.append(Edge(t, is_input, mask, levels[is_input]))
        parts: list[list[Edge]] = []
        for edge in records:
            if not parts or len(parts[-1]) == 16 or edge.t_box_ticks - parts[-1][0].t_box_ticks > FLUSH_TICKS:
                parts.append([])
            parts[-1].append(edge)
        generation, start = schedule.box.generation, t0 // 100
        for part in [*parts, []]:
            sent_ns = (part[0].t_box_ticks + FLUSH_TICKS) * 100 if part else t0 + period_ns
            t_host = round(max(sent_ns + 5e5 + abs(self.rng.gauss(0, 2e5)), self._told_ns + 1000))
            self._told_ns = t_host  # a serial link keeps the order
            if (
                schedule.box.pulse_count > 1
                and index in self.lost_reports
                and self.rng.random() < self.lost_reports[index]
            ):
                self._lost += 1
                continue
            if self._lost:
                arriving.append((t_host, -1, EventsLost(self._lost, 0, self._lost, t_host)))
                self._lost = 0
            arriving.append((t_host, 0, PulseReport(index, generation, start, tuple(part), not part, t_host)))


@dataclass(frozen=True)
class HeldUp:
    """After the first report of a pulse the computer stands still; `excused_ns` is what the matcher is told of it."""

    pulse: int
    still_ns: int
    excused_ns: int


@dataclass
class _Answers:
    """Asks the box how far it has reported where the matcher wants to know, as a run does."""

    logs: dict[str, ExposureLog]
    matcher: Matcher
    left_ns: dict[int, int]
    asked_ns: int | None = None

    def until(self, t_host_ns: int) -> list[Resolved]:
        """Return what is settled by an answer that comes before that time."""
        if self.asked_ns is None or t_host_ns <= self.asked_ns + ANSWER_NS:
            return []
        for log in self.logs.values():
            log.reach(self.asked_ns // 100 - FLUSH_TICKS)
        answered_ns, self.asked_ns = self.asked_ns + ANSWER_NS, None
        resolved = self.matcher.take_reached()
        self.left_ns.update({r.pulse_index: answered_ns for r in resolved})
        return resolved

    def last(self) -> list[Resolved]:
        """Return what is settled by the answer that is on its way when the last report has come."""
        return [] if self.asked_ns is None else self.until(self.asked_ns + 2 * ANSWER_NS)

    def note(self, resolved: list[Resolved], t_host_ns: int) -> None:
        self.left_ns.update({r.pulse_index: t_host_ns for r in resolved[len(self.left_ns) :]})
        if self.matcher.is_report_wanted:
            self.asked_ns, self.matcher.is_report_wanted = self.asked_ns or t_host_ns, False


def run(
    world: World,
    pulses: int,
    generation: int = 7,
    held_up: HeldUp | None = None,
    left_ns: dict[int, int] | None = None,
) -> tuple[list[Resolved], dict[str, Track], Matcher]:
    """Play preamble and run of a world through the driver's sync floor; `left_ns` takes when each frame set left."""
    config = world.config
    schedule = compile_schedule(config, TICKS, generation, pulses)
    opening = compile_preamble(config, TICKS, generation - 1, unit_us=max(5000, 1.25e6 / config.schedule.rate_hz))
    tolerance = round(config.sync.tolerance_us * TICKS / 1e6)
    logs = {n: ExposureLog(schedule.exposures[n], tolerance) for n in world.cameras}
    tracks = {n: Track(log, TICKS, tolerance) for n, log in logs.items()}
    preamble = Preamble(opening, logs, tracks, tolerance)
    for report in world.reports(opening, 10**9, 1):
        if isinstance(report, PulseReport):
            preamble.take_report(report)
        elif isinstance(report, Frame):
            preamble.take_frame(report)
    assert preamble.lock() == {}
    for name, log in logs.items():
        log.plan(schedule.exposures[name])
    prover = Prover(schedule, config.sync.tolerance_us, config.sync.max_skew_us)
    matcher = Matcher(schedule, tracks, prover, round(config.sync.gap_timeout_s * 1e9), config.sync.wait_for_close)
    out: list[Resolved] = []
    start_ns = 10**9 + opening.box.pulse_period_ticks * 100 + BETWEEN_NS
    answers = _Answers(logs, matcher, {} if left_ns is None else left_ns)
    for report in world.reports(schedule, start_ns, pulses):
        out += answers.until(report.t_host_ns)
        if isinstance(report, PulseReport):
            before = {n: log.glitches for n, log in logs.items()}
            exposures = {n: log.feed(report, schedule.box.pulse_period_ticks) for n, log in logs.items()}
            out += matcher.take_report(report, exposures, {n: log.glitches - before[n] for n, log in logs.items()})
        elif isinstance(report, Loss):
            out += matcher.take_loss(report.camera, report.frame_id, 1, report.reason)
        elif isinstance(report, EventsLost):
            matcher.take_edges_lost()
        else:
            out += matcher.take_frame(report)
        if held_up is not None and isinstance(report, PulseReport) and report.pulse_index == held_up.pulse:
            matcher.excuse(held_up.excused_ns)
            out += matcher.tick(report.t_host_ns + held_up.still_ns)
            held_up = None
        out += matcher.tick(report.t_host_ns)
        answers.note(out, report.t_host_ns)
    out += answers.last()  # a run waits for them, too
    out += matcher.finish()
    return out, tracks, matcher


def is_reported(resolved: Resolved | FrameSet, camera: str) -> bool:
    """Something is said about this camera in this frame set."""
    if camera in resolved.gaps or resolved.proof.frames[camera].notes:
        return True
    return any(camera in reason for reason in resolved.proof.reasons)
