"""Notes of a solve: what was left out or is odd, as kind and facts, and the sentence that a technician reads.

In: facts from the screening, the outlier search and the result. Out: frozen `SolveNote`s; `str` makes the sentence,
which the report shows and the calibration file keeps. Not here: when a note is due (see screen.py, outliers.py,
all_cameras.py, one_camera.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class NoteKind(Enum):
    """What a note is about; the value is the sentence, with the facts of `SolveNote` to fill in."""

    OFF_BOARD = "{image}: only {seen:.0f} of {expected:.0f} corners lie on the board; image dropped"
    MIRRORED = "{image}: the board appears mirrored; image dropped"
    VIEW_MOVED = (
        "{image}: dropped; cameras disagree where the board stands by up to {seen:.1f} px (typical {expected:.2f} px): "
        "it moved between the exposures, or the images are of different moments"
    )
    IMAGE_FAR = "{image}: image dropped; it misses by {seen:.2f} px (typical {expected:.2f} px)"
    FEW_VIEWS = "{image}: only {seen:.0f} views; show it the board in more poses"
    LONE_TIE = (
        "{image}: the only view that ties some cameras to the others; nothing else checks it: take more views that "
        "both sides see"
    )
    NOT_MEASURED = (
        "the board's squares were not measured: {seen:g} mm is taken as exact; a print that is 0.1 % off makes every "
        "result 0.1 % off"
    )
    STRETCHED = (
        "all cameras see pixels stretched by {seen:.2f} %: the print is stretched along one direction; measure its "
        "squares both ways and print it again at 100 %"
    )
    BENT = "the board is bent by {seen:.2f} mm; the result allows for it, but mount the print on a flat plate"
    POSE_SOLVED_AGAIN = "{image}: pose solved again from {seen:.0f} views"


@dataclass(frozen=True, slots=True)
class SolveNote:
    """One note with its facts; those that its kind does not name stay empty."""

    kind: NoteKind
    view: str = ""
    camera: str = ""
    seen: float = 0.0
    expected: float = 0.0

    def __str__(self) -> str:
        view = f"view {self.view}" if self.view else ""
        camera = f"camera {self.camera}" if self.camera else ""
        image = ", ".join(part for part in (view, camera) if part)
        return self.kind.value.format(image=image, seen=self.seen, expected=self.expected)
