"""Joins pulse reports and frames into frame sets with their proofs, in the order of the pulses.

In: pulse reports as the box sends them; frames and losses as cameras deliver them; the host's time now and then.
Out: `Resolved` frame sets. Every camera of a pulse ends as a matched frame or as a gap with its reason; a pulse leaves
only when all its cameras are settled and all pulses before it have left. It uses no thread, no clock and no I/O.
Not here: which exposure a frame belongs to (see track.py), what cameras report as lost (see losses.py), devices and
threads (see run/run.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rigdriver.frames import Flash, Frame, Gap, GapReason, Proof, PulseReport
from rigdriver.gap_facts import BadExposure, LostFrame, Told
from rigdriver.schedule.planned import Schedule
from rigdriver.sync.exposures import LONGEST_LOSS, Exposure
from rigdriver.sync.losses import LossReports
from rigdriver.sync.places import Place, PlaceState
from rigdriver.sync.proof import Evidence, Prover
from rigdriver.sync.pulse_states import AWAITED, CLOSED, TORN, PulseAct, PulseState, after
from rigdriver.sync.track import Track
from rigdriver.sync.verdicts import Held, Matched, Rejected

OVERTAKEN = 2
"""Number of later matched frames of its camera after which a frame counts as lost."""
MAX_HELD = 32
"""Number of frames per camera that may wait for the box's report."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A settled pulse: what a `FrameSet` is made of, host times excepted."""

    pulse_index: int
    start_ticks: int
    t_report_ns: int
    """Host time at which the pulse was first reported."""
    frames: Mapping[str, Frame]
    gaps: Mapping[str, Gap]
    proof: Proof


@dataclass(slots=True)
class _Pending:
    """A pulse that waits for its frames."""

    pulse_index: int
    start_ticks: int
    t_report_ns: int
    places: Mapping[str, Place]
    """Camera -> its place in this pulse."""
    excused_ns: int = 0
    """Time in which nobody could see whether its frames had come."""
    state: PulseState = PulseState.OPEN
    arrived: list[str] = field(default_factory=list)
    """Cameras with a matched frame, in the order in which these were matched."""
    lamp_rises: dict[int, int] = field(default_factory=dict)
    lamps: list[Flash] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def go(self, act: PulseAct) -> None:
        """Change the state along its table."""
        self.state = after(self.state, act)


