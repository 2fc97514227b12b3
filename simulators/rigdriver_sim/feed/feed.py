"""The feed of one simulated rig: shared memory with registers and frames, and the socket where consumers ask.

In: a folder, the built producer, the cameras' sizes and XML texts, the engine. Out: a copy of `rigsim.cti` in the
folder that shows these cameras to any GenTL consumer, and one `CameraFeed` a camera for its model to write into. The
memory is anonymous (memfd): it is gone when the last process that holds it ends, however it ends.
Not here: what a register means (see camera/register_file.py) and what a frame shows (see bench/painter.py).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rigdriver_sim.engine import Engine
from rigdriver_sim.feed import layout
from rigdriver_sim.feed.server import Access, FeedServer, Refused

PAGE = 4096
PRODUCER_NAME = "rigsim.cti"

WriteHandler = Callable[[int, bytes], None]
"""Function of address and bytes of a register write; it raises `Refused`."""


@dataclass(frozen=True, slots=True)
class CameraArea:
    """What one camera needs of the memory."""

    xml: bytes
    """The GenICam description of its registers."""
    frame_bytes: int
    """The largest frame, chunks included."""
    tick_hz: int = 1_000_000_000
    """Ticks of its time stamps per second; 0: it does not tell."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The interfaces of the producer, as many as there are durations, and how long it searches there."""

    update_ms: tuple[int, ...] = (0,)
    """Duration of IFUpdateDeviceList on each interface, of the wall's time; `layout.WHOLE_TIMEOUT`: as long as the
    consumer allows."""
    search_ms: int = 0
    """Duration of TLUpdateInterfaceList."""
    seen_by: tuple[tuple[int, ...], ...] = ()
    """Numbers of the interfaces that see each camera; a camera that is not named here is seen by number 0."""


ONE_PORT = Ports()


class FeedLibrary:
    """The functions that the built producer offers to the simulator: what Python cannot do atomically."""

    def __init__(self, path: Path) -> None:
        # Resolved at once: a symbol that is missing shows here and not in the first frame.
        library = ctypes.CDLL(str(path), mode=os.RTLD_LOCAL | os.RTLD_NOW)
        library.rigsim_layout.restype = ctypes.c_char_p
        layout.check_layout(library.rigsim_layout().decode())
        pointer, u64 = ctypes.c_void_p, ctypes.c_uint64
        self.publish_frame = _function(library.rigsim_publish_frame, pointer)
        self.publish_event = _function(library.rigsim_publish_event, pointer, pointer)
        self.write_registers = _function(library.rigsim_write_registers, pointer, u64, ctypes.c_char_p, u64)
        self.ring = _function(library.rigsim_ring, pointer)


def _function(function: Callable[..., object], *arguments: type) -> Callable[..., object]:
    function.argtypes = arguments  # type: ignore[attr-defined]
    function.restype = None  # type: ignore[attr-defined]
    return function


