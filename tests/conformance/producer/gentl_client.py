"""A small GenTL consumer, written from the standard with ctypes: an eye that shares no code with producer or driver.

In: the path of a .cti. Out: its functions as Python calls that raise `GentlError`. It knows this producer's register
addresses only as far as a test passes them in.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

NOT_IMPLEMENTED, RESOURCE_IN_USE, ACCESS_DENIED, INVALID_HANDLE = -1003, -1004, -1005, -1006
INVALID_PARAMETER, IO, TIMEOUT, ABORT, INVALID_BUFFER = -1009, -1010, -1011, -1012, -1013
NOT_AVAILABLE, INVALID_ADDRESS, BUFFER_TOO_SMALL, INVALID_VALUE, BUSY = -1014, -1015, -1016, -1019, -1022
NOT_INITIALIZED, INVALID_ID = -1002, -1007
READONLY, CONTROL, EXCLUSIVE = 2, 3, 4
NEW_BUFFER, REMOTE_DEVICE = 1, 4
INFINITE = 2**64 - 1
READWRITE_STATUS, BUSY_STATUS, OPEN_STATUS = 1, 4, 5


class GentlError(Exception):
    def __init__(self, function: str, code: int, text: str) -> None:
        super().__init__(f"{function}: {code}: {text}")
        self.code = code


class Gentl:
    """One loaded producer."""

    def __init__(self, path: os.PathLike[str]) -> None:
        self.library = ctypes.CDLL(str(path), mode=os.RTLD_LOCAL | os.RTLD_NOW)

    def call(self, function: str, *arguments: Any) -> None:
        code = getattr(self.library, function)(*arguments)
        if code:
            told, size = c_int32(), c_size_t(512)
            text = ctypes.create_string_buffer(512)
            self.library.GCGetLastError(byref(told), text, byref(size))
            raise GentlError(function, code, text.value.decode())

    def handle(self, function: str, *arguments: Any) -> c_void_p:
        made = c_void_p()
        self.call(function, *arguments, byref(made))
        return made

    def info(self, function: str, *arguments: Any) -> Any:
        kind, size = c_int32(), c_size_t(4096)
        out = ctypes.create_string_buffer(4096)
        self.call(function, *arguments, byref(kind), out, byref(size))
        raw = out.raw[: size.value]
        if kind.value == 1:
            return raw.rstrip(b"\0").decode()
        if kind.value == 13:
            return raw
        return int.from_bytes(raw, "little", signed=kind.value == 5)

    def text(self, function: str, *arguments: Any) -> bytes:
        size = c_size_t(256)
        out = ctypes.create_string_buffer(256)
        self.call(function, *arguments, out, byref(size))
        return out.value

    # ---- the usual ways

    def open_interface(self) -> tuple[c_void_p, c_void_p]:
        self.call("GCInitLib")
        system = self.handle("TLOpen")
        interface = self.handle("TLOpenInterface", system, c_char_p(self.text("TLGetInterfaceID", system, c_uint32(0))))
        self.call("IFUpdateDeviceList", interface, None, c_uint64(100))
        return system, interface

    def device_ids(self, interface: c_void_p) -> list[bytes]:
        count = c_uint32()
        self.call("IFGetNumDevices", interface, byref(count))
        return [self.text("IFGetDeviceID", interface, c_uint32(n)) for n in range(count.value)]

    def open_device(self, interface: c_void_p, number: int = 0, access: int = EXCLUSIVE) -> c_void_p:
        return self.handle("IFOpenDevice", interface, c_char_p(self.device_ids(interface)[number]), c_int32(access))

    def open_stream(self, device: c_void_p) -> c_void_p:
        name = self.text("DevGetDataStreamID", device, c_uint32(0))
        return self.handle("DevOpenDataStream", device, c_char_p(name))

    def announce(self, stream: c_void_p, count: int, size: int) -> list[c_void_p]:
        made = [self.handle("DSAllocAndAnnounceBuffer", stream, c_size_t(size), None) for _ in range(count)]
        for buffer in made:
            self.call("DSQueueBuffer", stream, buffer)
        return made

    def read(self, port: c_void_p, address: int, size: int = 8) -> bytes:
        out, length = ctypes.create_string_buffer(size), c_size_t(size)
        self.call("GCReadPort", port, c_uint64(address), out, byref(length))
        return out.raw

    def write(self, port: c_void_p, address: int, data: bytes | int) -> None:
        raw = data.to_bytes(8, "little") if isinstance(data, int) else data
        self.call("GCWritePort", port, c_uint64(address), c_char_p(raw), byref(c_size_t(len(raw))))

    def next_buffer(self, event: c_void_p, timeout_ms: int) -> c_void_p:
        data, size = (c_void_p * 2)(), c_size_t(16)
        self.call("EventGetData", event, data, byref(size), c_uint64(timeout_ms))
        return c_void_p(data[0])
