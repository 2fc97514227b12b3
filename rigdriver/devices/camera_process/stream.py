"""One camera in the camera process: take its buffers, fill slots, report what happened.

In: a camera that can be polled, slots to fill. Out: messages in an outbox. Where it can be, the slots are the camera's
buffers; else pixels are copied (slot_filling.py). Not here: GenTL (see binding.py), commands (see commands.py) and the
application.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from rigdriver.devices.camera_link.messages import AwaitedNote, CameraLostNote, FrameNote, LossNote
from rigdriver.devices.camera_link.slots import SlotWriter
from rigdriver.devices.camera_process.borrowed_bytes import BorrowedBytes
from rigdriver.devices.camera_process.images import Image, Incomplete
from rigdriver.devices.camera_process.slot_filling import AnnouncedSlots, Buffers, CopiedSlots, SlotFilling
from rigdriver.devices.camera_process.stream_states import StreamAct, StreamState, after
from rigdriver.errors import CameraError, CameraSilent, RigError, StateError
from rigdriver.frames import GapReason
from rigdriver.images.pixel_formats import BY_CODE, PixelFormat
from rigdriver.own_pause import AttendedTime
from rigdriver.timebase import WALL_TIME, Timebase

_BURST = 4
"""Buffers taken from one camera before the next one has its turn."""
_CHECK_PERIOD_NS = 250_000_000
_UNANSWERED_NS = 750_000_000
"""Time for which a camera may leave the checks unanswered, in ns; a link that was cut for less may come back."""
_LOSS_PERIOD_NS = 10_000_000


class EventOutbox(Protocol):
    """Takes messages for the parent and never blocks."""

    @property
    def is_full(self) -> bool:
        """Hold back what can be held back."""

    def put(self, message: bytes) -> None:
        """Queue a message."""


class StreamingCamera(Buffers, Protocol):
    """The part of the binding's Camera that a stream uses. Each call raises CameraError when the camera fails."""

    def read_format(self) -> int:
        """Return the PFNC code of the pixel format."""

    def read_size(self) -> tuple[int, int]:
        """Return width and height of the region in pixels."""

    def payload_bytes(self) -> int:
        """Return the size of the largest buffer."""

    def fewest_buffers(self) -> int:
        """Return how many buffers the producer needs at least."""

    def start(self, places: Sequence[bytes] = (), queued: Sequence[int] = ()) -> bool:
        """Start the acquisition; return whether `places` are its buffers, of which `queued` may be filled."""

    def stop(self) -> None:
        """Stop the acquisition."""

    def close(self) -> None:
        """Close the device."""

    def fetch(self, *, must_look: bool = False) -> Image | Incomplete | None:
        """Return what waits, or None at once."""

    def check(self) -> None:
        """Make sure that the camera answers and is ours; CameraSilent when it does not answer in time."""

    def underrun(self) -> int:
        """Return how many frames the producer dropped."""


class LossLedger:
    """Joins losses of one camera that come faster than they can be sent, so that the outbox stays small."""

    def __init__(self, camera: int, outbox: EventOutbox) -> None:
        self._camera = camera
        self._outbox = outbox
        self._told_ns = 0
        self._waiting: dict[GapReason, tuple[int, int | None, int]] = {}

    def add(self, reason: GapReason, frame_id: int | None, t_host_ns: int) -> None:
        """Count one lost frame."""
        count = self._waiting.get(reason, (0, None, 0))[0]
        self._waiting[reason] = (count + 1, frame_id, t_host_ns)

    def tell(self, now_ns: int, *, is_frame_next: bool = False) -> None:
        """Send what is due: each loss at once, but no more than one message in 10 ms and reason.

        Before a frame it is always due: the order of losses and frames shows which frame a damaged one was.
        """
        is_due = is_frame_next or now_ns - self._told_ns >= _LOSS_PERIOD_NS
        if not self._waiting or not is_due or self._outbox.is_full:
            return
        self._told_ns = now_ns
        for reason, (count, frame_id, t_host_ns) in self._waiting.items():
            self._outbox.put(LossNote(self._camera, reason, count, frame_id, t_host_ns).encode())
        self._waiting.clear()


