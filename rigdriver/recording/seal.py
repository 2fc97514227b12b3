"""What a recording was to hold, and what it does hold: the plan at its beginning and the seal at its end.

In: values, or named texts of a file of unknown origin. Out: the other of the two. A recording without a seal was
interrupted: nobody has counted what it lacks. Not here: who writes them and when (see recorder.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rigdriver.config import RigConfig
from rigdriver.frames import FrameSet
from rigdriver.images.region import ImageRegion, region_from_json

PLAN: Final = "rigdriver.plan"
SEAL: Final = "rigdriver.seal"
FORMAT: Final = "rigdriver-recording"
VERSION: Final = 1
_JSON: Final = "json"
"""Key of the one text that plan and seal are."""
Count = Annotated[int, Field(ge=0, lt=2**63)]


class SealState(StrEnum):
    """Whether a recording holds what was planned."""

    COMPLETE = "complete"
    """Every frame set that was planned is on the disk, and each has a frame of every camera."""
    INCOMPLETE = "incomplete"
    INTERRUPTED = "interrupted"
    """The file has no seal: its program, the computer or the disk ended before the recording did."""


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
    config: dict[str, object] | None = None
    """The rig file, as `RigConfig` writes it."""
    calibration: dict[str, object] | None = None
    """The calibration file, where the rig had one."""
    regions: dict[str, dict[str, tuple[int, int]]] = {}
    """Place on the sensor by camera, where it is known."""
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
    return {_JSON: value.model_dump_json()}


def plan_of(notes: Mapping[str, Mapping[str, str]]) -> Plan:
    """Return a file's plan.

    Raises:
        ValueError: it has none, or one of another version; the text says which.
    """
    if PLAN not in notes:
        raise ValueError("it does not say that it is a recording of rigdriver")
    try:
        plan = Plan.model_validate_json(notes[PLAN].get(_JSON, ""))
    except ValidationError as exc:
        raise ValueError(f"its plan cannot be understood ({exc.errors()[0]['msg']})") from exc
    if (plan.format, plan.version) != (FORMAT, VERSION):
        raise ValueError(f"it is of format {plan.format}, version {plan.version}; expected {FORMAT}, {VERSION}")
    return plan


def seal_of(notes: Mapping[str, Mapping[str, str]]) -> Seal | None:
    """Return a file's seal; None where it has none that can be understood."""
    try:
        return Seal.model_validate_json(notes[SEAL].get(_JSON, "")) if SEAL in notes else None
    except ValidationError:
        return None
