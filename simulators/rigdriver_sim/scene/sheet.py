"""Flat things: the ChArUco board and the certified plate, flat but for a bow.

In: a `SceneSpec` and a time. Out: a `SheetStill`. The body frame is OpenCV's board frame: x right, y down, origin at
the board's first outer corner (the plate's: in its middle), mm. Lies: no thickness, no gloss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigdriver_sim.scene.charuco import Print, draw_print, fill_albedo
from rigdriver_sim.scene.hits import Floats32, Hits, channel_weights, empty_hits
from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.optics import Floats, inverse, rigid, transform, undistort
from rigdriver_sim.scene.pods import CameraModel
from rigdriver_sim.scene.rest import pose_number, rest_pose
from rigdriver_sim.scene.spec import SceneSpec

PLATE_ALBEDO = 0.62


@dataclass(frozen=True, slots=True)
class Outline:
    """A rectangle or ellipse around the middle of the sheet, and its bow towards the viewer."""

    middle_mm: tuple[float, float]
    half_mm: tuple[float, float]
    bow_mm: float
    is_disc: bool

    @property
    def packed(self) -> Floats:
        """Middle x y, half size x y, bow, is_disc, (6,) float64."""
        return np.array([*self.middle_mm, *self.half_mm, self.bow_mm, float(self.is_disc)])


class Board:
    """A ChArUco board that rests in one pose after the other."""

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec
        board = spec.board
        scale = 1 + board.print_scale_ppm * 1e-6
        size = np.array([board.squares_x, board.squares_y]) * board.square_mm * scale
        half = size / 2 + 0.6 * board.square_mm
        self._outline = Outline((size[0] / 2, size[1] / 2), (half[0], half[1]), board.bow_mm, is_disc=False)
        self._print = draw_print(board)

    def still(self, t_s: float) -> SheetStill:
        """Return the board at a time."""
        board, spec = self._spec.board, self._spec
        number = pose_number(t_s, board.dwell_s, board.poses)
        T_world_middle = rest_pose("board", spec.seed, number, spec.optics.pods_deg / 2, board.spread)
        shift = rigid(np.eye(3), [-self._outline.middle_mm[0], -self._outline.middle_mm[1], 0])
        return SheetStill(self._outline, T_world_middle @ shift, self._print)


class Plate:
    """A matt plate that rests in one pose after the other."""

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec
        half = spec.plate.size_mm / 2
        self._outline = Outline((0.0, 0.0), (half, half), spec.plate.bow_mm, is_disc=spec.plate.shape == "disc")

    def still(self, t_s: float) -> SheetStill:
        """Return the plate at a time."""
        plate, spec = self._spec.plate, self._spec
        number = pose_number(t_s, plate.dwell_s, plate.poses)
        pose = rest_pose("plate", spec.seed, number, spec.optics.pods_deg / 2, 0.5)
        return SheetStill(self._outline, pose, None)


@dataclass(frozen=True, slots=True)
class SheetStill:
    """A sheet at one moment."""

    outline: Outline
    T_world_body: Floats
    printed: Print | None
    albedo: float = PLATE_ALBEDO

    def hits(self, camera: CameraModel) -> Hits:
        """Return what the camera's rays meet."""
        found = empty_hits(camera)
        _meet(
            self.outline.packed,
            camera.lens.packed,
            camera.T_cam_world @ self.T_world_body,
            self.T_world_body,
            found.depth_mm,
            found.normal,
            found.material,
        )
        if self.printed is None:
            found.albedo[:] = np.where(np.isfinite(found.depth_mm), np.float32(self.albedo), np.float32(0))
        else:
            fill_albedo(self.printed, found, channel_weights(camera))
        return found

    def shadow_depth(self, T_lamp_world: Floats, focal_px: float, size: int) -> Floats32 | None:  # noqa: ARG002
        """Return None: a sheet casts no shadow on itself."""
        return None

    def signed_distance_mm(self, points_world_mm: Floats) -> Floats:
        """Return the distance of world points, (N, 3) mm, to the sheet, (N,) mm; above 0 on the viewer's side."""
        local = transform(inverse(self.T_world_body), points_world_mm)
        middle, half = np.array(self.outline.middle_mm), np.array(self.outline.half_mm)
        wanted = local[:, :2] - middle
        foot = wanted.copy()
        for _ in range(30):
            # The foot of the normal on the bowed sheet, by fixed point: the bow is a small fraction of the size.
            height, slope = self._height(foot, half)
            foot = self._kept_inside(wanted + (local[:, 2] - height)[:, None] * slope, half)
        height, _slope = self._height(foot, half)
        away = np.concatenate([wanted - foot, (local[:, 2] - height)[:, None]], axis=1)
        signed: Floats = np.sqrt((away**2).sum(axis=1)) * np.where(local[:, 2] < height, 1.0, -1.0)
        return signed

    def _height(self, place: Floats, half: Floats) -> tuple[Floats, Floats]:
        bow = self.outline.bow_mm
        spread = float(half @ half)
        return -bow * (1 - (place**2).sum(axis=1) / spread), 2 * bow * place / spread

    def _kept_inside(self, place: Floats, half: Floats) -> Floats:
        if not self.outline.is_disc:
            return np.clip(place, -half, half)
        far = np.sqrt((place**2).sum(axis=1))
        kept: Floats = place * np.minimum(1.0, half[0] / np.maximum(far, 1e-12))[:, None]
        return kept


