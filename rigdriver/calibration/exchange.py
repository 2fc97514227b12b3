"""Other programs' calibration files: OpenCV YAML (one file per camera, or two per stereo pair) and Kalibr camchain.

In: paths, and the serial numbers, which these formats do not hold. Out: a `RigCalibration` without uncertainties, or
files that the other program reads. A lens that a format cannot hold is refused; for Kalibr's four distortion parameters
it is fitted, and the largest miss is returned. Not here: our own format (see file.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np

from rigdriver.arrays import Array
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.foreign_text import MOST_BYTES, matrix, number, opencv_values, scalar, to_yaml, yaml_values
from rigdriver.calibration.plausible import camera_problem
from rigdriver.calibration.project import distort, distort_jacobian, inverse, pad_distortion, transform
from rigdriver.errors import CalibrationMismatch, UsageError
from rigdriver.file_text import is_plain_name, read_utf8
from rigdriver.findings import MismatchKind
from rigdriver.json_values import JsonValue
from rigdriver.whole_file import make_folder, write_set, write_whole

UNKNOWN_BOARD = Board("chessboard", 10, 7, 1.0)
"""Board of an imported calibration, whose file names none."""
MOST_CAMERAS = 100
"""Most files of a folder that are read as cameras."""
PINHOLE_MODELS = {"pinhole", "plumb_bob", "rational_polynomial", "radtan", "brown", "opencv", "standard"}
"""Names by which files of OpenCV, ROS and others call the lens models that can be read."""
LARGEST_KALIBR_MISS_PX = 0.1
"""Largest miss of a lens with four parameters that is exported, in pixels."""


# ---------------------------------------------------------------- OpenCV


def export_opencv(calibration: RigCalibration, folder: Path) -> list[Path]:
    """Write `<camera>.yaml` for each camera, with OpenCV's usual keys and `T_cam_world` (mm)."""
    make_folder(folder)
    written: dict[Path, str] = {}
    for camera, path in zip(calibration, opencv_files(calibration, folder), strict=True):
        storage = cv2.FileStorage(".yaml", cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY)
        storage.write("calibration_time", calibration.created)
        storage.write("camera_name", camera.name)
        storage.write("camera_serial", f"SN {camera.serial}")
        storage.write("image_width", camera.size_px[0])
        storage.write("image_height", camera.size_px[1])
        storage.write("camera_matrix", np.array(camera.K))
        storage.write("distortion_coefficients", np.array(camera.distortion).reshape(1, -1))
        storage.write("T_cam_world", np.array(camera.T_cam_world))
        storage.write("avg_reprojection_error", float(np.nan_to_num(camera.rms_px, nan=-1.0)))
        written[path] = storage.releaseAndGetString()
    write_set(written)
    return list(written)


def opencv_files(calibration: RigCalibration, folder: Path) -> list[Path]:
    """Return the files that `export_opencv` writes, one per camera."""
    return [folder / f"{camera.name}.yaml" for camera in calibration]


def import_opencv(folder: Path, rig: str, serials: Mapping[str, str]) -> RigCalibration:
    """Read a folder of `<camera>.yaml` (or .yml, .xml, .json), as `export_opencv` and OpenCV's samples write them.

    Raises:
        CalibrationMismatch: a file lacks a key or a camera its pose, or holds what no lens or pose is.
    """
    cameras = {}
    paths = [p for p in sorted(folder.glob("*")) if p.suffix.lower() in (".yaml", ".yml", ".xml", ".json")]
    for path in paths[: MOST_CAMERAS + 1]:
        values = opencv_values(path)
        _refuse_other_lens(path, values)
        size = (round(scalar(path, values, "image_width")), round(scalar(path, values, "image_height")))
        T = np.eye(4)
        if "T_cam_world" in values or len(paths) > 1:
            T = matrix(path, values, "T_cam_world", (4, 4))
        name = path.stem
        K, d = _lens(path, values, "camera_matrix", "distortion_coefficients")
        cameras[name] = _camera(name, serials.get(name, ""), size, K, d, T)
    if not cameras:
        raise CalibrationMismatch(
            kind=MismatchKind.UNREADABLE, device=str(folder), seen="holds no .yaml, .yml, .xml or .json file",
            expected="one per camera",
        )  # fmt: skip
    if len(paths) > MOST_CAMERAS:
        raise CalibrationMismatch(
            kind=MismatchKind.UNREADABLE, device=str(folder), seen=f"holds {len(paths)} files",
            expected=f"one per camera, {MOST_CAMERAS} at most",
        )  # fmt: skip
    return _imported(rig, cameras, "opencv")


