"""Rectification: two cameras of a pod become a pair whose rows correspond.

In: a calibration, the names of two cameras, a working volume. Out: a frozen `PairGeometry`: the pair's own frame, the
region of interest that the volume covers, the range of disparities, and where its pixels fall in the raw images. The
pair's x axis runs along the baseline, whichever way the cameras stand, so rows always correspond (Fusiello, Trucco and
Verri, A compact algorithm for rectification of stereo pairs, 2000). Not here: what the images hold (see ../images.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import cv2
import numpy as np

from rigdriver.arrays import Array, Floats32, Pixels, make_read_only
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.project import distort, to_pixels
from rigdriver.config import VolumeConfig
from rigdriver.errors import CalibrationMismatch
from rigdriver.findings import MismatchKind
from rigdriver.stereo.geometry.resample import NODE_PX

BLOCK_PX = 32
"""Unit of rectified sizes: a cell of the coarsest pyramid level, in full pixels."""
LEAST_BASELINE_MM = 1.0
"""Least distance of the two cameras of a pair, in mm."""
LEAST_CONVERGENCE_DEG = 1.0
"""Least angle between two lines of sight that have a point in common. A calibration trades a line of sight against the
lens' middle: 5 px of 3840 are 0.075 degrees, and 0.11 for two lines. The distance of their point must be known within
the volume's half depth, 11 % of it, so the angle must be 1 degree at least."""
EDGE_PX = 3
"""Width of the margin, in px, in which a raw image counts as unseen."""
CHECK_POSES = "check the poses of the cameras in the calibration"
"""Remedy where the cameras cannot stand as the calibration says."""
GIVE_VOLUME = "give the working volume with --volume, or as [volume] in the rig file"
"""Remedy where the cameras do not show what is to be measured."""


@dataclass(frozen=True, slots=True)
class WorkingVolume:
    """Space in which surfaces are looked for: a ball, cut flat in front and behind as each pod sees it."""

    centre_mm: tuple[float, float, float]
    """Middle of the ball in the calibration's world."""
    radius_mm: float
    half_depth_mm: float
    """Distance from the middle to each cut, along each pod's line of sight."""


USUAL_RADIUS_SHARE = 0.16
"""Radius of a volume, as a share of the cameras' distance from its middle, where nothing else is said."""
USUAL_DEPTH_SHARE = 0.7
"""Distance from the middle of a volume to each cut, as a share of its radius, where nothing else is said."""
NOTHING_GIVEN = VolumeConfig()
"""Working volume that nobody names: all of it follows from how the cameras stand."""


@dataclass(frozen=True, slots=True, eq=False)
class PairGeometry:
    """One pair, ready to be matched. `left` is the camera from whose pixels points are made."""

    pod: str
    left: CameraCalibration
    right: CameraCalibration
    R_pair_world: Array
    """(3, 3): world directions to the pair's frame; x along the baseline, z towards the scene."""
    centre_mm: Array
    """(3,) the left camera's centre in the world."""
    baseline_mm: float
    focal_px: float
    left_cx_px: float
    right_cx_px: float
    cy_px: float
    size_px: tuple[int, int]
    """Width and height of both rectified images."""
    disparities_px: tuple[float, float]
    """Least and largest disparity, x_left - x_right, of the working volume."""
    nodes: tuple[Floats32, Floats32] = field(repr=False)
    """Places in the turned raw image of the left and the right camera, in px, of every NODE_PX-th rectified pixel."""
    turns: tuple[int, int]
    """Quarter turns that the raw images are given first, so that resampling reads memory in order."""

    @property
    def depth_offset_px(self) -> float:
        """Offset between a disparity and that of parallel cameras: z = baseline * focal / (disparity + offset)."""
        return self.right_cx_px - self.left_cx_px

    @property
    def depths_mm(self) -> tuple[float, float]:
        """Least and largest depth of the working volume, from the left camera."""
        far, near = (self.baseline_mm * self.focal_px / (d + self.depth_offset_px) for d in self.disparities_px)
        return near, far

    @property
    def depth_um_per_px(self) -> float:
        """Depth per pixel of disparity in the middle of the volume: |dz/dD| = b f / D^2."""
        middle = 0.5 * sum(self.disparities_px) + self.depth_offset_px
        return 1e3 * self.baseline_mm * self.focal_px / middle**2

    def turn(self, image: Pixels, side: int) -> Pixels:
        """Return the raw image of the left (0) or right (1) camera turned as the nodes expect it."""
        turn = self.turns[side]
        return cast(Pixels, np.ascontiguousarray(image if turn == 0 else cv2.rotate(image, _TURN_CODE[turn])))


