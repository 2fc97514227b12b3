"""Several interfaces, slow ones, cameras that two of them see, and devices that are opened without being listed.

In: simulated cameras behind a producer with up to six interfaces, through plain C calls. Out: the lists, return codes
and parents that GenTL prescribes. A slow interface is one that a short time-out does not reach; nothing is timed.
"""

from ctypes import byref, c_char_p, c_int32, c_uint32, c_uint64
from threading import Thread

import pytest

NEVER_MS = 3_600_000
WHOLE_TIMEOUT = 2**32 - 1
DEVICE_INFO_SERIAL = 6


def refused(gentl, code):
    return pytest.raises(gentl.GentlError, match=f": {code}: ")


def open_system(library):
    library.call("GCInitLib")
    return library.handle("TLOpen")


def count_of(library, function, handle):
    count = c_uint32()
    library.call(function, handle, byref(count))
    return count.value


def interface_ids(library, system):
    library.call("TLUpdateInterfaceList", system, None, c_uint64(100))
    numbers = range(count_of(library, "TLGetNumInterfaces", system))
    return [library.text("TLGetInterfaceID", system, c_uint32(n)) for n in numbers]


def open_all(library, system):
    return [library.handle("TLOpenInterface", system, c_char_p(i)) for i in interface_ids(library, system)]


def update(library, interface, timeout_ms=60_000):
    library.call("IFUpdateDeviceList", interface, None, c_uint64(timeout_ms))


def open_by_id(library, interface, device_id, gentl):
    return library.handle("IFOpenDevice", interface, c_char_p(device_id), c_int32(gentl.EXCLUSIVE))


def test_each_interface_lists_the_cameras_that_it_sees(serve, load):
    library = load(serve(3, ports={"update_ms": [0] * 6, "seen_by": [[0], [5], [2, 5]]}).producer)
    system = open_system(library)
    ids = interface_ids(library, system)
    assert len(set(ids)) == 6
    interfaces = [library.handle("TLOpenInterface", system, c_char_p(i)) for i in ids]
    for interface in interfaces:
        update(library, interface)
    assert [library.device_ids(interface) for interface in interfaces] == [
        [b"rigsim-SIM0000"], [], [b"rigsim-SIM0002"], [], [], [b"rigsim-SIM0001", b"rigsim-SIM0002"],
    ]  # fmt: skip


def test_a_camera_that_two_interfaces_see_opens_once_and_knows_its_parent(serve, load, gentl):
    library = load(serve(1, ports={"update_ms": [0, 0], "seen_by": [[0, 1]]}).producer)
    first, second = open_all(library, open_system(library))
    for interface in (first, second):
        update(library, interface)
    device = library.open_device(second)
    with refused(gentl, gentl.RESOURCE_IN_USE):
        library.open_device(first)
    assert library.handle("DevGetParentIF", device).value == second.value
    library.call("IFClose", first)  # the camera was opened through the other one
    assert library.handle("DevGetPort", device)
    library.call("IFClose", second)
    with refused(gentl, gentl.INVALID_HANDLE):
        library.handle("DevGetPort", device)


def test_a_camera_is_opened_by_its_id_though_the_list_was_never_updated(serve, load, gentl):
    library = load(serve(2, ports={"update_ms": [0, 0], "seen_by": [[0], [1]]}).producer)
    first, second = open_all(library, open_system(library))
    assert library.device_ids(first) == []
    with refused(gentl, gentl.INVALID_ID):
        open_by_id(library, first, b"rigsim-SIM0001", gentl)
    with refused(gentl, gentl.INVALID_ID):
        open_by_id(library, first, b"no such camera", gentl)
    assert open_by_id(library, second, b"rigsim-SIM0001", gentl)
    assert library.device_ids(second) == []


def test_an_unplugged_camera_whose_id_is_known_is_refused_as_unplugged(serve, load, gentl):
    server = serve(1)
    library = load(server.producer)
    (interface,) = open_all(library, open_system(library))
    server.ask("unplug")
    with refused(gentl, gentl.IO):
        open_by_id(library, interface, b"rigsim-SIM0000", gentl)


def test_a_search_that_takes_longer_than_allowed_ends_in_a_time_out_and_changes_nothing(serve, load, gentl):
    library = load(serve(2, ports={"update_ms": [0, NEVER_MS], "seen_by": [[0], [1]]}).producer)
    quick, slow = open_all(library, open_system(library))
    update(library, quick, 0)
    with refused(gentl, gentl.TIMEOUT):
        update(library, slow, 20)
    assert library.device_ids(quick) == [b"rigsim-SIM0000"]
    assert library.device_ids(slow) == []
    assert open_by_id(library, slow, b"rigsim-SIM0001", gentl)


def test_a_search_of_the_whole_time_out_finds_the_cameras(serve, load):
    library = load(serve(1, ports={"update_ms": [WHOLE_TIMEOUT]}).producer)
    (interface,) = open_all(library, open_system(library))
    update(library, interface, 30)
    assert len(library.device_ids(interface)) == 1


def test_a_slow_search_for_interfaces_times_out_too(serve, load, gentl):
    library = load(serve(1, ports={"search_ms": NEVER_MS}).producer)
    system = open_system(library)
    with refused(gentl, gentl.TIMEOUT):
        library.call("TLUpdateInterfaceList", system, None, c_uint64(20))


def test_other_interfaces_answer_while_one_searches(serve, load, gentl):
    library = load(serve(2, ports={"update_ms": [0, WHOLE_TIMEOUT], "seen_by": [[0], [1]]}).producer)
    quick, slow = open_all(library, open_system(library))
    done = []

    def search():
        update(library, slow, 2_000)
        done.append("slow")

    thread = Thread(target=search)
    thread.start()
    update(library, quick, 2_000)
    open_by_id(library, quick, b"rigsim-SIM0000", gentl)
    done.append("quick")
    thread.join(60)
    assert done == ["quick", "slow"]


def test_each_interface_has_events_of_its_own(serve, load):
    library = load(serve(1, ports={"update_ms": [0, 0]}).producer)
    error_event = c_int32(0)
    handles = {library.handle("GCRegisterEvent", i, error_event).value for i in open_all(library, open_system(library))}
    assert len(handles) == 2
