"""The proofs of a capture as files: proofs.csv, a row for each camera and frame set, and proofs.json with all of it.

In: frame sets. Out: the CSV grows while the capture runs, so a crash leaves what was proved until then; the JSON is
written at the end. This file refuses to know images.
"""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from rigdriver.frames import FrameSet

COLUMNS = (
    "index",
    "pulse_index",
    "camera",
    "verdict",
    "gap",
    "frame_id",
    "t_utc_ns",
    "pulse_start_ticks",
    "trigger_ticks",
    "exposure_start_ticks",
    "exposure_end_ticks",
    "residual_us",
    "tolerance_us",
    "skew_us",
)


class ProofFiles:
    """Writes proofs.csv and proofs.json into a folder."""

    def __init__(self, folder: Path, rig: str) -> None:
        self._folder = folder
        self._rig = rig
        self._frame_sets: list[dict[str, object]] = []
        self._open = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        self._text = self._open.enter_context((folder / "proofs.csv").open("w", encoding="utf-8", newline=""))
        self._rows = csv.DictWriter(self._text, COLUMNS, restval="")
        self._rows.writeheader()

    def write(self, frame_set: FrameSet, index: int) -> None:
        """Add a frame set; `index` is its place in the folder, and its images are called after it."""
        self._rows.writerows(_rows(frame_set, index))
        self._text.flush()
        self._frame_sets.append(
            {
                "index": index,
                "t_utc_ns": frame_set.t_utc_ns,
                "gaps": {name: {"reason": gap.reason.name, "text": str(gap)} for name, gap in frame_set.gaps.items()},
                "proof": frame_set.proof.to_json(),
            }
        )

    def close(self) -> None:
        """Write the JSON and close the CSV; closing twice is harmless."""
        self._open.close()
        whole = {"rig": self._rig, "frame_sets": self._frame_sets}
        (self._folder / "proofs.json").write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _rows(frame_set: FrameSet, index: int) -> list[dict[str, object]]:
    proof = frame_set.proof
    skew = f"{proof.skew_us:.3f}" if proof.skew_us == proof.skew_us else ""
    common: dict[str, object] = {
        "index": index,
        "pulse_index": frame_set.pulse_index,
        "t_utc_ns": frame_set.t_utc_ns,
        "pulse_start_ticks": proof.start_ticks,
        "skew_us": skew,
    }
    rows = [
        {
            **common,
            "camera": name,
            "verdict": "proved",
            "frame_id": p.frame_id,
            "trigger_ticks": p.trigger_ticks,
            "exposure_start_ticks": p.exposure_start_ticks,
            "exposure_end_ticks": p.exposure_end_ticks,
            "residual_us": f"{p.residual_us:.3f}",
            "tolerance_us": f"{p.tolerance_us:.3f}",
        }
        for name, p in proof.frames.items()
    ]
    gaps = [{**common, "camera": name, "verdict": "gap", "gap": g.reason.name} for name, g in frame_set.gaps.items()]
    return rows + gaps
