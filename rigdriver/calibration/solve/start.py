"""A first guess for the adjustment: lenses one by one, then where cameras and boards stand.

In: screened observations. Out: a `RigEstimate` that is good to a few pixels, or a refusal that names the cameras which
no shared view ties to the others. Lenses come from OpenCV's single-camera calibration, relative poses from shared views
by consensus, the chain of cameras from a spanning tree. Not here: refining (see adjust.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rigdriver.arrays import Array
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.project import inverse, rotation_vector
from rigdriver.calibration.solve.adjust import BOWS, RigEstimate
from rigdriver.calibration.solve.ties import FEWEST_VIEWS, refuse_parted, refuse_untied
from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import ViewsInsufficient

MOST_VIEWS = 14
"""Most views that the first guess of a lens uses; more cost time and change nothing."""
FOCAL_WIDTHS = (0.2, 50.0)
"""Range of focal lengths, in image widths, that a lens can have."""
USUAL_FOCAL_WIDTHS = 2.0
"""Focal length, in image widths, that is tried where the views give none."""
AGREE_RAD = 0.03
"""Largest angle between two guesses of one relative pose that agree, in radians."""
AGREE_SHARE = 0.03
"""Largest shift between two guesses that agree, as a share of the distance of the two cameras."""


def first_guess(observations: Observations, board: Board, focal_share: float | None = None) -> RigEstimate:
    """Return a state to start from; camera 0 is the world.

    `focal_share`: focal length in image widths from the lens's data sheet; when left out, the views give it.

    Raises:
        ViewsInsufficient: a camera sees too few views, or shares none with the others.
    """
    _refuse_few_views(observations)
    refuse_untied(observations)
    flat = board.corners_mm()
    groups = {(v, c): part for v, c, part in observations.groups()}
    intrinsics = _lenses(observations, flat, groups, focal_share)
    poses = {key: board_poses(observations, flat, part, intrinsics[key[1]]) for key, part in groups.items()}
    T_cam_world = _chain(observations, poses)
    T_world_board = stand_boards(observations, flat, groups, poses, intrinsics, T_cam_world)
    return RigEstimate(
        intrinsics=intrinsics,
        R_cam=T_cam_world[:, :3, :3].copy(), t_cam=T_cam_world[:, :3, 3].copy(),
        R_view=T_world_board[:, :3, :3].copy(), t_view=T_world_board[:, :3, 3].copy(),
        bow_mm=np.zeros(BOWS),
    )  # fmt: skip


def _refuse_few_views(observations: Observations) -> None:
    seen = (observations.counts() > 0).sum(axis=0)
    few = [
        f"camera {name}: {n} usable views"
        for name, n in zip(observations.cameras, seen, strict=True)
        if n < FEWEST_VIEWS
    ]
    if few:
        raise ViewsInsufficient(
            seen="; ".join(few),
            expected=f"at least {FEWEST_VIEWS}, better 12",
            remedy=f"show the board to {'this camera' if len(few) == 1 else 'these cameras'} in more poses",
        )


def _lenses(
    observations: Observations, flat: Array, groups: dict[tuple[int, int], slice], focal_share: float | None
) -> Array:
    """Return (C, 12) intrinsics; a camera whose views do not determine its focal length gets that of its siblings."""
    lenses = np.zeros((len(observations.cameras), 12))
    trusted = np.zeros(len(lenses), dtype=bool)
    for c, (width, height) in enumerate(observations.sizes_px):
        parts = [part for (_, camera), part in groups.items() if camera == c]
        lens = None if focal_share else _one_lens(observations, flat, parts, (width, height))
        trusted[c] = lens is not None
        f = (focal_share or 1.0) * width
        lenses[c] = lens if lens is not None else np.r_[f, f, (width - 1) / 2, (height - 1) / 2, np.zeros(8)]
    if trusted.any() and not focal_share:
        widths = np.array([w for w, _ in observations.sizes_px], dtype=float)
        share = float(np.median(lenses[trusted, 0] / widths[trusted]))
        # In image widths, because the cameras of a rig may differ in resolution while their lenses are alike.
        lenses[~trusted, 0] = lenses[~trusted, 1] = share * widths[~trusted]
    return lenses


def _one_lens(observations: Observations, flat: Array, parts: Sequence[slice], size: tuple[int, int]) -> Array | None:
    """Run OpenCV's calibration of one camera, centre fixed; drop views that miss by far, and run it again."""
    chosen = _spread(observations, parts)
    lens: Array | None = None
    for _ in range(3):
        if len(chosen) < FEWEST_VIEWS:
            return lens
        on_board = [flat[observations.corner[p]].astype(np.float32) for p in chosen]
        seen = [observations.points_px[p].astype(np.float32).reshape(-1, 1, 2) for p in chosen]
        # The centre, tangential terms and k3 are what few views of a plane determine worst; the adjustment frees them.
        flags = (
            cv2.CALIB_FIX_PRINCIPAL_POINT | cv2.CALIB_ZERO_TANGENT_DIST | cv2.CALIB_FIX_K3 | cv2.CALIB_FIX_ASPECT_RATIO
        )
        flags |= cv2.CALIB_USE_INTRINSIC_GUESS
        # Closed form from homographies (Zhang, A Flexible New Technique for Camera Calibration, 2000). It has no
        # solution when all boards stand parallel to the image; then a usual focal length has to do.
        guess = cv2.initCameraMatrix2D([o.reshape(-1, 1, 3) for o in on_board], seen, size, 1.0)
        if not np.isfinite(guess).all() or not _is_lens(guess[0, 0], size[0]):
            f = USUAL_FOCAL_WIDTHS * size[0]
            guess = np.array([[f, 0, (size[0] - 1) / 2], [0, f, (size[1] - 1) / 2], [0, 0, 1]])
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 1e-5)
        _, K, d, _, _, _, _, errors = cv2.calibrateCameraExtended(
            on_board, seen, size, guess, np.zeros(5), flags=flags, criteria=stop
        )
        lens = np.r_[K[0, 0], K[1, 1], K[0, 2], K[1, 2], np.asarray(d).ravel()[:5], 0, 0, 0]
        errors = np.asarray(errors).ravel()
        good = errors <= max(3 * float(np.median(errors)), 0.5)
        if good.all():
            break
        chosen = [p for p, is_good in zip(chosen, good, strict=True) if is_good]
    return lens if lens is not None and _is_lens(lens[0], size[0]) else None


