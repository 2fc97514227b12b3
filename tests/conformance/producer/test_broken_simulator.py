"""A simulator that hangs, dies, or pulls a cable never hangs the consumer.

In: a streaming camera, and a simulator that is stopped, killed, or told to unplug. Out: an error code of the standard
in bounded time, never a wait without end.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from ctypes import c_uint64
from pathlib import Path

import pytest

WAIT_S = 60.0


def test_death_of_the_simulator_ends_a_wait_with_an_io_error(started, gentl, refused):
    server, library, interface, _, remote, event, address = started
    server.kill()
    with refused(gentl.IO):
        library.next_buffer(event, gentl.INFINITE)
    with refused(gentl.IO):
        library.next_buffer(event, 0)
    with refused(gentl.IO):
        library.write(remote, address["Width"], 32)
    with refused(gentl.IO):
        library.read(remote, address["Width"])
    until = time.monotonic() + WAIT_S  # the list looks at its socket every 50 ms at most
    with refused(gentl.IO):
        while time.monotonic() < until:
            library.call("IFUpdateDeviceList", interface, None, c_uint64(100))


def test_producer_without_a_simulator_says_what_to_do(built_producer, load, gentl, tmp_path):
    lonely = tmp_path / "lonely.cti"
    lonely.write_bytes(built_producer.read_bytes())
    library = load(lonely)
    library.call("GCInitLib")
    with pytest.raises(gentl.GentlError, match="start the simulated rig") as told:
        library.handle("TLOpen")
    assert told.value.code == gentl.IO


def test_stopped_simulator_lets_reads_through_and_times_writes_out(started, gentl, refused):
    server, library, _, _, remote, event, address = started
    server.pause()
    assert int.from_bytes(library.read(remote, address["Width"]), "little") == 64
    with refused(gentl.TIMEOUT):
        library.next_buffer(event, 100)
    with refused(gentl.TIMEOUT):
        library.write(remote, address["Width"], 32)
    server.resume()
    library.write(remote, address["ExposureTime"], b"\0\0\0\0\0\0\x59\x40")  # 100.0; the late answer is passed over
    assert library.read(remote, address["ExposureTime"]) == b"\0\0\0\0\0\0\x59\x40"


def test_unplugged_camera_fails_for_good_and_comes_back_after_a_list_update(started, gentl, refused):
    server, library, interface, device, remote, event, address = started
    server.ask("unplug")
    for attempt in range(2):
        with refused(gentl.IO):
            library.next_buffer(event, gentl.INFINITE)
        with refused(gentl.IO):
            library.read(remote, address["Width"])
        library.call("IFUpdateDeviceList", interface, None, c_uint64(100))
        assert len(library.device_ids(interface)) == attempt
        server.ask("replug")
    library.call("DevClose", device)
    library.call("IFUpdateDeviceList", interface, None, c_uint64(100))
    again = library.open_device(interface)
    assert library.read(library.handle("DevGetPort", again), address["Width"])


def test_killed_consumer_frees_its_camera(serve, load):
    server = serve()
    client = str(Path(__file__).parent / "gentl_client.py")
    program = textwrap.dedent(
        f"""
        import importlib.util, time
        spec = importlib.util.spec_from_file_location("gentl_client", {client!r})
        client = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(client)
        library = client.Gentl({str(server.producer)!r})
        device = library.open_device(library.open_interface()[1])
        print("open", flush=True)
        time.sleep(600)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as consumer:
        assert consumer.stdout.readline() == b"open\n"
        os.kill(consumer.pid, signal.SIGKILL)
    library = load(server.producer)
    assert library.open_device(library.open_interface()[1])


def test_socket_is_reached_in_a_folder_with_a_very_long_path(serve, load):
    server = serve(name="/".join(["a-rather-long-name-for-a-folder"] * 8))
    library = load(server.producer)
    assert len(str(server.producer)) > 240
    assert len(library.device_ids(library.open_interface()[1])) == 1