def import_opencv_stereo(
    intrinsics: Path,
    extrinsics: Path,
    size_px: tuple[int, int],
    names: Sequence[str],
    rig: str,
    serials: Mapping[str, str],
) -> RigCalibration:
    """Read the two files of OpenCV's stereo_calib sample: M1 D1 M2 D2, and R T (in the unit of its board: mm)."""
    lenses, pose = opencv_values(intrinsics), opencv_values(extrinsics)
    T = transform(matrix(extrinsics, pose, "R", (3, 3)), matrix(extrinsics, pose, "T", (3, 1)).ravel())
    cameras = {}
    for name, which, T_cam_world in zip(names, "12", (np.eye(4), T), strict=True):
        K, d = _lens(intrinsics, lenses, f"M{which}", f"D{which}")
        cameras[name] = _camera(name, serials.get(name, ""), size_px, K, d, T_cam_world)
    return _imported(rig, cameras, "opencv")


def _lens(path: Path, values: Mapping[str, Any], K: str, distortion: str) -> tuple[Array, Array]:
    counts = ((n, 1) for n in (4, 5, 8, 12, 14))
    return matrix(path, values, K, (3, 3)), matrix(path, values, distortion, *counts)


def _refuse_other_lens(path: Path, values: Mapping[str, Any]) -> None:
    """Refuse a file whose lens model is another one than pinhole with OpenCV's polynomial or rational distortion."""
    # OpenCV's calibration sample writes it for cv::fisheye; the same four numbers mean another lens.
    is_fisheye = str(values.get("fisheye_model", "0")).strip() not in {"0", "0.", "0.0", "false"}
    models = {"fisheye"} if is_fisheye else set()
    models |= {str(values[key]).strip().lower() for key in ("distortion_model", "camera_model") if key in values}
    if other := sorted(models - PINHOLE_MODELS):
        raise CalibrationMismatch(
            kind=MismatchKind.OTHER_LENS, device=str(path), seen=f"lens model {other[0][:40]}",
            expected=f"one of {', '.join(sorted(PINHOLE_MODELS))}",
            remedy="calibrate the camera with that model, or with `rigdriver calibrate`",
        )  # fmt: skip


def _camera(
    name: str, serial: str, size_px: tuple[int, int], K: Array, distortion: Array, T_cam_world: Array
) -> CameraCalibration:
    if not is_plain_name(name):
        # Names become names of files and folders.
        raise CalibrationMismatch(
            kind=MismatchKind.UNREADABLE, device=f"camera {name[:60]!r}", seen="its name cannot be the name of a file",
            remedy="give the camera another name",
        )  # fmt: skip
    values = np.asarray(distortion, dtype=np.float64).ravel()
    K, T_cam_world = np.array(K, dtype=np.float64), np.array(T_cam_world, dtype=np.float64)
    if problem := camera_problem(K, values, T_cam_world, size_px):
        raise CalibrationMismatch(
            kind=MismatchKind.IMPLAUSIBLE, device=f"camera {name}", seen=problem,
            remedy="export it again from the program that made it",
        )  # fmt: skip
    # OpenCV's models of 12 and 14 parameters, k1 k2 p1 p2 k3 k4 k5 k6 s1..s4 tx ty; zeros there change nothing.
    if len(values) > 8 and np.any(values[8:] != 0):
        raise CalibrationMismatch(
            kind=MismatchKind.OTHER_LENS, device=f"camera {name}", seen="has thin prism or tilt parameters",
            expected="a lens model of 4, 5 or 8 parameters",
        )  # fmt: skip
    coefficients = pad_distortion(values[:8])
    count = 5 if not np.any(coefficients[5:]) else 8
    return CameraCalibration(
        name=name,
        serial=serial,
        size_px=size_px,
        K=K,
        distortion=coefficients[:count].copy(),
        T_cam_world=T_cam_world,
    )