def _is_lens(focal_px: float, width_px: int) -> bool:
    return FOCAL_WIDTHS[0] * width_px < focal_px < FOCAL_WIDTHS[1] * width_px


def _spread(observations: Observations, parts: Sequence[slice]) -> list[slice]:
    """Choose views with many corners that differ most in place, size and tilt."""
    parts = [p for p in parts if p.stop - p.start >= 12] or list(parts)
    if len(parts) <= MOST_VIEWS:
        return list(parts)
    shape = []
    for p in parts:
        points = observations.points_px[p]
        second = np.cov(points.T).ravel()[[0, 1, 3]]
        shape.append(np.r_[points.mean(axis=0), np.sqrt(np.abs(second)) * np.sign(second)])
    features = np.array(shape)
    # Farthest-point selection: each next view is the one that differs most from all that were chosen.
    chosen = [int(np.argmax([p.stop - p.start for p in parts]))]
    nearest = np.full(len(parts), np.inf)
    while len(chosen) < MOST_VIEWS:
        nearest = np.minimum(nearest, np.linalg.norm(features - features[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(nearest)))
    return [parts[i] for i in sorted(set(chosen))]


def board_poses(observations: Observations, flat: Array, part: slice, lens: Array) -> list[Array]:
    """Return the one or two T_cam_board that an image of a plane allows, the better one first."""
    K = np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1.0]])
    on_board = flat[observations.corner[part]]
    seen = observations.points_px[part].reshape(-1, 1, 2)
    try:
        # A plane seen from afar fits two tilts nearly as well; IPPE (Collins and Bartoli, 2014) returns both.
        _, turns, shifts, _ = cv2.solvePnPGeneric(on_board, seen, K, lens[4:9], flags=cv2.SOLVEPNP_IPPE)
    except cv2.error:  # corners in one line hold no pose
        return []
    poses = []
    for turn, shift in zip(turns, shifts, strict=True):
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = cv2.Rodrigues(turn)[0], np.asarray(shift).ravel()
        if np.isfinite(T).all() and T[2, 3] > 0:
            poses.append(T)
    return poses


def _gap(T_second_first: Array, others: Array) -> Array:
    """Return how far poses (N, 4, 4) are from this one; at 1 they are as far apart as guesses that agree may be."""
    turn, shift = T_second_first[:3, :3], T_second_first[:3, 3]
    # The angle of a rotation: cos = (trace - 1) / 2.
    R = others[:, :3, :3] @ turn.T
    angle = np.arccos(np.clip((np.trace(R, axis1=1, axis2=2) - 1) / 2, -1, 1))
    size = max(float(np.linalg.norm(shift)), 1.0)
    return np.asarray(angle / AGREE_RAD + np.linalg.norm(others[:, :3, 3] - shift, axis=1) / (AGREE_SHARE * size))


