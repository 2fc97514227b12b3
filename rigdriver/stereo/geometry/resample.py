"""Resampling of raw images onto the rectified grid, only where something is lit.

In: a raw image, and where the nodes of a coarse grid over the rectified image fall in it. Out: the rectified image in
single precision, zero where it is dark or unseen. Lens maps bend so little that straight lines between nodes 16 px
apart stay within 0.001 px. Positions are not rounded: OpenCV's fixed-point maps round to 1/32 px, about 4 um of depth.
The weights are linear: after the smoothing that follows, cubic ones lower the median error by 0.5 % and take twice the
time. Not here: cameras (see rectify.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Bytes, Floats32, Ints32, Ints64
from rigdriver.stereo.kernel import kernel

Raw = npt.NDArray[np.generic]
"""A raw image, 8 or 16 bit."""

NODE_PX = 16
"""Distance of the grid's nodes in rectified pixels."""
_N = np.float32(1 / NODE_PX)
_ONE = np.float32(1)


@kernel
def lit_spans(small: Bytes, shrink: int, nodes: Floats32, dark: float, spans: Ints32) -> int:
    """Find the part of each band of NODE_PX rows that may be lit; return how many nodes are lit.

    Fills `spans`, (bands, 2): the first rectified pixel of that part and the one behind its last. `small`: the raw
    image, shrunk by `shrink`. `nodes`: (bands + 1, columns + 1, 2) raw pixels.
    """
    lit = 0
    bands, columns = nodes.shape[0] - 1, nodes.shape[1] - 1
    hits = np.zeros((bands + 1, columns + 1), np.uint8)
    for j in range(bands + 1):
        for i in range(columns + 1):
            u, v = nodes[j, i, 0], nodes[j, i, 1]
            # Pixel centres stand at integers, so a pixel's left edge is half a pixel before.
            x, y = int((u + 0.5) / shrink), int((v + 0.5) / shrink)
            is_inside = u >= 0 and v >= 0 and x < small.shape[1] and y < small.shape[0]
            if is_inside and small[y, x] > dark:
                hits[j, i] = 1
                lit += 1
    for j in range(bands):
        # A band is lit from its own nodes and those of the bands beside it, with one node to spare on either side.
        first, last = columns + 1, -1
        for q in range(max(j - 1, 0), min(j + 3, bands + 1)):
            for i in range(columns + 1):
                if hits[q, i]:
                    first, last = min(first, i), max(last, i)
        spans[j, 0] = max(first - 1, 0) * NODE_PX if last >= 0 else 0
        spans[j, 1] = min(last + 1, columns) * NODE_PX if last >= 0 else 0
    return lit


@kernel
def resample(raw: Raw, nodes: Floats32, spans: Ints32, edge: float, scale: float, out: Floats32) -> None:
    """Fill `out`, (H, W) float32, with `raw` * `scale` at the places that the nodes give."""
    width = out.shape[1]
    u, v, inside = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    fu, fv = np.empty(width, np.float32), np.empty(width, np.float32)
    places = np.empty(width, np.int64)
    flat = raw.reshape(-1)
    above, below = np.empty(2 * width, flat.dtype), np.empty(2 * width, flat.dtype)
    stride = raw.shape[1]
    for y in range(out.shape[0]):
        # All rows between two lines of nodes share one span.
        band = y // NODE_PX
        first, last = spans[band, 0], spans[band, 1]
        row = out[y]
        row[:first] = np.float32(0)
        row[last:] = np.float32(0)
        if last <= first:
            continue
        count = last - first
        _lines(nodes[band], nodes[band + 1], np.float32(y - band * NODE_PX) * _N, first // NODE_PX, count, u, v)
        _split(u, v, np.float32(edge), raw.shape[0], stride, count, places, fu, fv, inside)
        _gather(flat, places, count, above)
        _gather(flat[stride:], places, count, below)
        _mix(above, below, fu, fv, inside, np.float32(scale), count, row[first:])


@kernel
def _lines(
    above: Floats32, below: Floats32, part: np.float32, first: int, count: int, u: Floats32, v: Floats32
) -> None:
    """Raw places of one rectified row: the nodes' own line is blended from two, then cut into NODE_PX equal steps."""
    for b in range(count // NODE_PX):
        i = first + b
        # Both ends of a stretch, blended from the nodes above and below, and the step between two pixels.
        u0 = above[i, 0] + part * (below[i, 0] - above[i, 0])
        v0 = above[i, 1] + part * (below[i, 1] - above[i, 1])
        du = (above[i + 1, 0] + part * (below[i + 1, 0] - above[i + 1, 0]) - u0) * _N
        dv = (above[i + 1, 1] + part * (below[i + 1, 1] - above[i + 1, 1]) - v0) * _N
        for k in range(NODE_PX):
            u[b * NODE_PX + k] = u0 + np.float32(k) * du
            v[b * NODE_PX + k] = v0 + np.float32(k) * dv


@kernel
def _split(  # noqa: PLR0913, PLR0917
    u: Floats32, v: Floats32, edge: np.float32, height: int, width: int, count: int,
    places: Ints64, fu: Floats32, fv: Floats32, inside: Floats32,
) -> None:  # fmt: skip
    """Whole pixels and the rest of each place; a place beyond the image is moved to its edge and counts nothing."""
    right, bottom = np.float32(width - 1) - edge, np.float32(height - 1) - edge
    stride = np.int64(width)
    for x in range(count):
        a, b = min(max(u[x], edge), right), min(max(v[x], edge), bottom)
        i, j = np.int32(a), np.int32(b)
        fu[x], fv[x] = a - np.float32(i), b - np.float32(j)
        inside[x] = _ONE if a == u[x] and b == v[x] else np.float32(0)
        places[x] = np.int64(j) * stride + np.int64(i)


@kernel
def _gather(flat: Raw, places: Ints64, count: int, taps: Raw) -> None:
    """Read two neighbours at each place. The index is unsigned: one that might be negative costs the vector lanes."""
    for x in range(count):
        i = np.uint64(places[x])
        a, b = flat[i], flat[i + np.uint64(1)]
        taps[2 * x], taps[2 * x + 1] = a, b


@kernel
def _mix(
    above: Raw, below: Raw, fu: Floats32, fv: Floats32, inside: Floats32,
    scale: np.float32, count: int, out: Floats32,
) -> None:  # fmt: skip
    """Bilinear interpolation, rows first."""
    for x in range(count):
        f, g, n = fu[x], fv[x], 2 * x
        a, b, c, d = np.float32(above[n]), np.float32(above[n + 1]), np.float32(below[n]), np.float32(below[n + 1])
        # Unseen places become zero here, so no branch is needed.
        top, bottom = a + f * (b - a), c + f * (d - c)
        out[x] = (top + g * (bottom - top)) * inside[x] * scale
