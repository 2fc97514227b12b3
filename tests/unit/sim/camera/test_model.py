"""The simulated camera without a producer: triggers, exposures and numbers in simulated time.

In: edges and settings, each at its time. Out: exposures, stamps, frame numbers and counters. Not here: planted faults
(see test_model_faults.py).
"""

import numpy as np
import pytest

from rigdriver_sim.feed.server import GC_ERR_ACCESS_DENIED, GC_ERR_INVALID_VALUE, Refused
from tests.unit.sim.camera.camera_rig import MS, Rig


def test_exposure_starts_a_latency_after_the_edge_and_lasts_as_set():
    rig = Rig(latency_us=25.0).start(ExposureTime=500.0)
    (exposure,) = rig.pulse(1)
    assert exposure.trigger_ns == 20 * MS
    assert exposure.start_ns == 20 * MS + 25_000
    assert exposure.end_ns - exposure.start_ns == 500_000
    assert exposure.deliver_ns == exposure.end_ns + MS
    assert rig.exposures == [exposure]


def test_trigger_delay_postpones_the_exposure():
    rig = Rig(latency_us=0.0).start(TriggerDelay=300.0)
    (exposure,) = rig.pulse(1)
    assert exposure.start_ns - exposure.trigger_ns == 300_000


@pytest.mark.parametrize(
    "features",
    [{"TriggerSource": 0}, {"TriggerActivation": 1}, {"AcquisitionMode": 1}],
    ids=["software is the source", "falling edges count", "the single frame is taken"],
)
def test_edge_that_the_settings_do_not_ask_for_is_ignored(features):
    rig = Rig().start(**features)
    taken = rig.pulse(2)
    assert taken[1] is None


def test_edge_before_start_and_after_stop_is_ignored():
    rig = Rig()
    assert rig.camera.trigger(5) is None
    rig.start()
    rig.write("AcquisitionStop", 1)
    assert rig.pulse(1) == [None]


def test_trigger_sooner_than_the_allowed_rate_is_counted_and_told():
    rig = Rig().start()
    taken = rig.pulse(4, 6 * MS)
    assert [exposure is None for exposure in taken] == [False, True, False, True]
    assert rig.registers.of("CounterValue", 1) == 2
    assert [event[0] for event in rig.feed.events] == [0x9001, 0x9001]


def test_trigger_at_exactly_the_allowed_rate_is_obeyed():
    rig = Rig().start()
    assert None not in rig.pulse(10, 10 * MS)


def test_trigger_during_an_exposure_is_ignored():
    rig = Rig(max_rate_hz=1000.0, latency_us=0.0).start(ExposureTime=15_000.0)
    assert [e is None for e in rig.pulse(3, 10 * MS)] == [False, True, False]


def test_time_stamp_is_the_exposure_start_on_the_cameras_own_clock():
    rig = Rig(clock_offset_ns=7_000_000_000, drift_ppm=40.0).start()
    (exposure,) = rig.pulse(1)
    expected = exposure.start_ns + round(exposure.start_ns * 40e-6) + 7_000_000_000
    assert rig.feed.frames[0][0].stamp == expected


def test_jitter_does_not_depend_on_the_order_of_questions():
    starts = []
    for _ in range(2):
        rig = Rig(jitter_us=5.0).start()
        starts.append([e.start_ns - e.trigger_ns for e in rig.pulse(20)])
    assert starts[0] == starts[1]
    assert len(set(starts[0])) > 15
    assert max(abs(latency - 20_000) for latency in starts[0]) <= 15_000


def test_frame_ids_count_from_zero_in_every_run():
    rig = Rig().start()
    rig.pulse(3)
    rig.write("AcquisitionStop", 1)
    rig.write("AcquisitionStart", 1)
    rig.pulse(2)
    assert rig.ids == [0, 1, 2, 0, 1]


