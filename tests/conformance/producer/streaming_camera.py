"""One simulated camera that streams under triggers, through plain C calls.

In: an opened camera, the client `gentl`. Out: its stream, event and buffers; and the error that a call must give.
"""

from ctypes import c_int32, c_uint64

import pytest


def refused(gentl, code):
    return pytest.raises(gentl.GentlError, match=f": {code}: ")


def stream_triggered(opened, gentl):
    """Return a triggered camera that streams: server, library, device, remote, stream, event, addresses, buffers."""
    server, library, _, device = opened
    stream = library.open_stream(device)
    event = library.handle("GCRegisterEvent", stream, c_int32(gentl.NEW_BUFFER))
    buffers = library.announce(stream, 4, 64 * 48)
    remote = library.handle("DevGetPort", device)
    names = ["TriggerMode", "AcquisitionStart", "AcquisitionStop", "Width", "TLParamsLocked", "ExposureTime"]
    address = server.ask("addresses", names=names)
    library.write(remote, address["TriggerMode"], 1)
    library.call("DSStartAcquisition", stream, c_int32(0), c_uint64(gentl.INFINITE))
    library.write(remote, address["AcquisitionStart"], 1)
    return server, library, device, remote, stream, event, address, buffers
