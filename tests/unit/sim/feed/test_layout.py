"""The Python mirror of the feed's layout, against a library's word.

In: the layout as a library tells it, with one number changed. Out: acceptance, or the name of the field that differs.
"""

import pytest

from rigdriver_sim.feed.layout import LayoutMismatch, check_layout, own_layout


def told(**changes):
    return "".join(f"{name} {number}\n" for name, number in (own_layout() | changes).items())


def test_same_layout_is_accepted():
    check_layout(told())


def test_any_difference_is_named():
    with pytest.raises(LayoutMismatch, match=r"rigsim_slot\.chunks"):
        check_layout(told(**{"rigsim_slot.chunks": 1}))


def test_field_that_only_one_side_knows_is_named():
    with pytest.raises(LayoutMismatch, match="rigsim_extra"):
        check_layout(told(rigsim_extra=4))
