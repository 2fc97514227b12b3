"""Reasons why a surface is missing or doubtful: a kind and its facts, and the sentence that a person reads.

In: facts from the steps of a reconstruction. Out: frozen `Reason`s; `str` makes the sentence. Whoever counts or groups
reasons compares their `key`, which holds no figures. Not here: when a reason is due (see images.py, reconstruct.py and
trust.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rigdriver.errors import CalibrationMismatch
from rigdriver.frames import Gap, GapReason


class ReasonKind(Enum):
    """What a reason is about; the value is the sentence, with the facts of `Reason` to fill in."""

    NO_PAIR = "no pod has both of its images"
    NO_IMAGE = "{device}: no image"
    NO_FRAME = "{device}: no frame in the frame set"
    GAP = "{gap}"
    UNFIT = "{error}"
    BLANK = (
        "{device}: blank image: its values differ by {seen:.0f} digital numbers; expected at least {expected:.0f}, "
        "six times its noise; check lamp, lens cap and exposure"
    )
    SATURATED = (
        "{device}: saturated image: {seen:.0f} % of its lit pixels are at full scale; expected at most "
        "{expected:.0f} %; shorten the exposure or dim the projector"
    )
    FEW_MATCHES = (
        "{device}: {seen:.0f} % of the lit surface matches between {between}; expected at least {expected:.0f} %; "
        "check that the images are of one moment, belong to these cameras, show speckle, and that the calibration is "
        "of this rig"
    )
    OUTSIDE_VOLUME = (
        "{device}: what is lit matches {seen:.0f} mm before {between} ({spread:.0f} cells of 4 x 4 pixels), outside "
        "the working volume; expected it at {expected:.0f} to {expected_spread:.0f} mm; move the face there, or name "
        "another volume with --volume or as [volume] in the rig file"
    )
    FEW_CELLS = (
        "{device}: {seen:.0f} cells of 4 x 4 pixels match between {between}; expected at least {expected:.0f}; move "
        "the face into the middle of the volume that both cameras see"
    )
    LITTLE_DETAIL = (
        "{device}: images of {between} hold too little detail: their disparity is uncertain by {seen:.3f} px (median); "
        "expected at most {expected:.2f} px; check that the speckle projector is lit, the lenses are in focus, and the "
        "exposure is long enough"
    )
    ROWS_DIFFER = (
        "{device}: rows of {between} differ by {seen:+.2f} px (spread {spread:.2f} px); expected within "
        "{expected:.2f} px (spread {expected_spread:.2f} px); a camera was moved, or the calibration is of another "
        "rig; calibrate again"
    )
    ROWS_DRIFT = (
        "{device}: rows of {between} differ by {seen:+.2f} px; expected within {expected:.2f} px; check the calibration"
    )
    ROWS_SPREAD = (
        "{device}: rows of {between} differ from place to place (spread {spread:.3f} px); expected within "
        "{expected_spread:.3f} px; the images are of different moments, or the calibration has another lens "
        "distortion; check that all cameras are triggered at once, and the calibration"
    )
    PODS_DO_NOT_MEET = (
        "the pods measured {seen:.1f} % of their surface in common; expected at least {expected:.1f} % of pods that "
        "look from {spread:.0f} degrees apart; the images may be of different moments; check that all cameras are "
        "triggered at once"
    )
    MOMENTS_DIFFER = (
        "the pods measured {seen:.1f} % of their surface in common (expected at least {expected:.1f} % of pods that "
        "look from {spread:.0f} degrees apart), and rows differ; the images are of different moments; check that all "
        "cameras are triggered at once, and take them anew"
    )
    EXPOSED_APART = (
        "the frame set's proof says that exposures began {spread:.1f} us apart; expected at most "
        "{expected_spread:.0f} us; check triggers and exposures"
    )
    NOT_IN_PROOF = (
        "{device}: the frame set's proof does not hold this image, so its moment is unknown; take the capture as "
        "it was written"
    )
    NO_DISTORTION = (
        "{device}: its calibration says that the lens does not distort at all; expected coefficients that are not "
        "zero; check that the file holds them, or calibrate again"
    )
    PODS_APART = (
        "the pods' surfaces lie {seen:+.0f} um apart (spread {spread:.0f} um); expected within {expected:.0f} um "
        "(spread {expected_spread:.0f} um); the images are of different moments, or a camera was moved since the "
        "calibration; take them anew, or calibrate again"
    )
    PODS_DRIFT = "the pods' surfaces lie {seen:+.0f} um apart; expected within {expected:.0f} um; check the calibration"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason with its facts; those that its kind does not name keep their defaults."""

    kind: ReasonKind
    device: str = ""
    """Camera or pod, with that word before its name."""
    between: str = ""
    """Names of the two cameras."""
    seen: float = float("nan")
    expected: float = float("nan")
    spread: float = float("nan")
    expected_spread: float = float("nan")
    gap: Gap | None = None
    """Gap of the frame set, where the camera has no frame."""
    error: CalibrationMismatch | None = None
    """Error with its own facts, where images do not fit the calibration."""

    @property
    def key(self) -> tuple[ReasonKind, str, GapReason | None]:
        """What two reasons have in common when they differ in figures only."""
        return self.kind, self.device, self.gap.reason if self.gap else None

    def __str__(self) -> str:
        return self.kind.value.format(
            device=self.device, between=self.between, seen=self.seen, expected=self.expected, spread=self.spread,
            expected_spread=self.expected_spread, gap=self.gap, error=self.error,
        )  # fmt: skip


def sentence_of(reasons: Iterable[Reason]) -> str:
    """Return several reasons as one line; empty without any."""
    return "; ".join(str(reason) for reason in reasons)
