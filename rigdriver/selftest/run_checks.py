"""Some frame sets at the configured rate, and whether they are what they should be, camera by camera.

In: frame sets, the run's statistics and the cameras' counters before and after. Out: checks of rate and skew, and for
each camera of its frames, clock residual, exposure edges, noise on its line and losses. Not here: the run itself (see
stages.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from rigdriver.config import CameraConfig, RigConfig
from rigdriver.devices.cameras.events import CameraStatistics
from rigdriver.errors import RunCutShort
from rigdriver.frames import FrameSet, Gap, Proof
from rigdriver.run_end import RunEnd
from rigdriver.selftest.result import CheckResult, not_checked, unknown, verdict
from rigdriver.sync.proof import NO_STAMP

FRAME_SETS = 30
"""Number of frame sets of the run when none is asked for."""
NOISE_EDGES = "noise_edges"
RATE_TOLERANCE = 0.001
"""Largest deviation of the rate, as a share of the configured one."""
MOST_REASONS = 3
"""Number of reasons that are told of one camera; the commonest come first."""


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
    noise_edges: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Number of signals on each camera's exposure line that were no exposure."""
    wanted: int = FRAME_SETS
    """Number of frame sets that were asked for."""


def keep(frame_sets: Iterable[FrameSet]) -> tuple[tuple[Proof, ...], tuple[Gap, ...]]:
    """Take proofs and gaps from frame sets and let the pixels go at once; a run that is cut short keeps what came."""
    proofs: list[Proof] = []
    gaps: list[Gap] = []
    with suppress(RunCutShort):  # the check of the number of frame sets says it
        for frame_set in frame_sets:
            proofs.append(frame_set.proof)
            gaps += frame_set.gaps.values()
    return tuple(proofs), tuple(gaps)


def judge_run(observed: Observed, config: RigConfig) -> list[CheckResult]:
    """Judge a run."""
    proofs = observed.proofs
    return [
        judge_frame_sets(observed),
        _judge_rate(proofs, config),
        _judge_skew(proofs, config),
        *judge_frames(observed, config),
        *(check for camera in config.cameras for check in _judge_camera(camera, observed, config)),
        *judge_losses(observed, config),
    ]


def judge_recorded(observed: Observed, config: RigConfig) -> list[CheckResult]:
    """Judge proofs and gaps of a recording; what only a running rig counts is not checked."""
    # Each run counts its pulses anew, so that the rate is that of the first one.
    first = [proof for proof in observed.proofs if proof.generation == observed.proofs[0].generation]
    checks = [
        _judge_rate(first, config),
        _judge_skew(observed.proofs, config),
        *judge_frames(observed, config),
        *(check for camera in config.cameras for check in _judge_camera(camera, observed, config)),
    ]
    return [
        not_checked(check.name, "a recording does not count them") if check.name.endswith(NOISE_EDGES) else check
        for check in checks
    ]


def judge_frame_sets(observed: Observed) -> CheckResult:
    """Judge whether as many frame sets came as were asked for, with gaps or without."""
    came = len(observed.proofs)
    remedy = f"fewer frame sets came than were asked for: {observed.stopped_by}"
    return verdict(came == observed.wanted, "run.frame_sets", came, observed.wanted, "frame sets", remedy)


def judge_frames(observed: Observed, config: RigConfig) -> list[CheckResult]:
    """Judge for each camera whether it has a frame in every frame set; its reasons are grouped and counted."""
    return [_judge_frames(camera, observed) for camera in config.cameras]


def _judge_frames(camera: CameraConfig, observed: Observed) -> CheckResult:
    name, came = f"run.{camera.name}.frames", len(observed.proofs)
    if not came:
        return unknown(name, observed.wanted, "no frame set came", "frames")
    reasons = Counter(gap.reason for gap in observed.gaps if gap.camera == camera.name)
    missing = reasons.total()
    said = "; ".join(f"{count} times: {reason.value}" for reason, count in reasons.most_common(MOST_REASONS))
    remedy = f"camera {camera.name} (SN {camera.serial}): {said}"
    return verdict(not missing, name, came - missing, came, "frames", remedy)


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
    if not skews and len(config.cameras) == 1:
        return not_checked("run.skew", "the rig has one camera")
    if not skews:
        return unknown("run.skew", f"<= {bound:g}", "no frame set has two proved frames", "us")
    remedy = "check cameras.latency_us and jitter_us in the rig file against the data sheets"
    return verdict(max(skews) <= bound, "run.skew", round(max(skews), 2), f"<= {bound:g}", "us", remedy)


