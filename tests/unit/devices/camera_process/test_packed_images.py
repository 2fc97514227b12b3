"""Images of every pixel format, size and padding through a camera's stream: buffer, slot, unpacked pixels, file.

In: numbers packed here bit by bit, in a buffer of exactly the bytes that PFNC and GigE Vision give them. Out: the same
numbers where the application finds them, and in the file that a capture writes. Nothing is given up for its length.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rigdriver.devices.camera_link.messages import Kind
from rigdriver.devices.camera_link.slots import SlotReader
from rigdriver.devices.camera_process.images import Image
from rigdriver.devices.camera_process.stream import Stream
from rigdriver.images.folder import read_image
from rigdriver.images.pixel_formats import BY_NAME, PixelFormat
from rigdriver.images.png import encode_png
from tests.unit.devices.camera_process.test_stream import Outbox, ScriptedCamera

NAMES = sorted(BY_NAME)
Samples = npt.NDArray[np.uint16]


def bits_of(name: str, samples: list[int]) -> list[int]:
    """All bits of consecutive samples as they lie on the link, lowest bit of the first byte first."""
    bits = int("".join(filter(str.isdigit, name)))
    if not name.endswith("Packed"):
        width = bits if name.endswith("p") else -(-bits // 8) * 8
        return [sample >> k & 1 for sample in samples for k in range(width)]
    low, out = bits - 8, []
    for first, *rest in (samples[n : n + 2] for n in range(0, len(samples), 2)):
        out += [first >> low + k & 1 for k in range(8)]
        out += [first >> k & 1 if k < low else 0 for k in range(4)]
        out += [value >> k & 1 if k < low else 0 for value in rest for k in range(4)]
        out += [value >> low + k & 1 for value in rest for k in range(8)]
    return out


def bytes_of(name: str, samples: list[int]) -> bytes:
    return np.packbits(np.array(bits_of(name, samples), np.uint8), bitorder="little").tobytes()


def sent(name: str, samples: Samples, padding: int) -> bytes:
    """An image as a camera sends it: one stream without padding, else rows with rubbish between them."""
    if not padding:
        return bytes_of(name, samples.ravel().tolist())
    return (b"\xee" * padding).join(bytes_of(name, row.ravel().tolist()) for row in samples)


class OneImage(ScriptedCamera):
    """Delivers one image in a buffer of that many bytes."""

    def __init__(self, pixel_format: PixelFormat, size: tuple[int, int], padding: int, data: bytes) -> None:
        found = Image(7, 1000, *size, padding, pixel_format.code, np.frombuffer(data, np.uint8), {})
        super().__init__([found])
        self.code, self.size, self.length = pixel_format.code, size, len(data)

    def read_format(self) -> int:
        return self.code

    def read_size(self) -> tuple[int, int]:
        return self.size

    def payload_bytes(self) -> int:
        return self.length


def delivered(name: str, size: tuple[int, int], padding: int, data: bytes) -> tuple[Outbox, npt.NDArray[Any] | None]:
    """Let a stream take the image; return its messages and a copy of what lies in the slot."""
    pixel_format, outbox = BY_NAME[name], Outbox()
    stream = Stream(0, "camera left_upper (SN 23A7)", OneImage(pixel_format, size, padding, data), outbox, 0)
    slots = stream.prepare(2)
    assert slots is not None
    reader = SlotReader(slots.fd, slots.slot_bytes, slots.slots, 2)
    try:
        stream.start()
        stream.poll(10**12)
        notes = outbox.of(Kind.FRAME)
        if not notes:
            return outbox, None
        return outbox, reader.pixels(notes[0].slot, pixel_format.shape(*size), pixel_format.dtype).copy()
    finally:
        stream.close()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(width=1282, height=3, padding=0, seed=0)
@example(width=641, height=3, padding=0, seed=0)
@example(width=1, height=1, padding=5, seed=0)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 9),
    padding=st.sampled_from((0, 0, 1, 2, 3, 7)),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_image_arrives_and_is_stored_with_the_numbers_that_were_sent(
    name: str, tmp_path: Path, width: int, height: int, padding: int, seed: int
) -> None:
    pixel_format = BY_NAME[name]
    shape = pixel_format.shape(width, height)
    samples = np.random.default_rng(seed).integers(0, pixel_format.full_scale + 1, shape).astype(np.uint16)
    data = sent(name, samples, padding)
    assert pixel_format.sent_bytes(width, height, padding) == len(data)
    outbox, pixels = delivered(name, (width, height), padding, data)
    assert outbox.of(Kind.CAMERA_LOST) == []
    assert pixels is not None
    assert np.array_equal(pixels, samples)
    if pixel_format.channels in (1, 3):
        path = tmp_path / "image.png"
        path.write_bytes(encode_png(pixels))
        assert np.array_equal(read_image(path), samples)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("padding", [0, 3])
def test_an_image_that_lacks_its_last_byte_is_given_up_with_both_lengths(name: str, padding: int) -> None:
    shape = BY_NAME[name].shape(7, 3)
    data = sent(name, np.ones(shape, np.uint16), padding)
    outbox, pixels = delivered(name, (7, 3), padding, data[:-1])
    assert pixels is None
    (lost,) = outbox.of(Kind.CAMERA_LOST)
    assert f"in a buffer of {len(data) - 1} bytes" in lost["error"]["seen"]
    assert lost["error"]["expected"] == f"at least {len(data)} bytes"