_TURN_CODE = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


def working_volume(calibration: RigCalibration, given: VolumeConfig = NOTHING_GIVEN) -> WorkingVolume:
    """Return the volume that a rig file or a person names; what is left out follows from how the cameras stand.

    Raises:
        CalibrationMismatch: no middle is given, and the cameras do not look at one point.
    """
    cameras = [camera for camera in calibration if camera.role == "geometry"]
    centre = given.centre_mm or _middle(cameras)
    eyes = np.array([camera.centre_mm for camera in cameras])
    distance = float(np.mean(np.linalg.norm(eyes - centre, axis=1)))
    radius = given.radius_mm or USUAL_RADIUS_SHARE * distance
    return WorkingVolume(centre, radius, given.half_depth_mm or USUAL_DEPTH_SHARE * radius)


def _middle(cameras: Sequence[CameraCalibration]) -> tuple[float, float, float]:
    """Return the point that all cameras look at, in mm."""
    _check_cameras(cameras)
    centres = np.stack([camera.centre_mm for camera in cameras])
    axes = np.stack([camera.T_cam_world[2, :3] for camera in cameras])
    # The point nearest to all lines of sight: sum (I - a a^T) (p - c) = 0.
    away = np.eye(3)[None] - axes[:, :, None] * axes[:, None, :]
    angle = float(np.degrees(np.arccos(np.clip(axes @ axes.T, -1.0, 1.0).min())))
    if angle < LEAST_CONVERGENCE_DEG:
        raise _poses(
            "geometry cameras",
            f"look in parallel (within {angle:.2f} degrees), so no point is in the middle of their views",
            f"lines of sight that meet at {LEAST_CONVERGENCE_DEG:g} degrees or more",
            GIVE_VOLUME,
        )
    point = np.linalg.solve(away.sum(axis=0), np.einsum("nij,nj->i", away, centres))
    _refuse_unseen(cameras, point)
    return float(point[0]), float(point[1]), float(point[2])


def _refuse_unseen(cameras: Sequence[CameraCalibration], point: Array) -> None:
    """Refuse a middle that some camera does not see: lines of sight that miss each other have no middle."""
    for camera in cameras:
        seen = camera.T_cam_world[:3, :3] @ point + camera.T_cam_world[:3, 3]
        at = camera.K @ seen / seen[2] if seen[2] > 0 else np.full(3, np.nan)
        if not (0 <= at[0] < camera.size_px[0] and 0 <= at[1] < camera.size_px[1]):
            raise _poses(
                f"camera {camera.name}",
                f"does not see the point that all geometry cameras look at, {', '.join(f'{v:.0f}' for v in point)} mm",
                "it in every image",
                f"turn the cameras towards the face, or {GIVE_VOLUME}",
            )


def find_pairs(calibration: RigCalibration) -> dict[str, tuple[str, str]]:
    """Return the two geometry cameras of each pod.

    Raises:
        CalibrationMismatch: a pod has another number of them.
    """
    pods = calibration.pods("geometry")
    wrong = {pod: names for pod, names in pods.items() if len(names) != 2}
    if wrong or not pods:
        told = "; ".join(f"pod {pod}: {', '.join(names)}" for pod, names in wrong.items()) or "none"
        raise _poses(
            "geometry cameras", told, "two geometry cameras per pod", "set role and pod of the cameras in the rig file"
        )
    return {pod: (names[0], names[1]) for pod, names in pods.items()}


