"""Whether the calibration still holds: the evidence of frame sets is collected, and the camera that moved is named.

In: evidence of one frame set after another. Out: a verdict after each: healthy, which camera turned, by how much and
with which uncertainty, or of which cameras the evidence tells nothing. The test is a generalised likelihood ratio over
a sliding window. The calibration's own uncertainty is marginalised, so a parameter that was never known well raises no
alarm. Not here: putting the camera back (see rigdriver.calibration.solve.one_camera).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from rigdriver.arrays import Array
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.health.evidence import FRAME_SETS, DriftEvidence, Observation, gather
from rigdriver.calibration.solve.adjust import PARAMETERS, POSE, WIDTH

THRESHOLD = 45.0
"""Likelihood ratio of an alarm, chi-square with 3 degrees of freedom: by chance once in a thousand million tests."""
SMALLEST_URAD = 25.0
"""Smallest turn that raises an alarm; smaller ones do no harm."""
CONFIRM = 3
"""Number of frame sets in a row that must agree on the camera before an alarm."""
CLEAR_MARGIN = 9.0
"""Lead in likelihood ratio with which the best explanation is named alone."""
PRIOR_TURN_RAD = 2e-3
"""Prior of the turn by a bump (one sigma), in radians; larger turns are found too."""
AXES = ("pitch", "yaw", "roll")


@dataclass(frozen=True, slots=True)
class Turn:
    """Turn of one camera about its own axes."""

    camera: str
    pitch_urad: float
    yaw_urad: float
    roll_urad: float
    sigma_urad: float
    """Standard uncertainty of the largest of the three."""
    sigmas_urad: tuple[float, float, float]
    """Standard uncertainties of pitch, yaw and roll."""
    ratio: float
    """Likelihood ratio of this turn against no turn: chi-square with 3 degrees of freedom."""

    @property
    def is_unseen(self) -> bool:
        """Whether a turn as large as the prior's, about one of the axes, could go without an alarm."""
        return self.unnoticed_urad > 1e6 * PRIOR_TURN_RAD

    @property
    def unnoticed_urad(self) -> float:
        """Turn about the worst known axis below which there is no alarm."""
        return max(SMALLEST_URAD, float(np.sqrt(THRESHOLD)) * max(self.sigmas_urad))

    @property
    def size_urad(self) -> float:
        """Angle of the whole turn."""
        return float(np.sqrt(self.pitch_urad**2 + self.yaw_urad**2 + self.roll_urad**2))

    def __str__(self) -> str:
        parts = {"yaw": self.yaw_urad, "pitch": self.pitch_urad, "roll": self.roll_urad}
        told = ", ".join(f"{name} {value:+.0f}" for name, value in parts.items())
        return f"camera {self.camera} turned by {self.size_urad:.0f} urad ({told}; +-{self.sigma_urad:.0f})"


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """State of the calibration after a frame set."""

    has_alarm: bool
    """Whether a camera turned."""
    turn: Turn | None
    """Likeliest turn of one camera, given without an alarm too; None before there is evidence."""
    others: tuple[str, ...]
    """Cameras whose turn would explain the evidence nearly as well."""
    misses: MappingProxyType[str, float]
    """Median absolute residual of the last frame set by source: px for camera pairs, um for pod steps."""
    frame_sets: int
    unseen: tuple[str, ...]
    """Geometry cameras of which the evidence does not show whether they turned."""
    weakest: Turn | None
    """Geometry camera that can turn farthest without an alarm, of those that are seen."""

    @property
    def is_healthy(self) -> bool:
        """Whether no geometry camera turned, and the evidence would tell."""
        return not self.has_alarm and not self.unseen

    def __str__(self) -> str:
        if self.has_alarm and self.turn is not None:
            rivals = f" (or {', '.join(self.others)})" if self.others else ""
            return f"{self.turn}{rivals}; take six views of the board to solve it again, or calibrate the rig"
        if self.unseen:
            return (
                f"whether {', '.join(self.unseen)} turned cannot be told from {self.frame_sets} frame sets that hold "
                "matches; show the board, or a surface in speckle light, to all cameras, also where both pods see it"
            )
        return f"calibration holds ({self.frame_sets} frame sets){self._unnoticed()}"

    def _unnoticed(self) -> str:
        if self.weakest is None:
            return ""
        limit, axis = self.weakest.unnoticed_urad, AXES[int(np.argmax(self.weakest.sigmas_urad))]
        return f"; the largest turn without an alarm is {limit:.0f} urad ({axis} of {self.weakest.camera})"


