"""Records frame sets into one MCAP file: nothing is called safe before the disk has it, and the end says what is there.

In: frame sets at the rig's pace. Out: a file that its plan begins and its seal ends. One thread writes, another asks
the disk at stated intervals to keep what was written. Frame sets wait in memory that the cameras' slots bound; before
the first one is lost, `trouble` says that the run must end. A write that fails, fails for good: what came before it
stays, and the seal names the cause.
Not here: the layout of the file (see mcap), the run (see procedures/record.py).
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from enum import Enum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from rigdriver.ends import End, time_left_s
from rigdriver.errors import FileNotWritten
from rigdriver.frames import FrameSet
from rigdriver.recording.channels import Channels
from rigdriver.recording.frame_set_messages import messages_of
from rigdriver.recording.frame_source import Indexed, indexed
from rigdriver.recording.mcap.writer import McapMessage, McapWriter
from rigdriver.recording.rig_messages import RigMessage, plan_messages
from rigdriver.recording.seal import PLAN, SEAL, Plan, RecordedCounts, Seal, as_note
from rigdriver.signal_safe import SafeCondition
from rigdriver.timebase import WALL_TIME, wait_for
from rigdriver.whole_file import not_written

WARN_SHARE = 0.20
"""Share of the queue from which on the disk is called slow."""
STOP_SHARE = 0.95
"""Share of the queue at which the run must end: the frame sets that are still on their way need the rest."""
ON_THE_WAY = 3
"""Frame sets that still come after a run was stopped, at most."""
PATIENCE_S = 60.0
"""Longest time, in s, for which a recording that is closed waits for a disk that takes nothing."""
EARLY_END_S = 4.0
"""Time, in s, in which what waits is still written when a recording ends early."""
SEALING_S = 0.5
"""Time, in s, that sealing has in any case."""
RESERVE_BYTES = 16 << 20
"""Room on the disk that is kept for summary and seal: 200 bytes per frame set, so two hours at 10 Hz."""


class Trouble(Enum):
    """What endangers a recording. The value is what a technician reads."""

    SLOW = "the disk is slow: frame sets wait to be written"
    FULL = "the disk is too slow: the recording ends before a frame set is lost"
    FAILED = "the disk takes nothing more"

    @property
    def ends_the_run(self) -> bool:
        """Whether the run must end now."""
        return self is not Trouble.SLOW


class _Stage(Enum):
    """Where a recording stands. OPEN -> CLOSING -> OVER; nothing leads back."""

    OPEN = "open"
    CLOSING = "closing"
    """No frame set is taken any more; what waits is written."""
    OVER = "over"
    """Nothing is written any more."""


class Recorder:
    """Writes the frame sets of one recording; a `FrameSetSink`."""

    def __init__(self, path: Path, plan: Plan, capacity: int = 12) -> None:
        """Make the file. `capacity`: number of frame sets that may wait.

        Raises:
            FileNotWritten: it cannot be written, or is there already.
        """
        self.path = path
        self._plan = plan
        self._capacity = max(capacity, ON_THE_WAY + 1)
        self._room = SafeCondition()
        self._waiting: deque[Indexed] = deque()
        self._under_way = 0
        self._told: deque[RigMessage] = deque(plan_messages(plan))
        """Messages of the rig that wait for the next frame set or the end."""
        self._stage = _Stage.OPEN
        self._failure: BaseException | None = None
        self._has_forgotten = False
        """Whether the disk has failed once to keep what it had: nothing later can be called safe."""
        self._has_filled = False
        """Whether the queue has been so full that the run had to end."""
        self._counts = RecordedCounts()
        self._safe = 0
        self._taken = 0
        self._seal: Seal | None = None
        self._file = McapWriter(path, f"rigdriver {plan.driver}".rstrip(), "rigdriver")
        self._reserve = _reserve_on_disk_of(path)
        try:
            self._channels = Channels.added_to(self._file, plan.cameras)
            self._file.write_note(PLAN, as_note(plan))
            self._write_told()
            self._file.sync()
        except OSError as exc:
            self._release_reserve()
            self._file.abandon()
            raise exc if isinstance(exc, FileNotWritten) else not_written(path, exc) from exc
        self._early = End(f"writing to {path}", self._end_early)
        self._cause: BaseException | None = None
        """What ended the recording early."""
        self._threads: Sequence[threading.Thread] = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("recording", self._write_all), ("recording-disk", self._keep_safe))
        ]
        for thread in self._threads:
            thread.start()

    # ------------------------------------------------------------ for the application

    @property
    def safe(self) -> int:
        """Number of frame sets, from the first on, that the system has said to be on the disk."""
        return self._safe

    @property
    def taken(self) -> int:
        """Number of frame sets that were handed over."""
        return self._taken

    @property
    def lost(self) -> int:
        """Number of them that are not in the file, when the recording has ended."""
        return self._taken - self._counts.frame_sets

    @property
    def fill(self) -> float:
        """Share of the queue that is in use."""
        with self._room:
            return (len(self._waiting) + self._under_way) / self._capacity

    @property
    def trouble(self) -> Trouble | None:
        """What endangers the recording now; ask after each frame set."""
        if self._failure is not None:
            return Trouble.FAILED
        if self._has_filled:
            return Trouble.FULL
        return Trouble.SLOW if self.fill > WARN_SHARE else None

    @property
    def seal(self) -> Seal | None:
        """What the file says of itself at its end; None before, and when even that could not be written."""
        return self._seal

    def write(self, frame_set: FrameSet, index: int | None = None, *, can_wait: bool = False) -> None:
        """Take a frame set, which is written in its turn; it waits only when the queue is full.

        `can_wait`: the frame set lies in memory and nothing is lost meanwhile, so that it waits for a queue that is
        nearly empty, and is no sign of a slow disk.

        Raises:
            OSError: an earlier one could not be written, or the disk has taken nothing for a minute.
        """
        most = max(1, int(self._capacity * WARN_SHARE)) if can_wait else self._capacity
        with self._room:
            has_room = self._wait(lambda: self._failure is not None or len(self._waiting) < most, PATIENCE_S)
            self._raise_failure()
            if not has_room:
                raise self._stalled()
            # An interrupt comes before this call or after it: a frame set is taken as a whole, or not at all.
            self._waiting.append(indexed(self._taken if index is None else index, frame_set))
            self._taken += 1
            self._has_filled |= not can_wait and len(self._waiting) >= self._capacity * min(
                STOP_SHARE, 1 - ON_THE_WAY / self._capacity
            )
            self._room.notify_all()

    def take_all(self, waiting: Iterable[Indexed]) -> None:
        """Take frame sets that lie in memory already, all at once; those that an early end cannot write are `lost`."""
        with self._room:
            for taken in waiting:
                self._waiting.append(taken)
                self._taken += 1
            self._room.notify_all()

    def tell(self, message: RigMessage) -> None:
        """Take a message of the rig, which is written after the next frame set; returns at once."""
        self._told.append(message)

    def close(self, reason: str = "") -> None:
        """Write what waits, put it on the disk and seal the file. Closing twice is harmless.

        `reason`: why fewer frame sets came than were planned, for the seal.

        Raises:
            OSError: something could not be written; the seal says what is there, if it could be.
        """
        with self._room:
            if self._stage is not _Stage.OPEN:
                return
            self._stage = _Stage.CLOSING
            self._room.notify_all()
            while not self._is_idle() and self._wait(partial(self._has_moved, self._counts.frame_sets), PATIENCE_S):
                pass
            if not self._is_idle():
                self._failure = self._stalled()
        self._finish(reason, PATIENCE_S)
        self._raise_failure()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is None:
            self.close()
            return
        self._cause = exc
        self._early.run()

    # ------------------------------------------------------------ the ends

    def _end_early(self) -> None:
        """Write what waits in a bounded time, and seal with the cause; also a `close` that was interrupted."""
        with self._room:
            if self._stage is _Stage.OVER:
                return
            self._stage = _Stage.CLOSING
            self._room.notify_all()
            self._wait(self._is_idle, time_left_s(EARLY_END_S) - SEALING_S)
        if self._cause is None or isinstance(self._cause, KeyboardInterrupt):
            # Ctrl-C is the planned end of a recording that has no number of frame sets.
            reason = "" if self._plan.frame_sets is None else "it was stopped by hand"
        else:
            reason = str(self._cause) or type(self._cause).__name__
        self._finish(reason, time_left_s(EARLY_END_S))

    def _finish(self, reason: str, time_s: float) -> None:
        """End the threads and seal; a disk that does not answer leaves the file without a seal, which is honest."""
        with self._room:
            self._stage = _Stage.OVER
            self._room.notify_all()
        # On a thread of its own: nothing wakes a thread that waits for a disk.
        last = threading.Thread(target=self._seal_file, args=(reason,), name="recording-seal", daemon=True)
        last.start()
        last.join(max(SEALING_S, time_s))
        if last.is_alive():
            self._failure = self._failure or self._stalled()

    def _seal_file(self, reason: str) -> None:
        for thread in self._threads:
            thread.join()
        try:
            self._sync_now()  # also after a write that failed: what came before it is whole
        except OSError as exc:
            self._failure = self._failure or not_written(self.path, exc)
        self._release_reserve()
        seal = self._sealed(reason)
        try:
            self._write_told()
            self._file.write_note(SEAL, as_note(seal))
            self._file.finish()
            self._seal = seal
        except OSError as exc:
            self._failure = self._failure or exc
        finally:
            self._file.abandon()

    def _sealed(self, reason: str) -> Seal:
        counts, planned = self._counts, self._plan.frame_sets
        reasons = [str(self._failure or "")]
        if self.lost:
            reasons.append(f"{self.lost} frame sets were taken and could not be written")
        if self._failure and self._safe < counts.frame_sets:
            reasons.append(f"from frame set {self._safe} on nothing is known to be on the disk")
        if self._has_filled:
            reasons.append(Trouble.FULL.value)
        if planned is None:
            reasons.append(reason)
        elif counts.frame_sets < planned:
            reasons.append(f"{counts.frame_sets} of {planned} frame sets came" + (f": {reason}" if reason else ""))
        if gaps := counts.frame_sets - counts.complete:
            reasons.append(f"{gaps} frame sets lack a camera")
        return counts.sealed(self._plan.cameras, self._safe, reasons)

    def _release_reserve(self) -> None:
        reserve, self._reserve = self._reserve, None
        if reserve is not None:
            os.close(reserve)

    # ------------------------------------------------------------ the threads

    def _write_all(self) -> None:
        while (taken := self._next()) is not None:
            try:
                self._file.write_chunk(messages_of(taken, self._channels))
                self._write_told()
            except BaseException as exc:  # noqa: BLE001  whoever records gets it
                self._fail(exc)
                return
            with self._room:
                self._counts.add(taken.frame_set)
                self._under_way = 0
                # The cameras' slots come free with the last reference.
                del taken
                self._room.notify_all()

    def _write_told(self) -> None:
        told = [self._told.popleft() for _ in range(len(self._told))]
        if told:
            self._file.write_chunk(rig_chunk(told, self._channels))

    def _next(self) -> Indexed | None:
        with self._room:
            while not self._waiting and self._stage is _Stage.OPEN:
                self._room.wait(1.0)
            if not self._waiting or self._stage is _Stage.OVER or self._failure is not None:
                return None
            self._under_way = 1
            return self._waiting.popleft()

    def _keep_safe(self) -> None:
        while self._stage is not _Stage.OVER and self._failure is None:
            with self._room:
                self._wait(lambda: self._stage is _Stage.OVER, self._plan.sync_interval_s)
            try:
                self._sync_now()
            except OSError as exc:
                self._fail(not_written(self.path, exc))

    def _sync_now(self) -> None:
        written = self._counts.frame_sets
        if written > self._safe and not self._has_forgotten:
            try:
                self._file.sync()
            except OSError:
                # The system may have forgotten what it could not write, and would say "done" next time.
                self._has_forgotten = True
                raise
            self._safe = written

    def _fail(self, exc: BaseException) -> None:
        with self._room:
            self._failure = self._failure or exc
            self._under_way = 0
            self._room.notify_all()

    def _is_idle(self) -> bool:
        return self._failure is not None or not (self._waiting or self._under_way)

    def _has_moved(self, written: int) -> bool:
        return self._counts.frame_sets > written or self._is_idle()

    def _wait(self, is_so: Callable[[], bool], time_s: float) -> bool:
        return wait_for(WALL_TIME, self._room, is_so, time_s)

    def _stalled(self) -> FileNotWritten:
        return not_written(self.path, TimeoutError(errno.ETIMEDOUT, "the disk takes nothing"))

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def rig_chunk(messages: Sequence[RigMessage], channels: Channels) -> list[McapMessage]:
    """Return messages of the rig for a chunk of their own."""
    return [McapMessage(channels.numbers[m.topic], 0, m.t_utc_ns, (m.data,)) for m in messages]


def _reserve_on_disk_of(path: Path) -> int | None:
    """Keep room for the end of the file: a file without a name, which goes when it is closed or this program ends."""
    flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
    with suppress(OSError):  # not every file system has files without a name
        handle = os.open(path.parent, flags, 0o600)
        try:
            os.posix_fallocate(handle, 0, RESERVE_BYTES)
        except OSError:
            os.close(handle)
            raise
        return handle
    return None
