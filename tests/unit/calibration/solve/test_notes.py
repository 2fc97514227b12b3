"""A note of the solve is a kind with facts, and each kind makes a whole sentence of the facts that it names.

In: notes. Out: sentences. When a note is due is tested where it is made (test_all_cameras.py, test_one_camera.py).
"""

from __future__ import annotations

import pytest

from rigdriver.calibration.solve.notes import NoteKind, SolveNote

SENTENCES = {
    NoteKind.OFF_BOARD: "view 003, camera left: only 4 of 60 corners lie on the board; image dropped",
    NoteKind.MIRRORED: "view 003, camera left: the board appears mirrored; image dropped",
    NoteKind.VIEW_MOVED: "view 003, camera left: dropped; cameras disagree where the board stands by up to 4.0 px",
    NoteKind.IMAGE_FAR: "view 003, camera left: image dropped; it misses by 4.00 px (typical 60.00 px)",
    NoteKind.FEW_VIEWS: "view 003, camera left: only 4 views; show it the board in more poses",
    NoteKind.LONE_TIE: "view 003, camera left: the only view that ties some cameras to the others",
    NoteKind.NOT_MEASURED: "the board's squares were not measured: 4 mm is taken as exact",
    NoteKind.STRETCHED: "all cameras see pixels stretched by 4.00 %",
    NoteKind.BENT: "the board is bent by 4.00 mm",
    NoteKind.POSE_SOLVED_AGAIN: "view 003, camera left: pose solved again from 4 views",
}


@pytest.mark.parametrize("kind", NoteKind)
def test_each_kind_makes_its_sentence_of_the_facts(kind: NoteKind) -> None:
    assert str(SolveNote(kind, "003", "left", seen=4, expected=60)).startswith(SENTENCES[kind])


def test_a_note_of_a_view_or_of_a_camera_alone_names_only_that() -> None:
    assert str(SolveNote(NoteKind.MIRRORED, view="003")).startswith("view 003: the board")
    assert str(SolveNote(NoteKind.FEW_VIEWS, camera="left", seen=5)).startswith("camera left: only 5 views")
