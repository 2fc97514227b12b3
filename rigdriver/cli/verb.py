"""How every verb ends: with an exit status, and with one line for an error instead of a traceback.

In: a verb's function. Out: the same function for typer, in which a `RigError` becomes exit status 2 with its message,
Ctrl-C becomes 130, SIGTERM 143 and SIGHUP (the terminal is gone) 129, all after everything that the verb opened has
been closed. Whatever a verb makes from files of a subject is noted in the catalogue, without its doing.
Not here: the verbs.
"""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import ParamSpec

import typer

from rigdriver.cli.screen import complain
from rigdriver.cli.subject_options import chosen_catalogue
from rigdriver.errors import RigError
from rigdriver.procedures.derived import noting_results

Arguments = ParamSpec("Arguments")

GOOD = 0
CHECK_FAILED = 1
COULD_NOT_TELL = 2
# Shells give 128 plus the signal's number for a process that a signal ended.
_SIGNALLED = 128
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a verb in good order."""


NO_SOURCES = frozenset(
    {
        "rig",
        "calibration",
        "catalogue",
        "producer",
        "load",
        "lock",
        "out",
        "html",
        "junit",
        "report",
        "picture",
        "lines",
    }
)
"""Parameters that name settings, files of a rig, or results; all others may name something of a subject."""
_received: list[int] = []
"""Signals that the verb under way has received."""
_holds: list[bool] = []
"""Marks of the blocks that make signals wait; empty when none does."""


class _Stopped(KeyboardInterrupt):
    """A signal of `ENDING` arrived; it unwinds like Ctrl-C, so every output is switched off on the way."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let signals wait: packages with compiled code swallow what is raised while they load."""
    _holds.append(True)
    try:
        yield
    finally:
        _holds.pop()
    expect_to_go_on()


def expect_to_go_on() -> None:
    """Stop if a signal came that waited, or that somebody swallowed; call it before anything flashes."""
    if _received and not _holds:
        raise _Stopped(_received[0])


def interrupted_status() -> int:
    """Return the exit status that the last signal calls for; 0 when none came."""
    return _SIGNALLED + _received[0] if _received else 0


def verb(act: Callable[Arguments, int]) -> Callable[Arguments, None]:
    """Turn a function that returns an exit status into a typer command."""

    @functools.wraps(act)
    def command(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        raise typer.Exit(_guarded(lambda: _noted(lambda: act(*args, **kwargs), kwargs)))

    return command


def _noted(act: Callable[[], int], named: Mapping[str, object]) -> int:
    """Run a verb; what it makes from files of a subject's take is noted as a part of that take."""
    values = [value for name, value in named.items() if name not in NO_SOURCES]
    sources = [path for value in values for path in (value if isinstance(value, list) else [value])]
    catalogue = named.get("catalogue")
    with noting_results(
        chosen_catalogue(catalogue if isinstance(catalogue, Path) else None),
        [path for path in sources if isinstance(path, Path)],
    ):
        return act()


def _guarded(act: Callable[[], int]) -> int:
    """Run a verb; a device that fails while Ctrl-C closes it does not turn the stop into an error."""
    if sys.stdout is None:  # started with a closed stdout: results go nowhere, the exit status still tells
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    received = _received
    received.clear()
    with _stop_signals(received):
        try:
            status = act()
            sys.stdout.flush()  # here, where a reader that has gone can still be answered for
            return _SIGNALLED + received[0] if received else status
        except KeyboardInterrupt:
            _flush_stdout()
            return _SIGNALLED + (received[0] if received else signal.SIGINT)
        except BrokenPipeError:
            # Python flushes stdout at exit, and would fail there once more.
            _forget_stdout()
            # The reader at a pipe gets the same Ctrl-C.
            return _SIGNALLED + received[0] if received else COULD_NOT_TELL
        except RigError as exc:
            # A device that failed because the verb was being stopped is no finding.
            if received:
                return _SIGNALLED + received[0]
            complain(str(exc))
            return COULD_NOT_TELL
        except OSError as exc:
            if received:
                return _SIGNALLED + received[0]
            where = f"{exc.filename}: " if exc.filename else ""
            remedy = "; make room or name another folder" if exc.errno == errno.ENOSPC else ""
            complain(f"{where}{exc.strerror or exc}{remedy}")
            return COULD_NOT_TELL


@contextmanager
def _stop_signals(received: list[int]) -> Iterator[None]:
    """Make the first signal of `ENDING` unwind the verb, and later ones wait until it has closed everything."""

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        # Later signals are kept and not raised: a second Ctrl-C in the middle of closing would leave outputs on.
        received.append(number)
        if len(received) == 1 and not _holds:
            raise _Stopped(number)

    # What is ignored stays so: nohup(1) starts programs with SIGHUP ignored, and shells jobs in the background.
    wanted = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _flush_stdout() -> None:
    """Write what a verb has printed before it was stopped; what cannot be written changes no exit status."""
    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()


def _forget_stdout() -> None:
    """The reader of our output is gone; do not fail once more when Python flushes it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
