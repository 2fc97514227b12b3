"""Frame sets on a bench without a trigger box: frames that arrive together, marked as unproved.

In: frames, losses and triggers in the order in which this computer gets them, and its time. Out: groups in which
each camera has a frame or a gap with its reason. A missing frame id shows a frame that was lost on its way, also when
all cameras lost theirs; where this computer triggers, a trigger that nothing answers becomes a group of gaps. Groups
are good for focusing and aiming, not for measurements. Not here: how cameras are triggered (see run/bench_run.py).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from rigdriver.frames import Frame, Gap, GapReason, Proof, ProofVerdict
from rigdriver.gap_facts import LostFrame
from rigdriver.sync.frame_ids import UNKNOWN, FrameIds

WARNING = (
    "grouped by time of arrival alone: without a trigger box nothing proves that these exposures were simultaneous"
)
NO_BOX = "simultaneity, exposure edges and flashes: no trigger box"
NO_STAMPS = "time stamps: none from {}"
TOGETHER = 0.5
"""Share of a trigger period within which the frames of one trigger arrive."""
ANY_PHASE = 1.0
"""Share of the period for cameras that run by themselves: each delivers one frame per period, at a time of its own."""
MOST_UNNAMED = 256
"""Largest number of losses per camera that are remembered without their frame ids."""
CLOSE_BY_STAMP = 0.25
"""Largest share of the period by which a group's time may differ from what a camera's own clock says of its frame."""


@dataclass(slots=True)
class _Open:
    t_host_ns: int
    frames: dict[str, Frame] = field(default_factory=dict)
    gaps: dict[str, Gap] = field(default_factory=dict)
    missing_ids: dict[str, int] = field(default_factory=dict)
    """Frame ids of the gaps that a belated frame may still fill."""
    excused_ns: int = 0
    """Time in which nobody read frames, so that what is missing may lie there."""

    def has(self, camera: str) -> bool:
        """Return whether the camera's place is settled."""
        return camera in self.frames or camera in self.gaps


@dataclass(frozen=True, slots=True)
class _Stamped:
    """A frame by the camera's clock, and its group by this computer's."""

    t_camera_ns: int
    t_group_ns: int


@dataclass(frozen=True, slots=True)
class Grouped:
    """Frames that arrived together."""

    pulse_index: int
    t_host_ns: int
    frames: dict[str, Frame]
    gaps: dict[str, Gap]
    proof: Proof


