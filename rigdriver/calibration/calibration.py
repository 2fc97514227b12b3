"""The result: each camera's lens and pose, and their uncertainty.

In: numbers of the solver, an importer or a file. Out: frozen `CameraCalibration` and `RigCalibration`. A calibration
belongs to one rig, its cameras' serial numbers, one resolution and one place on the sensor; a user calls `check_rig`,
`check_sizes` and `check_regions` first.
Not here: formats of files (see file.py and exchange.py) and the solver (see rigdriver.calibration.solve).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from rigdriver.arrays import Array
from rigdriver.calibration.board.boards import Board
from rigdriver.config import RigConfig
from rigdriver.errors import CalibrationMismatch
from rigdriver.findings import Finding, MismatchKind
from rigdriver.images.region import ImageRegion


@dataclass(frozen=True, slots=True, eq=False)
class CameraCalibration:
    """One camera's values. `T_cam_world` takes world points (mm) to camera points (x right, y down, z forward)."""

    name: str
    serial: str
    size_px: tuple[int, int]
    """Width and height of the images that this calibration is for."""
    K: Array
    """(3, 3) float64, pixels; the centres of pixels lie at integers."""
    distortion: Array
    """(5,) or (8,) float64, k1 k2 p1 p2 k3 [k4 k5 k6] in OpenCV's order."""
    T_cam_world: Array
    """(4, 4) float64, millimetres."""
    rms_px: float = float("nan")
    """Root mean square distance of seen and predicted corners."""
    sigmas: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Standard uncertainty by parameter: fx, fy, cx, cy (px), k1.., rx, ry, rz (rad), tx, ty, tz (mm, camera frame)."""
    pod: str = "main"
    role: str = "geometry"
    views: int = 0
    corners: int = 0
    region: ImageRegion | None = None
    """Place on the sensor of the images that this calibration is for; None where that is not known."""

    def __post_init__(self) -> None:
        for array in (self.K, self.distortion, self.T_cam_world):
            array.flags.writeable = False

    @property
    def centre_mm(self) -> Array:
        """Centre of projection in the world: (3,), millimetres."""
        # X_cam = R X + t is zero at X = -R^T t.
        return np.asarray(-self.T_cam_world[:3, :3].T @ self.T_cam_world[:3, 3])


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Expected 3D error that the calibration alone causes in the working volume, after a rigid fit.

    `_um` and `_ppm` are expected root mean squares (one sigma); `_95` are bounds that hold with 95 % probability.
    """

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    point_um: float
    point_um_95: float
    step_um: float
    """Step between the pods; NaN with one pod."""
    step_um_95: float
    scale_ppm: float
    """Scale error, with the uncertainty of the measured square."""
    scale_ppm_95: float