def _relative(first: list[list[Array]], second: list[list[Array]]) -> tuple[Array, int]:
    """Return T_second_first by consensus of the shared views, and how many views agree."""
    candidates, owner = [], []
    for view, (poses_first, poses_second) in enumerate(zip(first, second, strict=True)):
        # All combinations of both tilts are candidates. The right ones agree over the views, the wrong ones scatter.
        for T_first in poses_first:
            for T_second in poses_second:
                candidates.append(T_second @ inverse(T_first))
                owner.append(view)
    if not candidates:
        return np.eye(4), 0
    stack, views = np.array(candidates), np.array(owner)
    size = np.median(np.linalg.norm(stack[:, :3, 3], axis=1))
    near = np.stack([_gap(T, stack) for T in stack])
    # Zero, not rounding: where no two views agree, the first candidate wins, and its tilts are those that fit best.
    np.fill_diagonal(near, 0.0)
    support = np.array([len(set(views[row < 1])) - 1e-3 * row[row < 1].mean() for row in near])
    best = near[int(np.argmax(support))] < 1
    # Chordal mean of rotations: the sum, projected onto the rotations (Hartley et al., Rotation Averaging, 2013). They
    # agree within AGREE_RAD, so that the projection is never a reflection.
    U, _, Vt = np.linalg.svd(stack[best][:, :3, :3].sum(axis=0))
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = U @ Vt, np.median(stack[best][:, :3, 3], axis=0)
    return (T if np.isfinite(size) else np.eye(4)), len(set(views[best]))


def _chain(observations: Observations, poses: dict[tuple[int, int], list[Array]]) -> Array:
    """Return (C, 4, 4) T_cam_world along the strongest links; camera 0 is the world."""
    count = len(observations.cameras)
    links: dict[tuple[int, int], tuple[Array, int]] = {}
    for a in range(count):
        for b in range(a + 1, count):
            shared = [v for v in range(len(observations.views)) if (v, a) in poses and (v, b) in poses]
            if shared:
                T, support = _relative([poses[v, a] for v in shared], [poses[v, b] for v in shared])
                if support == 0:  # no view holds a pose for both: a link without support would be a guess
                    continue
                links[a, b], links[b, a] = (T, support), (inverse(T), support)
    T_cam_world = np.tile(np.eye(4), (count, 1, 1))
    done = {0}
    while len(done) < count:
        open_links = [(links[a, b][1], a, b) for a in done for b in range(count) if b not in done and (a, b) in links]
        if not open_links:
            refuse_parted(observations.cameras, sorted(done))
        # Prim's algorithm for the spanning tree of the best supported links: a weak link is used only where no other
        # exists.
        _, a, b = max(open_links)
        T_cam_world[b] = links[a, b][0] @ T_cam_world[a]
        done.add(b)
    return T_cam_world


def stand_boards(
    observations: Observations, flat: Array, groups: dict[tuple[int, int], slice],
    poses: dict[tuple[int, int], list[Array]], intrinsics: Array, T_cam_world: Array,
) -> Array:  # fmt: skip
    """Return (V, 4, 4) T_world_board: for each view the guess that fits the images of all cameras best."""
    T_world_board = np.tile(np.eye(4), (len(observations.views), 1, 1))
    for view in range(len(observations.views)):
        seen = [(c, groups[view, c]) for c in range(len(observations.cameras)) if (view, c) in groups]
        guesses = [inverse(T_cam_world[c]) @ T for c, _ in seen for T in poses[view, c]]
        if not guesses:
            continue
        costs = []
        for T in guesses:
            cost = 0.0
            for c, part in seen:
                T_cam_board = T_cam_world[c] @ T
                lens = intrinsics[c]
                K = np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1.0]])
                turn = rotation_vector(T_cam_board[:3, :3])
                predicted = cv2.projectPoints(
                    flat[observations.corner[part]].reshape(-1, 1, 3), turn, T_cam_board[:3, 3], K, lens[4:9]
                )[0]
                miss = np.linalg.norm(predicted.reshape(-1, 2) - observations.points_px[part], axis=1)
                # Capped, so that one outlier or one camera whose pose is wrong cannot decide for all.
                cost += float(np.minimum(np.nan_to_num(miss, nan=50.0), 50.0).sum())
            costs.append(cost)
        T_world_board[view] = guesses[int(np.argmin(costs))]
    return T_world_board
