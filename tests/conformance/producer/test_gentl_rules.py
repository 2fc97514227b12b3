"""What the GenTL standard asks of any producer, seen through plain C calls.

In: one simulated camera, opened through ctypes. Out: the return codes and buffers that GenTL 1.5 prescribes. No
consumer library stands between, so that nothing mends what the producer does wrong. Not here: events (see
test_gentl_events.py).
"""

import time
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p, cast

import pytest

from tests.conformance.producer.streaming_camera import refused, stream_triggered

WAIT_MS = 60_000
JOIN_S = 60
LOOK_S = 0.01


def test_nothing_works_before_init_and_init_twice_is_refused(serve, load, gentl):
    library = load(serve().producer)
    with refused(gentl, gentl.NOT_INITIALIZED):
        library.handle("TLOpen")
    library.call("GCInitLib")
    with refused(gentl, gentl.RESOURCE_IN_USE):
        library.call("GCInitLib")


def test_library_can_be_initialised_and_closed_again_and_again(serve, load):
    library = load(serve(2).producer)
    for _ in range(20):
        _, interface = library.open_interface()
        assert len(library.device_ids(interface)) == 2
        library.call("GCCloseLib")


def test_each_module_opens_once_at_a_time(opened, gentl):
    _, library, interface, device = opened
    with refused(gentl, gentl.RESOURCE_IN_USE):
        library.handle("TLOpen")
    with refused(gentl, gentl.RESOURCE_IN_USE):
        library.open_device(interface)
    library.open_stream(device)
    with refused(gentl, gentl.RESOURCE_IN_USE):
        library.open_stream(device)


def test_access_status_follows_who_has_opened_the_camera(serve, load, gentl, tmp_path):
    server = serve()
    copy = tmp_path / "rig" / "second.cti"
    copy.write_bytes(server.producer.read_bytes())
    first, second = load(server.producer), load(copy)
    _, interface = first.open_interface()
    _, other = second.open_interface()
    name = c_char_p(first.device_ids(interface)[0])

    def status(library, of):
        return library.info("IFGetDeviceInfo", of, name, c_int32(5))

    assert status(first, interface) == gentl.READWRITE_STATUS
    device = first.open_device(interface)
    assert (status(first, interface), status(second, other)) == (gentl.OPEN_STATUS, gentl.BUSY_STATUS)
    with refused(gentl, gentl.ACCESS_DENIED):
        second.open_device(other)
    with refused(gentl, gentl.ACCESS_DENIED):
        second.open_device(other, access=gentl.READONLY)
    first.call("DevClose", device)
    assert second.open_device(other)


def test_reader_beside_a_controller_reads_and_may_not_write(serve, load, gentl, tmp_path):
    server = serve()
    copy = tmp_path / "rig" / "second.cti"
    copy.write_bytes(server.producer.read_bytes())
    first, second = load(server.producer), load(copy)
    first.open_device(first.open_interface()[1], access=gentl.CONTROL)
    device = second.open_device(second.open_interface()[1], access=gentl.READONLY)
    remote = second.handle("DevGetPort", device)
    width = server.ask("addresses", names=["Width"])["Width"]
    assert int.from_bytes(second.read(remote, width), "little") == 64
    with refused(gentl, gentl.ACCESS_DENIED):
        second.write(remote, width, 32)
    with refused(gentl, gentl.ACCESS_DENIED):
        second.open_stream(device)


def test_closed_and_invented_handles_are_refused(opened, gentl):
    _, library, _, device = opened
    stream = library.open_stream(device)
    library.call("DSClose", stream)
    for handle in (stream, c_void_p(0), c_void_p(0xDEADBEEFDEADBEEF), c_void_p(5 << 56 | 200 << 48 | 1)):
        with refused(gentl, gentl.INVALID_HANDLE):
            library.info("DSGetInfo", handle, c_int32(0))
    library.call("DevClose", device)
    with refused(gentl, gentl.INVALID_HANDLE):
        library.handle("DevGetPort", device)


def test_info_tells_its_size_first_and_refuses_too_small_a_buffer(opened, gentl):
    _, library, _, device = opened
    size = c_size_t(0)
    library.call("DevGetInfo", device, c_int32(7), byref(c_int32()), None, byref(size))
    assert size.value == len("SIM0000") + 1
    size.value -= 1
    with refused(gentl, gentl.BUFFER_TOO_SMALL):
        library.call("DevGetInfo", device, c_int32(7), byref(c_int32()), (c_uint8 * 64)(), byref(size))


