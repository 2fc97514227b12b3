"""The camera's clock, its rate limits and its dice.

In: numbers of the spec and the settings. Out: times in integer nanoseconds and rates in hertz. Chance is a pure
function of (seed, camera, purpose, index): asking twice, or in another order, gives the same.
Not here: states (see model.py).
"""

from __future__ import annotations

import hashlib
import math

from rigdriver_sim.camera.makes import NS_PER_S
from rigdriver_sim.camera.spec import CameraSpec

SIGMAS = 3.0


def camera_time_ns(spec: CameraSpec, t_ns: int) -> int:
    """Return what the camera's free-running, drifting clock shows at a true time."""
    # Stamps are unsigned: a clock with a negative offset stands at 0 until it would pass it.
    return max(0, t_ns + spec.clock_offset_ns + round(t_ns * spec.drift_ppm * 1e-6))


def ticks(spec: CameraSpec, camera_ns: int) -> int:
    """Return the time stamp for a time of the camera's clock, in the ticks of its make; never below 0."""
    if not spec.make.has_time_stamps:
        return 0
    return max(0, camera_ns) * spec.make.tick_hz // NS_PER_S


def allowed_rate_hz(
    spec: CameraSpec, *, exposure_us: float, height: int, payload_bytes: int, link_bytes_per_s: float
) -> float:
    """Return the highest rate: exposure overlaps readout, and each, like the link, takes one frame at a time."""
    readout_us = spec.readout_us * height / spec.height
    slowest_us = max(exposure_us, readout_us, 1e6 * payload_bytes / link_bytes_per_s)
    return min(spec.max_rate_hz, 1e6 / slowest_us)


def uniform(seed: int, camera: str, purpose: str, index: int) -> float:
    """Return a number in (0, 1) that depends on the arguments only."""
    # Not hash(): Python salts it anew in each process. The half
    # keeps 0 out, whose logarithm `gauss` could not take.
    digest = hashlib.blake2b(f"{seed}/{camera}/{purpose}/{index}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "little") + 0.5) / 2.0**64


def gauss(seed: int, camera: str, purpose: str, index: int) -> float:
    """Return a standard normal number, cut at three sigma (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(uniform(seed, camera, purpose, 2 * index)))
    value = radius * math.cos(2.0 * math.pi * uniform(seed, camera, purpose, 2 * index + 1))
    return min(max(value, -SIGMAS), SIGMAS)
