"""What really happened, one JSON object per line: for scoring only, never for the driver.

In: exposures, edges of lamp outputs and planted faults. Out: truth.jsonl beside the rig file, bounded in lines. Not
here: what a line is used for (see score/).
"""

from __future__ import annotations

import json
from pathlib import Path

MAX_LINES = 5_000_000


class Truth:
    """Appends lines; the file is whole after `flush`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", buffering=1 << 16)
        self._lines = 0

    def note(self, what: str, **facts: float | str | None) -> None:
        """Write one line; the last one that fits says that the rest is missing."""
        if self._lines > MAX_LINES or self._file.closed:
            return
        line = {"what": "truncated"} if self._lines == MAX_LINES else {"what": what, **facts}
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
        self._lines += 1

    def flush(self) -> None:
        """Make the lines so far readable."""
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._file.close()
