"""The calibration file: one JSON text, versioned and hashed; FORMAT.md beside this file explains every key.

In: a `RigCalibration` or a path. Out: a file, or a checked `RigCalibration`. A damaged file, one of a newer version, of
another rig, of other serial numbers or another resolution is refused in one sentence.
Not here: other programs' formats (see exchange.py). Nothing is repaired.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import Accuracy, CameraCalibration, Covariance, RigCalibration
from rigdriver.calibration.plausible import LONGEST_SIDE_PX, camera_problem
from rigdriver.config import RigConfig
from rigdriver.errors import CalibrationMismatch, UsageError
from rigdriver.file_text import is_plain_name, json_values, read_utf8
from rigdriver.findings import MismatchKind
from rigdriver.images.region import ImageRegion
from rigdriver.whole_file import make_folder, write_whole

FORMAT = "rigdriver-calibration"
VERSION = 3
READ_VERSIONS = (1, 2, VERSION)
"""Versions that can be read; 1 has no `region`, and in 1 and 2 no uncertainty holds that of the square."""
Number = float | None
Count = Annotated[int, Field(ge=0, le=10**9)]
Side = Annotated[int, Field(gt=0, le=LONGEST_SIDE_PX)]
Offset = Annotated[int, Field(ge=0, le=LONGEST_SIDE_PX)]
Binning = Annotated[int, Field(gt=0, le=64)]
Row3 = Annotated[tuple[float, ...], Field(min_length=3, max_length=3)]
Row4 = Annotated[tuple[float, ...], Field(min_length=4, max_length=4)]


class _FilePart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Board(_FilePart):
    kind: Literal["charuco", "chessboard"]
    columns: int
    rows: int
    square_mm: float
    marker_mm: float
    dictionary: str
    legacy: bool
    nominal_square_mm: float
    square_sigma_mm: float


class _Region(_FilePart):
    offset_px: tuple[Offset, Offset]
    binning: tuple[Binning, Binning]
    decimation: tuple[Binning, Binning]
    is_reversed: tuple[bool, bool]


class _Camera(_FilePart):
    serial: str
    pod: str
    role: str
    size_px: tuple[Side, Side]
    K: Annotated[tuple[Row3, ...], Field(min_length=3, max_length=3)]
    distortion: tuple[float, ...]
    T_cam_world: Annotated[tuple[Row4, ...], Field(min_length=4, max_length=4)]
    rms_px: Number
    views: Count
    corners: Count
    sigmas: dict[str, float]
    region: _Region | None = None


class _Accuracy(_FilePart):
    centre_mm: tuple[float, float, float]
    diameter_mm: float
    point_um: Number
    point_um_95: Number
    step_um: Number
    step_um_95: Number
    scale_ppm: Number
    scale_ppm_95: Number


class _Covariance(_FilePart):
    parameters: tuple[str, ...]
    upper: tuple[float, ...]


class _File(_FilePart):
    format: str
    version: int
    sha256: str
    rig: str
    created: str
    source: str
    board: _Board
    bow_mm: tuple[float, float, float]
    rms_px: Number
    views: Count
    corners: Count
    kept_share: Number
    cameras: dict[str, _Camera]
    accuracy: _Accuracy | None
    covariance: _Covariance | None
    has_square_sigma: bool = False
    notes: tuple[str, ...]


def save(calibration: RigCalibration, path: Path) -> None:
    """Write the file as a whole or not at all.

    Raises:
        FileNotWritten: it cannot be written; an older file is as it was.
    """
    text = to_text(calibration)
    make_folder(path.parent)
    write_whole(path, text)


def to_text(calibration: RigCalibration) -> str:
    """Return the text of the file."""
    table: dict[str, object] = {
        "format": FORMAT,
        "version": VERSION,
        "rig": calibration.rig,
        "created": calibration.created,
        "source": calibration.source,
        "board": asdict(calibration.board),
        "bow_mm": list(calibration.bow_mm),
        "rms_px": _number(calibration.rms_px),
        "views": calibration.views,
        "corners": calibration.corners,
        "kept_share": _number(calibration.kept_share),
        "cameras": {camera.name: _camera_table(camera) for camera in calibration},
        "accuracy": None if calibration.accuracy is None else _accuracy_table(calibration.accuracy),
        "covariance": None if calibration.covariance is None else _covariance_table(calibration.covariance),
        "has_square_sigma": calibration.has_square_sigma,
        "notes": list(calibration.notes),
    }
    table["sha256"] = _digest(table)
    return json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _digest(table: Mapping[str, object]) -> str:
    bare = {key: value for key, value in table.items() if key != "sha256"}
    # Hashed in one canonical form, so that a file which was indented or sorted anew still counts as unchanged.
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _camera_table(camera: CameraCalibration) -> dict[str, object]:
    return {
        "serial": camera.serial,
        "pod": camera.pod,
        "role": camera.role,
        "size_px": list(camera.size_px),
        "K": camera.K.tolist(),
        "distortion": camera.distortion.tolist(),
        "T_cam_world": camera.T_cam_world.tolist(),
        "rms_px": _number(camera.rms_px),
        "views": camera.views,
        "corners": camera.corners,
        "sigmas": {name: float(value) for name, value in camera.sigmas.items()},
        "region": None if camera.region is None else camera.region.to_json(),
    }


def _accuracy_table(accuracy: Accuracy) -> dict[str, object]:
    numbers = ("point_um", "point_um_95", "step_um", "step_um_95", "scale_ppm", "scale_ppm_95")
    return {
        "centre_mm": list(accuracy.centre_mm),
        "diameter_mm": accuracy.diameter_mm,
        **{name: _number(getattr(accuracy, name)) for name in numbers},
    }


def _covariance_table(covariance: Covariance) -> dict[str, object]:
    # A covariance is symmetric: its upper triangle holds everything, in half of the size.
    upper = covariance.matrix[np.triu_indices(len(covariance.parameters))]
    return {"parameters": list(covariance.parameters), "upper": [float(f"{value:.9g}") for value in upper]}


def load(
    path: Path,
    rig: RigConfig | None = None,
    sizes_px: Mapping[str, tuple[int, int]] | None = None,
    regions: Mapping[str, ImageRegion | None] | None = None,
) -> RigCalibration:
    """Read and check a file; with `rig`, `sizes_px`, `regions`, also check that it belongs to this rig and its images.

    Raises:
        CalibrationMismatch: no calibration, damaged, a newer version, another rig, serial number, resolution or region.
    """
    try:
        text = read_utf8(path)
    except OSError as exc:
        raise _unreadable(str(path), f"cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise _unreadable(str(path), f"cannot be read: {exc}") from exc
    calibration = parse(text, str(path))
    try:
        if rig is not None:
            calibration.check_rig(rig)
        if sizes_px is not None:
            calibration.check_sizes(sizes_px)
        if regions is not None:
            calibration.check_regions(regions)
    except CalibrationMismatch as exc:
        raise CalibrationMismatch(device=str(path), findings=exc.findings, remedy=exc.remedy) from None
    return calibration


def _unreadable(origin: str, seen: str) -> CalibrationMismatch:
    return CalibrationMismatch(
        kind=MismatchKind.UNREADABLE, device=origin, seen=seen, expected=f"a {FORMAT} file",
        remedy="name a calibration file; convert a file of another program with `rigdriver calibrate import`",
    )  # fmt: skip


def _damaged(origin: str, seen: str, expected: str = "") -> CalibrationMismatch:
    remedy = "use another copy of the file, or calibrate again"
    return CalibrationMismatch(kind=MismatchKind.DAMAGED, device=origin, seen=seen, expected=expected, remedy=remedy)


def parse(text: str, origin: str) -> RigCalibration:
    """Check a file's text. Raises CalibrationMismatch."""
    try:
        table = json_values(text)
    except ValueError as exc:
        raise _unreadable(origin, f"is no JSON: {exc}") from exc
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise _unreadable(origin, f"is no {FORMAT} file")
    # Before the model sees it: a newer version would otherwise fail at its first unknown key, with the wrong remedy.
    if not isinstance(table.get("version"), int) or table["version"] not in READ_VERSIONS:
        raise CalibrationMismatch(
            kind=MismatchKind.OTHER_VERSION, device=origin, seen=f"has version {table.get('version')!r}",
            expected=f"version {READ_VERSIONS[0]} to {VERSION}, which this program reads",
            remedy="use the program that wrote it, or calibrate again",
        )  # fmt: skip
    try:
        checked = _File.model_validate(table)
        # Over the table as it was read, and not over the checked model, which may have turned 1 into 1.0.
        is_whole = _digest(table) == checked.sha256
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _damaged(f"{origin}: {where}", first["msg"]) from exc
    except ValueError as exc:
        raise _damaged(origin, str(exc)) from exc
    if not is_whole:
        raise _damaged(origin, "its hash does not fit its content, so it was changed by hand or damaged")
    try:
        return _build(checked, origin)
    except UsageError as exc:  # a board that cannot be
        raise _damaged(origin, str(exc)) from exc


