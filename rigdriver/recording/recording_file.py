"""A recording as a source of frame sets, and how much of it is what was written.

In: an MCAP file that `rigdriver record` wrote, whole, cut or damaged. Out: its plan and its seal, and the same frame
sets as the live run gave, one by one, by place, pulse or time. A part whose checksum is wrong is an error that names
the place, and never an image. Not here: how it was written (see recorder.py).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from rigdriver.config import RigConfig
from rigdriver.errors import RecordingDamaged, UsageError
from rigdriver.images.region import ImageRegion
from rigdriver.recording.channels import FRAME_SETS, IMAGE_SCHEMA, LOG
from rigdriver.recording.frame_set_messages import coded_images_of, frame_set_of
from rigdriver.recording.frame_source import Indexed
from rigdriver.recording.mcap.reader import ChunkPlace, McapReader
from rigdriver.recording.proof_files import StoredProof, arrival_of
from rigdriver.recording.rig_messages import LogLine, RigMessage, log_line
from rigdriver.recording.seal import Plan, Seal, SealState, plan_of, seal_of

SUFFIX = ".mcap"
MOST_OTHER_BYTES = 1 << 26
"""Largest chunk without a frame set."""


class Recording:
    """The frame sets of a file; a `FrameSource`. Iterating reads them one by one."""

    def __init__(self, path: Path) -> None:
        """Open a recording; of one that was cut, all whole frame sets are there.

        Raises:
            UsageError: the file cannot be read, or is no recording.
        """
        self.path = path
        self._file = McapReader(path)
        self._first: Indexed | None = None
        try:
            self.plan: Plan = plan_of(self._file.layout.notes)
        except ValueError as exc:
            self._file.close()
            raise UsageError(
                device=str(path), seen=f"is no recording: {exc}", remedy="name a file that `rigdriver record` wrote"
            ) from exc
        self._config = self.plan.rig_config()
        self._chunks: list[ChunkPlace] = []
        """Chunks with a frame set; a damaged chunk counts as one of them."""
        self._others: list[tuple[int, list[RigMessage]]] = []
        """Messages of the chunks without one, and the number of frame sets before each chunk."""
        self._sort_chunks()
        self._seal_damage = ""
        try:
            self._seal = seal_of(self._file.layout.notes, self.plan.version)
        except ValueError as exc:
            self._seal, self._seal_damage = None, str(exc)

    @property
    def seal(self) -> Seal | None:
        """What the writer counted at the end; None when the recording was interrupted or its seal is damaged."""
        return self._seal

    @property
    def state(self) -> SealState:
        """Whether the recording holds what was planned."""
        if self._seal_damage:
            return SealState.DAMAGED
        return self._seal.state if self._seal and self._file.layout.is_finished else SealState.INTERRUPTED

    @property
    def is_whole(self) -> bool:
        """Whether the file has its end."""
        return self._file.layout.is_finished

    @property
    def whole_bytes(self) -> int:
        """Length of what can be read, from the beginning."""
        return self._file.layout.end

    @property
    def size(self) -> int:
        """Length of the file in bytes."""
        return self._file.size

    @property
    def config(self) -> RigConfig | None:
        """The rig that was recorded; None where this version cannot read how another one described it."""
        return self._config

    def config_or_refuse(self) -> RigConfig:
        """Return the rig that was recorded.

        Raises:
            UsageError: it is not known.
        """
        if self._config is None:
            raise UsageError(
                device=str(self.path), seen="does not say of which rig it is", remedy="use the version that wrote it"
            )
        return self._config

    def sizes_px(self) -> Mapping[str, tuple[int, int]]:
        """Return width and height of each camera's images, of the first frame set that has all that come."""
        return MappingProxyType(
            {f.camera: (f.pixels.shape[1], f.pixels.shape[0]) for f in self._typical().frame_set} if len(self) else {}
        )

    def regions(self) -> Mapping[str, ImageRegion | None]:
        """Return each camera's place on the sensor; None where it is not known."""
        known = self.plan.image_regions()
        return MappingProxyType({name: known.get(name) for name in self.plan.cameras})

    def __len__(self) -> int:
        return len(self._chunks)

    def __iter__(self) -> Iterator[Indexed]:
        for place in range(len(self)):
            yield self[place]

    def __getitem__(self, place: int) -> Indexed:
        """Return the frame set at that place, from 0; negative places count from the end.

        Raises:
            IndexError: there is none.
            RecordingDamaged: it is not what was written.
        """
        chunk = self._chunks[place]
        messages = self._file.messages(chunk)
        try:
            found = frame_set_of(messages)
            if found is None:
                raise ValueError("a chunk without a frame set")
        except ValueError as exc:
            raise self._file.damaged(chunk.place, str(exc)) from exc
        return found

    def coded_images(self, place: int) -> dict[str, bytes]:
        """Return the compressed images of the frame set at that place by their topics.

        Raises:
            RecordingDamaged: they are not what was written, or are no compressed images.
        """
        chunk = self._chunks[place]
        try:
            return coded_images_of(self._file.messages(chunk))
        except ValueError as exc:
            raise self._file.damaged(chunk.place, str(exc)) from exc

    def proofs(self) -> Iterator[StoredProof]:
        """Yield what the recording says of each frame set, without its images.

        Raises:
            RecordingDamaged: one is not what was written.
        """
        for taken in self:
            frame_set = taken.frame_set
            arrivals = {frame.camera: arrival_of(frame) for frame in frame_set}
            yield StoredProof(taken.index, frame_set.t_utc_ns, frame_set.gaps, frame_set.proof, arrivals)

    def rig_messages(self, topic: str | None = None) -> Iterator[RigMessage]:
        """Yield what the recording says besides its frame sets, of one topic or of all (see channels.py)."""
        for _, messages in self._others:
            yield from (message for message in messages if topic in {None, message.topic})

    def rig_messages_before(self, place: int) -> Iterator[RigMessage]:
        """Yield those that stand right before the frame set at that place; at `len(self)`, those at the end."""
        for before, messages in self._others:
            if before == place:
                yield from messages

    def log(self) -> Iterator[LogLine]:
        """Yield the lines of the log: notes on the run, and of its light.

        Raises:
            RecordingDamaged: one is no line of a log.
        """
        for message in self.rig_messages(LOG):
            try:
                yield log_line(message.data)
            except ValueError as exc:
                raise self._wrong(str(exc)) from exc

    def by_time(self, t_utc_ns: int) -> Indexed:
        """Return the first frame set whose pulse began at that time or later, in ns since 1970.

        Raises:
            IndexError: there is none.
        """
        return self[bisect_left(_Keys(self, lambda taken: taken.frame_set.t_utc_ns), t_utc_ns)]

    def by_index(self, index: int) -> Indexed:
        """Return the frame set of that running number; numbers have holes where frame sets were dropped.

        Raises:
            KeyError: there is none.
        """
        keys = _Keys(self, lambda taken: taken.index)
        place = bisect_left(keys, index)
        if place < len(self) and (found := self[place]).index == index:
            return found
        raise KeyError(index)

    def check(self, advance: Callable[[int], object] = lambda _done: None) -> Iterator[RecordingDamaged]:
        """Look at every byte and every frame set, and yield what is wrong; `advance` is told the bytes looked at."""
        yield from self._file.check(advance)
        if self._seal_damage:
            yield self._wrong(self._seal_damage)
        before, count = -1, 0
        for place in range(len(self)):
            try:
                taken = self[place]
            except RecordingDamaged as exc:
                yield exc
                continue
            count += 1
            if taken.index <= before:
                yield self._wrong(f"frame set {taken.index} comes after {before}")
            before = taken.index
        if (seal := self.seal) is not None and seal.frame_sets != count:
            yield self._wrong(f"it holds {count} frame sets; its seal says {seal.frame_sets}")

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _sort_chunks(self) -> None:
        for chunk in self._file.layout.chunks:
            # What a chunk begins with is no proof before its checksum is: a frame set must not vanish by one bit.
            others = None if chunk.first_schema == IMAGE_SCHEMA else self._others_of(chunk)
            if others is None:
                self._chunks.append(chunk)
            else:
                self._others.append((len(self._chunks), others))

    def _others_of(self, chunk: ChunkPlace) -> list[RigMessage] | None:
        """Return the messages of a chunk without a frame set; None where it may hold one."""
        if chunk.size > MOST_OTHER_BYTES:
            return None
        try:
            messages = self._file.messages(chunk)
        except RecordingDamaged:
            return None
        if any(message.topic == FRAME_SETS for message in messages):
            return None
        return [RigMessage(message.topic, message.log_time_ns, bytes(message.data)) for message in messages]

    def _typical(self) -> Indexed:
        self._first = self._first or self[0]
        return self._first

    def _wrong(self, what: str) -> RecordingDamaged:
        return RecordingDamaged(device=str(self.path), seen=what, remedy="keep the file, and record again")


class _Keys:
    """Keys of the frame sets as a sorted sequence, read as they are asked for."""

    def __init__(self, recording: Recording, key: Callable[[Indexed], int]) -> None:
        self._recording = recording
        self._key = key

    def __len__(self) -> int:
        return len(self._recording)

    def __getitem__(self, place: int) -> int:
        return self._key(self._recording[place])


def is_recording(path: Path) -> bool:
    """Return whether a path names a recording, by its name: a file, and not a folder of images."""
    return path.suffix == SUFFIX and not path.is_dir()


def open_recording(path: Path) -> Recording:
    """Open a recording as a source of frame sets; raises as `Recording`."""
    return Recording(path)