def test_unknown_info_command_is_not_implemented(opened, gentl):
    _, library, _, device = opened
    with refused(gentl, gentl.NOT_IMPLEMENTED):
        library.info("DevGetInfo", device, c_int32(1000))


def test_registers_outside_the_page_are_refused(opened, gentl):
    _, library, _, device = opened
    remote = library.handle("DevGetPort", device)
    for address in (16384, 16380, 2**40):
        with refused(gentl, gentl.INVALID_ADDRESS):
            library.read(remote, address)
    with refused(gentl, gentl.INVALID_ADDRESS):
        library.write(remote, 12000, 1)


def test_value_that_the_camera_refuses_comes_back_as_invalid_value_with_its_bounds(opened, gentl):
    server, library, _, device = opened
    remote = library.handle("DevGetPort", device)
    address = server.ask("addresses", names=["Width"])["Width"]
    with pytest.raises(gentl.GentlError, match="Width = 50: expected steps of 4 from 16") as told:
        library.write(remote, address, 50)
    assert told.value.code == gentl.INVALID_VALUE
    with pytest.raises(gentl.GentlError, match="expected 16 to 64 px"):
        library.write(remote, address, 68)


def test_width_is_locked_while_the_stream_parameters_are(streaming, gentl):
    _, library, _, remote, _, _, address, _ = streaming
    with refused(gentl, gentl.ACCESS_DENIED):
        library.write(remote, address["Width"], 32)
    library.write(remote, address["AcquisitionStop"], 1)
    library.write(remote, address["Width"], 32)
    library.write(remote, address["TLParamsLocked"], 1)
    with refused(gentl, gentl.ACCESS_DENIED):
        library.write(remote, address["Width"], 64)


def test_frames_come_oldest_first_with_ids_and_rising_stamps(streaming):
    server, library, _, _, stream, event, _, _ = streaming
    server.trigger(4, 20_000_000, [0])
    told = []
    for _ in range(4):
        buffer = library.next_buffer(event, WAIT_MS)
        told.append([library.info("DSGetBufferInfo", stream, buffer, c_int32(cmd)) for cmd in (16, 28, 10, 11, 7)])
        library.call("DSQueueBuffer", stream, buffer)
    assert [row[0] for row in told] == [0, 1, 2, 3]
    assert [row[1] for row in told] == sorted(row[1] for row in told)
    assert {tuple(row[2:]) for row in told} == {(64, 48, 0)}


def test_pixels_arrive_as_painted(streaming):
    server, library, _, _, stream, event, _, _ = streaming
    server.trigger(1, 0, [0])
    buffer = library.next_buffer(event, WAIT_MS)
    base = cast(library.info("DSGetBufferInfo", stream, buffer, c_int32(0)), POINTER(c_uint8))
    assert [base[i] for i in (0, 1, 63, 64, 64 * 48 - 1)] == [0, 1, 63, 1, 63 + 47]


def pixels_of(library, stream, buffer):
    return cast(library.info("DSGetBufferInfo", stream, buffer, c_int32(0)), POINTER(c_uint8))


def slow_link(serve, load, bytes_per_s):
    server = serve(spec={"link_bytes_per_s": bytes_per_s})
    library = load(server.producer)
    _, interface = library.open_interface()
    return server, library, interface, library.open_device(interface)


def test_bytes_on_the_link_are_in_the_oldest_queued_buffer_before_the_frame_is(serve, load, gentl):
    opened = slow_link(serve, load, 64 * 48 / 1000)  # it takes a quarter of an hour
    server, library, _, _, stream, event, _, buffers = stream_triggered(opened, gentl)
    server.trigger(1, 0, [0])
    until = time.monotonic() + JOIN_S
    while pixels_of(library, stream, buffers[0])[:64] != list(range(64)) and time.monotonic() < until:
        assert library.info("DSGetInfo", stream, c_int32(WAITING)) == 0
    assert pixels_of(library, stream, buffers[0])[:64] == list(range(64))
    with refused(gentl, gentl.TIMEOUT):
        library.next_buffer(event, 0)


