"""The records of an MCAP file as bytes: an opcode, a length, and fields in little endian.

In: values. Out: bytes; of records that hold images, the bytes before the image. Numbers and layout are those of the
MCAP specification (https://mcap.dev/spec). Not here: their order in a file (see writer.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from struct import Struct, pack

MAGIC = b"\x89MCAP0\r\n"


class Op(IntEnum):
    """Opcode of a record."""

    HEADER = 0x01
    FOOTER = 0x02
    SCHEMA = 0x03
    CHANNEL = 0x04
    MESSAGE = 0x05
    CHUNK = 0x06
    MESSAGE_INDEX = 0x07
    CHUNK_INDEX = 0x08
    ATTACHMENT = 0x09
    ATTACHMENT_INDEX = 0x0A
    STATISTICS = 0x0B
    METADATA = 0x0C
    METADATA_INDEX = 0x0D
    SUMMARY_OFFSET = 0x0E
    DATA_END = 0x0F


RECORD = Struct("<BQ")
"""Opcode, and length of what follows."""
MESSAGE = Struct("<HIQQ")
"""Channel, sequence, log time and publish time; the data follow."""
CHUNK = Struct("<QQQI")
"""First and last log time, uncompressed size and checksum; compression and records follow."""
CHUNK_INDEX = Struct("<QQQQ")
"""First and last log time, place and length of the chunk."""
FOOTER = Struct("<QQI")
"""Place of the summary and of its offsets, checksum of the summary."""
STATISTICS = Struct("<QHIIIIQQ")
"""Numbers of messages, schemas, channels, attachments, metadata, chunks; first and last log time."""
UNCOMPRESSED = b"\0\0\0\0"
"""Empty text as a compression: none."""


def record(op: Op, content: bytes) -> bytes:
    """Return a whole record."""
    return RECORD.pack(op, len(content)) + content


def text(value: str) -> bytes:
    """Return a text with its length."""
    raw = value.encode("utf-8")
    return pack("<I", len(raw)) + raw


def _map(values: Iterable[bytes]) -> bytes:
    raw = b"".join(values)
    return pack("<I", len(raw)) + raw


def texts(values: Mapping[str, str]) -> bytes:
    """Return a map of texts with its length in bytes."""
    return _map(text(key) + text(value) for key, value in values.items())


def header(profile: str, library: str) -> bytes:
    """Return the first record of a file."""
    return record(Op.HEADER, text(profile) + text(library))


def schema(number: int, name: str, encoding: str, data: bytes) -> bytes:
    """Return what describes the messages of a channel; numbers count from 1."""
    return record(Op.SCHEMA, pack("<H", number) + text(name) + text(encoding) + pack("<I", len(data)) + data)


def channel(number: int, schema_number: int, topic: str, encoding: str, notes: Mapping[str, str]) -> bytes:
    """Return what names a channel."""
    return record(Op.CHANNEL, pack("<HH", number, schema_number) + text(topic) + text(encoding) + texts(notes))


def message_head(channel_number: int, sequence: int, log_time_ns: int, data_bytes: int) -> bytes:
    """Return a message up to its data."""
    fields = MESSAGE.pack(channel_number, sequence, log_time_ns, log_time_ns)
    return RECORD.pack(Op.MESSAGE, len(fields) + data_bytes) + fields


def chunk_head(first_ns: int, last_ns: int, size: int, crc: int) -> bytes:
    """Return an uncompressed chunk up to its records; `size` is theirs in bytes, `crc` their checksum."""
    fields = CHUNK.pack(first_ns, last_ns, size, crc) + UNCOMPRESSED + pack("<Q", size)
    return RECORD.pack(Op.CHUNK, len(fields) + size) + fields


def message_index(channel_number: int, places: Iterable[tuple[int, int]]) -> bytes:
    """Return where the messages of a channel lie in their chunk: pairs of log time and offset."""
    return record(Op.MESSAGE_INDEX, pack("<H", channel_number) + _map(pack("<QQ", *place) for place in places))


def chunk_index(
    first_ns: int, last_ns: int, place: int, length: int, indexes: Mapping[int, int], index_bytes: int, size: int
) -> bytes:
    """Return where a chunk lies; `indexes`: place of the message index by channel, `index_bytes` of all of them."""
    fields = CHUNK_INDEX.pack(first_ns, last_ns, place, length)
    places = _map(pack("<HQ", *entry) for entry in indexes.items())
    return record(Op.CHUNK_INDEX, fields + places + pack("<Q", index_bytes) + UNCOMPRESSED + pack("<QQ", size, size))


def metadata(name: str, values: Mapping[str, str]) -> bytes:
    """Return named texts."""
    return record(Op.METADATA, text(name) + texts(values))


def metadata_index(place: int, length: int, name: str) -> bytes:
    """Return where named texts lie."""
    return record(Op.METADATA_INDEX, pack("<QQ", place, length) + text(name))


def statistics(counts: Mapping[int, int], numbers: tuple[int, int, int, int], first_ns: int, last_ns: int) -> bytes:
    """Return what a file holds; `counts`: messages by channel, `numbers`: schemas, channels, metadata, chunks."""
    schemas, channels, notes, chunks = numbers
    fields = STATISTICS.pack(sum(counts.values()), schemas, channels, 0, notes, chunks, first_ns, last_ns)
    return record(Op.STATISTICS, fields + _map(pack("<HQ", *count) for count in counts.items()))


def summary_offset(op: Op, place: int, length: int) -> bytes:
    """Return where the summary's records of one kind lie."""
    return record(Op.SUMMARY_OFFSET, pack("<BQQ", op, place, length))


def data_end(crc: int) -> bytes:
    """Return the end of the data; `crc`: checksum of all before it."""
    return record(Op.DATA_END, pack("<I", crc))


def footer_head(summary_place: int, offsets_place: int) -> bytes:
    """Return the footer up to its checksum, which covers these bytes, too."""
    fields = pack("<QQ", summary_place, offsets_place)
    return RECORD.pack(Op.FOOTER, FOOTER.size) + fields
