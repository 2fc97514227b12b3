"""Views of a board from a live rig: watch frame sets, keep those that the guided capture takes, until there are enough.

In: an open rig in white light, a board. Out: images and proofs of every view that was taken, and a note of what became
of each frame set. The run goes on by itself; when searching the images takes longer than a pulse, frame sets in between
are dropped. There is enough when the coverage leaves nothing to wish for, or when a solve of the views so far expects a
3D error that is small enough.
Not here: how views are judged (see calibration/views/capture.py).
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.board.identity import write_named_board
from rigdriver.calibration.report.verdict import has_enough_views, is_well
from rigdriver.calibration.solve.all_cameras import SolveOptions, solve
from rigdriver.calibration.views.capture import GuidedCapture, Offer
from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import RigError, RunCutShort
from rigdriver.progress import Progress
from rigdriver.recording.capture_folder import CaptureFolder
from rigdriver.recording.frame_source import FrameSetSink
from rigdriver.rig import Rig

SOLVE_EVERY = 3
"""Number of new views between two trial solutions."""


@dataclass(frozen=True, slots=True)
class ViewWishes:
    """When to end."""

    views: int | None = None
    """Number of views to take, whatever they cover; None takes as many as are enough."""
    patience_s: float = 120.0
    """Longest wait for a new view."""


@dataclass(frozen=True, slots=True)
class ViewOffer:
    """What became of one frame set, and the views so far."""

    offer: Offer
    views: int

    def __str__(self) -> str:
        is_followed = self.offer.is_taken and self.offer.advice
        return f"{self.offer.reason}; next: {self.offer.advice}" if is_followed else self.offer.reason


@dataclass(frozen=True, slots=True)
class ViewsEnding:
    """Why the capture of views is over."""

    is_enough: bool
    reason: str
    was_stopped: bool = False


def take_views(
    rig: Rig, board: Board, folder: Path, wishes: ViewWishes, options: SolveOptions, progress: Progress
) -> tuple[GuidedCapture, ViewsEnding]:
    """Watch the board until there are enough views; Ctrl-C ends it and keeps those taken so far."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4, thread_name_prefix="detect"))
        capture = GuidedCapture(board, rig.sizes_px(), executor=pool)
        write_named_board(folder, board)
        sink = stack.enter_context(CaptureFolder(folder, rig.config, regions=rig.regions()))
        # Entered last, closed first: a solve that is under way ends before the images' folder is closed.
        question = stack.enter_context(_Question(board, options))
        try:
            return capture, _watch(rig, capture, wishes, question, sink, progress)
        # The views so far are whole, with proofs; a person who has waited for them may still solve them.
        except KeyboardInterrupt:
            return capture, ViewsEnding(False, "stopped before it was enough", was_stopped=True)
        except RunCutShort as exc:
            return capture, ViewsEnding(False, f"not enough: {exc.cause.value}; {exc.remedy}")


def _watch(
    rig: Rig, capture: GuidedCapture, wishes: ViewWishes, question: _Question, sink: FrameSetSink, progress: Progress
) -> ViewsEnding:  # fmt: skip
    """Offer frame sets, run after run: with light, each is one flash train, and the dark pause comes between."""
    taken, newest_s = 0, rig.timebase.now_s()
    while True:
        with rig.run() as run:
            for frame_set in run:
                # Views are counted through; the pulses of each run begin at 0.
                offer = capture.offer(frame_set, index=taken)
                if offer.is_taken:
                    sink.write(frame_set, index=taken)
                    taken, newest_s = taken + 1, rig.timebase.now_s()
                progress.note(ViewOffer(offer, taken))
                if ending := _ending(capture, taken, rig.timebase.now_s() - newest_s, wishes, question):
                    return ending


def _ending(
    capture: GuidedCapture, taken: int, waited_s: float, wishes: ViewWishes, question: _Question
) -> ViewsEnding | None:
    # A number that was asked for comes before every judgement of the views.
    if wishes.views is not None and taken >= wishes.views:
        return ViewsEnding(True, "as many as were asked for")
    if wishes.views is None and capture.coverage.is_enough:
        return ViewsEnding(True, "enough: the views cover every camera's field, with tilt and depth")
    if wishes.views is None and (answer := question.answer(capture, taken)):
        return ViewsEnding(True, answer)
    if waited_s >= wishes.patience_s:
        return ViewsEnding(False, f"not enough: no new view for {wishes.patience_s:.0f} s")
    return None


class _Question:
    """Asks the solver on a thread of its own, now and then, whether the views so far are good enough."""

    def __init__(self, board: Board, options: SolveOptions) -> None:
        self._board = board
        self._options = options
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="solve")
        self._running: Future[str] | None = None
        self._asked_at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def answer(self, capture: GuidedCapture, taken: int) -> str:
        """Reason why there are enough views; empty while there are not, or while that is not known."""
        if self._running is not None:
            # Frame sets are not held up for the solver; the answer counts when it comes.
            if not self._running.done():
                return ""
            told, self._running = self._running.result(), None
            return told
        if taken >= self._asked_at + SOLVE_EVERY and has_enough_views(capture.coverage):
            self._asked_at = taken
            # On its own thread: a solve takes a second, in which the board would get no answer.
            self._running = self._thread.submit(self._solve, capture.observations())
        return ""

    def _solve(self, observations: Observations) -> str:
        try:
            accuracy = solve(observations, self._board, self._options).calibration.accuracy
        except RigError:
            return ""  # more views may help; if not, the final solve says why
        if accuracy is None or not is_well(accuracy):
            return ""
        return f"enough: the expected 3D error is {accuracy.point_um_95:.1f} um (95 %)"
