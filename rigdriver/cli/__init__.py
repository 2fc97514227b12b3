"""The command line, `rigdriver VERB`: one file per verb.

In: the words of the command line. Out: an exit status (0 good, 1 a check failed, 2 undecided, 130 Ctrl-C), results on
stdout. A verb turns options into those of a procedure, calls it and shows the value. This file imports nothing of the
rest, so that Ctrl-C is answered for while the rest is loaded. Not here: which verbs there are (see verbs.py), and
measuring, matching, deciding (see rigdriver.procedures).
"""

from __future__ import annotations

import os
import signal
import sys

_INTERRUPTED = 130
"""Exit status after Ctrl-C: shells give 128 plus the signal's number for a process that a signal ended."""


def main() -> None:
    """Run the command line of this process; Ctrl-C ends it without a traceback from here to its last moment."""
    try:
        # Nothing is open before a verb begins, nor behind its end, so the process may go at once. Raising instead would
        # meet packages that swallow what is raised while they load.
        signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(_INTERRUPTED))
        # Read when numpy is loaded. More threads of BLAS wait in busy loops: our matrices are small (DECISIONS.md).
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        status = _status()
        # The work is done and its status is known; nothing may change that while the interpreter ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = _INTERRUPTED
    sys.exit(status)


def _status() -> int | str | None:
    from rigdriver.cli.verb import interrupted_status  # noqa: PLC0415 - see the head of this file
    from rigdriver.cli.verbs import app  # noqa: PLC0415

    try:
        app()
    except SystemExit as end:
        return interrupted_status() or end.code
    return 0
