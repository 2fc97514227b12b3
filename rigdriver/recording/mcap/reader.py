"""Reads an MCAP file, whole or cut: where its chunks lie, and their messages, none without a right checksum.

In: a file of unknown origin. Out: its layout, and the messages of one chunk at a time. Every length is checked against
the file before anything is read, so that memory stays bounded by one chunk. Of a file without an end all whole chunks
are found. Only uncompressed chunks are read, which recordings have. Not here: what the messages say (see
recording/recording_file.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct, unpack_from
from types import TracebackType
from typing import Self

from rigdriver.errors import RecordingDamaged, UsageError
from rigdriver.recording.mcap.checksums import crc_of, joined_crc
from rigdriver.recording.mcap.records import CHUNK, FOOTER, MAGIC, MESSAGE, RECORD, Op

MOST_CHUNK_BYTES = 1 << 31
"""Largest chunk that is read: a frame set of twelve cameras of 50 megapixels at 16 bits has 1.2 GB."""
MOST_RECORD_BYTES = 1 << 26
"""Largest other record that is read."""
BLOCK_BYTES = 1 << 20
"""Bytes that are looked at in one go where a file is only checked."""
_TEXT = Struct("<I")
_SCHEMA = Struct("<BQH")
"""Beginning of a record that holds a schema: opcode, length, number."""
_KNOWN = frozenset(int(op) for op in Op)
_END = RECORD.size + FOOTER.size + len(MAGIC)
"""Length of footer and last magic."""


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where a chunk lies."""

    place: int
    """Offset of its record in the file."""
    records_place: int
    """Offset of its first inner record in the file."""
    size: int
    """Length of its inner records in bytes."""
    crc: int
    first_schema: int = 0
    """Number of the schema that its inner records begin with, not checked; 0 where they begin with something else."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredMessage:
    """One message of a file."""

    topic: str
    sequence: int
    log_time_ns: int
    data: memoryview


@dataclass(slots=True)
class Layout:
    """What a file holds, and where."""

    chunks: list[ChunkPlace] = field(default_factory=list)
    notes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Named texts by name; the last one counts."""
    end: int = 0
    """End of the last whole record."""
    data_end: tuple[int, int] | None = None
    """End of the data, and their checksum; None where the file was never finished."""
    is_finished: bool = False
    """Whether the file has its end: footer and last magic."""


