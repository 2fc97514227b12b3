"""How a frame gets into a slot: the camera writes it there, or it is copied out of a buffer.

In: images as the camera fetched them, slots. Out: the slot that holds the pixels, handed over. `AnnouncedSlots` are the
producer's buffers themselves, so nothing is copied; a slot is queued only while the reader does not hold it.
`CopiedSlots` serve formats that must be unpacked and producers that take no memory of ours. Not here: GenTL (see
binding.py), messages (see devices/camera_link/messages.py), and when frames are fetched (see loop.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rigdriver.devices.camera_link.slots import SlotWriter
from rigdriver.devices.camera_process.images import Image
from rigdriver.errors import CameraError
from rigdriver.images.pixel_formats import PixelFormat, copy_pixels


class Buffers(Protocol):
    """What is done with a camera's buffers. Each call raises CameraError when the camera fails."""

    def give_back(self) -> None:
        """Queue the fetched buffer."""

    def keep(self) -> None:
        """Leave the fetched buffer unqueued until `queue` is called for its place."""

    def queue(self, place: int) -> None:
        """Queue a place that was announced, and is not queued."""


class SlotFilling(Protocol):
    """One of the two ways."""

    @property
    def is_short(self) -> bool:
        """The reader holds so many slots that frames may find none; as of the last `make_room`."""

    def make_room(self) -> bool:
        """Use what the reader has given back; return whether a frame may be fetched."""

    def accept(self, image: Image, pixel_format: PixelFormat) -> int:
        """Bring a fetched image into a slot, hand that over and return it; its size was checked."""


class CopiedSlots:
    """Pixels are copied, and unpacked, from the buffer into a free slot."""

    def __init__(self, camera: Buffers, slots: SlotWriter) -> None:
        self._camera = camera
        self._slots = slots
        self.is_short = False

    def make_room(self) -> bool:
        """Frames wait in the producer's buffers while no slot is free: nothing is dropped before those are full too."""
        self.is_short = self._slots.take() is None
        return not self.is_short

    def accept(self, image: Image, pixel_format: PixelFormat) -> int:
        """Copy, and queue the buffer again at once."""
        slot = self._slots.take()
        assert slot is not None
        _copy(image, pixel_format, self._slots, slot)
        self._camera.give_back()
        self._slots.hand_over(slot)
        return slot


class AnnouncedSlots:
    """The slots are the buffers: so many as the producer needs are queued, of those that the reader does not hold."""

    def __init__(self, label: str, camera: Buffers, slots: SlotWriter, queued: Sequence[int], depth: int) -> None:
        """Take `queued`, the slots that are queued already; `depth`: how many are to be."""
        self._label = label
        self._camera = camera
        self._slots = slots
        self._queued = set(queued)
        self._depth = depth
        self.is_short = False

    def make_room(self) -> bool:
        """Queue what the reader has given back, the lowest first so that warm memory is used again."""
        if len(self._queued) < self._depth:
            for slot in self._slots.free():
                if slot not in self._queued:
                    self._camera.queue(slot)
                    self._queued.add(slot)
                    if len(self._queued) == self._depth:
                        break
        self.is_short = len(self._queued) < self._depth
        return True

    def accept(self, image: Image, pixel_format: PixelFormat) -> int:
        """Leave the pixels where they are; only when they do not begin the slot, or have gaps, they move up."""
        slot = image.place
        if slot is None or slot not in self._queued:
            raise CameraError(
                device=self._label, seen=f"delivers buffer {slot}, which was not queued; its producer is at fault"
            )
        if image.offset_bytes or image.padding_bytes or pixel_format.is_packed:
            _copy(image, pixel_format, self._slots, slot)
        self._camera.keep()
        self._slots.hand_over(slot)
        self._queued.remove(slot)
        return slot


def _copy(image: Image, pixel_format: PixelFormat, slots: SlotWriter, slot: int) -> None:
    """Copy an image to the start of a slot, which may be the one that it lies in."""
    out = slots.memory(slot)[: pixel_format.image_bytes(image.width_px, image.height_px)]
    # Unpacked pixels overtake the packed ones; numpy takes care of the other overlaps.
    data = image.data.copy() if image.place == slot and pixel_format.is_packed else image.data
    copy_pixels(data, pixel_format, image.width_px, image.height_px, image.padding_bytes, out)
