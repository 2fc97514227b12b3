"""Opening as a whole: what an interrupt finds half opened is closed, also where nobody holds it yet.

In: an act that opens devices, and from each of them, before it takes anything, how it is closed. Out: what the act
returns; or its error, behind the closing of all that it had begun to open. Between a call and the name for its result
an interrupt can come, and a device with a thread of its own would then stay open for ever: its port is locked, and
nobody can close it. Not here: what is opened (see rig.py and the devices).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import local
from typing import TypeVar

from rigdriver.ends import End
from rigdriver.errors import RigError

T = TypeVar("T")
_logger = logging.getLogger(__name__)
_here = local()
"""Note of the calling thread: `kept`, what it has begun to open; None when it opens nothing."""


def keep(close: Callable[[], object]) -> None:
    """Have `close` called when the opening under way on this thread fails; at any time, and again, it is harmless."""
    kept: list[Callable[[], object]] | None = getattr(_here, "kept", None)
    if kept is not None:
        kept.append(close)


def opened(what: str, act: Callable[[], T]) -> T:
    """Return what `act` opens; when it raises, what it has opened until then is closed backwards.

    An opening within another one hands on to it what it has opened.
    """
    kept: list[Callable[[], object]] = []
    before: list[Callable[[], object]] | None = getattr(_here, "kept", None)
    end = End(f"{what}, which could not be opened", lambda: _close(kept))
    try:
        _here.kept = kept
        result = act()
        if before is not None:
            before += kept
        return result
    except BaseException:
        try:
            end.run()
        finally:
            end.run()  # an interrupt may come before the first step of the end; once it is done, this does nothing
        raise
    finally:
        _here.kept = before


def _close(kept: list[Callable[[], object]]) -> None:
    for close in reversed(kept):
        try:
            close()
        except RigError as exc:
            _logger.debug("closing what could not be opened: %s", exc)