def make_pair(calibration: RigCalibration, pod: str, names: tuple[str, str], volume: WorkingVolume) -> PairGeometry:
    """Lay out the rectified pair of one pod.

    Raises:
        CalibrationMismatch: the cameras do not both look at the working volume, or something is no usable number.
    """
    left, right = calibration[names[0]], calibration[names[1]]
    _check_numbers(pod, (left, right), volume)
    # Both images get one focal length, the mean, so that rows have the same scale.
    R = _pair_rotation(left, right)
    baseline = float(np.linalg.norm(right.centre_mm - left.centre_mm))
    focal = float(np.mean([left.K[0, 0], left.K[1, 1], right.K[0, 0], right.K[1, 1]]))
    middle = R @ (np.array(volume.centre_mm) - left.centre_mm)
    if middle[2] <= 2 * volume.radius_mm:
        raise _poses(
            f"pod {pod}",
            f"the working volume lies {middle[2]:.0f} mm in front of {left.name}",
            f"more than {2 * volume.radius_mm:.0f} mm, twice the radius of the volume",
        )
    if middle[2] <= volume.half_depth_mm:
        raise _poses(
            f"pod {pod}",
            f"the working volume is {volume.half_depth_mm:.0f} mm deep to each side and reaches behind {left.name}",
            f"less than {middle[2]:.0f} mm",
            "lower volume.half_depth_mm in the rig file, or the radius of the volume",
        )
    near, far = middle[2] - volume.half_depth_mm, middle[2] + volume.half_depth_mm
    # Columns are cut to what the left camera sees of the volume, rows to what both see.
    low, high = _extent(left, R, volume), _extent(right, R, volume)
    x0, y0 = focal * low[0][0], focal * max(low[0][1], high[0][1])
    width = focal * (low[1][0] - low[0][0])
    height = focal * min(low[1][1], high[1][1]) - y0
    if width < BLOCK_PX or height < BLOCK_PX:
        raise _poses(
            f"pod {pod}",
            f"{left.name} and {right.name} see no common part of the working volume",
            remedy=f"{CHECK_POSES}, and the place and size of the volume",
        )
    size = tuple(int(np.ceil(v / BLOCK_PX)) * BLOCK_PX for v in (width, height))
    # The right image is shifted by the mean disparity, so that both hold the volume.
    shift = focal * baseline / middle[2]
    left_cx, right_cx = -x0, -x0 + shift
    # d = b f / z at both ends of the volume, less the shift.
    parallel = (focal * baseline / far, focal * baseline / near)
    made = [
        _make_nodes((int(size[0]), int(size[1])), camera, R, np.array([cx, -y0]), focal)
        for camera, cx in ((left, left_cx), (right, right_cx))
    ]
    return PairGeometry(
        pod=pod, left=left, right=right, R_pair_world=R, centre_mm=left.centre_mm, baseline_mm=baseline,
        focal_px=focal, left_cx_px=float(left_cx), right_cx_px=float(right_cx), cy_px=float(-y0),
        size_px=(size[0], size[1]), disparities_px=(float(parallel[0] - shift), float(parallel[1] - shift)),
        nodes=(made[0][0], made[1][0]), turns=(made[0][1], made[1][1]),
    )  # fmt: skip


def _poses(device: str, seen: str, expected: str = "", remedy: str = CHECK_POSES) -> CalibrationMismatch:
    return CalibrationMismatch(kind=MismatchKind.POSES, device=device, seen=seen, expected=expected, remedy=remedy)


def _check_cameras(cameras: Sequence[CameraCalibration]) -> None:
    """Refuse a calibration whose numbers would make the arithmetic meaningless."""
    for camera in cameras:
        numbers = (camera.K, camera.distortion, camera.T_cam_world)
        if not all(np.isfinite(n).all() for n in numbers) or not min(camera.K[0, 0], camera.K[1, 1]) > 0:
            raise CalibrationMismatch(
                kind=MismatchKind.IMPLAUSIBLE, device=f"camera {camera.name}",
                seen="its calibration holds values that are not finite, or a focal length that is not above 0 px",
                remedy="calibrate again",
            )  # fmt: skip


