"""The proofs of a capture as files: proofs.csv, a row for each camera and frame set, and proofs.json with all of it.

Frames that nothing proves (a bench without a trigger box) have a row, too, with their id and their times.
In: frame sets. Out: both files grow while the capture runs and hold the same frame sets, so a crash leaves what was
proved until then; `read_proofs` gives proofs and gaps back as they were.
Not here: images (see capture_folder.py); the sentences that explain a proof (see cli/proof_show.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from rigdriver.errors import UsageError
from rigdriver.frames import Flash, Frame, FrameProof, FrameSet, Gap, GapReason, Proof, ProofVerdict
from rigdriver.json_values import JsonObject
from rigdriver.line_file import JsonListFile, LineFile
from rigdriver.recording.proof_tables import proof_tables
from rigdriver.recording.stored_facts import facts_table, stored_facts

CSV, JSON = "proofs.csv", "proofs.json"
COLUMNS = (
    "index",
    "pulse_index",
    "camera",
    "verdict",
    "gap",
    "frame_id",
    "t_camera_ns",
    "t_host_ns",
    "t_utc_ns",
    "pulse_start_ticks",
    "trigger_ticks",
    "exposure_start_ticks",
    "exposure_end_ticks",
    "residual_us",
    "tolerance_us",
    "skew_us",
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a frame said of itself when it arrived."""

    frame_id: int
    t_camera_ns: int | None
    """Time stamp on the camera's clock; None where the camera gives none."""
    t_host_ns: int
    """Time of arrival on the clock of the computer that captured it."""


@dataclass(frozen=True, slots=True)
class StoredProof:
    """What a capture says of one frame set."""

    index: int
    """Index in the capture, which names its images."""
    t_utc_ns: int
    gaps: Mapping[str, Gap]
    proof: Proof
    arrivals: Mapping[str, Arrival] = field(default_factory=lambda: MappingProxyType({}))
    """Camera -> its frame as it arrived; empty in captures of earlier versions."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not proved: its gaps first."""
        # Without doubles: a gap's sentence may stand among the reasons of the proof, too.
        return tuple(dict.fromkeys([*(str(gap) for gap in self.gaps.values()), *self.proof.reasons]))


@dataclass(frozen=True, slots=True, eq=False)
class ProofEntry:
    """What both files say of one frame set; it holds no pixels."""

    lines: tuple[str, ...]
    table: JsonObject


def proof_entry(frame_set: FrameSet, index: int | None = None) -> ProofEntry:
    """Return what both files say of a frame set under that index, or under its pulse index."""
    index = frame_set.pulse_index if index is None else index
    return ProofEntry(tuple(map(_as_csv, _rows(frame_set, index))), proof_table(frame_set, index))


def proof_table(frame_set: FrameSet, index: int) -> JsonObject:
    """Return what is known of a frame set under that index; `stored_proof` reads it back."""
    return {
        "index": index,
        "t_utc_ns": frame_set.t_utc_ns,
        "gaps": {name: _gap_table(gap) for name, gap in frame_set.gaps.items()},
        "proof": frame_set.proof.to_json(),
        "arrivals": {name: asdict(arrival_of(frame)) for name, frame in frame_set.frames.items()},
    }


def _gap_table(gap: Gap) -> JsonObject:
    facts = None if gap.facts is None else facts_table(gap.facts)
    return {"reason": gap.reason.name, "facts": facts, "detail": gap.detail, "text": str(gap)}