def _imported(rig: str, cameras: Mapping[str, CameraCalibration], source: str) -> RigCalibration:
    return RigCalibration(
        rig=rig, created=datetime.now(UTC).isoformat(timespec="seconds"), board=UNKNOWN_BOARD, bow_mm=(0.0, 0.0, 0.0),
        cameras=MappingProxyType(dict(cameras)), rms_px=float("nan"), views=0, corners=0, kept_share=float("nan"),
        notes=(f"imported from {source}; board, residuals and uncertainties are not known",), source=source,
    )  # fmt: skip


# ---------------------------------------------------------------- Kalibr


def export_kalibr(calibration: RigCalibration, path: Path) -> dict[str, float]:
    """Write a camchain, and return the largest miss of each camera's four-parameter lens, in pixels.

    Raises:
        UsageError: four parameters miss a lens by more than 0.1 px.
    """
    chain: dict[str, JsonValue] = {}
    misses = {}
    before: CameraCalibration | None = None
    for index, camera in enumerate(calibration):
        intrinsics, coefficients, misses[camera.name] = fit_radtan(camera)
        if misses[camera.name] > LARGEST_KALIBR_MISS_PX:
            raise UsageError(
                device=f"camera {camera.name}",
                seen=f"Kalibr's radtan lens misses by {misses[camera.name]:.2f} px",
                expected=f"at most {LARGEST_KALIBR_MISS_PX} px",
                remedy="export OpenCV YAML, which holds all parameters",
            )
        entry: dict[str, JsonValue] = {
            "camera_model": "pinhole",
            "intrinsics": [float(v) for v in intrinsics],
            "distortion_model": "radtan",
            "distortion_coeffs": [float(v) for v in coefficients],
            "resolution": list(camera.size_px),
            "rostopic": f"/{camera.name}",
            "cam_overlaps": [i for i in range(len(calibration.cameras)) if i != index],
        }
        if before is not None:
            # Kalibr's T_cn_cnm1 takes points of the camera before (n - 1) to camera n; the first camera has none.
            T = camera.T_cam_world @ inverse(before.T_cam_world)
            T[:3, 3] /= 1000.0  # Kalibr counts metres
            entry["T_cn_cnm1"] = T.tolist()
        chain[f"cam{index}"] = entry
        before = camera
    write_whole(path, to_yaml(chain))
    return misses


def fit_radtan(camera: CameraCalibration) -> tuple[Array, Array, float]:
    """Fit a pinhole with k1 k2 p1 p2 over the image: (4,), (4,), and the largest miss in pixels."""
    width, height = camera.size_px
    K = camera.K
    x, y = np.meshgrid(np.linspace(0, width - 1, 24), np.linspace(0, height - 1, 18))
    rays = np.column_stack([(x.ravel() - K[0, 2]) / K[0, 0], (y.ravel() - K[1, 2]) / K[1, 1]])
    wanted = distort(rays, camera.distortion) * np.diag(K)[:2] + K[:2, 2]
    lens = np.r_[K[0, 0], K[1, 1], K[0, 2], K[1, 2], camera.distortion[:4]]
    # Gauss-Newton over a lattice of the image; focal length and centre move too, and take up part of k3.
    for _ in range(10):
        bent, _, by_coefficient = distort_jacobian(rays, pad_distortion(lens[4:]))
        miss = wanted - (bent * lens[:2] + lens[2:4])
        J = np.zeros((len(rays), 2, 8))
        J[:, 0, 0], J[:, 1, 1] = bent[:, 0], bent[:, 1]
        J[:, 0, 2] = J[:, 1, 3] = 1.0
        J[:, :, 4:] = by_coefficient[:, :, :4] * lens[:2][None, :, None]
        lens = lens + np.linalg.lstsq(J.reshape(-1, 8), miss.reshape(-1), rcond=None)[0]
    miss = wanted - (distort(rays, pad_distortion(lens[4:])) * lens[:2] + lens[2:4])
    return lens[:4], lens[4:], float(np.abs(miss).max())


