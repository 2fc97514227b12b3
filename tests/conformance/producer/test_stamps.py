"""Time stamps, frame ids and row padding of cameras of other makes, as a producer tells them.

In: one triggered camera of a make, through plain C calls. Out: raw ticks, nanoseconds where the tick is known, and the
padding that GenTL's buffer infos name.
"""

from ctypes import byref, c_int32, c_size_t, c_uint64

import pytest

from rigdriver_sim.camera.makes import MAKES, NS_PER_S

TIMESTAMP, WIDTH, X_PADDING, FRAME_ID, TIMESTAMP_NS = 3, 10, 14, 16, 28
TIMESTAMP_FREQUENCY = 9


def number_of(library, function, *arguments):
    value, size = c_uint64(), c_size_t(8)
    library.call(function, *arguments, byref(c_int32()), byref(value), byref(size))
    return value.value


@pytest.fixture
def frame_of(serve, load, gentl):
    """Trigger one frame of a camera of a make; return the library, the device and what reads the frame's infos."""

    def trigger(make, **spec):
        server = serve(1, spec={"make": make, **spec})
        library = load(server.producer)
        device = library.open_device(library.open_interface()[1])
        stream = library.open_stream(device)
        event = library.handle("GCRegisterEvent", stream, c_int32(gentl.NEW_BUFFER))
        library.announce(stream, 4, 80 * 48)
        remote = library.handle("DevGetPort", device)
        address = server.ask("addresses", names=["TriggerMode", "AcquisitionStart"])
        library.write(remote, address["TriggerMode"], 1)
        library.call("DSStartAcquisition", stream, c_int32(0), c_uint64(gentl.INFINITE))
        library.write(remote, address["AcquisitionStart"], 1)
        server.trigger(1, 1_000_000, [0])
        buffer = library.next_buffer(event, 60_000)
        return library, device, lambda cmd: number_of(library, "DSGetBufferInfo", stream, buffer, c_int32(cmd))

    return trigger


@pytest.mark.parametrize("make", ["plain", "gige1"])
def test_a_stamp_is_told_in_ticks_and_in_ns_where_the_tick_is_known(frame_of, make):
    library, device, info = frame_of(make)
    tick_hz = number_of(library, "DevGetInfo", device, c_int32(TIMESTAMP_FREQUENCY))
    assert tick_hz == MAKES[make].tick_hz
    assert info(TIMESTAMP) > 0
    assert info(TIMESTAMP_NS) == info(TIMESTAMP) * NS_PER_S // tick_hz
    assert info(FRAME_ID) == MAKES[make].frame_ids[0]


def test_no_ns_are_told_where_the_tick_is_unknown(frame_of, gentl):
    library, device, info = frame_of("no_tick")
    assert info(TIMESTAMP) > 0
    for ask in (
        lambda: info(TIMESTAMP_NS),
        lambda: number_of(library, "DevGetInfo", device, c_int32(TIMESTAMP_FREQUENCY)),
    ):
        with pytest.raises(gentl.GentlError) as caught:
            ask()
        assert caught.value.code == gentl.NOT_AVAILABLE


def test_the_padding_behind_each_row_is_told(frame_of):
    _, _, info = frame_of("odd+padded", width=61)
    assert (info(WIDTH), info(X_PADDING)) == (61, 3)
