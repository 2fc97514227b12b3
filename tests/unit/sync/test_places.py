"""A camera's place in a pulse goes along its table of states, and nowhere else.

In: acts in every state. Out: the next state, the gap or the frame. Not here: what the matcher makes of them.
"""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver.frames import Frame, Gap, GapReason
from rigdriver.sync.exposures import Exposure
from rigdriver.sync.places import Place, PlaceAct, PlaceState, after
from rigdriver.sync.proof import Evidence

TABLE = """
state     expose    match     give-up   refuse
unseen    exposed   matched   gap       -
exposed   exposed   matched   gap       -
matched   matched   matched   -         gap
gap       gap       -         -         -
"""
"""The oracle: a copy of its own, written by hand."""
EXPOSURE = Exposure("left", 0, 0, 1, 90, 100, 200, is_on_time=True, is_inferred=False, t_host_ns=0)
FRAME = Frame("left", 0, 0, 0, "Mono8", np.zeros((2, 2), np.uint8))
EVIDENCE = Evidence(FRAME, EXPOSURE, 0.0, ())
GAP = Gap("left", GapReason.NOT_DELIVERED)


def test_the_table_of_states_is_the_one_written_here() -> None:
    heading, *rows = (line.split() for line in TABLE.strip().splitlines())
    acts = [word.replace("-", " ") for word in heading[1:]]
    expected = {(row[0], act): to for row in rows for act, to in zip(acts, row[1:], strict=True)}
    found = {(s.value, a.value): next_.value if (next_ := after(s, a)) else "-" for s in PlaceState for a in PlaceAct}
    assert found == expected


def test_a_frame_that_comes_after_its_place_was_given_up_is_too_late() -> None:
    place = Place()
    place.expose(EXPOSURE)
    was_open = place.is_open
    place.give_up(GAP)
    assert (was_open, place.is_open) == (True, False)
    assert not place.match(EVIDENCE)
    assert (place.state, place.gap, place.evidence) == (PlaceState.GAP, GAP, None)


def test_a_matched_frame_may_still_be_refused_but_its_place_cannot_be_given_up() -> None:
    place = Place()
    assert place.match(EVIDENCE)
    with pytest.raises(AssertionError):
        place.give_up(GAP)
    assert (place.state, place.gap) == (PlaceState.MATCHED, None)
    place.refuse(GAP)
    assert (place.state, place.gap) == (PlaceState.GAP, GAP)