def import_kalibr(path: Path, names: Sequence[str], rig: str, serials: Mapping[str, str]) -> RigCalibration:
    """Read a camchain; `names` are the cameras in the order cam0, cam1, ...

    Raises:
        CalibrationMismatch: another lens model, another number of cameras, or no camchain.
    """
    try:
        chain = yaml_values(read_utf8(path, MOST_BYTES))
    except OSError as exc:
        raise _no_camchain(path, f"cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise _no_camchain(path, f"is no readable YAML: {exc}") from exc
    keys = [f"cam{i}" for i in range(len(names))]
    if not isinstance(chain, dict) or _cameras_of(chain) != sorted(keys):
        raise CalibrationMismatch(
            kind=MismatchKind.OTHER_RIG, device=str(path), seen=f"holds {', '.join(_cameras_of(chain)) or 'no camera'}",
            expected=f"{len(names)} cameras, cam0 to cam{len(names) - 1}", remedy="name all of them in order",
        )  # fmt: skip
    cameras: dict[str, CameraCalibration] = {}
    T = np.eye(4)
    for key, name in zip(keys, names, strict=True):
        camera, step = _from_camchain(chain[key], f"{path}: {key}", name, serials.get(name, ""), key == "cam0")
        # The chain is multiplied out, as every camera here is relative to the first one.
        T = step @ T
        # Checked again with its pose, which no other place has seen.
        cameras[name] = _camera(
            name, camera.serial, camera.size_px, camera.K.copy(), camera.distortion.copy(), T.copy()
        )
    return _imported(rig, cameras, "kalibr")


def _no_camchain(path: Path, seen: str) -> CalibrationMismatch:
    return CalibrationMismatch(
        kind=MismatchKind.UNREADABLE, device=str(path), seen=seen, remedy="name Kalibr's camchain file"
    )


def _cameras_of(chain: object) -> list[str]:
    return sorted(str(key) for key in chain if str(key).startswith("cam")) if isinstance(chain, dict) else []


def _from_camchain(
    entry: Mapping[str, Any], where: str, name: str, serial: str, is_first: bool
) -> tuple[CameraCalibration, Array]:
    """Return one camera without its pose, and the step from the camera before it, in millimetres."""
    if not isinstance(entry, Mapping):
        raise _damaged(where, "holds no keys")
    model = (entry.get("camera_model"), entry.get("distortion_model"))
    if model not in (("pinhole", "radtan"), ("pinhole", "none")):
        raise CalibrationMismatch(
            kind=MismatchKind.OTHER_LENS, device=where, seen=f"lens model {str(model[0])[:20]}-{str(model[1])[:20]}",
            expected="pinhole-radtan",
        )  # fmt: skip
    try:
        fx, fy, cx, cy = _numbers(entry["intrinsics"], 4)
        width, height = _numbers(entry["resolution"], 2)
        d = np.array(_numbers(entry.get("distortion_coeffs", [0, 0, 0, 0]), 4))
        step = np.eye(4) if is_first else np.array([_numbers(row, 4) for row in _list(entry["T_cn_cnm1"], 4)])
    except KeyError as exc:
        raise _damaged(where, f"lacks {exc.args[0]}") from exc
    except (TypeError, ValueError) as exc:
        raise _damaged(where, str(exc)) from exc
    # Before anything is multiplied with it: the product of two mirrored poses would look right.
    size = (round(width), round(height))
    if problem := camera_problem(np.diag([width, width, 1.0]), np.zeros(5), step, size):
        raise CalibrationMismatch(
            kind=MismatchKind.IMPLAUSIBLE, device=where, seen=problem, remedy="export it again from Kalibr"
        )
    step[:3, 3] *= 1000.0  # Kalibr counts metres
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    return _camera(name, serial, size, K, d, np.eye(4)), step


def _damaged(where: str, seen: str) -> CalibrationMismatch:
    return CalibrationMismatch(
        kind=MismatchKind.DAMAGED, device=where, seen=seen, expected="the content that Kalibr writes"
    )


def _numbers(values: object, count: int) -> list[float]:
    return [number(value) for value in _list(values, count)]


def _list(values: object, count: int) -> list[Any]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{str(values)[:40]} is no list of {count}")
    return values
