"""The lens's blur: what diffraction, the pixel's area and slight defocus make of a sharp image.

In: an image and a standard deviation. Out: the image, blurred in place by a separable Gaussian; edges repeat.
"""

from __future__ import annotations

import numpy as np

from rigdriver_sim.scene.hits import Floats32
from rigdriver_sim.scene.kernel import kernel


@kernel
def _blur(image: Floats32, taps: Floats32, middle: Floats32) -> None:
    """Blur in place, separably; `middle` is room for the half-done image; edges repeat."""
    height, width = image.shape
    reach = taps.size - 1
    for row in range(height):
        line, to = image[row], middle[row]
        for column in range(width):
            total = taps[0] * line[column]
            for k in range(1, reach + 1):
                total += taps[k] * (line[max(column - k, 0)] + line[min(column + k, width - 1)])
            to[column] = total
    for row in range(height):
        to = image[row]
        for column in range(width):
            to[column] = taps[0] * middle[row, column]
        for k in range(1, reach + 1):
            above, below = middle[max(row - k, 0)], middle[min(row + k, height - 1)]
            for column in range(width):
                to[column] += taps[k] * (above[column] + below[column])


def blur(image: Floats32, sigma_px: float) -> Floats32:
    """Blur an image, (H, W) float32, in place by a Gaussian and return it."""
    if sigma_px > 0.05:
        reach = max(1, int(np.ceil(3.5 * sigma_px)))
        weights = np.exp(-0.5 * (np.arange(reach + 1) / sigma_px) ** 2)
        weights /= weights[0] + 2 * weights[1:].sum()
        # Rounded so that a last-digit difference between two maths libraries cannot show.
        _blur(image, np.round(weights, 7).astype(np.float32), np.empty_like(image))
    return image
