"""Frame sets and clocks against the log of what the simulated rig really did.

In: the rig's truth.jsonl; for each frame set, which exposure of each camera the driver put into it. Out: how many
frames stand in the wrong set, are missing without cause, or were not seen missing. Which exposure a frame shows must
come from the frame itself (its stamp or its frame id), not from the driver's bookkeeping. Not here: what writes
truth.jsonl (see bench/truth.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class TrueRun:
    """What happened in one run (one generation of the schedule)."""

    exposures: Mapping[tuple[int, str], tuple[int, ...]]
    """(pulse, camera) -> ordinals of the exposures that this pulse caused."""
    start_ns: Mapping[tuple[str, int], int]
    """(camera, ordinal) -> true time of the exposure's start."""
    faulted: frozenset[tuple[int, str]]
    """(pulse, camera) with a planted fault."""


@dataclass(frozen=True, slots=True)
class FrameSetClaim:
    """What a driver says about one pulse."""

    pulse: int
    ordinals: Mapping[str, int]
    """Camera -> ordinal of the exposure that its frame shows."""
    gaps: frozenset[str] = field(default_factory=frozenset)
    """Cameras without a frame."""


@dataclass(frozen=True, slots=True)
class FramesScore:
    """Frames over a whole run."""

    frame_sets: int
    frames: int
    wrong: int
    """Frames in the set of another pulse than the one that exposed them: the one figure that must be 0."""
    rightful_gaps: int
    """Gaps where a fault was planted or no exposure happened."""
    false_gaps: int
    """Gaps where all was well."""
    faults_without_gap: int
    """Planted faults in pulses that show no gap at that camera; not every fault costs a frame."""
    pulses_missing: int
    """Pulses with exposures that no frame set names."""


@dataclass(frozen=True, slots=True)
class ClockScore:
    """A clock's readings against true time, after the best straight line."""

    samples: int
    rate_ppm: float
    """Excess of the readings' rate over true time."""
    residual_rms_us: float
    residual_max_us: float


def read_truth(path: Path) -> Mapping[int, TrueRun]:
    """Return what happened, by run, from a rig's truth.jsonl; a cut last line is skipped.

    Raises:
        ValueError: the log was truncated by its own limit, so scores would be wrong.
    """
    runs: dict[int, tuple[dict[tuple[int, str], list[int]], dict[tuple[str, int], int], set[tuple[int, str]]]] = {}
    for line in _lines(path):
        if line["what"] == "truncated":
            raise ValueError(f"{path}: the log is truncated; score a shorter run")
        if line["what"] not in ("exposure", "fault") or line.get("run") is None or line.get("pulse") is None:
            continue
        exposures, starts, faulted = runs.setdefault(int(line["run"]), ({}, {}, set()))
        key = (int(line["pulse"]), str(line["camera"]))
        if line["what"] == "fault":
            faulted.add(key)
        else:
            exposures.setdefault(key, []).append(int(line["ordinal"]))
            starts[key[1], int(line["ordinal"])] = int(line["start_ns"])
    return {
        run: TrueRun({key: tuple(ordinals) for key, ordinals in exposures.items()}, starts, frozenset(faulted))
        for run, (exposures, starts, faulted) in runs.items()
    }


def read_checksums(path: Path) -> Mapping[tuple[int, int, str], int]:
    """Return (run, pulse, camera) -> CRC-32 of the pixels, from the truth.jsonl of a rig with `checksums = true`.

    Raises:
        ValueError: the log was truncated by its own limit.
    """
    found = {}
    for line in _lines(path):
        if line["what"] == "truncated":
            raise ValueError(f"{path}: the log is truncated; record a shorter run")
        if line["what"] == "pixels" and line["run"] is not None and line["pulse"] is not None:
            found[int(line["run"]), int(line["pulse"]), str(line["camera"])] = int(line["crc32"])
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for text in file:
            # A line without its end is still being written.
            if text.endswith("\n"):
                yield json.loads(text)


def score_frames(true: TrueRun, claims: Sequence[FrameSetClaim]) -> FramesScore:
    """Score the frame sets of one run."""
    wrong = rightful = false = frames = 0
    gaps_seen: set[tuple[int, str]] = set()
    for claim in claims:
        for camera, ordinal in claim.ordinals.items():
            frames += 1
            wrong += ordinal not in true.exposures.get((claim.pulse, camera), ())
        for camera in claim.gaps:
            key = (claim.pulse, camera)
            gaps_seen.add(key)
            # A pulse that exposed the camera twice or not at all has no frame that could be proved.
            is_rightful = key in true.faulted or len(true.exposures.get(key, ())) != 1
            rightful += is_rightful
            false += not is_rightful
    named = {claim.pulse for claim in claims}
    return FramesScore(
        frame_sets=len(claims),
        frames=frames,
        wrong=wrong,
        rightful_gaps=rightful,
        false_gaps=false,
        faults_without_gap=len({key for key in true.faulted - gaps_seen if key[0] in named}),
        pulses_missing=len({pulse for pulse, _camera in true.exposures} - named),
    )


def score_clock(readings_ns: Sequence[int], true_ns: Sequence[int]) -> ClockScore:
    """Score a clock's readings of moments whose true times are known.

    Raises:
        ValueError: fewer than three moments, or not as many readings.
    """
    if len(readings_ns) != len(true_ns) or len(true_ns) < 3:
        raise ValueError(f"{len(readings_ns)} readings of {len(true_ns)} moments: expected as many, and at least three")
    # Integers first: nanoseconds since boot do not fit a float's 53 bits together with their differences.
    t = np.array([value - true_ns[0] for value in true_ns], dtype=np.float64)
    late = np.array([value - readings_ns[0] for value in readings_ns], dtype=np.float64) - t
    slope, offset = np.polyfit(t, late, 1)
    residual_us = (late - slope * t - offset) / 1000
    return ClockScore(
        samples=len(t),
        rate_ppm=float(1e6 * slope),
        residual_rms_us=float(np.sqrt((residual_us**2).mean())),
        residual_max_us=float(np.abs(residual_us).max()),
    )