class CameraFeed:
    """One camera's part of the feed."""

    def __init__(self, library: FeedLibrary, memory: mmap.mmap, offset: int) -> None:
        self._library = library
        self._memory = memory
        self._block = layout.Camera.from_buffer(memory, offset)
        self._address = ctypes.addressof(self._block)
        self._paintings = 0
        self.on_write: WriteHandler = _refuse_write
        self.on_release: Callable[[], None] = _nothing
        """Callback for the moment when the consumer that controlled the camera is gone."""
        self.hang_up: Callable[[], None] = _nothing
        """Function that ends all connections to this camera; set by the rig's feed."""
        self.pass_control: Callable[[bool], None] = _keep_control
        """Function that lets another program take control of this camera, or give it up; set by the rig's feed."""

    # ---- registers

    def write_registers(self, address: int, data: bytes) -> None:
        """Publish bytes of the register page; readers see all of them or none."""
        self._library.write_registers(self._address, address, data, len(data))

    # ---- presence and ownership

    @property
    def is_present(self) -> bool:
        return bool(self._block.is_present)

    def set_present(self, is_present: bool) -> None:
        """Plug or unplug: handles that were opened before an unplug answer GC_ERR_IO for good."""
        # Counted, because a handle from before the unplug would else come to life again with the replug.
        if self.is_present and not is_present:
            self._block.plug_count += 1
        self._block.is_present = int(is_present)
        # Rung before hanging up: whoever waits for a frame wakes and finds the camera gone.
        self._library.ring(self._address)
        if not is_present:
            self.hang_up()

    def set_reachable(self, is_reachable: bool) -> None:
        """Cut the link or restore it; handles live on, and answer again when it is back."""
        self._block.is_present = int(is_reachable)
        self._library.ring(self._address)

    def drop_handles(self) -> None:
        """Let handles that are open now answer GC_ERR_IO for good."""
        self._block.plug_count += 1
        self._library.ring(self._address)
        self.hang_up()

    def set_foreign_control(self, is_taken: bool) -> None:
        """Let another program take control (handles that are open now may only read), or give it up."""
        if is_taken:
            self._block.control_count += 1
        self.pass_control(is_taken)

    def be_seen_by(self, interfaces: Sequence[int]) -> None:
        """Be listed by these interfaces and no others."""
        self._block.interfaces = sum(1 << number for number in set(interfaces))

    def set_owner(self, access: Access | None) -> None:
        """Publish the strongest access that anybody holds."""
        self._block.owner = int(access or 0)

    def release(self) -> None:
        """The consumer that controlled the camera is gone."""
        # The consumer writes this one, and cannot any more when it was killed.
        self._block.is_streaming = 0
        self.on_release()

    # ---- frames

    @property
    def is_streaming(self) -> bool:
        """A consumer's data stream takes frames."""
        return bool(self._block.is_streaming)

    def has_room(self) -> bool:
        """The ring has a free slot."""
        return bool(self._block.frames_written - self._block.frames_read < self._block.slot_count)

    @property
    def frames_dropped(self) -> int:
        return int(self._block.frames_dropped)

    def drop(self) -> None:
        """Count a frame that found no room."""
        self._block.frames_dropped += 1

    def resend(self, packets: int) -> None:
        """Count packets that were lost on the link and sent again."""
        self._block.packets_resent += packets

    def next_slot(self) -> tuple[layout.Slot, npt.NDArray[np.uint8]]:
        """Return header and data bytes of the slot that the next `publish` hands over. Only while `has_room`."""
        # Before the slot is painted anew: a consumer may be copying the frame that lay there ahead of its arrival.
        self._block.frame_ahead = 0
        start = self._next_start()
        room = self._block.slot_stride - layout.SLOT_DATA
        data = np.frombuffer(self._memory, np.uint8, room, start + layout.SLOT_DATA)
        self._paintings += 1
        slot = layout.Slot.from_buffer(self._memory, start)
        slot.painting = self._paintings
        return slot, data

    def send(self) -> None:
        """Let the bytes of the next slot, which is filled, go over the link; the frame arrives with `publish`."""
        self._block.frame_ahead = self._paintings
        self._library.ring(self._address)

    def publish(self) -> None:
        """Hand the slot over and wake who waits for it."""
        self._block.frame_ahead = 0
        self._library.publish_frame(self._address)

    def _next_start(self) -> int:
        slot = self._block.frames_written % self._block.slot_count
        return int(self._block.ring_offset + slot * self._block.slot_stride)

    # ---- events

    def push_event(self, event_id: int, t_camera_ns: int, frame_id: int) -> None:
        """Send a consumer that has subscribed the remote device's event."""
        event = layout.Event(event_id, t_camera_ns, frame_id)
        self._library.publish_event(self._address, ctypes.addressof(event))