def _judge_camera(camera: CameraConfig, observed: Observed, config: RigConfig) -> Iterable[CheckResult]:
    proofs = [proof.frames[camera.name] for proof in observed.proofs if camera.name in proof.frames]
    residuals = [abs(proof.residual_us) for proof in proofs if proof.residual_us is not None]
    if residuals or not proofs:
        yield _judge_residual(camera, residuals, config.sync.tolerance_us)
    if len(residuals) < len(proofs):
        why = "the camera gives no time stamps; its frames were matched by frame id and arrival alone (weaker proof)"
        yield not_checked(f"run.{camera.name}.time_stamps", why)
    yield _judge_extra_frames(camera, observed.proofs)
    if camera.input is not None:
        by_edges = sum(set(proof.unchecked) <= {NO_STAMP} for proof in proofs)
        yield _judge_edges(camera, by_edges, len(proofs))
        yield _judge_noise(camera, observed.noise_edges.get(camera.name, 0))


def _judge_extra_frames(camera: CameraConfig, proofs: Sequence[Proof]) -> CheckResult:
    """Judge by its frame ids whether a camera made frames that no trigger of the box asked for.

    Lost frames use up their ids and skipped triggers use none, so only frames beside the triggers make the ids run
    ahead of the pulses.
    """
    name = f"run.{camera.name}.extra_frames"
    mine = [proof for proof in proofs if camera.name in proof.frames]
    if len(mine) < 2:
        return unknown(name, 0, "fewer than two frames of this camera were proved", "frames")
    ahead = [(proof.generation, proof.frames[camera.name].frame_id - proof.pulse_index) for proof in mine]
    # Step by step: ids that begin anew, as those of 16 bits do, run far back once and hide nothing. Within one run:
    # the next one counts its pulses anew, and a camera may count its frames on.
    extra = sum(max(0, later - earlier) for (run, earlier), (same, later) in pairwise(ahead) if run == same)
    remedy = (
        f"camera {camera.name} (SN {camera.serial}): it makes frames without a trigger; check the shield, the contacts "
        f"and the ground of its trigger cable at box output {camera.output}, and that no other device triggers it"
    )
    return verdict(extra == 0, name, extra, 0, "frames", remedy)


def _judge_residual(camera: CameraConfig, residuals: Sequence[float], bound: float) -> CheckResult:
    name, expected = f"run.{camera.name}.residual", f"<= {bound:g}"
    if not residuals:
        return unknown(name, expected, "no frame of this camera was proved", "us")
    worst = max(residuals)
    remedy = (
        f"camera {camera.name} (SN {camera.serial}): its time stamps wander; check its firmware, and "
        "cameras.jitter_us against its data sheet"
    )
    return verdict(worst <= bound, name, round(worst, 2), expected, "us", remedy)


def _judge_edges(camera: CameraConfig, by_edges: int, proved: int) -> CheckResult:
    """Judge whether each frame that came was proved by the edges of the wired line; missing frames count elsewhere."""
    name = f"run.{camera.name}.exposure_edges"
    if not proved:
        return unknown(name, proved, "no frame of this camera was proved", "exposures")
    remedy = (
        f"camera {camera.name} (SN {camera.serial}): its exposure-active line at box input {camera.input} misses "
        "exposures; check cable and connector"
    )
    return verdict(by_edges == proved, name, by_edges, proved, "exposures", remedy)


def _judge_noise(camera: CameraConfig, edges: int) -> CheckResult:
    remedy = (
        f"camera {camera.name}: its exposure-active line at box input {camera.input} shows signals that are no "
        "exposure; check the shield and the pull-up of this line, and keep it away from lamp cables"
    )
    return verdict(edges == 0, f"run.{camera.name}.{NOISE_EDGES}", edges, 0, "signals", remedy)


_LOSSES = (
    ("incomplete", "incomplete_frames", "check its cable and its DeviceLinkThroughputLimit"),
    ("underrun", "frames_lost", "raise genicam.buffers in the rig file, or free the processor"),
    ("no_slot", "no_slot", "raise genicam.frame_slots in the rig file, or free the processor"),
)


def judge_losses(observed: Observed, config: RigConfig) -> list[CheckResult]:
    """Judge what cameras, producers and this computer have lost meanwhile."""
    checks = []
    for camera in config.cameras:
        before, after = observed.before[camera.name], observed.after[camera.name]
        for counter, name, remedy in _LOSSES:
            # Differences, because the cameras count since they were opened.
            lost = getattr(after, counter) - getattr(before, counter)
            told = f"camera {camera.name} (SN {camera.serial}): {remedy}"
            checks.append(verdict(lost == 0, f"run.{camera.name}.{name}", lost, 0, "frames", told))
    dropped = observed.dropped_frame_sets
    remedy = "this computer was too slow to take the frame sets: free the processor"
    return [*checks, verdict(dropped == 0, "run.queue_dropped", dropped, 0, "frame sets", remedy)]