def test_pixels_are_those_of_their_frame_however_often_it_was_looked_at_on_its_way(serve, load, gentl):
    opened = slow_link(serve, load, 64 * 48 / 0.05)
    server, library, _, _, stream, event, _, _ = stream_triggered(opened, gentl)
    server.ask("fault", name="deliver_late_ns", value={"1": 40_000_000, "3": 90_000_000})
    server.trigger(6, 60_000_000, [0])
    seen = []
    until = time.monotonic() + JOIN_S
    while len(seen) < 6 and time.monotonic() < until:
        if library.info("DSGetInfo", stream, c_int32(WAITING)):
            buffer = library.next_buffer(event, 0)
            base = pixels_of(library, stream, buffer)
            seen.append((library.info("DSGetBufferInfo", stream, buffer, c_int32(16)), base[0], base[64 * 48 - 1]))
            library.call("DSQueueBuffer", stream, buffer)
    assert sorted(seen) == [(n, n, 63 + 47 + n) for n in range(6)]


def test_buffer_that_is_too_small_says_so(opened, gentl):
    server, library, _, device = opened
    stream = library.open_stream(device)
    event = library.handle("GCRegisterEvent", stream, c_int32(gentl.NEW_BUFFER))
    library.announce(stream, 1, 100)
    remote = library.handle("DevGetPort", device)
    library.call("DSStartAcquisition", stream, c_int32(0), c_uint64(gentl.INFINITE))
    library.write(remote, server.ask("addresses", names=["AcquisitionStart"])["AcquisitionStart"], 1)
    buffer = library.next_buffer(event, WAIT_MS)
    told = [library.info("DSGetBufferInfo", stream, buffer, c_int32(cmd)) for cmd in (7, 29, 9, 27)]
    assert told == [1, 1, 100, 64 * 48]


def test_acquisition_needs_a_buffer_and_runs_once_at_a_time(opened, gentl):
    _, library, _, device = opened
    stream = library.open_stream(device)
    with refused(gentl, gentl.INVALID_BUFFER):
        library.call("DSStartAcquisition", stream, c_int32(0), c_uint64(gentl.INFINITE))
    library.announce(stream, 1, 100)
    library.call("DSStartAcquisition", stream, c_int32(0), c_uint64(gentl.INFINITE))
    with refused(gentl, gentl.RESOURCE_IN_USE):
        library.call("DSStartAcquisition", stream, c_int32(0), c_uint64(gentl.INFINITE))
    library.call("DSStopAcquisition", stream, c_int32(1))
    with refused(gentl, gentl.RESOURCE_IN_USE):
        library.call("DSStopAcquisition", stream, c_int32(1))


def test_acquisition_of_two_frames_gives_two(opened, gentl):
    server, library, _, device = opened
    stream = library.open_stream(device)
    event = library.handle("GCRegisterEvent", stream, c_int32(gentl.NEW_BUFFER))
    library.announce(stream, 4, 64 * 48)
    library.call("DSStartAcquisition", stream, c_int32(0), c_uint64(2))
    remote = library.handle("DevGetPort", device)
    library.write(remote, server.ask("addresses", names=["AcquisitionStart"])["AcquisitionStart"], 1)
    library.next_buffer(event, WAIT_MS)
    library.next_buffer(event, WAIT_MS)
    with refused(gentl, gentl.TIMEOUT):
        library.next_buffer(event, 300)


QUEUED, WAITING, ANNOUNCED = 4, 5, 3


def counts(library, stream):
    return [library.info("DSGetInfo", stream, c_int32(cmd)) for cmd in (ANNOUNCED, QUEUED, WAITING)]


@pytest.mark.parametrize(
    ("operation", "after"),
    [(0, [4, 0, 3]), (1, [4, 3, 0]), (2, [4, 4, 0]), (3, [4, 4, 0]), (4, [4, 0, 0])],
    ids=["input to output", "output discard", "all to input", "unqueued to input", "all discard"],
)
def test_flush_moves_buffers_as_its_operation_says(opened, operation, after):
    _, library, _, device = opened
    stream = library.open_stream(device)
    library.announce(stream, 3, 100)
    library.handle("DSAllocAndAnnounceBuffer", stream, c_size_t(100), None)
    assert counts(library, stream) == [4, 3, 0]
    library.call("DSFlushQueue", stream, c_int32(operation))
    assert counts(library, stream) == after