class RigFeed:
    """All cameras of a rig, offered through the producer's copy in `folder`."""

    def __init__(
        self,
        folder: Path,
        producer: Path,
        areas: Sequence[CameraArea],
        module_xml: Sequence[bytes],
        engine: Engine,
        slots: int = 8,
        ports: Ports = ONE_PORT,
    ) -> None:
        if not 0 < len(areas) <= layout.MAX_CAMERAS:
            raise ValueError(f"{len(areas)} cameras: the producer holds 1 to {layout.MAX_CAMERAS}")
        self.producer = folder / PRODUCER_NAME
        if producer.resolve() != self.producer.resolve():
            shutil.copyfile(producer, self.producer)  # a copy: links to one inode are one library to the loader
        library = FeedLibrary(self.producer)
        self._memory_fd = os.memfd_create("rigsim", os.MFD_CLOEXEC)
        self.cameras: tuple[CameraFeed, ...] = self._lay_out(library, areas, module_xml, slots)
        self._show_ports(ports)
        # Last: nobody may connect before the memory is laid out.
        self._server = FeedServer(folder, self._memory_fd, self.cameras, engine)
        for number, camera in enumerate(self.cameras):
            camera.hang_up = partial(self._server.hang_up, number)
            camera.pass_control = partial(self._server.pass_control, number)

    def _lay_out(
        self, library: FeedLibrary, areas: Sequence[CameraArea], module_xml: Sequence[bytes], slots: int
    ) -> tuple[CameraFeed, ...]:
        stride = _whole_pages(ctypes.sizeof(layout.Camera))
        texts = [*module_xml, *(area.xml for area in areas)]
        text_starts = _starts(PAGE + len(areas) * stride, [len(text) for text in texts])
        strides = [_whole_pages(layout.SLOT_DATA + area.frame_bytes) for area in areas]
        ring_starts = _starts(text_starts[-1], [slots * slot_stride for slot_stride in strides])
        size = ring_starts[-1]
        os.ftruncate(self._memory_fd, size)
        # All pages at once, 0.1 s for six large cameras: else each frame of the first round through the rings waits
        # 10 ms for its own, and the first frame sets come late.
        memory = mmap.mmap(self._memory_fd, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
        for start, text in zip(text_starts, texts, strict=False):
            memory[start : start + len(text)] = text
        places = [layout.Area(start, len(text)) for start, text in zip(text_starts, texts, strict=False)]
        for i, slot_stride in enumerate(strides):
            block = layout.Camera.from_buffer(memory, PAGE + i * stride)
            block.xml = places[len(module_xml) + i]
            block.ring_offset, block.slot_stride, block.slot_count = ring_starts[i], slot_stride, slots
            block.is_present = block.interfaces = 1
            block.tick_hz = areas[i].tick_hz
        header = layout.Feed.from_buffer(memory, 0)
        header.magic, header.version, header.size = layout.MAGIC, layout.VERSION, size
        header.camera_offset, header.camera_stride, header.camera_count = PAGE, stride, len(areas)
        header.module_xml = (layout.Area * 4)(*places[: len(module_xml)])
        self._header = header
        return tuple(CameraFeed(library, memory, PAGE + i * stride) for i in range(len(areas)))

    def _show_ports(self, ports: Ports) -> None:
        count = len(ports.update_ms)
        if not 0 < count <= layout.MAX_INTERFACES:
            raise ValueError(f"{count} interfaces: the producer has 1 to {layout.MAX_INTERFACES}")
        self._header.interface_count, self._header.search_ms = count, ports.search_ms
        self._header.update_ms[:count] = ports.update_ms
        for camera, numbers in zip(self.cameras, ports.seen_by, strict=False):
            camera.be_seen_by(numbers)

    def plant(self, what: int) -> None:
        """Have the producer crash or hang in the next call that a consumer makes (`feed_layout.PLANT_...`)."""
        self._header.planted = what

    def close(self) -> None:
        """Hang up on all consumers and give the memory back; closing twice is harmless."""
        self._server.close()
        # The mapping goes with the process: it cannot be closed while structures lie over it.
        if self._memory_fd >= 0:
            os.close(self._memory_fd)
            self._memory_fd = -1


def _whole_pages(size: int) -> int:
    return (size + PAGE - 1) // PAGE * PAGE


def _starts(first: int, sizes: Sequence[int]) -> list[int]:
    """Return where areas of these sizes start, page by page, and where the last one ends."""
    starts = [_whole_pages(first)]
    for size in sizes:
        starts.append(starts[-1] + _whole_pages(size))
    return starts


def _refuse_write(address: int, data: bytes) -> None:
    raise Refused.write(f"no register takes {len(data)} bytes at 0x{address:x}")


def _nothing() -> None:
    pass


def _keep_control(is_taken: bool) -> None:
    pass
