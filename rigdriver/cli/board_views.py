"""Views of a board from a live rig: watch frame sets, keep those that the guided capture takes, tell when it is enough.

In: an open rig in white light, a board. Out: DIR/<camera>/<index>.png and the proofs of every view that was taken, and
what a person is told meanwhile. The run goes on by itself; when searching the images takes longer than a pulse, frame
sets in between are dropped. Enough it is when the coverage leaves nothing to wish for, or when a solve of the views so
far expects a 3D error that is small enough. This file refuses to know how views are judged.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from rigdriver.calibration.boards import Board
from rigdriver.calibration.capture import GuidedCapture, Offer
from rigdriver.calibration.observations import Observations
from rigdriver.calibration.solve import SolveOptions, solve
from rigdriver.calibration.verdict import has_enough_views, is_well
from rigdriver.cli.image_writer import ImageFormat, ImageWriter
from rigdriver.cli.proof_files import ProofFiles
from rigdriver.cli.screen import note
from rigdriver.errors import RigError
from rigdriver.rig import Rig

SOLVE_EVERY = 3
"""So many new views between two questions to the solver."""
LASTING = 4
"""A reason that holds for so many frame sets is worth a line."""
_NUMBER = re.compile(r"\d+(\.\d+)?")
Tell = Callable[[Offer, int], None]
"""Called with what became of a frame set, and the views so far."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """When to end."""

    views: int | None = None
    """After so many views, whatever they cover; None: when there is enough."""
    patience_s: float = 120.0
    """When no new view could be taken for so long."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the capture is over."""

    is_enough: bool
    reason: str
    was_stopped: bool = False


def take_views(
    rig: Rig, board: Board, folder: Path, wishes: Wishes, options: SolveOptions, tell: Tell
) -> tuple[GuidedCapture, Ending]:
    """Watch the board until there is enough; Ctrl-C ends it and keeps what was taken."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4, thread_name_prefix="detect"))
        capture = GuidedCapture(board, rig.sizes_px(), executor=pool)
        proofs = stack.enter_context(ProofFiles(folder, rig.config.name))
        images = stack.enter_context(ImageWriter(folder, ImageFormat.PNG))
        question = stack.enter_context(_Question(board, options))
        try:
            return capture, _watch(rig, capture, wishes, question, (images, proofs), tell)
        except KeyboardInterrupt:
            return capture, Ending(False, "stopped before it was enough", was_stopped=True)


def _watch(
    rig: Rig, capture: GuidedCapture, wishes: Wishes, question: _Question,
    files: tuple[ImageWriter, ProofFiles], tell: Tell,
) -> Ending:  # fmt: skip
    """Offer frame sets, run after run: with light, each is one flash train, and the dark pause comes between."""
    taken, newest_s = 0, time.monotonic()
    while True:
        with rig.run() as run:
            for frame_set in run:
                # Views are counted through; the pulses of each run begin at 0.
                offer = capture.offer(frame_set, taken)
                if offer.is_taken:
                    for sink in files:
                        sink.write(frame_set, taken)
                    taken, newest_s = taken + 1, time.monotonic()
                tell(offer, taken)
                if ending := _ending(capture, taken, newest_s, wishes, question):
                    return ending


def _ending(capture: GuidedCapture, taken: int, newest_s: float, wishes: Wishes, question: _Question) -> Ending | None:
    if wishes.views is not None and taken >= wishes.views:
        return Ending(True, "as many as were asked for")
    if wishes.views is None and capture.coverage.is_enough:
        return Ending(True, "enough: the views cover every camera's field, with tilt and depth")
    if wishes.views is None and (answer := question.answer(capture, taken)):
        return Ending(True, answer)
    if time.monotonic() - newest_s > wishes.patience_s:
        return Ending(False, f"not enough: no new view for {wishes.patience_s:.0f} s")
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
        """Why it is enough; empty while it is not, or nobody knows yet."""
        if self._running is not None:
            if not self._running.done():
                return ""
            told, self._running = self._running.result(), None
            return told
        if taken >= self._asked_at + SOLVE_EVERY and has_enough_views(capture.coverage):
            self._asked_at = taken
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


@contextmanager
def telling() -> Iterator[Tell]:
    """Show a bar towards enough with the next advice and a bell for each view; plain lines where no terminal is."""
    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(20), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    if not console.is_terminal:
        yield _plain_lines()
        return
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("looking for the board", total=100)

        def tell(offer: Offer, taken: int) -> None:
            if offer.is_taken:
                progress.console.print(_line(offer), markup=False)
                console.bell()
            now = offer.advice if offer.is_taken else offer.reason
            progress.update(task, completed=100 * offer.progress, description=f"{taken} views; {now}")

        yield tell


def _line(offer: Offer) -> str:
    return f"{offer.reason}; next: {offer.advice}" if offer.is_taken and offer.advice else offer.reason


def _plain_lines() -> Tell:
    """Tell each view, and once a reason why there is none that lasts."""
    kind, seen = "", 0

    def tell(offer: Offer, taken: int) -> None:
        nonlocal kind, seen
        now = _NUMBER.sub("#", offer.reason)
        kind, seen = now, seen + 1 if now == kind else 1
        if offer.is_taken or seen == LASTING:
            note(f"[{offer.progress:4.0%}] {taken} views: {_line(offer)}")

    return tell
