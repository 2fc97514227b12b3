"""Writes an MCAP file chunk by chunk: each is in the file as a whole or not at all, and no image is copied.

In: schemas, channels, messages as lists of buffers. Out: a file whose every chunk has a checksum and holds the schemas
and channels that it needs, so that a file which ends anywhere gives back all whole chunks. What was written is on the
disk when `sync` has returned, not before. Not here: threads, queues and what the messages say (see recorder.py).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import pack

from rigdriver.announcing import announce
from rigdriver.recording.mcap import records
from rigdriver.recording.mcap.checksums import Buffer, crc_of, joined_crc
from rigdriver.recording.mcap.records import MAGIC, Op
from rigdriver.whole_file import PRIVATE_FILE, make_folder, not_written

MOST_BUFFERS = 512
"""Buffers handed to the system at once; POSIX promises 16, Linux takes 1024."""


@dataclass(frozen=True, slots=True, eq=False)
class McapMessage:
    """One message of a chunk."""

    channel: int
    sequence: int
    log_time_ns: int
    parts: tuple[Buffer, ...]
    """Data, in pieces that lie together in the file."""

    @property
    def data_bytes(self) -> int:
        """Length of the data."""
        return sum(memoryview(part).nbytes for part in self.parts)


class McapWriter:
    """A new MCAP file; nothing else may write to it."""

    def __init__(self, path: Path, library: str, profile: str = "") -> None:
        """Make the file, which its owner alone can read; one that is there is never touched.

        Raises:
            FileNotWritten: it cannot be written, or is there.
        """
        self.path = path
        self._schemas: list[bytes] = []
        self._channels: list[tuple[int, bytes]] = []
        """Each channel's schema, and its record."""
        self._counts: dict[int, int] = {}
        self._chunks: list[bytes] = []
        self._notes: list[tuple[int, int, str]] = []
        self._times: tuple[int, int] | None = None
        self._end = self._crc = 0
        """Length of the whole records that the file holds, and their checksum."""
        make_folder(path.parent, is_private=True)
        announce(path)
        try:
            self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
            self._add([MAGIC, records.header(profile, library)])
            keep_name_of(path)
        except OSError as exc:
            raise not_written(path, exc) from exc

    @property
    def size(self) -> int:
        """Length of the file in bytes."""
        return self._end

    def add_schema(self, name: str, encoding: str, data: bytes) -> int:
        """Add a schema and return its number; it stands in every chunk that needs it."""
        self._schemas.append(records.schema(len(self._schemas) + 1, name, encoding, data))
        return len(self._schemas)

    def add_channel(self, schema: int, topic: str, encoding: str, notes: Mapping[str, str] | None = None) -> int:
        """Add a channel and return its number."""
        number = len(self._channels)
        self._channels.append((schema, records.channel(number, schema, topic, encoding, notes or {})))
        self._counts[number] = 0
        return number

    def write_chunk(self, messages: Sequence[McapMessage]) -> None:
        """Write messages as one chunk. The buffers may change as soon as this returns.

        Raises:
            FileNotWritten: it cannot be written; no part of it stays.
        """
        first, last = min(m.log_time_ns for m in messages), max(m.log_time_ns for m in messages)
        content: list[Buffer] = [*self._needed(messages)]
        offset = sum(map(len, content))
        places: dict[int, list[tuple[int, int]]] = {}
        for message in messages:
            head = records.message_head(message.channel, message.sequence, message.log_time_ns, message.data_bytes)
            places.setdefault(message.channel, []).append((message.log_time_ns, offset))
            content += [head, *message.parts]
            offset += len(head) + message.data_bytes
        head = records.chunk_head(first, last, offset, crc := crc_of(content))
        indexes = {channel: records.message_index(channel, found) for channel, found in places.items()}
        index = b"".join(indexes.values())
        place, length = self._end, len(head) + offset
        # One look at the images is enough for both checksums.
        whole = joined_crc(crc_of([head], self._crc), crc, offset)
        self._add([head, *content, index], crc_of([index], whole))
        index_places, at = {}, place + length
        for channel, raw in indexes.items():
            index_places[channel], at = at, at + len(raw)
        self._chunks.append(records.chunk_index(first, last, place, length, index_places, len(index), offset))
        for message in messages:
            self._counts[message.channel] += 1
        known = self._times or (first, last)
        self._times = min(known[0], first), max(known[1], last)

    def _needed(self, messages: Sequence[McapMessage]) -> list[bytes]:
        """Return the schemas and channels of these messages, by their numbers."""
        channels = [self._channels[number] for number in sorted({message.channel for message in messages})]
        schemas = sorted({schema for schema, _ in channels})
        return [*(self._schemas[number - 1] for number in schemas), *(raw for _, raw in channels)]

    def write_note(self, name: str, values: Mapping[str, str]) -> None:
        """Write named texts.

        Raises:
            FileNotWritten: they cannot be written; no part of them stays.
        """
        raw = records.metadata(name, values)
        place = self._end
        self._add([raw])
        self._notes.append((place, len(raw), name))

    def sync(self) -> None:
        """Return when all that was written before is on the disk; safe beside `write_chunk` of another thread.

        Raises:
            OSError: it may not be there, and no later call can say that it is.
        """
        handle = self._handle
        if handle is None or not stat.S_ISREG(os.fstat(handle).st_mode):
            return
        end = self._end
        os.fdatasync(handle)
        # Nobody reads a recording while it is made; its pages would push others out of memory.
        os.posix_fadvise(handle, 0, end, os.POSIX_FADV_DONTNEED)

    def finish(self) -> None:
        """Write the end of the data, the summary and the footer; the file is whole then, and closed.

        Raises:
            FileNotWritten: they cannot be written; all chunks stay, without a summary.
        """
        raw = records.data_end(self._crc)
        summary_place = self._end + len(raw)
        parts, offsets = self._summary(summary_place)
        summary = b"".join(parts)
        tail = b"".join(offsets)
        foot = records.footer_head(summary_place, summary_place + len(summary))
        crc = crc_of([summary, tail, foot])
        try:
            self._add([raw, summary, tail, foot, pack("<I", crc), MAGIC])
            self.sync()
        except OSError as exc:
            raise not_written(self.path, exc) from exc
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is; closing twice is harmless."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _summary(self, place: int) -> tuple[list[bytes], list[bytes]]:
        first, last = self._times or (0, 0)
        numbers = len(self._schemas), len(self._channels), len(self._notes), len(self._chunks)
        groups = {
            Op.SCHEMA: self._schemas,
            Op.CHANNEL: [raw for _, raw in self._channels],
            Op.STATISTICS: [records.statistics(self._counts, numbers, first, last)],
            Op.CHUNK_INDEX: self._chunks,
            Op.METADATA_INDEX: [records.metadata_index(*note) for note in self._notes],
        }
        parts, offsets = [], []
        for op, group in groups.items():
            raw = b"".join(group)
            if raw:
                offsets.append(records.summary_offset(op, place, len(raw)))
            parts.append(raw)
            place += len(raw)
        return parts, offsets

    def _add(self, parts: Sequence[Buffer], crc: int | None = None) -> None:
        """Write parts at the end, all or none; `crc`: checksum of the file with them, where it is known already."""
        assert self._handle is not None, "a closed file takes nothing"
        crc = crc_of(parts, self._crc) if crc is None else crc
        try:
            size = _write_at_end(self._handle, parts)
        except OSError as exc:
            self._cut()
            raise not_written(self.path, exc) from exc
        except BaseException:
            self._cut()
            raise
        self._end, self._crc = self._end + size, crc

    def _cut(self) -> None:
        assert self._handle is not None, "callers have checked it"
        os.ftruncate(self._handle, self._end)
        os.lseek(self._handle, self._end, os.SEEK_SET)


def _write_at_end(handle: int, parts: Sequence[Buffer]) -> int:
    """Write all parts and return their length; a full disk may take a part of a call and refuse the next."""
    waiting = [view for part in parts if (view := memoryview(part).cast("B"))]
    size = sum(view.nbytes for view in waiting)
    waiting.reverse()
    while waiting:
        written = os.writev(handle, waiting[: -MOST_BUFFERS - 1 : -1])
        if not written:
            raise OSError(errno.EIO, "the system takes nothing")
        while waiting and written >= waiting[-1].nbytes:
            written -= waiting.pop().nbytes
        if written:
            waiting[-1] = waiting[-1][written:]
    return size


def keep_name_of(path: Path) -> None:
    """Put the name of a file on the disk; its content is nothing without it."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
