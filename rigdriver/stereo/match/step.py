"""One least-squares step over a whole field: sums, windows, corrections, in strips that stay in fast memory.

In: two rectified images, a field of planes, which cells have one. Out: the field corrected in place; cells whose
correction is too long or whose window is too poor lose their plane. A row's correction waits only for the sums of the
rows that its windows reach. Not here: pyramids and the order of steps (see cell_matcher.py).
"""

from __future__ import annotations

import numpy as np

from rigdriver.arrays import Bytes, Floats32, Ints32
from rigdriver.stereo.cells import CORRELATION, FULLNESS, Limits, Planes
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.match.products import SUM, sum_rows
from rigdriver.stereo.match.windows import REACH, solve_rows

STRIP = 16
"""Number of rows of cells that are worked on together."""
STEEPER = 0.3
"""Largest change of a slope in one step."""


@kernel
def take_step(  # noqa: PLR0913, PLR0917
    left: Floats32, right: Floats32, field: Floats32, has: Bytes, quality: Floats32, spans: Ints32, taps: Floats32,
    dark: float, worst: float, limits: Limits, sums: Floats32, step: Floats32,
) -> None:  # fmt: skip
    """Correct `field`, (3, h, w), and `has`; fill `sums` (of the planes as they were), `step` and `quality`."""
    rows = spans.shape[0]
    done = 0
    for begin in range(0, rows, STRIP):
        end = min(begin + STRIP, rows)
        sum_rows(left, right, field, has, quality, spans, dark, worst, (begin, end), sums)
        # The last rows of a strip wait: their windows reach into the next one.
        ready = rows if end == rows else end - REACH
        solve_rows(sums, spans, taps, (done, ready), step, quality)
        done = ready
    for j in range(rows):
        part = slice(spans[j, 0], spans[j, 1])
        _correct(
            Planes(field[0, j, part], field[1, j, part], field[2, j, part]),
            Planes(step[0, j, part], step[1, j, part], step[2, j, part]),
            quality[CORRELATION, j, part], quality[FULLNESS, j, part], has[j, part], sums[j, SUM.counted, part], limits,
        )  # fmt: skip


@kernel
def _correct(
    planes: Planes,
    found: Planes,
    correlation: Floats32,
    fullness: Floats32,
    has: Bytes,
    count: Floats32,
    limits: Limits,
) -> None:
    """Add what was found to the planes of one row where it is short enough and its window good enough."""
    d, a, b, e0, e1, e2 = planes.d, planes.a, planes.b, found.d, found.a, found.b
    reach, least, full = np.float32(limits.reach_px), np.float32(limits.correlation), np.float32(limits.fullness)
    steepest, steeper, zero = np.float32(limits.steepest), np.float32(STEEPER), np.float32(0)
    for n in range(has.shape[0]):
        # Masks instead of branches: a branch costs the compiler its vector lanes.
        good = np.uint8(abs(e0[n]) <= reach) & np.uint8(correlation[n] >= least) & np.uint8(fullness[n] >= full)
        stands = has[n] & good
        has[n] = stands
        share = np.float32(stands)
        # A cell that falls must not count in the sums that growing and sharpening read.
        count[n] *= share
        d[n] += e0[n] if stands else zero
        along = a[n] + min(max(e1[n] if stands else zero, -steeper), steeper)
        across = b[n] + min(max(e2[n] if stands else zero, -steeper), steeper)
        a[n] = min(max(along, -steepest), steepest)
        b[n] = min(max(across, -steepest), steepest)
