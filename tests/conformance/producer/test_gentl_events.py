"""What the GenTL standard asks of a producer's events: waits that end, waiters that wake, events of the camera.

In: one simulated camera, opened through ctypes. Out: the return codes and events that GenTL 1.5 prescribes. Not here:
buffers, registers and ports (see test_gentl_rules.py).
"""

import time
from ctypes import byref, c_int32, c_size_t, c_uint8, c_uint64
from pathlib import Path
from threading import Thread

from tests.conformance.producer.streaming_camera import refused

WAIT_MS = 60_000
JOIN_S = 60
LOOK_S = 0.01


def until_it_waits(thread):
    """Return when the thread sleeps in the producer: GenTL has no call that tells.

    While this one sleeps nobody holds Python's lock, so a thread that has slept all that time waits for something else.
    """
    until = time.monotonic() + JOIN_S
    seen = None
    while time.monotonic() < until:
        told = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
        lines = dict(line.split(":\t", 1) for line in told.splitlines())
        before, seen = seen, (lines["State"][0], lines["voluntary_ctxt_switches"])
        if seen == before and seen[0] == "S":
            return
        time.sleep(LOOK_S)
    raise AssertionError("the thread never waited")


def outcome_of_a_wait(library, gentl, event, end):
    """Wait without end on another thread, call `end`, and return the error codes that the wait ended with."""
    told = []

    def wait():
        try:
            library.next_buffer(event, gentl.INFINITE)
        except gentl.GentlError as error:
            told.append(error.code)

    waiter = Thread(target=wait)
    waiter.start()
    until_it_waits(waiter)
    end()
    waiter.join(JOIN_S)
    return told


def test_kill_ends_a_wait_without_end(streaming, gentl):
    _, library, _, _, _, event, _, _ = streaming
    told = outcome_of_a_wait(library, gentl, event, lambda: library.call("EventKill", event))
    assert told == [gentl.ABORT]


def test_closing_the_device_ends_a_wait_in_another_thread(streaming, gentl):
    _, library, device, _, _, event, _, _ = streaming
    told = outcome_of_a_wait(library, gentl, event, lambda: library.call("DevClose", device))
    assert told == [gentl.ABORT]


def test_queueing_a_buffer_wakes_a_waiter_that_had_none(streaming, gentl):
    server, library, _, _, stream, event, _, _ = streaming
    library.call("DSFlushQueue", stream, c_int32(4))
    server.trigger(1, 0, [0])
    with refused(gentl, gentl.TIMEOUT):
        library.next_buffer(event, 300)
    told = []
    waiter = Thread(target=lambda: told.append(library.next_buffer(event, WAIT_MS)))
    waiter.start()
    until_it_waits(waiter)
    library.call("DSFlushQueue", stream, c_int32(3))
    waiter.join(JOIN_S)
    assert len(told) == 1


def test_too_early_trigger_is_told_as_an_event_of_the_remote_device(streaming, gentl):
    server, library, device, _, _, _, _, _ = streaming
    event = library.handle("GCRegisterEvent", device, c_int32(gentl.REMOTE_DEVICE))
    server.trigger(2, 100_000, [0])
    data, size = (c_uint8 * 64)(), c_size_t(64)
    library.call("EventGetData", event, data, byref(size), c_uint64(WAIT_MS))
    told = library.info("EventGetDataInfo", event, data, size, c_int32(2))
    assert told == 0x9001
    assert library.info("EventGetDataInfo", event, data, size, c_int32(0)) == "9001"
    assert len(library.info("EventGetDataInfo", event, data, size, c_int32(1))) == 16


def test_event_registers_once_and_module_events_do_not_exist(opened, gentl):
    _, library, _, device = opened
    library.handle("GCRegisterEvent", device, c_int32(gentl.REMOTE_DEVICE))
    with refused(gentl, gentl.RESOURCE_IN_USE):
        library.handle("GCRegisterEvent", device, c_int32(gentl.REMOTE_DEVICE))
    library.call("GCUnregisterEvent", device, c_int32(gentl.REMOTE_DEVICE))
    library.handle("GCRegisterEvent", device, c_int32(gentl.REMOTE_DEVICE))
    with refused(gentl, gentl.NOT_IMPLEMENTED):
        library.handle("GCRegisterEvent", device, c_int32(5))
