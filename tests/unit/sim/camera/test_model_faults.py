"""The simulated camera with planted faults: each one does what its name says, at the exposure that was named.

In: planted faults and triggers in simulated time. Out: frame ids, exposures, stamps and counters.
"""

import numpy as np
import pytest

from tests.unit.sim.camera.camera_rig import MS, Rig


@pytest.mark.parametrize(
    ("fault", "rule", "ids", "exposures"),
    [
        ("lose_frame", {1}, [0, 2, 3], 4),
        ("skip_frame", {1}, [0, 1, 2], 4),
        ("repeat_frame_id", {2}, [0, 1, 1, 2], 4),
        ("reset_frame_id", {2}, [0, 1, 0, 1], 4),
        ("withhold_trigger", {1}, [0, 1, 2], 3),
        ("stick_line", {1}, [0, 1, 2, 3], 3),
    ],
)
def test_planted_fault_does_what_its_name_says(fault, rule, ids, exposures):
    rig = Rig().start()
    setattr(rig.camera.faults, fault, rule)
    rig.pulse(4)
    assert (rig.ids, len(rig.exposures)) == (ids, exposures)


def test_incomplete_frame_has_half_its_bytes():
    rig = Rig().start()
    rig.camera.faults.incomplete = {0}
    rig.pulse(1)
    slot = rig.feed.frames[0][0]
    assert (slot.is_incomplete, slot.filled_bytes, slot.delivered_height) == (1, 64 * 24, 24)


def test_stamp_jump_stays_and_stamp_error_does_not():
    plain, jumped, erring = (Rig().start() for _ in range(3))
    jumped.camera.faults.stamp_jump_ns = {1: 5000}
    erring.camera.faults.stamp_error_ns = {1: 5000}
    stamps = []
    for rig in (plain, jumped, erring):
        rig.pulse(3)
        stamps.append(np.array([slot.stamp for slot, _ in rig.feed.frames], np.int64))
    assert list(stamps[1] - stamps[0]) == [0, 5000, 5000]
    assert list(stamps[2] - stamps[0]) == [0, 5000, 0]


def test_late_and_longer_exposures_move_start_and_end():
    rig = Rig(latency_us=0.0).start(ExposureTime=100.0)
    rig.camera.faults.late_exposure_ns = {0: 3000}
    rig.camera.faults.longer_exposure_ns = lambda ordinal: 7000
    (exposure,) = rig.pulse(1)
    assert (exposure.start_ns - exposure.trigger_ns, exposure.end_ns - exposure.start_ns) == (3000, 107_000)


def test_late_delivery_lets_others_overtake():
    rig = Rig().start()
    rig.camera.faults.deliver_late_ns = {0: 30 * MS}
    rig.pulse(3)
    assert rig.ids == [1, 0, 2]


def test_double_trigger_is_a_second_edge_that_comes_too_early():
    rig = Rig().start()
    rig.camera.faults.double_trigger = {0}
    rig.pulse(2)
    assert rig.ids == [0, 1]
    assert rig.registers.of("CounterValue", 1) == 1
