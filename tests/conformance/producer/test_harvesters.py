"""harvesters, the consumer that the driver uses, streams the simulated cameras as it would any vendor's.

In: features written through the node map, triggers given by the test. Out: buffers with their chunks and counters, and
a node map whose bounds and locks follow. The driver's own camera process is left out.
"""

import time

import numpy as np
import pytest
from harvesters.core import Harvester

TIMEOUT_S = 60.0
CAMERAS = 6
FAST = {"max_rate_hz": 10_000.0, "readout_us": 50.0}
"""Settings so fast that a software trigger right after a frame is never too early."""


class Harvest:
    """One Harvester and its acquirers, closed in order."""

    def __init__(self, *producers):
        self.harvester = Harvester()
        self.acquirers = []
        for producer in producers:
            self.harvester.add_file(str(producer))
        self.harvester.update()

    def open(self, number=0, **features):
        acquirer = self.harvester.create(number)
        self.acquirers.append(acquirer)
        for name, value in features.items():
            getattr(acquirer.remote_device.node_map, name).value = value
        return acquirer

    def close(self):
        for acquirer in self.acquirers:
            acquirer.destroy()
        self.acquirers.clear()
        self.harvester.reset()


@pytest.fixture
def harvest():
    """Open harvesters on producers; all are closed after the test."""
    opened = []

    def start(*producers):
        opened.append(Harvest(*producers))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def nodes(acquirer):
    return acquirer.remote_device.node_map


def test_cameras_are_listed_with_their_name_plates(serve, harvest):
    rig = serve(2, spec={"vendor": "Acme", "model": "Eye", "user_id": "left", "firmware": "2.1.0"})
    listed = harvest(rig.producer).harvester.device_info_list
    told = [(d.serial_number, d.vendor, d.model, d.user_defined_name, d.version, d.tl_type) for d in listed]
    assert told == [(f"SIM{n:04d}", "Acme", "Eye", "left", "2.1.0", "Custom") for n in range(2)]


def test_six_cameras_run_free_side_by_side(serve, harvest):
    # At pace 0 time waits while a camera's frames find no room.
    open_ = harvest(serve(CAMERAS, pace=0).producer).open
    acquirers = [open_(n, AcquisitionFrameRate=50.0) for n in range(CAMERAS)]
    for acquirer in acquirers:
        acquirer.start()
    ids = {n: [] for n in range(CAMERAS)}
    for _ in range(20):
        for n, acquirer in enumerate(acquirers):
            with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
                ids[n].append(buffer.frame_id)
                image = buffer.payload.components[0]
                assert (image.width, image.height, image.data_format) == (64, 48, "Mono8")
    assert ids == {n: list(range(20)) for n in range(CAMERAS)}


def test_line_triggers_expose_all_cameras_and_time_stamps_follow_each_clock(serve, harvest):
    rig = serve(2, spec={"clock_offset_ns": 10**12, "drift_ppm": 50.0, "jitter_us": 0.0})
    taken = harvest(rig.producer)
    acquirers = [taken.open(n, TriggerMode="On", TriggerSource="Line0") for n in range(2)]
    for acquirer in acquirers:
        acquirer.start()
    rig.trigger(5, 20_000_000, [0, 1])
    stamps = []
    for acquirer in acquirers:
        for _ in range(5):
            with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
                stamps.append(buffer.timestamp_ns)
    starts = [told["start_ns"] for told in rig.ask("exposures")]
    expected = sorted(round(t + t * 50e-6) + 10**12 for t in starts)
    assert sorted(stamps) == pytest.approx(expected, abs=1)


def test_software_trigger_gives_one_frame_each(serve, harvest):
    acquirer = harvest(serve(spec=FAST).producer).open(TriggerMode="On", TriggerSource="Software")
    acquirer.start()
    for number in range(5):
        nodes(acquirer).TriggerSoftware.execute()
        with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
            assert buffer.frame_id == number
    assert acquirer.try_fetch(timeout=0.2) is None


def test_triggers_that_come_too_early_are_ignored_and_counted(serve, harvest):
    rig = serve(spec={"max_rate_hz": 100.0})
    acquirer = harvest(rig.producer).open(TriggerMode="On", TriggerSource="Line0")
    assert nodes(acquirer).ResultingFrameRate.value == 100.0
    acquirer.start()
    rig.trigger(9, 6_000_000, [0])
    ids = []
    for _ in range(5):
        with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
            ids.append(buffer.frame_id)
    assert ids == list(range(5))
    nodes(acquirer).CounterSelector.value = "Counter1"
    assert nodes(acquirer).CounterEventSource.value == "FrameTriggerMissed"
    assert nodes(acquirer).CounterValue.value == 4
    nodes(acquirer).CounterReset.execute()
    assert nodes(acquirer).CounterValue.value == 0


