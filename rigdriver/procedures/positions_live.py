"""Artefacts before a live rig: positions are taken by themselves when the artefact rests where it has not been yet.

In: an open rig, a reconstructor, what the certificates say. Out: the positions' results and pictures, and their images
and proofs in a folder, so the same test can be made again from files. Frame sets with gaps and unproved ones do not
count.
Not here: which measurement is a position (see acceptance/positions.py); the verdict (see verify.py).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rigdriver.acceptance.artefacts import BallBarResult, PlateResult
from rigdriver.acceptance.positions import Placing, Positions
from rigdriver.errors import NotMeasured, RunCutShort, UsageError
from rigdriver.frames import FrameSet, ProofVerdict
from rigdriver.procedures.artefacts import Artefact, Certificate, Gallery
from rigdriver.procedures.flash_trains import FlashTrains
from rigdriver.progress import Progress
from rigdriver.recording.capture_folder import CaptureFolder, holds_proofs
from rigdriver.rig import Rig
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.reconstruct import CellReconstructor


@dataclass(frozen=True, slots=True)
class PositionWishes:
    """How many positions, and how long to wait for the next one."""

    positions: int = 7
    patience_s: float = 120.0


class Missing(Enum):
    """Why a frame set shows no measurement of the artefact at all."""

    UNPROVED = "the frame set is not proved"
    NOT_SEEN = "the artefact is not seen"


@dataclass(frozen=True, slots=True)
class PositionNote:
    """What became of one frame set, and the positions so far."""

    kind: Placing | Missing
    reason: str
    taken: int
    wanted: int

    def __str__(self) -> str:
        return f"{self.taken} of {self.wanted}: {self.reason}"


@dataclass(frozen=True, slots=True)
class _Look:
    """One frame set: what to note, and the measurement if it is a new position."""

    kind: Placing | Missing
    reason: str
    position: tuple[BallBarResult | PlateResult, tuple[Surface, ...]] | None = None


def take_live(
    rig: Rig, artefact: Artefact, wish: PositionWishes, folder: Path, made: CellReconstructor, certificate: Certificate,
    gallery: Gallery, progress: Progress,
) -> None:  # fmt: skip
    """Watch until there are enough positions; a kind of reason is noted when it begins.

    Raises:
        UsageError: the folder holds positions already.
        NotMeasured: no new position came within the patience.
        RunCutShort: the run ended by itself; the positions so far are kept.
    """
    if holds_proofs(folder):
        raise UsageError(
            device=str(folder),
            seen="holds positions already",
            remedy=f"measure them with --{artefact.value} {folder}, or name another --out",
        )
    progress.note(
        f"hold the {artefact.value} before the cameras, still, in {wish.positions} positions all over the volume"
    )
    positions: Positions[BallBarResult | PlateResult] = Positions()
    # By the rig's timebase: in the lockstep of tests the computer's clock would run out.
    newest_s = rig.timebase.now_s()
    before: _Look | None = None
    ended_by: RunCutShort | None = None
    with (
        progress.stage(f"taking the {artefact.value}", wish.positions) as advance,
        CaptureFolder(folder, rig.config, regions=rig.regions()) as sink,
        closing(iter(FlashTrains(rig))) as frame_sets,
    ):
        try:
            for frame_set in (taken.frame_set for taken in frame_sets):
                look = _look(frame_set, artefact, made, certificate, positions)
                if look.position is not None:
                    index = len(positions.taken) - 1
                    sink.write(frame_set, index)
                    gallery.add(artefact, f"{index:06d}", *look.position, made.calibration)
                    newest_s = rig.timebase.now_s()
                    advance(len(positions.taken))
                # A terminal would scroll at the rig's rate; a reason is noted when it begins.
                if before is None or look.kind is not before.kind or look.position is not None:
                    progress.note(PositionNote(look.kind, look.reason, len(positions.taken), wish.positions))
                before = look
                if len(positions.taken) >= wish.positions:
                    return
                if rig.timebase.now_s() - newest_s > wish.patience_s:
                    break
        except RunCutShort as exc:
            ended_by = exc  # raised when images and proofs of the positions so far are written
    if ended_by is not None:
        raise ended_by
    raise NotMeasured(
        device=artefact.value,
        seen=f"{len(positions.taken)} of {wish.positions} positions, then no new one for {wish.patience_s:.0f} s "
        f"({before.reason if before else 'no frame set came'})",
        remedy="hold it still in the volume that both pods see, or give more time with --patience",
    )


def _look(
    frame_set: FrameSet, artefact: Artefact, made: CellReconstructor, certificate: Certificate,
    positions: Positions[BallBarResult | PlateResult],
) -> _Look:  # fmt: skip
    if frame_set.proof.verdict != ProofVerdict.PROVED:
        positions.lose()
        reasons = [str(gap) for gap in frame_set.gaps.values()] or list(frame_set.proof.reasons)
        return _Look(Missing.UNPROVED, f"not proved: {'; '.join(reasons) or frame_set.proof.verdict}")
    cloud, surfaces = made.reconstruct_surfaces(frame_set)
    try:
        result = certificate.measure(artefact, cloud)
    except NotMeasured as exc:
        positions.lose()
        return _Look(Missing.NOT_SEEN, str(exc))
    verdict = positions.offer(result)
    return _Look(verdict.kind, verdict.reason, (result, surfaces) if verdict.is_taken else None)
