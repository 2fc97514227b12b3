"""The GenICam descriptions of a simulated rig: one per camera, and those of the four local modules.

In: a `CameraSpec`. Out: XML texts and the size of the largest frame, as the feed wants them. The local modules'
registers are GenTL info commands at fixed addresses (see `gentl_producer/src/port.c`).
Not here: what features do (see control.py and model.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver_sim.camera.chunks import CHUNK_IDS, MOST_BYTES
from rigdriver_sim.camera.feature_table import CHUNKS, feature_table
from rigdriver_sim.camera.makes import NS_PER_S
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.camera.xml import XmlWriter, write_features
from rigdriver_sim.feed.feed import CameraArea

EVENT_OVERTRIGGER = 0x9001
CAMERA_GUID = "7d6f3c52-7a35-4f0e-9a3b-2f8a4a1f7a10"
MODULE_GUIDS = tuple(f"7d6f3c52-7a35-4f0e-9a3b-2f8a4a1f7a2{n}" for n in range(4))

INFO, CHILD, STRIDE = 0x10000, 0x40000, 0x1000
SELECTOR, SELECTOR_MAX, UPDATE = 0x80000, 0x80008, 0x80010
TEXT_SIZE = 256


def camera_area(spec: CameraSpec) -> CameraArea:
    """Return what the feed needs to offer this camera."""
    formats = [PIXEL_FORMATS[name] for name in spec.pixel_formats]
    # At full size and with chunks, whatever is set now: the ring is laid out once, before any consumer comes.
    largest = max(known.padded_bytes(spec.width, spec.height, spec.make.row_align) for known in formats)
    tick_hz = spec.make.tick_hz if spec.make.has_tick_hz else 0
    return CameraArea(camera_xml(spec), largest + MOST_BYTES, tick_hz)


def camera_xml(spec: CameraSpec) -> bytes:
    """Return the description of a remote device."""
    xml = XmlWriter(spec.model, CAMERA_GUID)
    write_features(xml, feature_table(spec))
    if "ChunkModeActive" not in spec.make.lacks:
        for name in CHUNKS:
            _write_chunk(xml, name, spec)
    _write_event(xml)
    xml.port("Device")
    return xml.text()


def _write_chunk(xml: XmlWriter, name: str, spec: CameraSpec) -> None:
    is_real = name == "ExposureTime"
    xml.list_in("ChunkDataControl", f"Chunk{name}")
    unit = {"ExposureTime": "us", "Timestamp": "ns" if spec.make.tick_hz == NS_PER_S else ""}.get(name, "")
    register = f"Chunk{name}_Reg"
    children = [("ImposedAccessMode", "RO"), ("pValue", register), ("Unit", unit)]
    xml.node("Float" if is_real else "Integer", f"Chunk{name}", children)
    xml.register(register, 0, tag="FloatReg" if is_real else "IntReg", port=f"Chunk{name}Port")
    # GenApi wants ChunkID and EventID as hexadecimal digits without a prefix.
    xml.port(f"Chunk{name}Port", [("ChunkID", f"{CHUNK_IDS[name]:x}")])


def _write_event(xml: XmlWriter) -> None:
    for number, (suffix, unit) in enumerate((("Timestamp", "ns"), ("FrameID", ""))):
        name = f"EventFrameStartOvertrigger{suffix}"
        xml.list_in("EventControl", name)
        xml.node("Integer", name, [("ImposedAccessMode", "RO"), ("pValue", f"{name}_Reg"), ("Unit", unit)])
        xml.register(f"{name}_Reg", 8 * number, port="EventPort")
    xml.port("EventPort", [("EventID", f"{EVENT_OVERTRIGGER:x}")])


@dataclass(frozen=True, slots=True)
class _Info:
    """A feature of a local module: a GenTL info command."""

    name: str
    command: int
    kind: str = "text"
    """`text`, `u32`, `u64`, `flag` or `status`."""
    base: int = INFO


# The places in this list are the numbers of GenTL's DEVICE_ACCESS_STATUS.
_STATUS = ("Unknown", "ReadWrite", "ReadOnly", "NoAccess", "Busy", "OpenReadWrite", "OpenReadOnly")
# The numbers are the commands of TLGetInfo, IFGetInfo, DevGetInfo and DSGetInfo (GenTL 1.5, *_INFO_CMD), which the
# producer answers on these ports.
_MODULES: tuple[tuple[str, str, tuple[_Info, ...]], ...] = (
    (
        *("TLPort", "SystemInformation"),
        (
            *(_Info("TLID", 0), _Info("TLVendorName", 1), _Info("TLModelName", 2), _Info("TLVersion", 3)),
            *(_Info("TLType", 4), _Info("TLFileName", 5), _Info("TLPath", 6), _Info("TLDisplayName", 7)),
            *(_Info("GenTLVersionMajor", 9, "u32"), _Info("GenTLVersionMinor", 10, "u32")),
            *(_Info("InterfaceID", 0, base=CHILD), _Info("InterfaceDisplayName", 1, base=CHILD)),
            _Info("InterfaceType", 2, base=CHILD),
        ),
    ),
    (
        *("InterfacePort", "InterfaceInformation"),
        (
            *(_Info("InterfaceID", 0), _Info("InterfaceDisplayName", 1), _Info("InterfaceType", 2)),
            *(_Info("DeviceID", 0, base=CHILD), _Info("DeviceVendorName", 1, base=CHILD)),
            *(_Info("DeviceModelName", 2, base=CHILD), _Info("DeviceType", 3, base=CHILD)),
            *(_Info("DeviceDisplayName", 4, base=CHILD), _Info("DeviceAccessStatus", 5, "status", CHILD)),
            *(_Info("DeviceUserID", 6, base=CHILD), _Info("DeviceSerialNumber", 7, base=CHILD)),
        ),
    ),
    (
        *("DevicePort", "DeviceInformation"),
        (
            *(_Info("DeviceID", 0), _Info("DeviceVendorName", 1), _Info("DeviceModelName", 2), _Info("DeviceType", 3)),
            *(_Info("DeviceDisplayName", 4), _Info("DeviceAccessStatus", 5, "status"), _Info("DeviceUserID", 6)),
            *(_Info("DeviceSerialNumber", 7), _Info("StreamID", 0, base=CHILD), _Info("StreamType", 10, base=CHILD)),
        ),
    ),
    (
        *("StreamPort", "StreamInformation"),
        (
            *(_Info("StreamID", 0), _Info("StreamType", 10), _Info("StreamDeliveredFrameCount", 1, "u64")),
            *(_Info("StreamLostFrameCount", 2, "u64"), _Info("StreamAnnouncedBufferCount", 3, "u64")),
            *(_Info("StreamInputBufferCount", 4, "u64"), _Info("StreamOutputBufferCount", 5, "u64")),
            *(_Info("StreamStartedFrameCount", 6, "u64"), _Info("PayloadSize", 7, "u64")),
            *(_Info("StreamIsGrabbing", 8, "flag"), _Info("StreamChunkCountMaximum", 11, "u64")),
            *(_Info("StreamAnnounceBufferMinimum", 12, "u64"), _Info("StreamBufferAlignment", 13, "u64")),
            # No command of GenTL counts it: a number of the producer's own, a name that makers of cameras use.
            _Info("StreamPacketResendRequestCount", 47, "u64"),
        ),
    ),
)
_CHILD_SELECTORS = {"TLPort": "InterfaceSelector", "InterfacePort": "DeviceSelector", "DevicePort": "StreamSelector"}
_UPDATES = {"TLPort": "InterfaceUpdateList", "InterfacePort": "DeviceUpdateList"}


def module_xml() -> tuple[bytes, ...]:
    """Return the descriptions of System, Interface, Device and DataStream."""
    texts = []
    for guid, (port, category, infos) in zip(MODULE_GUIDS, _MODULES, strict=True):
        xml = XmlWriter(port.removesuffix("Port"), guid)
        children = [info.name for info in infos if info.base == CHILD]
        if selector := _CHILD_SELECTORS.get(port):
            _write_selector(xml, port, selector, children)
        if update := _UPDATES.get(port):
            xml.list_in(category, update)
            xml.node("Command", update, [("pValue", f"{update}_Reg"), ("CommandValue", 1)])
            xml.register(f"{update}_Reg", UPDATE, port=port, size=4, access="WO")
        if port == "StreamPort":
            _write_buffer_mode(xml, category)
        for info in infos:
            _write_info(xml, port, category, info)
        xml.port(port)
        texts.append(xml.text())
    return tuple(texts)


def _write_selector(xml: XmlWriter, port: str, name: str, selected: list[str]) -> None:
    xml.list_in("Selectors", name)
    children: list[tuple[str, object]] = [("pValue", f"{name}_Reg"), ("Min", 0), ("pMax", f"{name}_Max")]
    xml.node("Integer", name, [*children, *(("pSelected", other) for other in selected)])
    xml.register(f"{name}_Reg", SELECTOR, port=port, size=4, access="RW", is_signed=False)
    xml.register(f"{name}_Max", SELECTOR_MAX, port=port, size=4, is_signed=False)


def _write_buffer_mode(xml: XmlWriter, category: str) -> None:
    xml.list_in(category, "StreamBufferHandlingMode")
    xml.lines += [
        '<Enumeration Name="StreamBufferHandlingMode" NameSpace="Standard"><ImposedAccessMode>RO</ImposedAccessMode>',
        '<EnumEntry Name="Default" NameSpace="Standard"><Value>0</Value></EnumEntry><Value>0</Value></Enumeration>',
    ]


def _write_info(xml: XmlWriter, port: str, category: str, info: _Info) -> None:
    name, register = info.name, f"{info.name}_Reg"
    address = info.base + info.command * STRIDE
    xml.list_in(category, name)
    head: list[tuple[str, object]] = [("ImposedAccessMode", "RO")]
    invalidated_by = [_CHILD_SELECTORS[port]] if info.base == CHILD else []
    if info.kind == "text":
        xml.node("String", name, [*head, ("pValue", register)])
        xml.register(register, address, tag="StringReg", port=port, size=TEXT_SIZE, invalidated_by=invalidated_by)
        return
    if info.kind == "status":
        xml.lines.append(f'<Enumeration Name="{name}" NameSpace="Standard"><ImposedAccessMode>RO</ImposedAccessMode>')
        xml.lines += [
            f'<EnumEntry Name="{symbol}" NameSpace="Standard"><Value>{number}</Value></EnumEntry>'
            for number, symbol in enumerate(_STATUS)
        ]
        xml.lines.append(f"<pValue>{register}</pValue></Enumeration>")
    elif info.kind == "flag":
        xml.node("Boolean", name, [*head, ("pValue", register), ("OnValue", 1), ("OffValue", 0)])
    else:
        xml.node("Integer", name, [*head, ("pValue", register)])
    size = 8 if info.kind == "u64" else 4
    xml.register(register, address, port=port, size=size, invalidated_by=invalidated_by, is_signed=False)
