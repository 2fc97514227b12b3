"""A camera that is out of reach for a while, or that another program has taken: what its consumer meets.

In: a streaming camera whose link is cut, for less or for longer than its heartbeat, or of which another program takes
control. Out: time-outs that end, handles that live on or are dead for good, and the state that the producer tells.
"""

from ctypes import c_int32

ACCESS_STATUS = 5
OPEN_READONLY_STATUS = 6
XML_ADDRESS = 0x10000000
WAIT_MS = 60_000
FAST = 100.0
"""Pace at which a heartbeat of 3 s is over soon."""


def status(library, device):
    return library.info("DevGetInfo", device, c_int32(ACCESS_STATUS))


def test_a_camera_behind_a_cut_link_times_out_and_answers_again_when_it_is_back(start, gentl, refused):
    server, library, _, _, remote, event, address = start()
    server.ask("cut_link")
    with refused(gentl.TIMEOUT):
        library.read(remote, address["Width"])
    with refused(gentl.TIMEOUT):
        library.read(remote, XML_ADDRESS)
    with refused(gentl.TIMEOUT):
        library.write(remote, address["ExposureTime"], 32)
    server.trigger(2, 20_000_000, [0])
    with refused(gentl.TIMEOUT):  # nothing arrives, and the stream has no error
        library.next_buffer(event, 200)
    server.ask("restore_link")
    assert library.read(remote, address["Width"])
    server.trigger(1, 20_000_000, [0])
    assert library.next_buffer(event, WAIT_MS)


def test_a_camera_whose_link_is_down_for_longer_than_its_heartbeat_must_be_opened_anew(start, gentl, refused):
    server, library, interface, device, remote, event, address = start(pace=FAST)
    server.ask("cut_link")
    with refused(gentl.IO):
        library.next_buffer(event, WAIT_MS)
    server.ask("restore_link")
    with refused(gentl.IO):
        library.read(remote, address["Width"])
    library.call("DevClose", device)
    again = library.open_device(interface)
    assert library.read(library.handle("DevGetPort", again), address["Width"])


def test_a_link_that_is_back_before_the_heartbeat_has_no_late_end(start):
    server, library, _, _, remote, event, address = start(pace=FAST)
    server.ask("cut_link")
    server.ask("restore_link")
    for _ in range(4):  # 1 s of the cameras' time each
        server.trigger(1, 1_000_000_000, [0])
        assert library.next_buffer(event, WAIT_MS)
    assert library.read(remote, address["Width"])


def test_who_has_lost_control_may_read_and_learns_it_from_the_state_of_the_camera(start, gentl, refused):
    server, library, interface, device, remote, event, address = start()
    assert status(library, device) == gentl.OPEN_STATUS
    server.ask("lose_control")
    assert status(library, device) == OPEN_READONLY_STATUS
    assert library.read(remote, address["Width"])
    with refused(gentl.ACCESS_DENIED):
        library.write(remote, address["ExposureTime"], 32)
    server.trigger(1, 20_000_000, [0])
    with refused(gentl.TIMEOUT):
        library.next_buffer(event, 200)
    library.call("DevClose", device)
    with refused(gentl.ACCESS_DENIED):
        library.open_device(interface)
    server.ask("regain_control")
    assert status(library, library.open_device(interface)) == gentl.OPEN_STATUS


def test_a_hung_camera_exposes_no_more_until_it_is_plugged_in_anew(start, gentl, refused):
    server, library, _, _, _, event, _ = start()
    server.ask("hang")
    server.trigger(1, 20_000_000, [0])
    with refused(gentl.TIMEOUT):
        library.next_buffer(event, 200)
