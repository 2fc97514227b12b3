"""What a recording was to hold, and what it does hold: the plan at its beginning and the seal at its end.

In: values, or named texts of a file of unknown origin. Out: the other of the two. A recording without a seal was
interrupted: nobody has counted what it lacks. MCAP protects its metadata by no checksum before the end of the file is
there, so plan and seal have one of their own. Not here: who writes them and when (see recorder.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final, Literal
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from rigdriver.config import RigConfig
from rigdriver.frames import FrameSet
from rigdriver.images.region import ImageRegion, region_from_json

PLAN: Final = "rigdriver.plan"
SEAL: Final = "rigdriver.seal"
FORMAT: Final = "rigdriver-recording"
VERSION: Final = 2
READABLE: Final = (1, VERSION)
"""Versions that are read; the first one had no checksums."""
_JSON: Final = "json"
"""Key of the one text that plan and seal are."""
_CRC: Final = "crc32"
"""Key of the CRC-32 of that text, in hexadecimal digits."""
Count = Annotated[int, Field(ge=0, lt=2**63)]
JsonFile = dict[str, JsonValue]
"""A whole file as values of JSON: as it was, also where this version does not know all of its keys."""


class SealState(StrEnum):
    """Whether a recording holds what was planned."""

    COMPLETE = "complete"
    """Every frame set that was planned is on the disk, and each has a frame of every camera."""
    INCOMPLETE = "incomplete"
    INTERRUPTED = "interrupted"
    """The file has no seal: its program, the computer or the disk ended before the recording did."""
    DAMAGED = "damaged"
    """The seal is not what was written; nobody knows what the file should hold."""


class Plan(BaseModel):
    """What a recording was to hold."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    format: str = FORMAT
    version: int = VERSION
    driver: str = ""
    """Version of the package that wrote it."""
    rig: str
    cameras: tuple[str, ...]
    t_utc_ns: int
    """Time at which it began, ns since 1970."""
    frame_sets: Count | None = None
    """Number of frame sets that were asked for; None: as many as come until somebody stops it."""
    rate_hz: float | None = None
    sync_interval_s: float
    """Longest time between two moments at which everything so far is on the disk."""
    config: JsonFile | None = None
    """The rig file, as `RigConfig` writes it."""
    calibration: JsonFile | None = None
    """The calibration file, where the rig had one."""
    regions: dict[str, dict[str, tuple[int, int]]] = {}
    """Place on the sensor by camera, where it is known."""
    coding: Literal["raw", "jxl"] = "raw"
    """How the images are stored; both keep each bit."""
    trigger_index: Count | None = None
    """Index of the first frame set after the trigger; those before it came from memory. None without a trigger."""
    t_trigger_utc_ns: int | None = None
    """Time of the trigger, ns since 1970."""
    recovered_from: str = ""
    """Name of the file that this one was rescued from."""

    def rig_config(self) -> RigConfig | None:
        """Return the rig as it was; None where this version cannot read how another one described it."""
        try:
            return RigConfig.model_validate_json(json.dumps(self.config)) if self.config else None
        except ValidationError:
            return None

    def image_regions(self) -> dict[str, ImageRegion | None]:
        """Return each camera's place on the sensor, where it is known."""
        return {name: region_from_json(region) for name, region in self.regions.items()}


class Seal(BaseModel):
    """What a recording holds, as counted by its writer."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    state: SealState
    reason: str = ""
    """Why it is incomplete; empty when it is complete."""
    frame_sets: Count
    complete: Count
    """Number of frame sets with a frame of every camera."""
    frames: dict[str, Count]
    """Number of frames by camera."""
    gaps: dict[str, dict[str, Count]]
    """Camera -> reason -> number of frame sets without its frame."""
    safe: Count
    """Number of frame sets, from the first on, that the system has said to be on the disk."""


@dataclass(slots=True)
class RecordedCounts:
    """What a recording holds so far."""

    frame_sets: int = 0
    complete: int = 0
    """Number of frame sets with a frame of every camera."""
    frames: Counter[str] = field(default_factory=Counter)
    gaps: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, frame_set: FrameSet) -> None:
        """Count a frame set."""
        self.frame_sets += 1
        self.complete += frame_set.is_complete
        self.frames.update(frame_set.frames.keys())
        for gap in frame_set.gaps.values():
            self.gaps.setdefault(gap.camera, Counter())[gap.reason.name] += 1

    def sealed(self, cameras: Sequence[str], safe: int, reasons: Sequence[str]) -> Seal:
        """Return the seal; without any reason against it the recording is complete."""
        told = list(dict.fromkeys(filter(None, reasons)))
        return Seal(
            state=SealState.INCOMPLETE if told else SealState.COMPLETE,
            reason="; ".join(told),
            frame_sets=self.frame_sets,
            complete=self.complete,
            frames={name: self.frames[name] for name in cameras},
            gaps={name: dict(found) for name, found in self.gaps.items()},
            safe=safe,
        )


def as_note(value: Plan | Seal) -> Mapping[str, str]:
    """Return named texts for a file."""
    text = value.model_dump_json()
    return {_JSON: text, _CRC: _crc(text)}


def plan_of(notes: Mapping[str, Mapping[str, str]]) -> Plan:
    """Return a file's plan.

    Raises:
        ValueError: it has none, a damaged one, or one of another version; the text says which.
    """
    if PLAN not in notes:
        raise ValueError("it does not say that it is a recording of rigdriver")
    try:
        plan = Plan.model_validate_json(notes[PLAN].get(_JSON, ""))
    except ValidationError as exc:
        raise ValueError(f"its plan cannot be understood ({exc.errors()[0]['msg']})") from exc
    if not _is_as_written(notes[PLAN], plan.version):
        raise ValueError("its plan is damaged: the checksum is wrong")
    if plan.format != FORMAT or plan.version not in READABLE:
        raise ValueError(f"it is of format {plan.format}, version {plan.version}; expected {FORMAT}, {VERSION}")
    return plan


def seal_of(notes: Mapping[str, Mapping[str, str]], version: int = VERSION) -> Seal | None:
    """Return the seal of a file whose plan is of that version; None where it has none.

    Raises:
        ValueError: it is not what was written.
    """
    if SEAL not in notes:
        return None
    if not _is_as_written(notes[SEAL], version):
        raise ValueError("its seal is damaged: the checksum is wrong")
    try:
        return Seal.model_validate_json(notes[SEAL].get(_JSON, ""))
    except ValidationError as exc:
        raise ValueError(f"its seal cannot be understood ({exc.errors()[0]['msg']})") from exc


def _is_as_written(note: Mapping[str, str], version: int) -> bool:
    # Only files of the first version may lack a checksum: a damaged name of the key must not pass for an old file.
    text = note.get(_JSON, "")
    return note[_CRC] == _crc(text) if _CRC in note else version == 1


def _crc(text: str) -> str:
    return f"{crc32(text.encode('utf-8')):08x}"
