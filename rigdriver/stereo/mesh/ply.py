"""Points with properties as a binary PLY file (Turk, Stanford 1994), without passing through a library's own types.

In: a structured array, one row per point, and comments. Out: a file. Not here: what the properties mean (see files.py
and sequence.py).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

NAMES = {"<f4": "float", "<i4": "int", "|u1": "uchar"}
"""Names that PLY gives to numpy's types."""


def write_rows(rows: npt.NDArray[np.void], comments: Sequence[str], path: Path) -> None:
    """Write the rows, of the types in `NAMES` and little endian. A file that cannot be finished is removed.

    Raises:
        OSError: the disk is full or failed; it names the file.
    """
    kinds: list[Any] = rows.dtype.descr
    head = ["ply", "format binary_little_endian 1.0", *(f"comment {comment}" for comment in comments)]
    head += [f"element vertex {len(rows)}", *(f"property {NAMES[kind]} {name}" for name, kind in kinds), "end_header"]
    try:
        with path.open("wb") as stream:
            stream.write(("\n".join(head) + "\n").encode("ascii"))
            stream.write(rows.view(np.uint8).data)  # `tofile` would not say why it failed
    except OSError as exc:
        path.unlink(missing_ok=True)  # half a file is none
        raise OSError(exc.errno or errno.EIO, exc.strerror or str(exc), str(path)) from exc
