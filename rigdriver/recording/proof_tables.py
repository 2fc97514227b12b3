"""The form of proofs.json and of a recording's frame sets, checked before anything is made of it.

In: a file, or one message. Out: its frame sets as plain values, each of its type and within its bounds; keys of a later
version are left out. Not here: what they mean (see proof_files.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rigdriver.frames import ProofVerdict

MOST_BYTES = 1 << 30
"""Largest proofs.json that is read; six cameras write 140 MB per hour at 10 Hz."""
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Side = Annotated[int, Field(ge=1, le=100_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _GapTable(_Part):
    reason: str
    detail: str = ""
    facts: dict[str, Any] | None = None


class _FlashTable(_Part):
    lamp: str
    rise_ticks: Whole
    fall_ticks: Whole


class _FrameTable(_Part):
    trigger_ticks: Whole
    exposure_start_ticks: Whole
    exposure_end_ticks: Whole
    residual_us: float | None
    tolerance_us: float
    frame_id: Whole
    counter: Whole | None = None
    flash_shares: dict[str, float]
    notes: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


class _ProofTable(_Part):
    pulse_index: Count
    generation: Count
    start_ticks: Whole
    tick_rate_hz: Count
    frames: dict[str, _FrameTable]
    skew_us: float | None
    verdict: ProofVerdict
    reasons: tuple[str, ...] = ()
    flashes: tuple[_FlashTable, ...]
    unchecked: tuple[str, ...] = ()


class _ArrivalTable(_Part):
    frame_id: Whole
    t_camera_ns: Whole | None
    t_host_ns: Whole


class _FrameSetTable(_Part):
    index: Count
    t_utc_ns: Whole
    gaps: dict[str, _GapTable]
    proof: _ProofTable
    arrivals: dict[str, _ArrivalTable] = {}


class _ImageTable(_Part):
    pixel_format: str
    shape: tuple[Side, ...] = Field(min_length=2, max_length=3)
    chunks: dict[str, int | float] = {}
    coding: Literal["raw", "jxl"] = "raw"


class _RecordedTable(_FrameSetTable):
    name: str
    t_host_ns: Whole
    images: dict[str, _ImageTable]


class _ProofsTable(_Part):
    frame_sets: tuple[_FrameSetTable, ...]


def proof_tables(file: Path) -> list[dict[str, Any]]:
    """Return the frame sets of a proofs.json.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none; the text says in one line why.
    """
    with file.open("rb") as stream:
        raw = stream.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES >> 20} MB")
    try:
        return [table.model_dump() for table in _ProofsTable.model_validate_json(raw).frame_sets]
    except ValidationError as exc:
        raise ValueError(_told(exc)) from exc


def recorded_table(raw: bytes) -> dict[str, Any]:
    """Return what a recording says of one frame set.

    Raises:
        ValueError: it says nothing of the kind; the text says in one line why.
    """
    try:
        return _RecordedTable.model_validate_json(raw).model_dump()
    except ValidationError as exc:
        raise ValueError(_told(exc)) from exc


def _told(exc: ValidationError) -> str:
    first = exc.errors(include_url=False, include_input=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