@dataclass(frozen=True, slots=True, eq=False)
class Covariance:
    """Joint uncertainty of all cameras' parameters; the board poses are marginalised."""

    parameters: tuple[str, ...]
    """Names such as `left_upper.fx`; parameters that were held fixed (camera 0's pose) are left out."""
    matrix: Array
    """(P, P) float64, in the units of the parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class RigCalibration:
    """Calibration of all cameras of a rig in one world frame: the first camera's, unless a file has another one."""

    rig: str
    created: str
    """Date in UTC, ISO 8601."""
    board: Board
    bow_mm: tuple[float, float, float]
    """Shape of the board that the solver found: out of plane along x * x, x * y, y * y at the print's corners."""
    cameras: Mapping[str, CameraCalibration]
    rms_px: float
    views: int
    corners: int
    kept_share: float
    """Share of the found corners that the result rests on."""
    accuracy: Accuracy | None = None
    covariance: Covariance | None = None
    has_square_sigma: bool = False
    """True where the sigmas and the covariance hold the uncertainty of the board's square; older files do not."""
    notes: tuple[str, ...] = ()
    """Notes on what the solver left out or found odd, in words, as the file keeps them."""
    source: str = "rigdriver"

    def __getitem__(self, camera: str) -> CameraCalibration:
        """Return that camera. KeyError names the cameras that there are."""
        try:
            return self.cameras[camera]
        except KeyError:
            raise KeyError(f"no camera {camera}; there are {', '.join(self.cameras)}") from None

    def __iter__(self) -> Iterator[CameraCalibration]:
        return iter(self.cameras.values())

    def pods(self, role: str = "geometry") -> dict[str, tuple[str, ...]]:
        """Return the names of the cameras that have that role, by pod."""
        found: dict[str, tuple[str, ...]] = {}
        for camera in self:
            if camera.role == role:
                found[camera.pod] = (*found.get(camera.pod, ()), camera.name)
        return found

    def with_camera(self, camera: CameraCalibration) -> RigCalibration:
        """Return a calibration with one camera replaced; the joint uncertainty no longer holds and is dropped."""
        cameras = MappingProxyType({**self.cameras, camera.name: camera})
        return replace(self, cameras=cameras, accuracy=None, covariance=None)

    def check_rig(self, config: RigConfig) -> None:
        """Refuse a rig that this calibration was not made on.

        Raises:
            CalibrationMismatch: another rig's name, another serial number, a camera too many or missing; names all.
        """
        findings = []
        if config.name != self.rig:
            findings.append(
                _other_rig("calibration", f"is of rig {self.rig!r}", f"rig {config.name!r}, as in the rig file")
            )
        for camera in config.cameras:
            known = self.cameras.get(camera.name)
            if known is None:
                findings.append(
                    _other_rig(f"camera {camera.name} (SN {camera.serial})", "is in the rig file, but not calibrated")
                )
            elif known.serial != camera.serial:
                findings.append(
                    _other_rig(f"camera {camera.name}", f"SN {camera.serial}", f"SN {known.serial}, as calibrated")
                )
        configured = {camera.name for camera in config.cameras}
        findings += [
            _other_rig(f"camera {name}", "is calibrated, but not in the rig file")
            for name in self.cameras
            if name not in configured
        ]
        _refuse(findings, "calibrate this rig, or name the file that belongs to it")

    def check_sizes(self, sizes_px: Mapping[str, tuple[int, int]]) -> None:
        """Refuse images of another resolution than the calibration's.

        Raises:
            CalibrationMismatch: another size, or a camera that is not calibrated; names all.
        """
        findings = []
        for name, size in sizes_px.items():
            known = self.cameras.get(name)
            if known is None:
                findings.append(_other_rig(f"camera {name}", "is not calibrated", f"one of {', '.join(self.cameras)}"))
            elif known.size_px != tuple(size):
                findings.append(
                    _other_images(
                        name,
                        f"images of {size[0]}x{size[1]} px",
                        f"{known.size_px[0]}x{known.size_px[1]} px",
                    )
                )
        _refuse(findings, "set the resolution that was calibrated, or calibrate at this one")

    def check_regions(self, regions: Mapping[str, ImageRegion | None]) -> tuple[str, ...]:
        """Refuse images of another place on the sensor than the calibration's; return notes on what is not known.

        Raises:
            CalibrationMismatch: another offset, binning, decimation or flip; names all.
        """
        findings, unknown = [], []
        for name, region in regions.items():
            known = self.cameras.get(name)
            if known is None:
                continue
            if known.region is None or region is None:
                unknown.append((name, known.region is None))
            elif known.region != region:
                findings.append(_other_images(name, f"images with {region}", str(known.region)))
        _refuse(findings, "set the region that was calibrated, or calibrate with this one")
        return tuple(
            f"camera {name}: {'the calibration does' if is_calibration else 'the images do'} not say which region of "
            "the sensor was used; only the size was checked"
            for name, is_calibration in unknown
        )


def _other_rig(device: str, seen: str, expected: str = "") -> Finding[MismatchKind]:
    return Finding(MismatchKind.OTHER_RIG, device, seen, expected)


def _other_images(camera: str, seen: str, calibrated: str) -> Finding[MismatchKind]:
    return Finding(MismatchKind.OTHER_IMAGES, f"camera {camera}", seen, f"{calibrated}, as calibrated")


def _refuse(findings: Sequence[Finding[MismatchKind]], remedy: str) -> None:
    if findings:
        raise CalibrationMismatch(findings=findings, remedy=remedy)