def _build(table: _File, origin: str) -> RigCalibration:
    cameras = {}
    if not table.cameras:
        raise _damaged(origin, "holds no camera", "at least 1")
    for name, camera in table.cameras.items():
        for text in (name, camera.pod):
            # Names become names of files and folders.
            if not is_plain_name(text):
                raise _damaged(
                    origin, f"{text[:60]!r} is no name of a camera or pod", "a name that can be the name of a file"
                )
        if len(camera.distortion) not in (5, 8):
            raise _damaged(f"{origin}: camera {name}", f"{len(camera.distortion)} distortion parameters", "5 or 8")
        K, distortion, T = (np.array(v, dtype=np.float64) for v in (camera.K, camera.distortion, camera.T_cam_world))
        if problem := camera_problem(K, distortion, T, camera.size_px):
            raise CalibrationMismatch(
                kind=MismatchKind.IMPLAUSIBLE, device=f"{origin}: camera {name}", seen=problem, remedy="calibrate again"
            )
        cameras[name] = CameraCalibration(
            name=name, serial=camera.serial, size_px=camera.size_px, K=np.array(camera.K),
            distortion=np.array(camera.distortion), T_cam_world=np.array(camera.T_cam_world),
            rms_px=_nan(camera.rms_px), sigmas=MappingProxyType(dict(camera.sigmas)), pod=camera.pod, role=camera.role,
            views=camera.views, corners=camera.corners,
            region=None if camera.region is None else ImageRegion(**camera.region.model_dump()),
        )  # fmt: skip
    accuracy = None
    if table.accuracy is not None:
        a = table.accuracy
        accuracy = Accuracy(
            a.centre_mm, a.diameter_mm, _nan(a.point_um), _nan(a.point_um_95), _nan(a.step_um), _nan(a.step_um_95),
            _nan(a.scale_ppm), _nan(a.scale_ppm_95),
        )  # fmt: skip
    return RigCalibration(
        rig=table.rig, created=table.created, board=Board(**table.board.model_dump()), bow_mm=table.bow_mm,
        cameras=MappingProxyType(cameras), rms_px=_nan(table.rms_px), views=table.views, corners=table.corners,
        kept_share=_nan(table.kept_share), accuracy=accuracy, covariance=_covariance(table.covariance, origin),
        has_square_sigma=table.has_square_sigma, notes=table.notes, source=table.source,
    )  # fmt: skip


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _covariance(table: _Covariance | None, origin: str) -> Covariance | None:
    if table is None:
        return None
    count = len(table.parameters)
    if len(table.upper) != count * (count + 1) // 2:
        raise _damaged(
            f"{origin}: covariance", f"{len(table.upper)} numbers for {count} parameters", f"{count * (count + 1) // 2}"
        )
    matrix = np.zeros((count, count))
    matrix[np.triu_indices(count)] = table.upper
    return Covariance(table.parameters, matrix + np.triu(matrix, 1).T)
