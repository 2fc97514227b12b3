"""One camera in the host process: take its buffers, fill slots, tell what happened.

In: a camera that can be polled, slots to fill. Out: messages in an outbox. Pixels are copied once, from the buffer into
the slot, and the buffer is queued again at once. This file refuses to know GenTL, commands and the application.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from rigdriver.devices.genicam_host.images import Image, Incomplete
from rigdriver.devices.genicam_host.messages import FrameNote, Kind, encode, error_to_json
from rigdriver.devices.pixel_formats import BY_CODE, PixelFormat, copy_pixels
from rigdriver.devices.slots import SlotWriter
from rigdriver.errors import CameraError, RigError
from rigdriver.frames import GapReason

_BURST = 4
"""Buffers taken from one camera before the next one has its turn."""
_CHECK_PERIOD_NS = 250_000_000
_LOSS_PERIOD_NS = 10_000_000


class Outbox(Protocol):
    """Takes messages for the parent and never blocks."""

    @property
    def is_full(self) -> bool:
        """Hold back what can be held back."""

    def put(self, message: bytes) -> None:
        """Queue a message."""


class StreamingCamera(Protocol):
    """The part of the binding's Camera that a stream uses. Each call raises CameraError when the camera fails."""

    def read_format(self) -> int:
        """Return the PFNC code of the pixel format."""

    def read_size(self) -> tuple[int, int]:
        """Return width and height of the region in pixels."""

    def payload_bytes(self) -> int:
        """Return the size of the largest buffer."""

    def start(self) -> None:
        """Start the acquisition."""

    def stop(self) -> None:
        """Stop the acquisition."""

    def close(self) -> None:
        """Close the device."""

    def fetch(self, *, must_look: bool = False) -> Image | Incomplete | None:
        """Return what waits, or None at once."""

    def give_back(self) -> None:
        """Queue the fetched buffer."""

    def check(self) -> None:
        """Make sure that the camera answers."""

    def underrun(self) -> int:
        """Return how many frames the producer dropped."""


class LossLedger:
    """Joins losses of one camera that come faster than they can be told, so that the outbox stays small."""

    def __init__(self, camera: int, outbox: Outbox) -> None:
        self._camera = camera
        self._outbox = outbox
        self._told_ns = 0
        self._waiting: dict[GapReason, tuple[int, int | None, int]] = {}

    def add(self, reason: GapReason, frame_id: int | None, t_host_ns: int) -> None:
        """Count one lost frame."""
        count = self._waiting.get(reason, (0, None, 0))[0]
        self._waiting[reason] = (count + 1, frame_id, t_host_ns)

    def tell(self, now_ns: int) -> None:
        """Send what is due: each loss at once, but no more than one message in 10 ms and reason."""
        if not self._waiting or now_ns - self._told_ns < _LOSS_PERIOD_NS or self._outbox.is_full:
            return
        self._told_ns = now_ns
        for reason, (count, frame_id, t_host_ns) in self._waiting.items():
            body: Mapping[str, object] = {
                "camera": self._camera,
                "reason": reason.name,
                "count": count,
                "frame_id": frame_id,
                "t_host_ns": t_host_ns,
            }
            self._outbox.put(encode(Kind.LOST, body))
        self._waiting.clear()