class Stream:
    """One opened camera and its slots."""

    def __init__(
        self,
        index: int,
        label: str,
        camera: StreamingCamera,
        outbox: EventOutbox,
        buffers: int,
        timebase: Timebase = WALL_TIME,
    ) -> None:
        """`buffers`: how many are to be queued, so that frames find one while this process is busy."""
        self.label = label
        self.camera = camera
        self.slots: SlotWriter | None = None
        self._state = StreamState.IDLE
        self._buffers = buffers
        self._timebase = timebase
        self._places: BorrowedBytes | None = None
        self._filling: SlotFilling | None = None
        self._index = index
        self._outbox = outbox
        self._losses = LossLedger(index, outbox)
        self._checked_ns = 0
        self._unanswered_since_ns: int | None = None
        self._polled = AttendedTime(timebase.now_s)
        self._underrun = 0
        self._is_short_of_slots = False

    @property
    def state(self) -> StreamState:
        """What the camera does."""
        return self._state

    @property
    def is_streaming(self) -> bool:
        """Whether there is something to poll."""
        return self._state is StreamState.STREAMING

    def _go(self, act: StreamAct) -> bool:
        """Change the state along the table; return whether the table allows the act."""
        state = after(self._state, act)
        self._state = state or self._state
        return state is not None

    def check_format(self) -> PixelFormat:
        """Return the camera's present pixel format; CameraError when this driver cannot read it."""
        code = self.camera.read_format()
        pixel_format = BY_CODE.get(code)
        if pixel_format is None:
            raise CameraError(
                device=self.label,
                seen=f"pixel format 0x{code:08X} cannot be read",
                remedy="set PixelFormat to Mono8, Mono10p, Mono12p, Mono12Packed, Mono16, BayerRG8 or the like",
            )
        return pixel_format

    def prepare(self, slots: int) -> SlotWriter | None:
        """Make sure that the slots fit the camera's present features; return them when they are new."""
        pixel_format = self.check_format()
        width, height = self.camera.read_size()
        # The camera's own payload stands for what the region does not show; untouched memory costs nothing.
        needed = max(pixel_format.image_bytes(width, height), self.camera.payload_bytes())
        # Packed pixels are unpacked into slots, so their slots are not the producer's buffers and need none on top.
        count = slots if pixel_format.is_packed else slots + self._depth()
        if self.slots is not None and self.slots.slot_bytes >= needed and self.slots.slots == count:
            return None
        self._drop_slots()
        self.slots = SlotWriter(needed, count)
        return self.slots

    def _depth(self) -> int:
        """Return how many slots are queued at a time where slots are the buffers; they come on top of the others."""
        return max(self._buffers, self.camera.fewest_buffers())

    def _drop_slots(self) -> None:
        if self._places is not None:
            self._places.release()
            self._places = None
        if self.slots is not None:
            self.slots.close()

    def start(self) -> None:
        """Start the acquisition, into the slots if the format and the producer allow that.

        Raises:
            StateError: the stream is closed.
            CameraError: the camera does not start.
        """
        if after(self._state, StreamAct.START) is None:
            raise StateError(
                device=self.label, seen=f"its stream is {self._state.value}", remedy="open the camera again"
            )
        assert self.slots is not None
        slots, depth = self.slots, self._depth()
        if not self.check_format().is_packed and self._places is None:
            self._places = BorrowedBytes([slots.memory(slot) for slot in range(slots.slots)])
        places = self._places.objects if self._places is not None else ()
        # The application may still look at frames of the last run: their slots are not queued.
        queued = slots.free()[:depth]
        if self.camera.start(places, queued):
            self._filling = AnnouncedSlots(self.label, self.camera, slots, queued, depth)
        else:
            self._filling = CopiedSlots(self.camera, slots)
        self._checked_ns = self._timebase.now_ns()
        self._unanswered_since_ns = None
        self._polled = AttendedTime(self._timebase.now_s)
        self._go(StreamAct.START)

    def stop(self) -> None:
        """Stop the acquisition and tell the last losses."""
        if self._go(StreamAct.STOP):
            self.camera.stop()
        # Beyond the pause between two messages: the last losses belong to this run.
        self._losses.tell(self._timebase.now_ns() + 1_000_000_000)

    def close(self) -> None:
        """Close the camera and its slots."""
        self._go(StreamAct.CLOSE)
        try:
            self.camera.close()
        finally:
            self._drop_slots()

    def underrun(self) -> int:
        """Return how many frames the producer dropped for want of a buffer; those lost to full slots are reported."""
        total = self.camera.underrun()
        # Without a shortage of slots it was this process that came late: those frames are counted as underrun alone.
        if self._is_short_of_slots and total > self._underrun:
            for _ in range(total - self._underrun):
                self._losses.add(GapReason.NO_SLOT, None, self._timebase.now_ns())
        self._underrun = total
        self._is_short_of_slots = False
        return total

    def poll(self, now_ns: int) -> bool:
        """Take what waits, at most a few buffers; return whether there was any."""
        if not self.is_streaming:
            return False
        if self._unanswered_since_ns is not None:
            # While this process was away nobody asked the camera. Looks begin with the check that had no answer.
            self._polled.look()
            self._unanswered_since_ns += round(self._polled.away_s * 1e9)
        try:
            return self._take(now_ns)
        except CameraError as exc:
            self._fail(exc)
            return True

    def _take(self, now_ns: int) -> bool:
        is_due = now_ns - self._checked_ns > _CHECK_PERIOD_NS
        taken = 0
        has_room = True
        assert self._filling is not None
        while taken < _BURST:
            has_room = self._filling.make_room()
            self._is_short_of_slots |= self._filling.is_short
            if not has_room:
                break
            found = self.camera.fetch(must_look=is_due and taken == 0)
            if found is None:
                break
            taken += 1
            self._handle(found, self._timebase.now_ns())
        if taken:
            self._checked_ns, self._unanswered_since_ns = now_ns, None
        elif is_due and has_room:
            self._checked_ns = now_ns
            # A camera without triggers and one without power look alike:
            # both send nothing. Only a register tells them apart.
            self._check(now_ns)
        self._losses.tell(now_ns)
        return taken > 0

    def _check(self, now_ns: int) -> None:
        """Make sure that the camera answers; CameraError when it has not done so for too long."""
        try:
            with self._awaited():
                self.camera.check()
        except CameraSilent:
            since_ns = now_ns if self._unanswered_since_ns is None else self._unanswered_since_ns
            # When the producer itself has waited that long, one failed check is enough.
            if self._timebase.now_ns() - since_ns >= _UNANSWERED_NS:
                raise
            self._unanswered_since_ns = since_ns
        else:
            self._unanswered_since_ns = None
        # The time that the camera took to answer, or not, is no time away.
        self._polled = AttendedTime(self._timebase.now_s)

    @contextmanager
    def _awaited(self) -> Iterator[None]:
        """Tell the parent that this process now waits for the camera: a producer may wait for seconds."""
        self._tell_awaited(self._index)
        try:
            yield
        finally:
            self._tell_awaited(None)

    def _tell_awaited(self, camera: int | None) -> None:
        if not self._outbox.is_full:  # a parent that does not read does not judge either
            self._outbox.put(AwaitedNote(camera).encode())

    def _handle(self, found: Image | Incomplete, t_host_ns: int) -> None:
        assert self._filling is not None
        if isinstance(found, Incomplete):
            self.camera.give_back()
            self._losses.add(GapReason.INCOMPLETE, found.frame_id, t_host_ns)
            return
        slot = self._filling.accept(found, self._checked(found))
        note = FrameNote(
            self._index, slot, found.frame_id, found.t_camera_ns, t_host_ns,
            found.width_px, found.height_px, found.pixel_format_code, found.chunks,
        )  # fmt: skip
        self._losses.tell(t_host_ns, is_frame_next=True)
        self._outbox.put(note.encode())

    def _checked(self, image: Image) -> PixelFormat:
        """Return the image's format; CameraError when it is no image that fits a slot."""
        assert self.slots is not None
        pixel_format = BY_CODE.get(image.pixel_format_code)
        if pixel_format is None:
            raise CameraError(
                device=self.label, seen=f"delivers pixel format 0x{image.pixel_format_code:08X}, which cannot be read"
            )
        what = f"delivers {image.width_px}x{image.height_px} {pixel_format.name}"
        size = pixel_format.image_bytes(image.width_px, image.height_px)
        if size > self.slots.slot_bytes:
            raise CameraError(
                device=self.label,
                seen=f"{what}, {size} bytes; its region changed while it streamed",
                expected=f"at most {self.slots.slot_bytes} bytes",
                remedy="stop the run, and start it again",
            )
        needed = pixel_format.sent_bytes(image.width_px, image.height_px, image.padding_bytes)
        if needed > len(image.data):
            raise CameraError(
                device=self.label,
                seen=(
                    f"{what} in a buffer of {len(image.data)} bytes; its region changed while it streamed, or its "
                    "producer reports another size or padding than that of the image"
                ),
                expected=f"at least {needed} bytes",
            )
        return pixel_format

    def _fail(self, error: RigError) -> None:
        """Give this camera up; the others go on."""
        self._go(StreamAct.FAIL)
        self._outbox.put(CameraLostNote(self._index, error).encode())
        with suppress(CameraError), self._awaited():  # it is lost already, and reported
            self.camera.stop()