class McapReader:
    """An open MCAP file."""

    def __init__(self, path: Path) -> None:
        """Open the file and find its chunks; of a damaged one, those before the damage.

        Raises:
            UsageError: it cannot be read, or is no MCAP file.
        """
        self.path = path
        try:
            self._handle: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.size = os.fstat(self._handle).st_size
            first = self._bytes(0, min(self.size, len(MAGIC)))
        except OSError as exc:
            self.close()
            raise UsageError(
                device=str(path), seen=f"cannot be read: {exc.strerror}", remedy="name a recording that you may read"
            ) from exc
        if first != MAGIC:
            self.close()
            raise UsageError(
                device=str(path), seen="is no MCAP file", expected="one that begins with the MCAP magic",
                remedy="name a file that `rigdriver record` wrote",
            )  # fmt: skip
        self.layout = self._scan()

    def messages(self, chunk: ChunkPlace) -> list[StoredMessage]:
        """Return the messages of a chunk in their order.

        Raises:
            RecordingDamaged: its checksum is wrong, or what it says of itself does not fit.
        """
        raw = memoryview(self._bytes(chunk.records_place, chunk.size))
        if raw.nbytes != chunk.size or crc_of([raw]) != chunk.crc:
            raise self.damaged(chunk.place, "the checksum of a chunk is wrong")
        try:
            return _messages(raw)
        except (ValueError, IndexError, UnicodeDecodeError) as exc:
            raise self.damaged(chunk.place, f"a chunk does not fit what it says of itself ({exc})") from exc

    def check(self, advance: Callable[[int], object] = lambda _done: None) -> Iterator[RecordingDamaged]:
        """Look at every byte, and yield what is wrong; `advance` is told how many bytes were looked at."""
        layout, place, whole = self.layout, 0, 0
        for chunk in layout.chunks:
            found = self._crc(chunk.records_place, chunk.size)
            if found != chunk.crc:
                yield self.damaged(chunk.place, "the checksum of a chunk is wrong")
            # Both checksums come from one look at the images.
            whole = joined_crc(self._crc(place, chunk.records_place - place, whole), found, chunk.size)
            place = chunk.records_place + chunk.size
            advance(place)
        if not layout.is_finished or layout.data_end is None:
            yield self.damaged(layout.end, "what follows is no whole record: the file was cut, or was never finished")
            return
        end, crc = layout.data_end
        if self._crc(place, end - place, whole) != crc:
            yield self.damaged(0, "the checksum of the data is wrong")
        advance(end)
        foot = self.size - _END
        summary, _offsets, crc = FOOTER.unpack(self._bytes(foot + RECORD.size, FOOTER.size))
        covered = self.size - len(MAGIC) - 4 - summary
        if not end < summary <= foot or self._crc(summary, covered) != crc:
            yield self.damaged(foot, "the checksum of the summary is wrong")
        advance(self.size)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        handle, self._handle = getattr(self, "_handle", None), None
        if handle is not None:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _scan(self) -> Layout:
        """Walk from record to record; the first that is not whole ends it."""
        layout = Layout(end=len(MAGIC))
        place = len(MAGIC)
        while place + RECORD.size <= self.size:
            code, length = RECORD.unpack(self._bytes(place, RECORD.size))
            after = place + RECORD.size + length
            if after > self.size or not self._take(layout, code, place + RECORD.size, length):
                break
            layout.end = place = after
            if code == Op.FOOTER:
                layout.is_finished = after + len(MAGIC) == self.size and self._bytes(after, len(MAGIC)) == MAGIC
                layout.end = self.size if layout.is_finished else place
                break
        return layout

    def _take(self, layout: Layout, code: int, place: int, length: int) -> bool:
        """Take note of a record; return whether it can be one."""
        if code == Op.CHUNK:
            chunk = self._chunk(place, length)
            if chunk is not None:
                layout.chunks.append(chunk)
            return chunk is not None
        if length > MOST_RECORD_BYTES and code != Op.ATTACHMENT:
            return False
        if code == Op.DATA_END:
            if length == 4:
                layout.data_end = place - RECORD.size, unpack_from("<I", self._bytes(place, 4))[0]
            return length == 4
        if code == Op.METADATA:
            try:
                name, at = _text(raw := memoryview(self._bytes(place, length)), 0)
                layout.notes[name] = _texts(raw, at)
            except (ValueError, UnicodeDecodeError):
                return False
        return code in _KNOWN and (code != Op.FOOTER or length == FOOTER.size)

    def _chunk(self, place: int, length: int) -> ChunkPlace | None:
        head = CHUNK.size + 4 + 8
        if not head <= length <= MOST_CHUNK_BYTES:
            return None
        raw = self._bytes(place, min(length, head + _SCHEMA.size))
        _first, _last, size, crc = CHUNK.unpack_from(raw)
        compression, stored = unpack_from("<IQ", raw, CHUNK.size)
        # A compressed chunk has its compression's name here; recordings hold none.
        if compression or stored != size or head + size != length:
            return None
        inner = _SCHEMA.unpack_from(raw, head) if len(raw) == head + _SCHEMA.size else (0, 0, 0)
        return ChunkPlace(place - RECORD.size, place + head, size, crc, inner[2] if inner[0] == Op.SCHEMA else 0)

    def _crc(self, place: int, length: int, crc: int = 0) -> int:
        """Return the checksum of that part, after what has the checksum `crc`."""
        while length > 0:
            block = self._bytes(place, min(length, BLOCK_BYTES))
            if not block:
                break
            crc = crc_of([block], crc)
            place, length = place + len(block), length - len(block)
        return crc

    def _bytes(self, place: int, length: int) -> bytes:
        assert self._handle is not None, "a closed file gives nothing"
        parts = []
        while length > 0 and (part := os.pread(self._handle, length, place)):
            parts.append(part)
            place, length = place + len(part), length - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def damaged(self, place: int, what: str) -> RecordingDamaged:
        """Return the error about a place in the file."""
        return RecordingDamaged(
            device=str(self.path),
            seen=f"at byte {place}: {what}",
            remedy="`rigdriver recording recover` copies what is whole",
        )


def _text(raw: memoryview, at: int) -> tuple[str, int]:
    """Return a text and where it ends."""
    if at + 4 > raw.nbytes:
        raise ValueError("a text ends too early")
    end = at + 4 + _TEXT.unpack_from(raw, at)[0]
    if end > raw.nbytes:
        raise ValueError("a text is too long")
    return str(raw[at + 4 : end], "utf-8"), end


def _texts(raw: memoryview, at: int) -> Mapping[str, str]:
    if at + 4 > raw.nbytes:
        raise ValueError("a map ends too early")
    end = at + 4 + _TEXT.unpack_from(raw, at)[0]
    if end > raw.nbytes:
        raise ValueError("a map is too long")
    values, at = {}, at + 4
    while at < end:
        key, at = _text(raw, at)
        values[key], at = _text(raw, at)
    return values


def _messages(raw: memoryview) -> list[StoredMessage]:
    topics: dict[int, str] = {}
    found: list[StoredMessage] = []
    at = 0
    while at < raw.nbytes:
        if at + RECORD.size > raw.nbytes:
            raise ValueError("a record ends too early")
        code, length = RECORD.unpack_from(raw, at)
        at += RECORD.size
        if at + length > raw.nbytes:
            raise ValueError("a record is too long")
        content = raw[at : at + length]
        if code == Op.CHANNEL and length >= 4:
            topics[unpack_from("<H", content)[0]] = _text(content, 4)[0]
        elif code == Op.MESSAGE:
            if length < MESSAGE.size:
                raise ValueError("a message is too short")
            channel, sequence, log_time_ns, _published = MESSAGE.unpack_from(content)
            if channel not in topics:
                raise ValueError(f"a message of the unknown channel {channel}")
            found.append(StoredMessage(topics[channel], sequence, log_time_ns, content[MESSAGE.size :]))
        at += length
    return found