class ProofFiles:
    """Writes proofs.csv and proofs.json into a folder; at any time both hold the same frame sets."""

    def __init__(self, folder: Path, rig: str) -> None:
        with ExitStack() as opened:
            self._lines = opened.enter_context(LineFile(folder / CSV, is_private=True, is_new=True))
            self._lines.append(_as_csv(dict(zip(COLUMNS, COLUMNS, strict=True))))
            self._list = JsonListFile(folder / JSON, {"rig": rig}, "frame_sets")
            opened.callback(self._list.close)
            self._open = opened.pop_all()

    def write(self, frame_set: FrameSet, index: int | None = None) -> None:
        """Add a frame set under that index, or under its pulse index."""
        self.add(proof_entry(frame_set, index))

    def add(self, entry: ProofEntry) -> None:
        """Add a frame set to both files, or to none when one cannot be written."""
        # Each is with the system at once: a crash must not take what was proved until then.
        self._list.append(entry.table)
        try:
            self._lines.append(*entry.lines)
        except BaseException:
            self._list.take_back()
            raise

    def close(self) -> None:
        """Put the JSON on the disk and close both; closing twice is harmless."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _as_csv(row: Mapping[str, object]) -> str:
    line = io.StringIO()
    csv.DictWriter(line, COLUMNS, restval="", lineterminator="").writerow(row)
    return line.getvalue()


def _rows(frame_set: FrameSet, index: int) -> list[dict[str, object]]:
    proof = frame_set.proof
    # NaN is the one number that differs from itself; the cell stays empty.
    skew = f"{proof.skew_us:.3f}" if proof.skew_us == proof.skew_us else ""
    common: dict[str, object] = {
        "index": index,
        "pulse_index": frame_set.pulse_index,
        "t_utc_ns": frame_set.t_utc_ns,
        "pulse_start_ticks": proof.start_ticks if proof.tick_rate_hz else "",
        "skew_us": skew,
    }
    arrived = {
        name: {
            **common,
            "camera": name,
            "frame_id": f.frame_id,
            "t_camera_ns": "" if f.t_camera_ns is None else f.t_camera_ns,
            "t_host_ns": f.t_host_ns,
        }
        for name, f in frame_set.frames.items()
    }
    rows = [
        {
            **arrived.get(name, {**common, "camera": name, "frame_id": p.frame_id}),
            "verdict": ProofVerdict.PROVED,
            "trigger_ticks": p.trigger_ticks,
            "exposure_start_ticks": p.exposure_start_ticks,
            "exposure_end_ticks": p.exposure_end_ticks,
            "residual_us": "" if p.residual_us is None else f"{p.residual_us:.3f}",
            "tolerance_us": f"{p.tolerance_us:.3f}",
        }
        for name, p in proof.frames.items()
    ]
    gaps = [{**common, "camera": name, "verdict": "gap", "gap": g.reason.name} for name, g in frame_set.gaps.items()]
    unproved = [{**row, "verdict": proof.verdict} for name, row in arrived.items() if name not in proof.frames]
    return rows + unproved + gaps


def arrival_of(frame: Frame) -> Arrival:
    """Return what a frame said of itself when it arrived."""
    return Arrival(frame.frame_id, frame.t_camera_ns, frame.t_host_ns)


def has_proofs(folder: Path) -> bool:
    """Return whether the folder is a capture with its proofs."""
    return (folder / JSON).is_file()


def read_proofs(path: Path) -> tuple[StoredProof, ...]:
    """Return the proofs of a capture: its folder, or its proofs.json.

    Raises:
        UsageError: the file cannot be read, or is no proof of a capture.
    """
    file = path / JSON if path.is_dir() else path
    try:
        return tuple(stored_proof(table) for table in proof_tables(file))
    except OSError as exc:
        raise UsageError(
            device=str(file), seen=f"cannot be read: {exc.strerror}", remedy=f"name a capture's folder or its {JSON}"
        ) from exc
    except (ValueError, KeyError) as exc:
        raise UsageError(
            device=str(file), seen=f"is no proof of a capture ({exc})", remedy=f"name the {JSON} that a capture wrote"
        ) from exc


def stored_proof(table: Mapping[str, Any]) -> StoredProof:
    """Return what a checked table of one frame set says.

    Raises:
        KeyError: it names a reason that this version does not know.
    """
    gaps = {name: _gap(name, gap) for name, gap in table["gaps"].items()}
    arrivals = {name: Arrival(**arrival) for name, arrival in table.get("arrivals", {}).items()}
    proof = _proof(table["proof"])
    return StoredProof(table["index"], table["t_utc_ns"], MappingProxyType(gaps), proof, MappingProxyType(arrivals))


def _gap(camera: str, table: Mapping[str, Any]) -> Gap:
    return Gap(camera, GapReason[table["reason"]], stored_facts(table.get("facts"), table.get("detail", "")))


def _proof(table: dict[str, Any]) -> Proof:
    """Read what `Proof.to_json` wrote."""
    return Proof(
        pulse_index=table["pulse_index"],
        generation=table["generation"],
        start_ticks=table["start_ticks"],
        tick_rate_hz=table["tick_rate_hz"],
        frames=MappingProxyType({name: _frame_proof(name, p) for name, p in table["frames"].items()}),
        skew_us=float("nan") if table["skew_us"] is None else table["skew_us"],
        verdict=ProofVerdict(table["verdict"]),
        reasons=tuple(table.get("reasons", ())),
        flashes=tuple(Flash(s["lamp"], s["rise_ticks"], s["fall_ticks"]) for s in table["flashes"]),
        unchecked=tuple(table.get("unchecked", ())),
    )


def _frame_proof(name: str, table: dict[str, Any]) -> FrameProof:
    return FrameProof(
        camera=name,
        trigger_ticks=table["trigger_ticks"],
        exposure_start_ticks=table["exposure_start_ticks"],
        exposure_end_ticks=table["exposure_end_ticks"],
        residual_us=table["residual_us"],
        tolerance_us=table["tolerance_us"],
        frame_id=table["frame_id"],
        counter=table.get("counter"),
        flash_shares=MappingProxyType(dict(table["flash_shares"])),
        notes=tuple(table.get("notes", ())),
        unchecked=tuple(table.get("unchecked", ())),
    )
