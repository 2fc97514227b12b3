"""Figures that say how well a driver did, from what it claims and what is true.

In: plain arrays and numbers, never the driver's types. Out: frozen scores with units in their names. Nothing is left
out because the truth shows it to be wrong: every point, camera and frame that is handed in counts. Not here: files and
the verb `score` (see program/score_verb.py).
"""

from rigdriver_sim.score.calibration import CalibratedCamera, CalibrationScore, T_world_rig_of, score_calibration
from rigdriver_sim.score.cloud import CloudScore, Patch, score_cloud, visible_surface
from rigdriver_sim.score.frames import (
    ClockScore,
    FrameSetClaim,
    FramesScore,
    TrueRun,
    read_checksums,
    read_truth,
    score_clock,
    score_frames,
)

__all__ = [
    "CalibratedCamera",
    "CalibrationScore",
    "ClockScore",
    "CloudScore",
    "FrameSetClaim",
    "FramesScore",
    "Patch",
    "T_world_rig_of",
    "TrueRun",
    "read_checksums",
    "read_truth",
    "score_calibration",
    "score_clock",
    "score_cloud",
    "score_frames",
    "visible_surface",
]