def judge(calibration: RigCalibration, normal: Array, gradient: Array) -> list[Turn]:
    """Explain summed evidence by a turn of one camera, tried for each camera; the likeliest comes first."""
    names = list(calibration.cameras)
    root = prior_root(calibration)
    seen = normal @ root
    # Nuisance parameters with covariance C = L L^T are marginalised: (N^-1 + C)^-1 = N - N L (I + L^T N L)^-1 L^T N, by
    # the Woodbury identity, which needs neither N^-1 nor C^-1; both matrices may be singular.
    inner = np.linalg.solve(np.eye(root.shape[1]) + root.T @ seen, np.column_stack([seen.T, root.T @ gradient]))
    information, pull = normal - seen @ inner[:, :-1], gradient - seen @ inner[:, -1]
    turns = []
    for c, name in enumerate(names):
        at = slice(c * WIDTH + POSE.start, c * WIDTH + POSE.stop)
        turning = _turning(calibration[name].T_cam_world[:3, 3])
        matrix = turning.T @ information[at, at] @ turning + np.eye(3) / PRIOR_TURN_RAD**2
        # Rounding makes it slightly unsymmetric.
        matrix = (matrix + matrix.T) / 2
        mine = turning.T @ pull[at]
        covariance = np.linalg.inv(matrix)
        omega = covariance @ mine
        largest = int(np.argmax(np.abs(omega)))
        pitch, yaw, roll = (float(w) * 1e6 for w in omega)
        first, second, third = (float(v) * 1e6 for v in np.sqrt(np.diag(covariance)))
        sigmas = (first, second, third)
        # Generalised likelihood ratio g^T M^-1 g (Basseville and Nikiforov, Detection of Abrupt Changes, 1993).
        turns.append(Turn(name, pitch, yaw, roll, sigmas[largest], sigmas, ratio=float(mine @ omega)))
    return sorted(turns, key=lambda turn: -turn.ratio)


def _turning(t: Array) -> Array:
    """Return (6, 3) the derivative of the pose parameters by a turn about the camera's centre; t turns too."""
    # A turn w about the centre takes X_cam = R X + t to exp([w]) (R X + t), so that d t = w x t.
    return np.vstack([np.eye(3), [[0, t[2], -t[1]], [-t[2], 0, t[0]], [t[1], -t[0], 0]]])


def prior_root(calibration: RigCalibration) -> Array:
    """Return (C * 18, P) a root of the calibration's covariance: root @ root.T; P is 0 where it is unknown."""
    names = list(calibration.cameras)
    covariance = calibration.covariance
    if covariance is None:
        return np.zeros((len(names) * WIDTH, 0))
    index = []
    for parameter in covariance.parameters:
        owner, _, name = parameter.rpartition(".")
        index.append(names.index(owner) * WIDTH + PARAMETERS.index(name))
    scale = np.sqrt(np.maximum(np.diag(covariance.matrix), 1e-300))
    value, vector = np.linalg.eigh(covariance.matrix / scale[:, None] / scale)
    root = np.zeros((len(names) * WIDTH, len(index)))
    root[index] = scale[:, None] * vector * np.sqrt(np.maximum(value, 0))
    return root


class HealthMonitor:
    """Keep a window of evidence and judge after each frame set whether a camera moved.

    Not thread-safe: give it to the one thread that matches.
    """

    def __init__(self, calibration: RigCalibration, window: int = FRAME_SETS) -> None:
        self._calibration = calibration
        self._window: deque[DriftEvidence] = deque(maxlen=window)
        self._geometry = tuple(c.name for c in calibration.cameras.values() if c.role == "geometry")
        self._streak: tuple[str, int] = ("", 0)
        self._frame_sets = 0

    def look(self, observations: Sequence[Observation]) -> DriftVerdict:
        """Add the matches of one frame set."""
        return self.add(gather(self._calibration, observations))

    def add(self, evidence: DriftEvidence) -> DriftVerdict:
        """Add the evidence of one frame set; one without evidence changes nothing."""
        misses = MappingProxyType(dict(evidence.misses))
        if evidence.count:
            self._window.append(evidence)
            self._frame_sets += 1
        if not self._window:
            return DriftVerdict(False, None, (), misses, 0, self._geometry, None)
        normal = np.sum([e.normal for e in self._window], axis=0)
        gradient = np.sum([e.gradient for e in self._window], axis=0)
        turns = judge(self._calibration, normal, gradient)
        best = turns[0]
        # Both: with enough frame sets a turn that does no harm is significant too.
        is_alarming = best.ratio > THRESHOLD and best.size_urad > SMALLEST_URAD
        before = self._streak
        self._streak = (best.camera, before[1] + 1 if before[0] == best.camera else 1) if is_alarming else ("", 0)
        others = tuple(t.camera for t in turns[1:] if best.ratio - t.ratio < CLEAR_MARGIN)
        mine = [turn for turn in turns if turn.camera in self._geometry]
        seen = [turn for turn in mine if not turn.is_unseen]
        return DriftVerdict(
            self._streak[1] >= CONFIRM, best, others, misses, self._frame_sets,
            tuple(turn.camera for turn in mine if turn.is_unseen),
            max(seen, key=lambda turn: turn.unnoticed_urad, default=None),
        )  # fmt: skip


def check(calibration: RigCalibration, frame_sets: Sequence[Sequence[Observation]]) -> DriftVerdict:
    """Judge a few recorded frame sets together, for `rigdriver calibrate check` and the self-test."""
    monitor = HealthMonitor(calibration, window=max(len(frame_sets), 1))
    evidence = [gather(calibration, observations) for observations in frame_sets]
    verdict = monitor.add(DriftEvidence(np.zeros((0, 0)), np.zeros(0), {}, 0))
    # Few frame sets are given again, so that the streak can reach CONFIRM; the window holds each of them once.
    for _ in range(max(1, 1 + CONFIRM - len(evidence)) if evidence else 0):
        for one in evidence:
            verdict = monitor.add(one)
    return verdict
