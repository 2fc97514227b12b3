"""Expressions: how the skin shifts over the chart and swells, and how far it has come.

In: weights of smile, open mouth and raised brows; places on the chart. Out: the place at rest of the skin that is there
now, and how far it swells. Smooth to the second order, and never folds: each place shows one piece of skin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.optics import Floats


@dataclass(frozen=True, slots=True)
class _Pull:
    """Skin around a place (head frame, mm) moves by `shift_mm` along the face and `swell_mm` outwards."""

    at: tuple[float, float, float]
    reach_mm: tuple[float, float]
    shift_mm: tuple[float, float] = (0.0, 0.0)
    swell_mm: float = 0.0


_SMILE = (
    _Pull((27, -71, 80), (30, 26), shift_mm=(6.5, 6.0)),
    _Pull((-27, -71, 80), (30, 26), shift_mm=(-6.5, 6.0)),
    _Pull((40, -44, 72), (30, 24), shift_mm=(0, 3.0), swell_mm=4.0),
    _Pull((-40, -44, 72), (30, 24), shift_mm=(0, 3.0), swell_mm=4.0),
)
_BROW = (
    _Pull((28, 17, 84), (32, 20), shift_mm=(0, 5.5), swell_mm=0.6),
    _Pull((-28, 17, 84), (32, 20), shift_mm=(0, 5.5), swell_mm=0.6),
)
_LIPS_MM = (0.0, -70.0, 93.0)
_MOUTH_DROP_MM = 11.0


def _chart_of(at: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return chart coordinates of a place and the chart units of a mm there."""
    low = 1.0 / (math.sqrt(at[0] ** 2 + at[1] ** 2 + at[2] ** 2) + at[2])
    return at[0] * low, at[1] * low, low


@dataclass(frozen=True, slots=True)
class Expression:
    """How far each expression has come, 0 to 1."""

    smile: float = 0.0
    mouth: float = 0.0
    brow: float = 0.0

    def material_of(self, a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the chart coordinates at rest of the skin that is now at a, b, and how far it swells there in mm."""
        rest_a, rest_b = np.array(a, dtype=np.float64), np.array(b, dtype=np.float64)
        swell = np.zeros_like(rest_a)
        _relax(self._pulls(), self._mouth(), rest_a.reshape(-1), rest_b.reshape(-1), swell.reshape(-1))
        return rest_a, rest_b, swell

    def _pulls(self) -> Floats:
        """Return a row a pull: place, 1 / reach, shift, swell; chart units and mm, already weighted, (N, 7)."""
        rows = [np.zeros(7)]
        for weight, pulls in ((self.smile, _SMILE), (self.brow, _BROW)):
            for pull in pulls if weight else ():
                a, b, unit = _chart_of(pull.at)
                reach = [1 / (pull.reach_mm[0] * unit), 1 / (pull.reach_mm[1] * unit)]
                shift = [weight * pull.shift_mm[0] * unit, weight * pull.shift_mm[1] * unit]
                rows.append(np.array([a, b, *reach, *shift, weight * pull.swell_mm]))
        return np.array(rows[1:]).reshape(-1, 7)

    def _mouth(self) -> Floats:
        """Return how far the jaw drops in mm, where the lips meet, and the chart units of a mm there, (3,)."""
        _a, lips, unit = _chart_of(_LIPS_MM)
        return np.array([self.mouth * _MOUTH_DROP_MM, lips, unit])


@kernel
def _bump(r2: float) -> float:
    # (1 - r^2)^3 meets 0 at its rim with two continuous derivatives, so that a pull leaves no crease.
    inside = max(1.0 - r2, 0.0)
    return inside * inside * inside


@kernel
def _ease(s: float) -> float:
    # 6 s^5 - 15 s^4 + 10 s^3 (Perlin 2002): its first two derivatives are 0 at both ends.
    s = min(max(s, 0.0), 1.0)
    return s * s * s * (10.0 + s * (6.0 * s - 15.0))


@kernel
def _relax(pulls: Floats, mouth: Floats, a: Floats, b: Floats, swell: Floats) -> None:
    drop, lips, unit = mouth[0], mouth[1], mouth[2]
    for i in range(a.size):
        x, y = a[i], b[i]
        for k in range(pulls.shape[0]):
            pull = pulls[k]
            u, v = (x - pull[0]) * pull[2], (y - pull[1]) * pull[3]
            near = _bump(u * u + v * v)
            a[i] -= near * pull[4]
            b[i] -= near * pull[5]
            swell[i] += near * pull[6]
        if drop > 0.0:
            across, below = x / unit, (lips - y) / unit
            # The skin is stretched most where the lips meet, so their dark line becomes the opening.
            wide = _bump((across / 34.0) ** 2)
            b[i] += drop * unit * wide * _ease((below + 0.5 * drop) / 22.0) * (1.0 - _ease((below - 55.0) / 45.0))
            swell[i] -= 7.0 * drop / 11.0 * _bump((across / 20.0) ** 2) * _bump(((below - 0.5 * drop) / 5.5) ** 2)