def test_chunks_tell_of_the_frame_that_carries_them(serve, harvest):
    acquirer = harvest(serve(spec=FAST).producer).open(
        ChunkModeActive=True, TriggerMode="On", TriggerSource="Software", ExposureTime=150.0
    )
    nodemap = nodes(acquirer)
    for chunk in ("Timestamp", "FrameID", "ExposureTime", "CounterValue", "LineStatusAll"):
        nodemap.ChunkSelector.value = chunk
        nodemap.ChunkEnable.value = True
    acquirer.start()
    for number in range(3):
        nodemap.TriggerSoftware.execute()
        with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
            told = (nodemap.ChunkFrameID.value, nodemap.ChunkTimestamp.value, nodemap.ChunkExposureTime.value)
            assert told == (number, buffer.timestamp_ns, 150.0)
            assert nodemap.ChunkCounterValue.value == number + 1
            assert nodemap.ChunkLineStatusAll.value == 3
            assert buffer.payload.components[0].data.size == 64 * 48


def test_only_enabled_chunks_are_sent_and_the_payload_grows_by_them(serve, harvest):
    acquirer = harvest(serve().producer).open()
    nodemap = nodes(acquirer)
    sizes = [nodemap.PayloadSize.value]
    nodemap.ChunkModeActive.value = True
    sizes.append(nodemap.PayloadSize.value)
    nodemap.ChunkSelector.value = "FrameID"
    nodemap.ChunkEnable.value = True
    sizes.append(nodemap.PayloadSize.value)
    assert sizes == [64 * 48, 64 * 48 + 8, 64 * 48 + 24]


def test_incomplete_frames_are_marked_and_harvesters_drops_them(serve, harvest):
    rig = serve()
    rig.ask("fault", name="incomplete", value=[1, 3])
    acquirer = harvest(rig.producer).open(TriggerMode="On", TriggerSource="Line0")
    acquirer.start()
    rig.trigger(5, 20_000_000, [0])
    ids = []
    while len(ids) < 3:
        buffer = acquirer.try_fetch(timeout=TIMEOUT_S)
        if buffer is not None:
            ids.append(buffer.frame_id)
            buffer.queue()
    assert ids == [0, 2, 4]


@pytest.mark.parametrize(
    ("name", "maximum"),
    [("Mono8", 255), ("Mono10", 1023), ("Mono12", 4095), ("Mono12Packed", 4095), ("Mono12p", 4095)],
)
def test_each_pixel_format_arrives_as_it_was_painted(serve, harvest, name, maximum):
    acquirer = harvest(serve().producer).open(PixelFormat=name)
    acquirer.start()
    with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
        image = buffer.payload.components[0]
        assert image.data_format == name
        seen = image.data.reshape(48, 64).astype(int)
    y, x = np.mgrid[:48, :64]
    assert np.array_equal(seen, (x + y) & maximum)


def test_region_of_interest_moves_the_bounds_of_its_offset(serve, harvest):
    acquirer = harvest(serve().producer).open()
    nodemap = nodes(acquirer)
    assert (nodemap.OffsetX.max, nodemap.Width.max, nodemap.Width.inc) == (0, 64, 4)
    nodemap.Width.value = 32
    assert nodemap.OffsetX.max == 32
    nodemap.OffsetX.value = 16
    assert nodemap.Width.max == 48
    acquirer.start()
    with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
        image = buffer.payload.components[0]
        assert (image.width, image.height, image.x_offset) == (32, 48, 16)


def test_bounds_steps_and_rounding_show_in_the_node_map(serve, harvest):
    nodemap = nodes(harvest(serve().producer).open())
    nodemap.ExposureTime.value = 1234.4
    assert nodemap.ExposureTime.value == 1234.0
    nodemap.Gain.value = 3.14
    assert nodemap.Gain.value == pytest.approx(3.1)
    with pytest.raises(Exception, match="OutOfRange"):
        nodemap.ExposureTime.value = 5.0
    nodemap.ExposureTime.value = 50_000.0
    nodemap.AcquisitionFrameRate.value = 100.0
    assert nodemap.AcquisitionFrameRate.value == pytest.approx(20.0)


