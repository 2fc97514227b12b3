"""What of a box's counters fails a test.

In: the register `Counters`. Out: the error counters that are not zero, and which of them grew.
"""

from __future__ import annotations

from dataclasses import fields

from rigdriver.wire.registers import CountersRecord
from tests.box_errors import ERROR_COUNTERS, errors_among, grown

GOOD = ("events_sent", "pulses_started", "output_edges", "input_edges", "flashes")


def test_every_counter_of_the_box_counts_either_work_or_errors() -> None:
    assert sorted((*GOOD, *ERROR_COUNTERS)) == sorted(field.name for field in fields(CountersRecord))


def test_errors_are_the_counters_that_are_not_zero_and_count_no_work() -> None:
    assert errors_among(CountersRecord(*[0] * 12)) == {}
    counters = CountersRecord(*range(12))
    assert errors_among(counters) == {name: getattr(counters, name) for name in ERROR_COUNTERS}


def test_only_what_grew_is_an_error_of_the_test() -> None:
    assert grown({"watchdog_trips": 1}, {"watchdog_trips": 1, "bytes_skipped": 2}) == {"bytes_skipped": 2}
    assert grown({"watchdog_trips": 2}, {"watchdog_trips": 1}) == {}