def _check_numbers(pod: str, cameras: tuple[CameraCalibration, ...], volume: WorkingVolume) -> None:
    """Refuse numbers that would make the arithmetic meaningless."""
    _check_cameras(cameras)
    sizes = (volume.radius_mm, volume.half_depth_mm)
    if not np.isfinite([*volume.centre_mm, *sizes]).all() or not min(sizes) > 0:
        raise _poses(
            f"pod {pod}",
            f"working volume with centre {volume.centre_mm} mm, radius {volume.radius_mm:g} mm and half depth "
            f"{volume.half_depth_mm:g} mm",
            "finite numbers, radius and half depth above 0",
            f"{CHECK_POSES}, and the working volume",
        )


def _pair_rotation(left: CameraCalibration, right: CameraCalibration) -> Array:
    """Rows: x along the baseline, y, and z across it towards what both cameras look at."""
    x = right.centre_mm - left.centre_mm
    length = np.linalg.norm(x)
    if length < LEAST_BASELINE_MM:
        raise _poses(
            f"cameras {left.name} and {right.name}",
            f"stand {length:.2f} mm apart",
            f"a baseline of at least {LEAST_BASELINE_MM:g} mm",
        )
    x = x / length
    # The mean line of sight, less its part along the baseline.
    z = left.T_cam_world[2, :3] + right.T_cam_world[2, :3]
    z = z - (z @ x) * x
    size = np.linalg.norm(z)
    if size < 0.2:
        raise _poses(
            f"cameras {left.name} and {right.name}",
            "look along the line between them",
            "views across this line",
        )
    z = z / size
    return np.stack([x, np.cross(z, x), z])


def _extent(camera: CameraCalibration, R: Array, volume: WorkingVolume) -> tuple[Array, Array]:
    """Return the least and largest slopes, in the pair's frame, of points in the volume and in the camera's image."""
    middle = R @ (np.array(volume.centre_mm) - camera.centre_mm)
    slope, reach = middle[:2] / middle[2], volume.radius_mm / middle[2]
    width, height = camera.size_px
    # Lens distortion bends the image's border, so many points of it are looked up, not just the corners.
    edge = np.linspace(0, 1, 33)
    border = np.concatenate(
        [np.stack([edge, np.full(33, side)], 1) for side in (0, 1)]
        + [np.stack([np.full(33, side), edge], 1) for side in (0, 1)]
    ) * [width - 1, height - 1]
    rays = cv2.undistortPoints(border.reshape(-1, 1, 2), camera.K, camera.distortion).reshape(-1, 2)
    turned = np.column_stack([rays, np.ones(len(rays))]) @ (R @ camera.T_cam_world[:3, :3].T).T
    seen = turned[:, :2] / turned[:, 2:]
    return np.maximum(seen.min(axis=0), slope - 1.05 * reach), np.minimum(seen.max(axis=0), slope + 1.05 * reach)


def _make_nodes(
    size_px: tuple[int, int], camera: CameraCalibration, R: Array, middle_px: Array, focal_px: float
) -> tuple[Floats32, int]:
    """Project the rectified grid's rays into the raw image, then turn the places as the image will be turned."""
    x = (np.arange(0, size_px[0] + 1, NODE_PX) - middle_px[0]) / focal_px
    y = (np.arange(0, size_px[1] + 1, NODE_PX) - middle_px[1]) / focal_px
    grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), axis=-1)
    rays = grid @ (camera.T_cam_world[:3, :3] @ R.T).T
    places = to_pixels(distort(rays[..., :2] / rays[..., 2:], camera.distortion), camera.K)
    width, height = camera.size_px
    turn = _quarter_turns(places)
    u, v = places[..., 0], places[..., 1]
    # Where a pixel of the raw image lies after each number of clockwise quarter turns.
    turned = {0: (u, v), 1: (height - 1 - v, u), 2: (width - 1 - u, height - 1 - v), 3: (v, width - 1 - u)}[turn]
    nodes = np.ascontiguousarray(np.stack(turned, axis=-1), dtype=np.float32)
    make_read_only(nodes)
    return nodes, turn


def _quarter_turns(places: Array) -> int:
    """Return the clockwise quarter turns of the raw image after which its rows run as the rectified rows do."""
    along = places[places.shape[0] // 2, -1] - places[places.shape[0] // 2, 0]
    if abs(along[0]) >= abs(along[1]):
        return 0 if along[0] > 0 else 2
    return 3 if along[1] > 0 else 1