def test_parameters_are_locked_while_the_stream_runs(serve, harvest):
    acquirer = harvest(serve().producer).open()
    acquirer.start()
    with pytest.raises(Exception, match="not writable"):
        nodes(acquirer).Width.value = 32
    nodes(acquirer).ExposureTime.value = 100.0
    acquirer.stop()
    nodes(acquirer).Width.value = 32


def test_user_set_brings_settings_back(serve, harvest):
    nodemap = nodes(harvest(serve().producer).open(ExposureTime=777.0))
    nodemap.UserSetSelector.value = "UserSet0"
    nodemap.UserSetSave.execute()
    nodemap.UserSetSelector.value = "Default"
    nodemap.UserSetLoad.execute()
    assert nodemap.ExposureTime.value == 2000.0
    nodemap.UserSetSelector.value = "UserSet0"
    nodemap.UserSetLoad.execute()
    assert nodemap.ExposureTime.value == 777.0


def test_latched_time_stamps_rise(serve, harvest):
    nodemap = nodes(harvest(serve().producer).open())
    latched = []
    for _ in range(3):
        nodemap.TimestampLatch.execute()
        latched.append(nodemap.TimestampLatchValue.value)
    assert latched == sorted(set(latched))
    assert latched[0] > 0


def test_multi_frame_acquisition_ends_by_itself(serve, harvest):
    acquirer = harvest(serve().producer).open(AcquisitionMode="MultiFrame", AcquisitionFrameCount=3)
    acquirer.start()
    for number in range(3):
        with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
            assert buffer.frame_id == number
    assert acquirer.try_fetch(timeout=0.3) is None


def test_acquirer_opens_streams_and_closes_again_and_again(serve, harvest):
    taken = harvest(serve().producer)
    for _ in range(10):
        acquirer = taken.open(AcquisitionFrameRate=100.0)
        for _ in range(2):
            acquirer.start()
            with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
                assert buffer.frame_id == 0
            acquirer.stop()
        acquirer.destroy()


def test_many_rigs_run_in_one_process(serve, harvest):
    rigs = [serve(2, name=f"rig{n}", spec={"model": f"Model{n}"}) for n in range(4)]
    taken = harvest(*(rig.producer for rig in rigs))
    assert len(taken.harvester.device_info_list) == 8
    acquirers = [taken.open(n, TriggerMode="On", TriggerSource="Line0") for n in range(8)]
    for acquirer in acquirers:
        acquirer.start()
    for number, rig in enumerate(rigs):
        rig.trigger(number + 1, 20_000_000, [0, 1])
    for n, acquirer in enumerate(acquirers):
        of_rig = n // 2
        assert nodes(acquirer).DeviceModelName.value == f"Model{of_rig}"
        for number in range(of_rig + 1):
            with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
                assert buffer.frame_id == number
        assert acquirer.try_fetch(timeout=0.05) is None


def test_stream_module_counts_what_was_delivered(serve, harvest):
    acquirer = harvest(serve().producer).open(AcquisitionFrameRate=100.0)
    acquirer.start()
    for _ in range(3):
        acquirer.fetch(timeout=TIMEOUT_S).queue()
    counters = acquirer.data_streams[0].node_map
    assert counters.StreamDeliveredFrameCount.value == 3
    assert counters.StreamAnnouncedBufferCount.value == 3
    assert counters.StreamIsGrabbing.value is True


def test_local_modules_describe_themselves(serve, harvest):
    acquirer = harvest(serve(2).producer).open(1)
    assert acquirer.system.node_map.TLVendorName.value == "rigdriver"
    assert acquirer.system.node_map.GenTLVersionMinor.value == 5
    interface = acquirer.interface.node_map
    interface.DeviceUpdateList.execute()
    interface.DeviceSelector.value = 1
    assert interface.DeviceSerialNumber.value == "SIM0001"
    assert interface.DeviceAccessStatus.value == "OpenReadWrite"
    assert acquirer.device.node_map.DeviceID.value == "rigsim-SIM0001"


def test_frames_that_find_no_room_are_counted_as_lost(serve, harvest):
    rig = serve(slots=2)
    acquirer = harvest(rig.producer).open(TriggerMode="On", TriggerSource="Line0")
    acquirer.start()
    rig.trigger(6, 20_000_000, [0])
    counters = acquirer.data_streams[0].node_map
    deadline = time.monotonic() + TIMEOUT_S
    while counters.StreamLostFrameCount.value < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert counters.StreamLostFrameCount.value == 4
    ids = []
    for _ in range(2):
        with acquirer.fetch(timeout=TIMEOUT_S) as buffer:
            ids.append(buffer.frame_id)
    assert ids == [0, 1]