def test_frame_of_an_earlier_run_never_arrives_in_a_later_one():
    rig = Rig(readout_us=9000.0).start()
    rig.loop.run_until(10 * MS)
    rig.camera.trigger(10 * MS)
    rig.write("AcquisitionStop", 1)
    rig.write("AcquisitionStart", 1)
    rig.loop.run_until(100 * MS)
    assert rig.ids == []


def test_frame_lies_ready_while_the_link_carries_it_and_arrives_with_its_last_byte():
    rig = Rig(latency_us=0.0, link_bytes_per_s=64 * 48 * 100.0).start(ExposureTime=500.0)
    painted = []
    rig.camera.painter = lambda exposure, out: painted.append((exposure.ordinal, rig.loop.now_ns))
    rig.loop.run_until(20 * MS)
    exposure = rig.camera.trigger(20 * MS)
    rig.loop.run_until(exposure.end_ns - 1)
    assert painted == []
    rig.loop.run_until(exposure.deliver_ns - 1)
    assert (rig.feed.sent, rig.ids) == ([0], [])
    rig.loop.run_until(exposure.deliver_ns)
    assert rig.ids == [0]
    assert painted == [(0, exposure.end_ns)]


def test_frame_whose_light_is_not_known_in_time_is_painted_when_it_is_due():
    rig = Rig().start()
    rig.camera.is_light_known = lambda exposure: exposure.ordinal != 1
    rig.pulse(3)
    assert (rig.feed.sent, rig.ids) == ([0, 2], [0, 1, 2])


def test_frame_that_was_on_the_link_when_the_run_ended_does_not_stand_in_the_way_of_the_next_run():
    rig = Rig(link_bytes_per_s=64 * 48 * 100.0).start()
    rig.loop.run_until(20 * MS)
    exposure = rig.camera.trigger(20 * MS)
    rig.loop.run_until(exposure.deliver_ns - 1)
    rig.write("AcquisitionStop", 1)
    rig.write("AcquisitionStart", 1)
    rig.pulse(3)
    assert (rig.feed.sent, rig.ids) == ([0, 0, 1, 2], [0, 1, 2])


def test_full_ring_drops_the_frame_and_counts_it():
    rig = Rig()
    rig.feed.slots = 2
    rig.start()
    rig.pulse(3)
    assert (rig.ids, rig.feed.dropped) == ([0, 1], 1)
    assert not rig.camera.has_room()
    rig.feed.is_streaming = False
    assert rig.camera.has_room()


def test_free_run_keeps_its_rate():
    rig = Rig()
    rig.start(TriggerMode=0, AcquisitionFrameRate=50.0)
    rig.loop.run_until(1000 * MS)
    starts = np.array([e.trigger_ns for e in rig.exposures])
    assert set(np.diff(starts)) == {20 * MS}


def test_trigger_mode_switched_on_ends_the_free_run_and_off_begins_it_again():
    rig = Rig()
    rig.start(TriggerMode=0, AcquisitionFrameRate=50.0)
    rig.loop.run_until(100 * MS)
    rig.write("TriggerMode", 1)
    before = len(rig.exposures)
    rig.loop.run_until(300 * MS)
    assert len(rig.exposures) == before
    rig.write("TriggerMode", 0)
    rig.loop.run_until(400 * MS)
    assert len(rig.exposures) > before


def test_clamped_rate_is_what_the_exposure_allows():
    rig = Rig()
    rig.write("ExposureTime", 40_000.0)
    rig.write("AcquisitionFrameRate", 80.0)
    assert rig.registers.real("AcquisitionFrameRate") == pytest.approx(25.0)
    assert rig.registers.real("ResultingFrameRate") == pytest.approx(25.0)


def test_slow_link_lowers_the_rate():
    rig = Rig(link_bytes_per_s=64 * 48 * 10.0)
    assert rig.registers.real("ResultingFrameRate") == pytest.approx(10.0)


