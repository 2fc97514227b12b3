"""The certificate of a frame set: from matched frames and edges to verdict and reasons.

In: for one pulse, each camera's frame, exposure and residual, and the lamps' edges. Out: a `Proof`, and the frames that
the skew limit throws out. Not here: how frame and exposure were matched (see track.py and matcher.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType

from rigdriver.clock import us_from_ticks
from rigdriver.frames import Flash, Frame, FrameProof, Gap, GapReason, Proof, ProofVerdict
from rigdriver.gap_facts import Skew
from rigdriver.schedule.planned import Schedule
from rigdriver.sync.exposures import Exposure

NOT_WIRED = "exposure edges: no input is wired; inferred from the trigger"
NO_STAMP = "time stamp: the camera gives none; matched by frame id and arrival alone"
WHOLE_FLASH = 0.99
"""Least share of a flash inside an exposure with which its lamp counts as seen by it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one camera's frame in one pulse."""

    frame: Frame
    exposure: Exposure
    residual_ticks: float | None
    notes: tuple[str, ...]


class Prover:
    """Writes the certificates of one run."""

    def __init__(self, schedule: Schedule, tolerance_us: float, max_skew_us: float) -> None:
        self._schedule = schedule
        self._rate = schedule.tick_rate_hz
        self._tolerance_us = tolerance_us
        self._max_skew_us = max_skew_us

    def refuse_skew(self, start_ticks: int, evidence: Mapping[str, Evidence]) -> dict[str, Gap]:
        """Return a gap for each camera whose exposure was not together with the others'; the majority is right."""
        late = {name: self._lateness_us(start_ticks, e) for name, e in evidence.items()}
        refused: dict[str, Gap] = {}
        while late and max(late.values()) - min(late.values()) > self._max_skew_us:
            # Found anew each time: the worst camera has moved the middle too.
            middle = median(late.values())
            worst = max(late, key=lambda name: abs(late[name] - middle))
            refused[worst] = Gap(worst, GapReason.SKEW, Skew(late[worst] - middle, self._max_skew_us))
            del late[worst]
        return refused

    def certify(
        self,
        pulse_index: int,
        start_ticks: int,
        evidence: Mapping[str, Evidence],
        gaps: Mapping[str, Gap],
        lamps: Sequence[Flash],
        notes: Sequence[str],
    ) -> Proof:
        """Return the proof of one frame set."""
        proofs = {name: self._prove_frame(e, lamps) for name, e in evidence.items()}
        late = [self._lateness_us(start_ticks, e) for e in evidence.values()]
        reasons = [*(str(g) for g in gaps.values()), *notes, *self._complaints(proofs, lamps)]
        return Proof(
            pulse_index=pulse_index,
            generation=self._schedule.box.generation,
            start_ticks=start_ticks,
            tick_rate_hz=self._rate,
            frames=MappingProxyType(proofs),
            skew_us=max(late) - min(late) if len(late) > 1 else float("nan"),
            verdict=ProofVerdict.GAPS if gaps else ProofVerdict.PROVED,
            reasons=tuple(reasons),
            flashes=tuple(lamps),
            unchecked=_unchecked(proofs),
        )

    def _lateness_us(self, start_ticks: int, evidence: Evidence) -> float:
        """Difference: exposure start minus its planned time."""
        planned = start_ticks + self._schedule.exposures[evidence.exposure.camera].start_ticks
        return us_from_ticks(evidence.exposure.start_ticks - planned, self._rate)

    def _prove_frame(self, e: Evidence, lamps: Sequence[Flash]) -> FrameProof:
        lit = {s.lamp for s in self._schedule.flashes if e.exposure.camera in s.cameras}
        counter = e.frame.chunks.get("CounterValue")
        return FrameProof(
            camera=e.frame.camera,
            trigger_ticks=e.exposure.trigger_ticks if e.exposure.trigger_ticks is not None else -1,
            exposure_start_ticks=e.exposure.start_ticks,
            exposure_end_ticks=e.exposure.end_ticks,
            residual_us=None if e.residual_ticks is None else us_from_ticks(e.residual_ticks, self._rate),
            tolerance_us=self._tolerance_us,
            frame_id=e.frame.frame_id,
            flash_shares=MappingProxyType({p.lamp: _share(p, e.exposure) for p in lamps if p.lamp in lit}),
            notes=e.notes,
            counter=None if counter is None else int(counter),
            unchecked=_unchecked_frame(e),
        )

    def _complaints(self, proofs: Mapping[str, FrameProof], lamps: Sequence[Flash]) -> list[str]:
        complaints = [
            f"camera {name}: only {share:.0%} of {lamp}'s flash lies in its exposure"
            for name, proof in proofs.items()
            for lamp, share in proof.flash_shares.items()
            if share < WHOLE_FLASH
        ]
        seen = {p.lamp for p in lamps}
        complaints += [f"lamp {s.lamp}: no flash" for s in self._schedule.flashes if s.lamp not in seen]
        return complaints


def _share(lamp: Flash, exposure: Exposure) -> float:
    """Return the share of the flash that lies inside the exposure, 0..1."""
    inside = min(lamp.fall_ticks, exposure.end_ticks) - max(lamp.rise_ticks, exposure.start_ticks)
    return max(0.0, inside / max(1, lamp.fall_ticks - lamp.rise_ticks))


def _unchecked_frame(e: Evidence) -> tuple[str, ...]:
    """Return the witnesses that one frame lacks."""
    return (*((NOT_WIRED,) if e.exposure.is_inferred else ()), *((NO_STAMP,) if e.residual_ticks is None else ()))


def _unchecked(proofs: Mapping[str, FrameProof]) -> tuple[str, ...]:
    """Gather what could not be checked, with the cameras that it concerns."""
    blind = [name for name, proof in proofs.items() if NOT_WIRED in proof.unchecked]
    unstamped = [name for name, proof in proofs.items() if NO_STAMP in proof.unchecked]
    uncounted = [name for name, proof in proofs.items() if proof.counter is None]
    said = []
    if blind:
        said.append(f"{NOT_WIRED}: {', '.join(blind)}")
    if unstamped:
        said.append(f"{NO_STAMP}: {', '.join(unstamped)}")
    if uncounted:
        said.append(f"hardware counter: no chunk CounterValue from {', '.join(uncounted)}")
    return tuple(said)
