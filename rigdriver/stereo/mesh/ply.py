"""Points with properties as a binary PLY file (Turk, Stanford 1994), without passing through a library's own types.

In: a structured array, one row per point, and comments. Out: a file. Not here: what the properties mean (see files.py
and sequence.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rigdriver.whole_file import write_whole

NAMES = {"<f4": "float", "<i4": "int", "|u1": "uchar"}
"""Names that PLY gives to numpy's types."""


def write_rows(rows: npt.NDArray[np.void], comments: Sequence[str], path: Path) -> None:
    """Write the rows, of the types in `NAMES` and little endian; only the file's owner can read it.

    Raises:
        FileNotWritten: the disk is full or failed; it names the file.
    """
    kinds: list[Any] = rows.dtype.descr
    head = ["ply", "format binary_little_endian 1.0", *(f"comment {comment}" for comment in comments)]
    head += [f"element vertex {len(rows)}", *(f"property {NAMES[kind]} {name}" for name, kind in kinds), "end_header"]
    write_whole(path, "\n".join(head) + "\n", rows.view(np.uint8).data, is_private=True)
