"""Types of the arrays that calibration and stereo share, and how arrays in a frozen value become read-only.

In: nothing, or arrays. Out: names of array types, which say the number format and no shape; a docstring beside each
array gives shape, unit and frame. Not here: images with their pixel format (see frames.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
"""Double precision: places, directions, matrices."""
Floats32 = npt.NDArray[np.float32]
"""Single precision: rectified images, fields of planes, points of a cloud."""
Ints32 = npt.NDArray[np.int32]
Ints64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
"""Colours, 8-bit images, and masks that compiled loops fill (0 or 1)."""
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""Digital numbers of an image as a camera or a file gave it."""


def make_read_only(*arrays: npt.NDArray[Any] | None) -> None:
    """Forbid writing to the arrays; None is passed over. A frozen dataclass calls it in `__post_init__`."""
    for array in arrays:
        # Frozen dataclasses forbid another array, not other numbers in the same one.
        if array is not None:
            array.flags.writeable = False