class Stream:
    """One opened camera and its slots."""

    def __init__(self, index: int, label: str, camera: StreamingCamera, outbox: Outbox) -> None:
        self.label = label
        self.camera = camera
        self.slots: SlotWriter | None = None
        self.is_streaming = False
        self._index = index
        self._outbox = outbox
        self._losses = LossLedger(index, outbox)
        self._checked_ns = 0
        self._underrun = 0
        self._is_short_of_slots = False

    def check_format(self) -> PixelFormat:
        """Return the camera's present pixel format; CameraError when this driver cannot read it."""
        code = self.camera.read_format()
        pixel_format = BY_CODE.get(code)
        if pixel_format is None:
            raise CameraError(
                f"{self.label}: pixel format 0x{code:08X} cannot be read; set PixelFormat to Mono8, Mono10p, Mono12p, "
                "Mono12Packed, Mono16, BayerRG8 or the like"
            )
        return pixel_format

    def prepare(self, slots: int) -> SlotWriter | None:
        """Make sure that the slots fit the camera's present features; return them when they are new."""
        pixel_format = self.check_format()
        width, height = self.camera.read_size()
        # The camera's own payload stands for what the region does not show; untouched memory costs nothing.
        needed = max(pixel_format.image_bytes(width, height), self.camera.payload_bytes())
        if self.slots is not None and self.slots.slot_bytes >= needed and self.slots.slots == slots:
            return None
        if self.slots is not None:
            self.slots.close()
        self.slots = SlotWriter(needed, slots)
        return self.slots

    def start(self) -> None:
        """Start the acquisition."""
        self.camera.start()
        self._checked_ns = time.monotonic_ns()
        self.is_streaming = True

    def stop(self) -> None:
        """Stop the acquisition and tell the last losses."""
        if self.is_streaming:
            self.is_streaming = False
            self.camera.stop()
        self._losses.tell(time.monotonic_ns() + 1_000_000_000)

    def close(self) -> None:
        """Close the camera and its slots."""
        self.is_streaming = False
        if self.slots is not None:
            self.slots.close()
        self.camera.close()

    def underrun(self) -> int:
        """Return how many frames the producer dropped for want of a buffer; those lost to full slots are told."""
        total = self.camera.underrun()
        if self._is_short_of_slots and total > self._underrun:
            for _ in range(total - self._underrun):
                self._losses.add(GapReason.NO_SLOT, None, time.monotonic_ns())
        self._underrun = total
        self._is_short_of_slots = False
        return total

    def poll(self, now_ns: int) -> bool:
        """Take what waits, at most a few buffers; return whether there was any."""
        if not self.is_streaming:
            return False
        try:
            return self._take(now_ns)
        except CameraError as exc:
            self._fail(exc)
            return True

    def _take(self, now_ns: int) -> bool:
        is_due = now_ns - self._checked_ns > _CHECK_PERIOD_NS
        taken = 0
        assert self.slots is not None
        while taken < _BURST:
            if self.slots.take() is None:
                # Frames wait in the producer's buffers while the application is behind: nothing is dropped before
                # those are full too.
                self._is_short_of_slots = True
                break
            found = self.camera.fetch(must_look=is_due and taken == 0)
            if found is None:
                break
            taken += 1
            self._handle(found, time.monotonic_ns())
        if taken:
            self._checked_ns = now_ns
        elif is_due and not self._is_short_of_slots:
            self._checked_ns = now_ns
            self.camera.check()
        self._losses.tell(now_ns)
        return taken > 0

    def _handle(self, found: Image | Incomplete, t_host_ns: int) -> None:
        assert self.slots is not None
        if isinstance(found, Incomplete):
            self.camera.give_back()
            self._losses.add(GapReason.INCOMPLETE, found.frame_id, t_host_ns)
            return
        slot = self.slots.take()
        assert slot is not None
        self._fill(found, slot, self.slots)
        self.camera.give_back()
        self.slots.hand_over(slot)
        note = FrameNote(
            self._index, slot, found.frame_id, found.t_camera_ns, t_host_ns,
            found.width_px, found.height_px, found.pixel_format_code, found.chunks,
        )  # fmt: skip
        self._outbox.put(note.encode())

    def _fill(self, image: Image, slot: int, slots: SlotWriter) -> None:
        pixel_format = BY_CODE.get(image.pixel_format_code)
        if pixel_format is None:
            raise CameraError(
                f"{self.label}: delivers pixel format 0x{image.pixel_format_code:08X}, which cannot be read"
            )
        row = pixel_format.row_bytes(image.width_px)
        needed = (row + image.padding_bytes) * image.height_px - image.padding_bytes
        size = pixel_format.image_bytes(image.width_px, image.height_px)
        if size > slots.slot_bytes or needed > len(image.data):
            raise CameraError(
                f"{self.label}: delivers {image.width_px}x{image.height_px} {pixel_format.name}, expected at most "
                f"{min(slots.slot_bytes, len(image.data))} bytes; its region changed while it streamed"
            )
        out = slots.memory(slot)[:size]
        copy_pixels(image.data, pixel_format, image.width_px, image.height_px, image.padding_bytes, out)

    def _fail(self, error: RigError) -> None:
        """Give this camera up; the others go on."""
        self.is_streaming = False
        self._outbox.put(encode(Kind.CAMERA_LOST, {"camera": self._index, "error": error_to_json(error)}))
        with suppress(CameraError):  # it is lost already, and told
            self.camera.stop()
