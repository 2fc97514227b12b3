"""A frame set as messages of a recording: one image per camera, and what is known of all of them.

In: a frame set; or messages of unknown origin. Out: messages whose images are the camera's own memory, not copied; or
the frame set as it was, bit for bit. Images are `foxglove.RawImage` in protobuf, which viewers show; what such an image
cannot say (PFNC format, chunk data, proof, gaps, times) stands in one JSON message of the schema `rigdriver.FrameSet`.
Not here: schemas (see channels.py), files (see mcap), threads and the disk (see recorder.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from foxglove_schemas_protobuf import CompressedImage_pb2, RawImage_pb2
from google.protobuf.message import DecodeError

from rigdriver.frames import Frame, FrameSet
from rigdriver.images.lossless import decode_lossless
from rigdriver.images.pixel_formats import BY_NAME, PixelFormat
from rigdriver.json_values import JsonObject
from rigdriver.recording.channels import FRAME_SETS, IMAGES, Channels
from rigdriver.recording.frame_source import Indexed
from rigdriver.recording.mcap.reader import StoredMessage
from rigdriver.recording.mcap.writer import McapMessage
from rigdriver.recording.proof_files import StoredProof, proof_table, stored_proof
from rigdriver.recording.proof_tables import recorded_table

_DATA_FIELD: Final = 6
"""Number of the field `data` of foxglove.RawImage."""
_CODED_FIELD: Final = 2
"""Number of the field `data` of foxglove.CompressedImage."""
RAW: Final = "raw"
JXL: Final = "jxl"
"""How an image is stored: as its pixels, or as JPEG XL without loss."""


def messages_of(taken: Indexed, channels: Channels, coded: Mapping[str, bytes] | None = None) -> list[McapMessage]:
    """Return the messages of a frame set, without a copy of its images; `coded`: these compressed, by camera."""
    frame_set, index = taken.frame_set, taken.index
    time_ns = frame_set.t_utc_ns
    coding = RAW if coded is None else JXL
    table = {
        **proof_table(frame_set, index),
        "name": taken.name,
        "t_host_ns": frame_set.t_host_ns,
        "images": {frame.camera: _image_facts(frame, coding) for frame in frame_set},
    }
    known = json.dumps(table, allow_nan=False, separators=(",", ":")).encode()
    images = [
        McapMessage(
            channels.numbers[IMAGES.format(frame.camera)],
            index,
            time_ns,
            (_image_head(frame, time_ns), _rows(frame))
            if coded is None
            else (_coded_head(frame, time_ns, len(coded[frame.camera])), coded[frame.camera]),
        )
        for frame in frame_set
    ]
    return [McapMessage(channels.numbers[FRAME_SETS], index, time_ns, (known,)), *images]


def coded_images_of(messages: Sequence[StoredMessage]) -> dict[str, bytes]:
    """Return the compressed images of a chunk by the topic of each.

    Raises:
        ValueError: one is no such image.
    """
    return {m.topic: _coded(m.topic, m.data) for m in messages if m.topic != FRAME_SETS}


def frame_set_of(messages: Sequence[StoredMessage]) -> Indexed | None:
    """Return the frame set of a chunk; None where it holds none.

    Raises:
        ValueError: the messages are no frame set; the text says why.
    """
    known = [message for message in messages if message.topic == FRAME_SETS]
    if not known:
        return None
    if len(known) > 1:
        raise ValueError("two frame sets in one chunk")
    table = recorded_table(bytes(known[0].data))
    try:
        stored = stored_proof(table)
    except (KeyError, TypeError) as exc:
        raise ValueError(f"no proof of a frame set: {exc}") from exc
    by_topic = {message.topic: message for message in messages}
    frames = {}
    for camera, facts in table["images"].items():
        if (message := by_topic.get(IMAGES.format(camera))) is None:
            raise ValueError(f"the image of {camera} is missing")
        frames[camera] = _frame(camera, facts, message.data, stored)
    if lost := [camera for camera in frames if camera in stored.gaps]:
        raise ValueError(f"{lost[0]} has both a frame and a gap")
    frame_set = FrameSet(
        stored.proof.pulse_index,
        table["t_host_ns"],
        stored.t_utc_ns,
        MappingProxyType(frames),
        stored.gaps,
        stored.proof,
    )
    return Indexed(table["index"], table["name"], frame_set)


def _image_facts(frame: Frame, coding: str) -> JsonObject:
    return {
        "coding": coding,
        "pixel_format": frame.pixel_format,
        "shape": list(frame.pixels.shape),
        "chunks": dict(frame.chunks),
    }


def _rows(frame: Frame) -> memoryview:
    # A driver's frame is contiguous; an application may hand over a part of one.
    pixels: npt.NDArray[Any] = np.ascontiguousarray(frame.pixels)
    return pixels.data.cast("B")


def _image_head(frame: Frame, time_ns: int) -> bytes:
    """Return the image as protobuf up to its pixels, which come last."""
    image = RawImage_pb2.RawImage(
        width=frame.pixels.shape[1],
        height=frame.pixels.shape[0],
        encoding=_encoding(frame),
        step=frame.pixels.nbytes // frame.pixels.shape[0],
        frame_id=frame.camera,
    )
    image.timestamp.FromNanoseconds(time_ns)
    return image.SerializeToString() + _data_head(_DATA_FIELD, frame.pixels.nbytes)


def _coded_head(frame: Frame, time_ns: int, length: int) -> bytes:
    """Return a compressed image as protobuf up to its bytes, which come last."""
    image = CompressedImage_pb2.CompressedImage(format=JXL, frame_id=frame.camera)
    image.timestamp.FromNanoseconds(time_ns)
    return image.SerializeToString() + _data_head(_CODED_FIELD, length)


def _data_head(field: int, length: int) -> bytes:
    # Wire type 2: a length and bytes. Fields of protobuf may come in any order.
    return _varint(field << 3 | 2) + _varint(length)


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _encoding(frame: Frame) -> str:
    """Return the name that Foxglove gives such pixels; deep Bayer mosaics have none and are named by their type."""
    known = BY_NAME.get(frame.pixel_format)
    bits = 8 * frame.pixels.dtype.itemsize
    channels = frame.pixels.shape[2] if frame.pixels.ndim == 3 else 1
    if known is not None and bits == 8 and known.bayer_order:
        order = known.bayer_order.lower()
        return f"bayer_{ {'rg': 'rggb', 'gr': 'grbg', 'gb': 'gbrg', 'bg': 'bggr'}[order] }8"
    if known is not None and bits == 8 and known.name in {"RGB8", "BGR8"}:
        return known.name.lower()
    if channels == 1 and not (known and known.bayer_order):
        return f"mono{bits}"
    return f"{bits}UC{channels}"


def _frame(camera: str, facts: Mapping[str, Any], data: memoryview, stored: StoredProof) -> Frame:
    known: PixelFormat | None = BY_NAME.get(facts["pixel_format"])
    if known is None:
        raise ValueError(f"the image of {camera} has the unknown pixel format {facts['pixel_format']!r}")
    arrival = stored.arrivals.get(camera)
    if arrival is None:
        raise ValueError(f"nothing says when the image of {camera} arrived")
    shape, dtype = tuple(facts["shape"]), np.dtype(known.dtype)
    if facts["coding"] == JXL:
        pixels = decode_lossless(_coded(camera, data), shape, dtype)
        pixels.flags.writeable = False
    else:
        pixels = _raw_pixels(camera, data, shape, dtype)
    return Frame(
        camera,
        arrival.frame_id,
        arrival.t_camera_ns,
        arrival.t_host_ns,
        facts["pixel_format"],
        pixels,
        MappingProxyType(dict(facts["chunks"])),
    )


def _raw_pixels(camera: str, data: memoryview, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    try:
        image = RawImage_pb2.RawImage.FromString(bytes(data))
    except (DecodeError, TypeError) as exc:
        raise ValueError(f"the image of {camera} is no foxglove.RawImage") from exc
    raw = np.frombuffer(image.data, dtype)
    if raw.size != int(np.prod(shape)) or len(shape) not in {2, 3} or (image.height, image.width) != shape[:2]:
        raise ValueError(f"the image of {camera} has another size than is said of it")
    return raw.reshape(shape)


def _coded(camera: str, data: memoryview) -> bytes:
    try:
        image = CompressedImage_pb2.CompressedImage.FromString(bytes(data))
    except (DecodeError, TypeError) as exc:
        raise ValueError(f"the image of {camera} is no foxglove.CompressedImage") from exc
    if image.format != JXL:
        raise ValueError(f"the image of {camera} is of the format {image.format!r}; expected {JXL}")
    return image.data
