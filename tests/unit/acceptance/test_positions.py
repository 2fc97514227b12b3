"""Which measurements of a moving artefact count as positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigdriver.acceptance.positions import Placing, Positions


@dataclass
class Held:
    marks_mm: np.ndarray


def at(x, swapped=False):
    marks = np.array([[x, 0.0, 0.0], [x + 150.0, 0.0, 0.0]])
    return Held(marks[::-1] if swapped else marks)


def test_a_position_is_taken_when_it_rests_and_once_only():
    positions = Positions()
    assert [positions.offer(at(0.0)).is_taken, positions.offer(at(0.02)).is_taken] == [False, True]
    again = positions.offer(at(0.01))
    assert again.kind is Placing.NOT_NEW
    assert "elsewhere" in again.reason
    assert len(positions.taken) == 1


def test_a_position_elsewhere_is_another_one_and_the_first_is_not_taken_again():
    positions = Positions()
    places = [0.0, 0.0, 12.0, 12.0, 0.0, 0.0]
    assert [positions.offer(at(x)).is_taken for x in places] == [False, True, False, True, False, False]
    assert len(positions.taken) == 2


def test_what_moves_is_told_how_far_and_not_taken():
    positions = Positions()
    positions.offer(at(0.0))
    placement = positions.offer(at(3.0))
    assert not placement.is_taken
    assert (placement.kind, placement.moved_mm) == (Placing.MOVES, 3.0)
    assert "it moved 3.0 mm" in placement.reason


def test_marks_in_another_order_are_the_same_position():
    positions = Positions()
    positions.offer(at(0.0))
    assert positions.offer(at(0.0, swapped=True)).is_taken
    positions.lose()
    positions.offer(at(0.0, swapped=True))
    assert not positions.offer(at(0.0)).is_taken


def test_after_it_was_out_of_sight_it_must_rest_again():
    positions = Positions()
    positions.offer(at(0.0))
    positions.lose()
    assert str(positions.offer(at(0.0))) == "hold it still"
    assert positions.offer(at(0.0)).is_taken
