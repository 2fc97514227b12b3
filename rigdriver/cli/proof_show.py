"""`rigdriver proof FILE`: print the proofs of a capture and explain what they prove, or the gaps they name.

In: a proofs.json that `rigdriver capture` wrote, or a recording, and perhaps a frame set's index. Out: a summary, or
one frame set explained line by line. Exit status 0 when everything is proved, 1 when there are gaps or no frame sets, 2
when the file is no proof.
Not here: the file (see recording/proof_files.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.cli.watching import PROGRESS
from rigdriver.errors import UsageError
from rigdriver.frames import FrameProof, ProofVerdict
from rigdriver.recording.proof_files import StoredProof, read_proofs
from rigdriver.recording.recording_file import Recording, is_recording

_MOST_LINES = 20


@verb
def proof_show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="proofs.json, the folder of a capture, or a recording.")],
    index: Annotated[int | None, typer.Option("--index", "-i", metavar="N", help="Explain this frame set.")] = None,
    json: JsonOption = False,
) -> int:
    """Print the proofs of a capture and explain them."""
    proofs = _proofs_of(file)
    if index is not None:
        held = sorted(p.index for p in proofs)
        proofs = tuple(p for p in proofs if p.index == index)
        if not proofs:
            raise UsageError(
                device=str(file),
                seen=f"holds no frame set {index}",
                expected=f"one of {len(held)} from {held[0]} to {held[-1]}" if held else "",
                remedy="" if held else "capture again",
            )
    unproved = [p for p in proofs if p.proof.verdict != ProofVerdict.PROVED]
    if json:
        passed = bool(proofs) and not unproved
        show_json({"passed": passed, "frame_sets": len(proofs), "not_proved": [p.index for p in unproved]})
    elif index is not None:
        show("\n".join(_explain(proofs[0])))
    else:
        show("\n".join(_summary(proofs, unproved)))
    # A file without a frame set proves nothing.
    return GOOD if proofs and not unproved else CHECK_FAILED


def _proofs_of(file: Path) -> tuple[StoredProof, ...]:
    if not is_recording(file):
        return read_proofs(file)
    with Recording(file) as recording, PROGRESS.stage("reading", len(recording)) as advance:
        proofs = []
        for done, proof in enumerate(recording.proofs(), start=1):
            proofs.append(proof)
            advance(done)
        return tuple(proofs)


def _summary(proofs: Sequence[StoredProof], unproved: Sequence[StoredProof]) -> list[str]:
    skews = [p.proof.skew_us for p in proofs if not math.isnan(p.proof.skew_us)]
    lines = [f"{len(proofs)} frame sets, {len(proofs) - len(unproved)} proved, {len(unproved)} not"]
    if not proofs:
        return [*lines, "there is nothing that could be proved: capture again"]
    if skews:
        lines.append(f"skew: at most {max(skews):.1f} us, median {sorted(skews)[len(skews) // 2]:.1f} us")
    # What holds for every frame set, such as the warning of a bench, is said once.
    everywhere = [text for text in proofs[0].reasons if all(text in p.reasons for p in proofs)] if proofs else []
    lines += [f"all frame sets: {text}" for text in everywhere]
    told = [(p.index, text) for p in unproved for text in p.reasons if text not in everywhere]
    # A capture with a loose cable has thousands of such lines, all alike.
    lines += [f"frame set {index}: {text}" for index, text in told[:_MOST_LINES]]
    if len(told) > _MOST_LINES:
        lines.append(f"... and {len(told) - _MOST_LINES} more; --index N explains one")
    weaker = dict.fromkeys(text for p in proofs for text in p.proof.unchecked)
    prefix = "could not be checked" if any(p.proof.tick_rate_hz for p in proofs) else "not checked"
    return [*lines, *(f"{prefix}: {text}" for text in weaker)]


def _explain(stored: StoredProof) -> list[str]:
    """Return one frame set's proof in sentences."""
    proof = stored.proof
    us = 1e6 / proof.tick_rate_hz if proof.tick_rate_hz else 0.0
    if not proof.tick_rate_hz:
        return _explain_unproved(stored)
    pulse = f"pulse {proof.pulse_index} of generation {proof.generation}"
    lines = [f"frame set {stored.index} ({pulse}): {proof.verdict}"]
    for p in proof.frames.values():
        lines += _explain_frame(p, proof.start_ticks, us)
    lines += [f"gap: {text}" for text in stored.reasons]
    if not math.isnan(proof.skew_us):
        lines.append(f"the exposures began within {proof.skew_us:.1f} us of each other, planned differences taken off")
    return lines


def _explain_unproved(stored: StoredProof) -> list[str]:
    """Return what is known of a frame set that no trigger box has seen."""
    lines = [f"frame set {stored.index}: {stored.proof.verdict}"]
    for name, arrival in stored.arrivals.items():
        stamp = "no time stamp" if arrival.t_camera_ns is None else f"time stamp {arrival.t_camera_ns} ns"
        lines.append(f"camera {name}: frame {arrival.frame_id}, {stamp}, arrived at {arrival.t_host_ns} ns")
    lines += stored.reasons
    return [*lines, *(f"not checked: {text}" for text in stored.proof.unchecked)]


def _explain_frame(p: FrameProof, start_ticks: int, us: float) -> list[str]:
    stamped = (p.trigger_ticks, p.exposure_start_ticks, p.exposure_end_ticks)
    trigger, begin, end = ((ticks - start_ticks) * us for ticks in stamped)
    if p.residual_us is None:
        stamp = " carries no time stamp; its frame id and its arrival say that it belongs here."
    else:
        stamp = (
            f"'s time stamp, mapped to the box's clock, is {p.residual_us:+.2f} us from that start "
            f"(allowed: {p.tolerance_us:g} us)."
        )
    return [
        f"camera {p.camera}:",
        f"  the box sent its trigger {trigger:.1f} us after the pulse began,",
        f"  and saw it expose from {begin:.1f} to {end:.1f} us;",
        f"  frame {p.frame_id}{stamp}",
        *([] if p.counter is None else [f"  the camera's own counter stood at {p.counter}."]),
        *(f"  {share:.0%} of {lamp}'s flash lies in this exposure." for lamp, share in p.flash_shares.items()),
        *(f"  note: {text}" for text in p.notes),
        *(f"  could not be checked: {text}" for text in p.unchecked),
    ]