class Matcher:
    """Settles the pulses of one run."""

    def __init__(
        self,
        schedule: Schedule,
        tracks: Mapping[str, Track],
        prover: Prover,
        gap_timeout_ns: int,
        is_waiting_for_close: bool = False,
    ) -> None:
        """`tracks` are locked. `is_waiting_for_close`: no pulse leaves before the box has reported its end."""
        self._schedule = schedule
        self._tracks = tracks
        self._prover = prover
        self._gap_timeout_ns = gap_timeout_ns
        self._is_waiting_for_close = is_waiting_for_close
        self._period = schedule.box.pulse_period_ticks
        for track in tracks.values():
            track.end_with(schedule.box.pulse_count - 1 if schedule.box.pulse_count else None)
        self._lamp_names = {s.output: s.lamp for s in schedule.flashes}
        self._lamp_outputs = sum(1 << output for output in self._lamp_names)
        self._pending: dict[int, _Pending] = {}
        self._next_index = 0
        self._held: dict[str, deque[Frame]] = {name: deque() for name in tracks}
        self._losses = {name: LossReports() for name in tracks}
        self._gone: dict[str, Told] = {}
        self._are_edges_lost = False
        """Whether reports are missing since the newest pulse began."""
        self._belated: list[str] = []
        self.is_report_wanted = False
        """Whether a frame waits that came late, since the last look at this: the box should be asked how far it is."""
        self.noise_edges = dict.fromkeys(tracks, 0)
        """Camera -> number of signals on its exposure line that were no exposure."""
        self.late_frames = 0
        """Proved frames whose frame set had left already."""
        self.stray_frames = 0
        """Frames that belong to no pulse: from exposures that no trigger of the schedule asked for."""

    @property
    def next_index(self) -> int:
        """The pulse that leaves next."""
        return self._next_index

    @property
    def is_idle(self) -> bool:
        """No pulse waits."""
        return not self._pending

    def take_report(
        self,
        report: PulseReport,
        exposures: Mapping[str, tuple[list[int], list[Exposure]]],
        noise: Mapping[str, int] = MappingProxyType({}),
    ) -> list[Resolved]:
        """Take one pulse report with what the exposure logs read off it; return what is settled by it.

        `noise`: number of signals on each camera's exposure line that were no exposure.
        """
        for name, count in noise.items():
            self._note_noise(name, count, report)
        if report.generation == self._schedule.box.generation:
            self._note_report(report, exposures)
        return self.take_reached()

    def take_frame(self, frame: Frame) -> list[Resolved]:
        """Take one frame; return what is settled by it."""
        self._losses[frame.camera].arrived(frame.frame_id)
        self._judge(frame.camera, frame)
        # This one may show the place of those before it.
        self._judge_held(frame.camera)
        return self._settle()

    def take_loss(self, camera: str, frame_id: int | None, count: int, reason: GapReason) -> list[Resolved]:
        """Take a camera's report of lost frames, `frame_id` the last: the reason of the gaps that they leave."""
        self._losses[camera].take(frame_id, count, reason)
        return self._settle()

    def take_camera_gone(self, camera: str, error: str) -> list[Resolved]:
        """A camera is gone, as `error` says: all its open places become gaps, now and later."""
        self._gone[camera] = Told(error)
        self._held[camera].clear()
        return self._settle()

    def take_reached(self) -> list[Resolved]:
        """The exposure logs have reached a later time; return what is settled by it."""
        for name, held in self._held.items():
            if held:
                self._judge_held(name)
        return self._settle()

    def take_edges_lost(self) -> None:
        """Note that reports of the box are missing; what they would have shown counts as unproved."""
        for track in self._tracks.values():
            track.doubt()
        for pending in self._pending.values():
            pending.go(PulseAct.LOSE)
        self._are_edges_lost = True

    def excuse(self, held_up_ns: int) -> None:
        """State for how long nobody read frames (a busy computer, a slow consumer): some may lie there unread."""
        if held_up_ns:
            for pending in self._pending.values():
                pending.excused_ns += held_up_ns

    def tick(self, t_host_ns: int) -> list[Resolved]:
        """Let time pass: pulses whose frames are overdue get their gaps."""
        for pending in self._pending.values():
            if t_host_ns - pending.t_report_ns - pending.excused_ns > self._gap_timeout_ns:
                self._close_out(pending, GapReason.NOT_DELIVERED)
        return self._settle()

    def finish(self) -> list[Resolved]:
        """End the run: everything still open becomes a gap."""
        for pending in self._pending.values():
            self._close_out(pending, GapReason.STOPPED)
        return self._settle()

    def _newest_index(self) -> int:
        return max(self._pending, default=self._next_index - 1)

    def _note_report(self, report: PulseReport, exposures: Mapping[str, tuple[list[int], list[Exposure]]]) -> None:
        if report.pulse_index <= self._newest_index() + LONGEST_LOSS and report.pulse_index >= self._next_index:
            pending = self._pending_of(report)
            self._note_lamps(pending, report)
            for name, (triggers, _) in exposures.items():
                if triggers:
                    pending.places[name].is_triggered = True
            if report.is_closed:
                pending.go(PulseAct.CLOSE)
        for name, (_, seen) in exposures.items():
            for exposure in seen:
                self._note_exposure(name, exposure)

    def _pending_of(self, report: PulseReport) -> _Pending:
        """Return the pulse of a report; pulses before it that were not reported are made, too: they happened."""
        if (known := self._pending.get(report.pulse_index)) is not None:
            return known
        for index in range(self._newest_index() + 1, report.pulse_index):
            start = report.start_ticks - (report.pulse_index - index) * self._period
            skipped = _Pending(index, start, report.t_host_ns, self._places(), state=PulseState.CLOSED_TORN)
            self._pending[index] = skipped
        pending = _Pending(
            report.pulse_index,
            report.start_ticks,
            report.t_host_ns,
            self._places(),
            # The first edges of this pulse may be among the lost ones, also when whole pulses are lost before it.
            state=PulseState.TORN if self._are_edges_lost else PulseState.OPEN,
            notes=self._belated,
        )
        self._pending[report.pulse_index] = pending
        self._belated = []
        self._are_edges_lost = False
        return pending

    def _places(self) -> Mapping[str, Place]:
        return {name: Place() for name in self._tracks}

    def _note_exposure(self, name: str, exposure: Exposure) -> None:
        pending = self._pending.get(exposure.pulse_index)
        if pending is None:
            # Its frame set has left already: the next one tells, for it may have suffered.
            self._belated.append(f"camera {name}: an exposure nobody asked for late in pulse {exposure.pulse_index}")
            return
        place = pending.places[name]
        place.expose(exposure)
        if len(place.exposures) > 1:
            pending.notes.append(f"camera {name}: {len(place.exposures)} exposures in this pulse")

    def _note_noise(self, name: str, count: int, report: PulseReport) -> None:
        if count:
            self.noise_edges[name] += count
            told = f"camera {name}: noise on its exposure line ({count} x); check the line's cable and its screen"
            pending = self._pending.get(report.pulse_index)
            # Before the pulse is known, or when its frame set has left, the next one tells.
            (self._belated if pending is None else pending.notes).append(told)

    def _note_lamps(self, pending: _Pending, report: PulseReport) -> None:
        for edge in report.edges:
            if edge.is_input or not edge.mask & self._lamp_outputs:
                continue
            for output, lamp in self._lamp_names.items():
                if edge.rising >> output & 1:
                    pending.lamp_rises[output] = edge.t_box_ticks
                elif edge.falling >> output & 1 and output in pending.lamp_rises:
                    pending.lamps.append(Flash(lamp, pending.lamp_rises.pop(output), edge.t_box_ticks))

    def _judge(self, name: str, frame: Frame) -> None:
        verdict = self._tracks[name].offer(frame, self._period)
        match verdict:
            case Matched():
                self._place(name, frame, verdict)
            case Held(meanwhile, is_late):
                self._hold(name, frame)
                self.is_report_wanted |= is_late
                if meanwhile is not None:
                    self._suspect(name, meanwhile)
            case Rejected():
                self._suspect(name, verdict)

    def _judge_held(self, name: str) -> None:
        held = self._held[name]
        waiting = -1
        while len(held) != waiting:  # a frame that is placed may show the place of those before it
            waiting = len(held)
            # A frame may be held again, behind the others, so each is taken once.
            for _ in range(waiting):
                self._judge(name, held.popleft())

    def _hold(self, name: str, frame: Frame) -> None:
        held = self._held[name]
        if len(held) >= MAX_HELD:
            held.popleft()
            self.stray_frames += 1
        held.append(frame)

    def _place(self, name: str, frame: Frame, matched: Matched) -> None:
        exposure = matched.exposure
        pending = self._pending.get(exposure.pulse_index)
        if exposure.generation != self._schedule.box.generation:
            return
        if not exposure.is_on_time:
            self.stray_frames += 1
            if pending is not None:
                pending.places[name].suspicion = Gap(name, GapReason.EXPOSURE, self._bad_exposure(pending, exposure))
            return
        evidence = Evidence(frame, exposure, matched.residual_ticks, matched.notes)
        if pending is None or not pending.places[name].match(evidence):
            self.late_frames += 1
        elif name not in pending.arrived:
            pending.arrived.append(name)

    def _bad_exposure(self, pending: _Pending, exposure: Exposure) -> BadExposure:
        us_per_tick = 1e6 / self._schedule.tick_rate_hz
        plan = self._schedule.exposures[exposure.camera]
        late = (exposure.start_ticks - pending.start_ticks - plan.start_ticks) * us_per_tick
        length = (exposure.end_ticks - exposure.start_ticks) * us_per_tick
        return BadExposure(late, length, plan.exposure_ticks * us_per_tick)

    def _suspect(self, name: str, rejected: Rejected) -> None:
        place = rejected.exposure
        if place is None and rejected.reason is GapReason.EDGES_LOST:
            return  # its own place has that reason already
        # A camera delivers in order, so a frame without a known exposure most likely belongs to its oldest open place.
        pending = self._pending.get(place.pulse_index) if place is not None else self._oldest_open(name)
        if pending is not None:
            pending.places[name].suspicion = Gap(name, rejected.reason, rejected.facts)

    def _oldest_open(self, name: str) -> _Pending | None:
        return next((p for p in self._pending.values() if p.places[name].is_open), None)

    def _settle(self) -> list[Resolved]:
        """Let pulses leave from the front, as far as all their cameras are settled."""
        resolved = []
        while (pending := self._pending.get(self._next_index)) is not None and self._is_settled(pending):
            resolved.append(self._resolve(self._pending.pop(self._next_index)))
            self._next_index += 1
        return resolved

    def _is_settled(self, pending: _Pending) -> bool:
        if self._is_waiting_for_close and pending.state in AWAITED:
            return False
        for name, place in pending.places.items():
            if not place.is_open:
                continue
            if (gap := self._gap_now(name, pending)) is None:
                return False
            place.give_up(gap)
        return True

    def _gap_now(self, name: str, pending: _Pending) -> Gap | None:
        """Return the gap if it is certain that no frame will come, else None."""
        if name in self._gone:
            return Gap(name, GapReason.CAMERA_LOST, self._gone[name])
        place = pending.places[name]
        if place.state is PlaceState.EXPOSED:
            frame_id = self._frame_id(name, place)
            if frame_id is not None and (lost := self._losses[name].named(frame_id)) is not None:
                return Gap(name, lost, LostFrame(frame_id))
            later = self._tracks[name].matched_after(place.exposures[0].ordinal)
            return self._reason(name, pending, GapReason.NOT_DELIVERED) if later >= OVERTAKEN else None
        if pending.state in CLOSED:
            return self._reason(name, pending, GapReason.NOT_EXPOSED)
        return None

    def _frame_id(self, name: str, place: Place) -> int | None:
        """Return the frame id that the camera's count gives to what a place waits for."""
        return self._tracks[name].frame_id_of(place.exposures[0].ordinal) if place.exposures else None

    def _reason(self, name: str, pending: _Pending, reason: GapReason) -> Gap:
        """Return the gap with the best reason known."""
        place = pending.places[name]
        if pending.state in TORN and place.state is PlaceState.UNSEEN:
            return Gap(name, GapReason.EDGES_LOST)
        if place.suspicion is not None:
            return place.suspicion
        if reason is GapReason.NOT_EXPOSED and not place.is_triggered:
            return Gap(name, GapReason.NOT_TRIGGERED)
        if reason is GapReason.NOT_DELIVERED:
            return Gap(name, self._losses[name].explain(self._frame_id(name, place)) or reason)
        return Gap(name, reason)

    def _close_out(self, pending: _Pending, reason: GapReason) -> None:
        if reason is GapReason.NOT_DELIVERED:
            # Its edges may have happened and their reports be lost: without the report of its end nobody knows.
            pending.go(PulseAct.LOSE)
        for name, place in pending.places.items():
            if not place.is_open:
                continue
            gone = self._gone.get(name)
            # The box has closed the period without an exposure, so no frame could come, whatever has ended the wait.
            is_dark = place.state is PlaceState.UNSEEN and pending.state in CLOSED
            why = GapReason.NOT_EXPOSED if is_dark else reason
            place.give_up(Gap(name, GapReason.CAMERA_LOST, gone) if gone else self._reason(name, pending, why))
        pending.go(PulseAct.GIVE_UP)

    def _resolve(self, pending: _Pending) -> Resolved:
        matched = {n: e for n in pending.arrived if (e := pending.places[n].evidence) is not None}
        for name, gap in self._prover.refuse_skew(pending.start_ticks, matched).items():
            pending.places[name].refuse(gap)
        gaps = {n: place.gap for n, place in pending.places.items() if place.gap is not None}
        evidence = {n: matched[n] for n in pending.places if n in matched and n not in gaps}
        proof = self._prover.certify(
            pending.pulse_index, pending.start_ticks, evidence, gaps, pending.lamps, list(dict.fromkeys(pending.notes))
        )
        frames = {name: e.frame for name, e in evidence.items()}
        return Resolved(pending.pulse_index, pending.start_ticks, pending.t_report_ns, frames, gaps, proof)
