"""Thirty frame sets at the configured rate, and whether they are what they should be.

In: frame sets, the run's statistics and the cameras' counters before and after. Out: checks of completeness, rate,
skew, clock residuals and losses. Not here: the run itself (see suite.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rigdriver.config import RigConfig
from rigdriver.devices.cameras.events import CameraStatistics
from rigdriver.errors import RunCutShort
from rigdriver.frames import FrameSet, Gap, Proof
from rigdriver.run_end import RunEnd
from rigdriver.selftest.result import CheckResult, not_checked, unknown, verdict
from rigdriver.sync.proof import NO_STAMP

FRAME_SETS = 30
RATE_TOLERANCE = 0.001
"""Largest deviation of the rate, as a share of the configured one."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What is kept of a run: proofs and gaps, no pixels."""

    proofs: tuple[Proof, ...]
    gaps: tuple[Gap, ...]
    dropped_frame_sets: int
    before: Mapping[str, CameraStatistics]
    after: Mapping[str, CameraStatistics]
    stopped_by: RunEnd | None = None
    """Cause of the run's end."""


def keep(frame_sets: Iterable[FrameSet]) -> tuple[tuple[Proof, ...], tuple[Gap, ...]]:
    """Take proofs and gaps from frame sets and let the pixels go at once; a run that is cut short keeps what came."""
    proofs: list[Proof] = []
    gaps: list[Gap] = []
    with suppress(RunCutShort):  # the check of completeness says it
        for frame_set in frame_sets:
            proofs.append(frame_set.proof)
            gaps += frame_set.gaps.values()
    return tuple(proofs), tuple(gaps)


def judge_run(observed: Observed, config: RigConfig) -> list[CheckResult]:
    """Judge a run of `FRAME_SETS` frame sets."""
    proofs = observed.proofs
    return [
        _judge_completeness(observed, config),
        _judge_rate(proofs, config),
        _judge_skew(proofs, config),
        _judge_residual(proofs, config),
        *_judge_stamps(proofs),
        _judge_edges(proofs, config),
        *judge_losses(observed),
    ]


def _judge_completeness(observed: Observed, config: RigConfig) -> CheckResult:
    complete = sum(len(proof.frames) == len(config.cameras) for proof in observed.proofs)
    remedy = told_gaps(observed)
    is_good = complete == FRAME_SETS and not observed.gaps
    return verdict(is_good, "run.complete", complete, FRAME_SETS, "frame sets", remedy)


def told_gaps(observed: Observed) -> str:
    """Return what is missing: each kind of gap once, six at most, or what ended the run."""
    # Hundreds of frame sets can have the same gap.
    kinds = dict.fromkeys(str(gap) for gap in observed.gaps)
    return "; ".join(list(kinds)[:6]) or f"fewer frame sets came than were asked for: {observed.stopped_by}"


def _judge_rate(proofs: Sequence[Proof], config: RigConfig) -> CheckResult:
    expected = config.schedule.rate_hz
    if len(proofs) < 2:
        return unknown("run.rate", expected, "fewer than two frame sets came", "Hz")
    first, last = proofs[0], proofs[-1]
    # By the box's clock and the pulse indices: frame sets that are missing in between do not change the rate.
    seconds = (last.start_ticks - first.start_ticks) / first.tick_rate_hz
    rate = (last.pulse_index - first.pulse_index) / seconds if seconds > 0 else math.nan
    is_good = abs(rate - expected) <= RATE_TOLERANCE * expected
    return verdict(
        is_good, "run.rate", round(rate, 6), expected, "Hz", "the box keeps another time: report its firmware"
    )


def _judge_skew(proofs: Sequence[Proof], config: RigConfig) -> CheckResult:
    bound = config.sync.max_skew_us
    skews = [proof.skew_us for proof in proofs if not math.isnan(proof.skew_us)]
    if not skews:
        return unknown("run.skew", f"<= {bound:g}", "no frame set has two proved frames", "us")
    remedy = "check cameras.latency_us and jitter_us in the rig file against the data sheets"
    return verdict(max(skews) <= bound, "run.skew", round(max(skews), 2), f"<= {bound:g}", "us", remedy)


def _judge_residual(proofs: Sequence[Proof], config: RigConfig) -> CheckResult:
    bound = config.sync.tolerance_us
    residuals: dict[str, float] = {}
    for proof in proofs:
        for name, frame in proof.frames.items():
            if frame.residual_us is not None:
                residuals[name] = max(residuals.get(name, 0.0), abs(frame.residual_us))
    if not residuals:
        return unknown("run.residual", f"<= {bound:g}", "no frame was proved by a time stamp", "us")
    # One camera is named, the worst; its cable or clock is where to begin.
    worst = max(residuals, key=lambda name: residuals[name])
    remedy = f"camera {worst}: its time stamps wander; check its firmware, and cameras.jitter_us against its data sheet"
    measured = round(residuals[worst], 2)
    return verdict(residuals[worst] <= bound, "run.residual", measured, f"<= {bound:g}", "us", remedy)


def _judge_stamps(proofs: Sequence[Proof]) -> list[CheckResult]:
    """Name the cameras whose frames were proved without time stamps; a rig without such cameras gets no line."""
    unstamped = {n: True for proof in proofs for n, frame in proof.frames.items() if frame.residual_us is None}
    why = "the camera gives no time stamps; its frames were matched by frame id and arrival alone (weaker proof)"
    return [not_checked(f"run.time_stamps.{name}", why) for name in unstamped]


def _judge_edges(proofs: Sequence[Proof], config: RigConfig) -> CheckResult:
    """Every camera whose exposure line is wired must have been proved by its edges, not by its time stamps alone."""
    wired = {camera.name for camera in config.cameras if camera.input is not None}
    seen = sum(set(p.unchecked) <= {NO_STAMP} for proof in proofs for name, p in proof.frames.items() if name in wired)
    expected = FRAME_SETS * len(wired)
    remedy = "exposure edges are missing; the checks wiring.*.exposure_line name the cameras"
    return verdict(seen == expected, "run.exposure_edges", seen, expected, "exposures", remedy)


def judge_losses(observed: Observed) -> list[CheckResult]:
    """Judge what cameras, producers and this computer have lost meanwhile."""

    def grown(counter: str) -> dict[str, int]:
        names = observed.after
        # Differences, because the cameras count since they were opened.
        differences = {n: getattr(names[n], counter) - getattr(observed.before[n], counter) for n in names}
        return {name: count for name, count in differences.items() if count}

    checks = []
    for counter, name, remedy in (
        ("incomplete", "run.incomplete_frames", "check cable and DeviceLinkThroughputLimit of {}"),
        ("underrun", "run.frames_lost", "{}: raise genicam.buffers in the rig file, or free the processor"),
        ("no_slot", "run.no_slot", "{}: raise genicam.frame_slots in the rig file, or free the processor"),
    ):
        lost = grown(counter)
        checks.append(verdict(not lost, name, sum(lost.values()), 0, "frames", remedy.format(", ".join(lost))))
    dropped = observed.dropped_frame_sets
    remedy = "this computer was too slow to take the frame sets: free the processor"
    return [*checks, verdict(dropped == 0, "run.queue_dropped", dropped, 0, "frame sets", remedy)]
