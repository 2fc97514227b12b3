"""A depth buffer of a lattice of surface points: where each pixel's ray first meets the mesh.

In: lattice vertices in a camera's or lamp's frame and their pixels. Out: the smallest depth a pixel, infinite where
nothing is. Only a first guess to within some 50 um: the renderer refines each ray on the true surface afterwards.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.optics import Floats


@kernel
def _triangle(depth: npt.NDArray[np.float32], p: Floats, q: Floats, r: Floats) -> None:
    area = (q[0] - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (q[1] - p[1])
    if not abs(area) > 1e-12:
        return
    height, width = depth.shape
    x0 = max(0, int(np.ceil(min(p[0], q[0], r[0]))))
    x1 = min(width - 1, int(np.floor(max(p[0], q[0], r[0]))))
    y0 = max(0, int(np.ceil(min(p[1], q[1], r[1]))))
    y1 = min(height - 1, int(np.floor(max(p[1], q[1], r[1]))))
    # A pixel on an edge belongs to both triangles: rounding must not let it fall between them.
    slack = -1e-9
    for y in range(y0, y1 + 1):
        for x in range(x0, x1 + 1):
            wq = ((x - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (y - p[1])) / area
            wr = ((q[0] - p[0]) * (y - p[1]) - (x - p[0]) * (q[1] - p[1])) / area
            wp = 1.0 - wq - wr
            if wq >= slack and wr >= slack and wp >= slack:
                z = 1.0 / (wp * p[2] + wq * q[2] + wr * r[2])
                depth[y, x] = min(depth[y, x], z)


@kernel
def fill_depth(
    points: Floats, pixels: Floats, rows: int, columns: int, facing: float, depth: npt.NDArray[np.float32]
) -> None:
    """Lower `depth`, (H, W) float32 mm, to the lattice's; `facing` is the sign of the area of a front triangle.

    points: (rows * columns, 3) mm in the viewer's frame; pixels: (rows * columns, 2).
    """
    corner = np.empty((4, 3))
    for j in range(rows - 1):
        for i in range(columns - 1):
            k = j * columns + i
            for n in range(4):
                m = k + (n & 1) + (columns if n > 1 else 0)
                corner[n, 0] = pixels[m, 0]
                corner[n, 1] = pixels[m, 1]
                # Over a triangle's picture 1/z is linear, z is not (perspective).
                corner[n, 2] = 1.0 / points[m, 2]
            a, b, c, d = corner[0], corner[1], corner[2], corner[3]
            one = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
            two = (d[0] - b[0]) * (c[1] - b[1]) - (c[0] - b[0]) * (d[1] - b[1])
            if one * facing > 0.0:
                _triangle(depth, a, b, c)
            if two * facing > 0.0:
                _triangle(depth, b, d, c)