class ArrivalGroups:
    """Groups the frames of several cameras by their arrival."""

    def __init__(
        self,
        names: Sequence[str],
        period_ns: int,
        window: float = TOGETHER,
        unanswered_ns: int | None = None,
        patience_ns: int = 0,
    ) -> None:
        """`window`: share of the period within which the frames of one group arrive.

        `unanswered_ns`: time after which a trigger that no group answers becomes a group of gaps.
        `patience_ns`: time for which a group waits at least; a busy computer reports frames long after they came.
        """
        self._names = tuple(names)
        self._window_ns = window * period_ns
        self._is_any_phase = window >= ANY_PHASE
        self._period_ns = period_ns
        self._reach_ns = self._window_ns + period_ns
        """Time after a group's first frame in which another one of it may arrive at this computer."""
        self._hold_ns = max(self._reach_ns, patience_ns)
        """Time for which a group waits: the next frame of a camera shows what became of the one before."""
        self._unanswered_ns = max(unanswered_ns or 0, round(self._hold_ns))
        self._open: list[_Open] = []
        self._next_index = 0
        self._closed_t_ns = 0
        self._closed_without: frozenset[str] = frozenset()
        """Cameras for which the newest group that has left did not wait."""
        self._reached = dict.fromkeys(self._names, -1)
        """Index of the newest group in which a camera's place was settled by what arrived."""
        self._anchor = dict.fromkeys(self._names, -1)
        """Index of the newest group in which a whole frame, whose id is sure, settled it."""
        self._stamped: dict[str, _Stamped] = {}
        """Newest placed frame of each camera that gives time stamps."""
        self._damaged = dict.fromkeys(self._names, 0)
        """Number of damaged frames since then."""
        self._ids = {name: FrameIds() for name in self._names}
        self._unnamed: dict[str, Counter[GapReason]] = {name: Counter() for name in self._names}
        self._absent: dict[str, Gap] = {}
        self._triggers: deque[int] = deque()
        self._overdue_triggers = 0
        self.late_frames = 0
        """Frames whose group had left already."""

    def take(self, frame: Frame) -> list[Grouped]:
        """Take a frame; return the groups that it completes or that it shows to be over."""
        self._returned(frame.camera)
        self._arrive(frame.camera, frame.frame_id, frame.t_host_ns, frame)
        return self.tick(frame.t_host_ns)

    def take_loss(
        self, camera: str, frame_id: int | None, reason: GapReason, count: int, t_host_ns: int
    ) -> list[Grouped]:
        """Take a report of lost frames, `frame_id` the last: damaged ones stand where whole ones would stand."""
        # A damaged frame has arrived, so its time places it as that of a whole one would; any other loss has no time of
        # arrival and can only be the reason of an id that turns out to be missing.
        if reason is GapReason.INCOMPLETE:
            self._returned(camera)
            for before in reversed(range(count)):
                number = UNKNOWN if frame_id is None else frame_id - before
                self._arrive(camera, number, t_host_ns, Gap(camera, reason))
        elif self._unnamed[camera].total() < MOST_UNNAMED:
            self._unnamed[camera][reason] += count
        return self.tick(t_host_ns)

    def take_trigger(self, t_host_ns: int) -> None:
        """Note that this computer has triggered all cameras."""
        self._triggers.append(t_host_ns)

    def excuse(self, held_up_ns: int) -> None:
        """State for how long nobody read frames."""
        for group in self._open:
            group.excused_ns += held_up_ns

    def take_absence(self, gap: Gap) -> None:
        """A camera is gone or silent: this is its gap in each group from now on, until something comes from it."""
        self._absent[gap.camera] = gap

    def tick(self, t_host_ns: int) -> list[Grouped]:
        """Let time pass; return the groups that are complete or over, in order."""
        while self._triggers and t_host_ns - self._triggers[0] > self._unanswered_ns:
            triggered_ns = self._triggers.popleft()
            self._overdue_triggers += 1
            # Only numbers are compared: nothing says which trigger a group answers.
            if self._overdue_triggers > self._next_index + len(self._open):
                self._open.append(_Open(triggered_ns))
        done = []
        while self._open and self._is_done(self._open[0], t_host_ns):
            done.append(self._close(self._open.pop(0)))
        return done

    def finish(self) -> list[Grouped]:
        """Close what is open."""
        done = [self._close(group) for group in self._open]
        self._open.clear()
        return done

    def _returned(self, camera: str) -> None:
        # A camera that was only silent may come back; a lost one does not, though its last frames may still arrive.
        if (absent := self._absent.get(camera)) is not None and absent.reason is not GapReason.CAMERA_LOST:
            del self._absent[camera]

    def _arrive(self, camera: str, frame_id: int, t_host_ns: int, what: Frame | Gap) -> None:
        ids = self._ids[camera]
        counted = ids.count(frame_id) if isinstance(what, Frame) else ids.count_damaged(frame_id)
        if counted.is_belated:
            self._fill(camera, frame_id, what)
            return
        if camera in self._closed_without and t_host_ns - self._closed_t_ns < self._window_ns:
            # It would open a second group for a trigger whose group has left, without the others.
            self.late_frames += isinstance(what, Frame)
            self._note_place(camera, self._next_index - 1, what)
            return
        missing = counted.missing
        at = self._place_of(camera, t_host_ns, len(missing), what)
        if at == len(self._open):
            self._open.append(_Open(t_host_ns))
        # More ids missing than groups passed: all cameras have lost frames of one trigger, which opened no group.
        passed = self._next_index + at - self._anchor[camera] - 1 - self._damaged[camera]
        at += self._insert(at, len(missing) - passed)
        first = max(0, self._anchor[camera] + 1 - self._next_index)
        places = [place for place in reversed(range(first, at)) if not self._open[place].has(camera)]
        for place, number in zip(places, reversed(missing), strict=False):
            self._open[place].gaps[camera] = self._lost(camera, number)
            self._open[place].missing_ids[camera] = number
        self._settle(self._open[at], camera, what)
        self._note_place(camera, self._next_index + at, what)
        if isinstance(what, Frame) and what.t_camera_ns is not None:
            self._stamped[camera] = _Stamped(what.t_camera_ns, self._open[at].t_host_ns)
        if isinstance(what, Gap) and counted.assumed is not None:
            self._open[at].missing_ids[camera] = counted.assumed

    def _note_place(self, camera: str, index: int, what: Frame | Gap) -> None:
        """Note the group in which a camera's place has been settled by what arrived."""
        self._reached[camera] = index
        if isinstance(what, Frame):
            self._anchor[camera], self._damaged[camera] = index, 0
        else:
            self._damaged[camera] += 1

    def _place_of(self, camera: str, t_host_ns: int, missing: int, what: Frame | Gap) -> int:
        """Return the place among the open groups at which what has arrived belongs; their number: a new group."""
        first = max(0, self._reached[camera] + 1 - self._next_index)
        counted = self._anchor[camera] + self._damaged[camera] + missing
        due = max(counted, self._reached[camera]) + 1 - self._next_index
        candidates = [at for at in range(first, len(self._open)) if not self._open[at].has(camera)]
        # Cameras that run by themselves drift against each other, so here the count says more than the time of arrival.
        if self._is_any_phase and self._reached[camera] >= 0:
            if due in candidates and t_host_ns - self._open[due].t_host_ns <= self._reach_ns:
                return due
            if missing:
                return len(self._open)
        together = [at for at in candidates if t_host_ns - self._open[at].t_host_ns < self._window_ns]
        # A frame that was held up on its way arrives with those of the next trigger; its camera's clock tells.
        if not self._is_any_phase and due in candidates and self._is_due_by_stamp(camera, what, due):
            return due
        return due if due in together else next(iter(together), len(self._open))

    def _is_due_by_stamp(self, camera: str, what: Frame | Gap, at: int) -> bool:
        """Return whether the camera's clock says that this frame is of the open group at that place."""
        before = self._stamped.get(camera)
        if before is None or not isinstance(what, Frame) or what.t_camera_ns is None:
            return False
        by_camera_ns = what.t_camera_ns - before.t_camera_ns
        by_host_ns = self._open[at].t_host_ns - before.t_group_ns
        return abs(by_camera_ns - by_host_ns) < CLOSE_BY_STAMP * self._period_ns

    def _insert(self, at: int, count: int) -> int:
        """Insert groups of which nothing arrived before the one at that place; return how many."""
        if count <= 0:
            return 0
        until_ns = self._open[at].t_host_ns
        since_ns = self._open[at - 1].t_host_ns if at else self._closed_t_ns
        # Nothing shows when these were triggered; spread evenly, the groups stay in the order of their times.
        step_ns = (until_ns - since_ns) // (count + 1)
        self._open[at:at] = [_Open(since_ns + step_ns * n) for n in range(1, count + 1)]
        for indices in (self._reached, self._anchor):
            for name, index in indices.items():
                if index >= self._next_index + at:
                    indices[name] = index + count
        return count

    def _lost(self, camera: str, frame_id: int) -> Gap:
        """Return the gap of a missing frame id, with the reason that the camera process gave for such a loss."""
        # Unary plus drops reasons whose count has come down to 0 (collections.Counter).
        unnamed = +self._unnamed[camera]
        reason = next(iter(unnamed), GapReason.LOST_ON_THE_WAY)
        self._unnamed[camera] = unnamed - Counter([reason])
        return Gap(camera, reason, LostFrame(frame_id))

    def _fill(self, camera: str, frame_id: int, what: Frame | Gap) -> None:
        for group in self._open:
            if group.missing_ids.get(camera) == frame_id:
                del group.missing_ids[camera], group.gaps[camera]
                self._settle(group, camera, what)
                return
        self.late_frames += 1

    @staticmethod
    def _settle(group: _Open, camera: str, what: Frame | Gap) -> None:
        if isinstance(what, Frame):
            group.frames[camera] = what
        else:
            group.gaps[camera] = what

    def _is_done(self, group: _Open, t_host_ns: int) -> bool:
        if t_host_ns - group.t_host_ns - group.excused_ns > self._hold_ns:
            return True
        # A camera delivers in order, so one that has reached a later group has nothing more for this one.
        return all(
            group.has(name) or name in self._absent or self._reached[name] > self._next_index for name in self._names
        )

    def _close(self, group: _Open) -> Grouped:
        gaps = dict(group.gaps)
        for name in self._names:
            if not group.has(name):
                gaps[name] = self._absent.get(name, Gap(name, GapReason.NOT_DELIVERED))
        self._closed_without = frozenset(n for n in self._absent if not group.has(n))
        unstamped = [name for name, frame in group.frames.items() if frame.t_camera_ns is None]
        unchecked = (NO_BOX, NO_STAMPS.format(", ".join(unstamped))) if unstamped else (NO_BOX,)
        reasons = (WARNING, *(str(gap) for gap in gaps.values()))
        # No edge was measured: the skew is unknown (NaN), not 0.
        proof = Proof(
            self._next_index, 0, 0, 0, {}, float("nan"), ProofVerdict.UNPROVED, reasons, unchecked=unchecked
        )  # fmt: skip
        self._next_index += 1
        self._closed_t_ns = group.t_host_ns
        return Grouped(self._next_index - 1, group.t_host_ns, group.frames, gaps, proof)