def test_flushed_buffers_come_out_without_new_data(opened, gentl):
    _, library, _, device = opened
    stream = library.open_stream(device)
    event = library.handle("GCRegisterEvent", stream, c_int32(gentl.NEW_BUFFER))
    made = library.announce(stream, 2, 100)
    library.call("DSFlushQueue", stream, c_int32(0))
    for buffer in made:
        given = library.next_buffer(event, 0)
        assert given.value == buffer.value
        assert library.info("DSGetBufferInfo", stream, given, c_int32(4)) == 0


def test_discard_throws_away_frames_that_wait(streaming):
    server, library, _, _, stream, _, _, _ = streaming
    server.trigger(3, 20_000_000, [0])
    until = time.monotonic() + JOIN_S
    while counts(library, stream)[2] < 3 and time.monotonic() < until:
        time.sleep(0.005)
    assert counts(library, stream) == [4, 4, 3]
    library.call("DSFlushQueue", stream, c_int32(1))
    assert counts(library, stream) == [4, 4, 0]


def test_queued_buffer_is_neither_revoked_nor_queued_twice(opened, gentl):
    _, library, _, device = opened
    stream = library.open_stream(device)
    (buffer,) = library.announce(stream, 1, 100)
    with refused(gentl, gentl.BUSY):
        library.call("DSRevokeBuffer", stream, buffer, None, None)
    with refused(gentl, gentl.BUSY):
        library.call("DSQueueBuffer", stream, buffer)
    library.call("DSFlushQueue", stream, c_int32(4))
    library.call("DSRevokeBuffer", stream, buffer, None, None)
    with refused(gentl, gentl.INVALID_HANDLE):
        library.call("DSQueueBuffer", stream, buffer)


def test_consumers_own_memory_comes_back_when_it_is_revoked(opened):
    _, library, _, device = opened
    stream = library.open_stream(device)
    memory = (c_uint8 * 100)()
    buffer = library.handle("DSAnnounceBuffer", stream, memory, c_size_t(100), c_void_p(77))
    base, user = c_void_p(), c_void_p()
    library.call("DSRevokeBuffer", stream, buffer, byref(base), byref(user))
    assert (base.value, user.value) == (cast(memory, c_void_p).value, 77)


def test_buffers_can_be_announced_and_revoked_any_number_of_times(opened):
    _, library, _, device = opened
    stream = library.open_stream(device)
    for _ in range(50):
        made = library.announce(stream, 16, 100)
        library.call("DSFlushQueue", stream, c_int32(4))
        for buffer in made:
            library.call("DSRevokeBuffer", stream, buffer, None, None)
    assert counts(library, stream) == [0, 0, 0]


def test_every_module_has_a_port_with_xml(opened):
    _, library, interface, device = opened
    system = library.handle("IFGetParentTL", interface)
    remote = library.handle("DevGetPort", device)
    stream = library.open_stream(device)
    for port, module in (
        *((system, "TLSystem"), (interface, "TLInterface"), (device, "TLDevice")),
        *((remote, "Device"), (stream, "TLDataStream")),
    ):
        assert library.info("GCGetPortInfo", port, c_int32(4)) == module
        url = library.info("GCGetPortURLInfo", port, c_uint32(0), c_int32(0))
        _, address, size = url.removeprefix("local:").split(";")
        xml = library.read(port, int(address, 16), int(size, 16))
        assert xml.startswith(b"<?xml")
        assert xml.rstrip().endswith(b"</RegisterDescription>")
        name = library.info("GCGetPortInfo", port, c_int32(12))
        assert f'<Port Name="{name}"'.encode() in xml


def test_stacked_reads_tell_how_far_they_came(opened, gentl):
    class Entry(Structure):
        _pack_ = 1
        _fields_ = (("address", c_uint64), ("buffer", c_void_p), ("size", c_size_t))

    _, library, _, device = opened
    remote = library.handle("DevGetPort", device)
    room = (c_uint8 * 8)()
    entries = (Entry * 3)(*[Entry(a, cast(room, c_void_p), 8) for a in (0, 64, 2**40)])
    count = c_size_t(3)
    with refused(gentl, gentl.INVALID_ADDRESS):
        library.call("GCReadPortStacked", remote, entries, byref(count))
    assert count.value == 2
