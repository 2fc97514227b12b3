"""Channels of a recording: what each holds, and the description of its messages that stands in the file.

In: the cameras' names, a new file. Out: the number of each channel by its topic. Images, calibrations, poses and log
are Foxglove's messages in protobuf, which viewers show; the rest is JSON with a schema of its own. Not here: the
messages (see frame_set_messages.py and rig_messages.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from foxglove_schemas_protobuf import (
    CameraCalibration_pb2,
    CompressedImage_pb2,
    FrameTransforms_pb2,
    Log_pb2,
    RawImage_pb2,
)
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from rigdriver.recording.mcap.writer import McapWriter

IMAGE_SCHEMA: Final = 1
"""Number of the schema of images; a chunk that begins with it holds a frame set."""
FRAME_SETS: Final = "/rig/frame_sets"
IMAGES: Final = "/cameras/{}/image"
CALIBRATIONS: Final = "/cameras/{}/calibration"
CONFIGURATION: Final = "/rig/configuration"
SCHEDULE: Final = "/rig/schedule"
CLOCKS: Final = "/rig/clocks"
TRANSFORMS: Final = "/tf"
LOG: Final = "/rig/log"
_FRAME_SET: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "title": "rigdriver.FrameSet",
        "description": "What is known of the frames of one pulse; the images are messages of the same chunk.",
        "type": "object",
        "required": ["index", "name", "t_host_ns", "t_utc_ns", "gaps", "proof", "arrivals", "images"],
        "properties": {
            "index": {"type": "integer", "description": "Running number in the recording, from 0."},
            "name": {"type": "string"},
            "t_host_ns": {
                "type": "integer",
                "description": "Start of the pulse on that computer's clock, ns.",
            },
            "t_utc_ns": {"type": "integer", "description": "The same in UTC, ns since 1970."},
            "gaps": {"type": "object", "description": "Camera -> reason why it has no frame here."},
            "proof": {"type": "object", "description": "What box and cameras say of the moment; ticks of the box."},
            "arrivals": {
                "type": "object",
                "description": "Camera -> frame id, its time stamp, host time of arrival.",
            },
            "images": {
                "type": "object",
                "description": "Camera -> PFNC pixel format, height, width, channels, chunk data, coding (raw, jxl).",
            },
        },
    }
)
_CONFIGURATION: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "title": "rigdriver.Configuration",
        "description": "The rig file and the calibration file, as they were when the recording began.",
        "type": "object",
        "properties": {
            "rig": {"type": "object", "description": "Tables and keys of the rig file."},
            "calibration": {"type": ["object", "null"], "description": "Content of the calibration file; lengths mm."},
        },
    }
)
_SCHEDULE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "title": "rigdriver.Schedule",
        "description": "What the trigger box does in each pulse of one run; ticks after the start of the pulse.",
        "type": "object",
        "properties": {
            "generation": {"type": "integer", "description": "Number of the run, which its proofs bear, too."},
            "tick_rate_hz": {"type": "integer"},
            "rate_hz": {"type": "number"},
            "pulse_count": {"type": "integer", "description": "0: until somebody stops it."},
            "exposures": {"type": "object", "description": "Camera -> output, input, delay, latency, exposure."},
            "flashes": {"type": "array", "description": "Lamp, output, delay, width, cameras that see it."},
        },
    }
)
_CLOCKS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "title": "rigdriver.Clocks",
        "description": "Lines between clocks as fitted at this time: target = y0 + (source - x0) * rate.",
        "type": "object",
        "properties": {
            "cameras": {"type": "object", "description": "Camera -> line from its nanoseconds to ticks of the box."},
            "host": {"type": ["object", "null"], "description": "Line from ticks of the box to this computer's ns."},
        },
    }
)


@dataclass(frozen=True, slots=True)
class Channels:
    """Channels of a recording by their topics."""

    numbers: Mapping[str, int]

    @classmethod
    def added_to(cls, writer: McapWriter, cameras: Sequence[str], *, is_compact: bool = False) -> Channels:
        """Add schemas and channels to a new file; `is_compact`: its images are compressed."""
        kind = CompressedImage_pb2.DESCRIPTOR if is_compact else RawImage_pb2.DESCRIPTOR
        name = "foxglove.CompressedImage" if is_compact else "foxglove.RawImage"
        image = writer.add_schema(name, "protobuf", _descriptors(kind))
        assert image == IMAGE_SCHEMA, "a new file has no schema before"
        lens = CameraCalibration_pb2.DESCRIPTOR
        calibration = writer.add_schema("foxglove.CameraCalibration", "protobuf", _descriptors(lens))
        protobuf = {
            **{IMAGES.format(name): image for name in cameras},
            **{CALIBRATIONS.format(name): calibration for name in cameras},
            TRANSFORMS: writer.add_schema(
                "foxglove.FrameTransforms", "protobuf", _descriptors(FrameTransforms_pb2.DESCRIPTOR)
            ),
            LOG: writer.add_schema("foxglove.Log", "protobuf", _descriptors(Log_pb2.DESCRIPTOR)),
        }
        tables = {FRAME_SETS: _FRAME_SET, CONFIGURATION: _CONFIGURATION, SCHEDULE: _SCHEDULE, CLOCKS: _CLOCKS}
        numbers = {topic: writer.add_channel(schema, topic, "protobuf") for topic, schema in protobuf.items()}
        for topic, table in tables.items():
            schema = writer.add_schema(table["title"], "jsonschema", json.dumps(dict(table)).encode())
            numbers[topic] = writer.add_channel(schema, topic, "json")
        return cls(MappingProxyType(numbers))


def _descriptors(root: FileDescriptor) -> bytes:
    """Return the description of a message and all that it uses, as the schema of a protobuf channel."""
    found: dict[str, FileDescriptor] = {}

    def visit(file: FileDescriptor) -> None:
        if file.name not in found:
            for used in file.dependencies:
                visit(used)
            found[file.name] = file

    visit(root)
    files = FileDescriptorSet()
    for file in found.values():
        file.CopyToProto(files.file.add())
    return files.SerializeToString()