@kernel
def _meet(
    outline: Floats,
    lens: Floats,
    T_cam_body: Floats,
    T_world_body: Floats,
    depth: Floats,
    normal: Floats32,
    material: Floats32,
) -> None:
    T, W = T_cam_body, T_world_body
    height, width = depth.shape
    mx, my, hx, hy, bow = outline[0], outline[1], outline[2], outline[3], outline[4]
    spread = hx * hx + hy * hy
    ox = -(T[0, 0] * T[0, 3] + T[1, 0] * T[1, 3] + T[2, 0] * T[2, 3])
    oy = -(T[0, 1] * T[0, 3] + T[1, 1] * T[1, 3] + T[2, 1] * T[2, 3])
    oz = -(T[0, 2] * T[0, 3] + T[1, 2] * T[1, 3] + T[2, 2] * T[2, 3])
    for row in range(height):
        for column in range(width):
            x, y = undistort(lens, float(column), float(row))
            vx = T[0, 0] * x + T[1, 0] * y + T[2, 0]
            vy = T[0, 1] * x + T[1, 1] * y + T[2, 1]
            vz = T[0, 2] * x + T[1, 2] * y + T[2, 2]
            if vz <= 1e-3:
                continue
            t = -oz / vz
            px, py, sx, sy, step = 0.0, 0.0, 0.0, 0.0, 1.0
            for _ in range(10):
                px, py = ox + t * vx - mx, oy + t * vy - my
                sx, sy = 2.0 * bow * px / spread, 2.0 * bow * py / spread
                # Newton on the height over the bowed sheet, z + bow (1 - r^2 / spread), along the ray.
                high = oz + t * vz + bow * (1.0 - (px * px + py * py) / spread)
                step = high / (vz - sx * vx - sy * vy)
                t -= step
                if abs(step) < 1e-9:
                    break
            # An edge-on ray may run along the bow and never settle: such a ray sees the sheet's edge, which has none.
            if t <= 0.0 or not abs(step) < 1e-9:
                continue
            if outline[5] > 0.5:
                inside = px * px / (hx * hx) + py * py / (hy * hy) <= 1.0
            else:
                inside = abs(px) <= hx and abs(py) <= hy
            if not inside:
                continue
            depth[row, column] = t
            material[row, column, 0] = px + mx
            material[row, column, 1] = py + my
            # The printed side looks along -z of the body.
            steep = 1.0 / np.sqrt(1.0 + sx * sx + sy * sy)
            for k in range(3):
                normal[row, column, k] = (W[k, 0] * sx + W[k, 1] * sy - W[k, 2]) * steep