def test_refused_write_changes_nothing():
    rig = Rig()
    before = bytes(rig.feed.registers)
    for name, value, code in (
        ("Width", 30, GC_ERR_INVALID_VALUE),
        ("PixelFormat", 99, GC_ERR_INVALID_VALUE),
        ("ExposureTime", 1e9, GC_ERR_INVALID_VALUE),
        ("SensorWidth", 64, GC_ERR_ACCESS_DENIED),
    ):
        with pytest.raises(Refused) as told:
            rig.write(name, value)
        assert told.value.code == code
    assert bytes(rig.feed.registers) == before


def test_unplug_and_replug_brings_the_default_settings_back():
    rig = Rig().start(ExposureTime=500.0)
    rig.camera.unplug()
    assert (rig.feed.is_present, rig.camera.is_acquiring, rig.pulse(1)) == (False, False, [None])
    rig.camera.unplug()
    rig.camera.replug()
    rig.camera.replug()
    assert rig.feed.is_present
    assert rig.camera.exposure_us == 2000.0


def test_reset_takes_the_camera_away_for_a_while():
    rig = Rig()
    rig.write("DeviceReset", 1)
    rig.loop.run_until(10 * MS)
    assert not rig.feed.is_present
    rig.loop.run_until(2000 * MS)
    assert rig.feed.is_present


def test_a_hung_camera_exposes_no_more_whatever_starts_its_frames():
    for features in ({"TriggerMode": 0}, {"TriggerSource": 0}):
        rig = Rig().start(**features)
        rig.write("TriggerSoftware", 1)
        rig.loop.run_until(100 * MS)
        rig.camera.outages.hang()
        before = len(rig.exposures)
        rig.write("TriggerSoftware", 1)
        rig.loop.run_until(300 * MS)
        assert (before > 0, len(rig.exposures)) == (True, before)


def test_a_camera_behind_a_cut_link_exposes_on_and_uses_up_the_ids_of_lost_frames():
    rig = Rig().start()
    rig.pulse(2)
    rig.camera.outages.cut_link()
    assert None not in rig.pulse(3)
    rig.camera.outages.restore_link()
    rig.pulse(1)
    assert (rig.ids, rig.feed.handles_dropped) == ([0, 1, 5], 0)


def test_a_heartbeat_is_missed_once_by_a_cut_that_lasts_and_by_none_that_is_over():
    rig = Rig().start()
    rig.camera.outages.cut_link()
    rig.loop.run_until(2900 * MS)
    rig.camera.outages.restore_link()
    rig.loop.run_until(7000 * MS)
    assert rig.feed.handles_dropped == 0
    rig.camera.outages.cut_link()
    rig.camera.outages.cut_link()
    rig.loop.run_until(9900 * MS)
    assert rig.feed.handles_dropped == 0
    rig.loop.run_until(20_000 * MS)
    assert rig.feed.handles_dropped == 1


def test_an_unplugged_camera_whose_link_was_cut_is_dead_for_handles_from_before():
    rig = Rig().start()
    rig.camera.outages.cut_link()
    rig.camera.unplug()
    assert rig.feed.handles_dropped == 1
    rig.camera.replug()
    assert rig.feed.is_present


def test_release_by_the_consumer_stops_and_unlocks():
    rig = Rig().start(TLParamsLocked=1)
    rig.feed.on_release()
    assert not rig.camera.is_acquiring
    rig.write("Width", 32)


def test_painter_sees_the_region_and_paints_into_the_slot():
    rig = Rig()
    rig.write("Width", 32)
    rig.start()
    seen = []

    def paint(exposure, out):
        seen.append((exposure.width, exposure.height, out.shape, out.dtype))
        out[:] = 9

    rig.camera.painter = paint
    rig.pulse(1)
    assert seen == [(32, 48, (48, 32), np.uint8)]
    slot, data = rig.feed.frames[0]
    assert slot.image_bytes == 32 * 48
    assert (data[: 32 * 48] == 9).all()
    assert (data[32 * 48 :] == 0).all()
