"""What the views that are left determine: ties between the cameras, views per camera, and directions nobody measured.

In: observations after every removal, notes on what was removed, the covariance of a solution. Out: nothing, or a
refusal that names the sides which no view ties, or the parameters that no view determines. The same check serves the
first guess and the final result: an outlier that is dropped may have been the only tie.
Not here: finding outliers (see outliers.py), inverting the normal equations (see uncertainty.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rigdriver.arrays import Array, Mask
from rigdriver.calibration.calibration import CameraCalibration, Covariance
from rigdriver.calibration.solve.notes import NoteKind, SolveNote
from rigdriver.calibration.solve.screen import SMALLEST_GROUP
from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import ViewsInconsistent, ViewsInsufficient

FEWEST_VIEWS = 3
"""Fewest views of a camera from which its lens and pose can be guessed."""
LARGEST_FOCAL_SHARE = 0.1
"""Largest standard uncertainty of a focal length, as a share of it, that a linear propagation can describe."""
LARGEST_TURN_RAD = 0.05
"""Largest standard uncertainty of a camera's turn that a linear propagation can describe, in radians."""
LARGEST_SHIFT_SHARE = 0.1
"""Largest standard uncertainty of a camera's place, as a share of its distance from the boards."""
MOST_NAMED = 4
"""Most parameters or views that a sentence names."""
DROPPING = (NoteKind.VIEW_MOVED, NoteKind.IMAGE_FAR, NoteKind.OFF_BOARD, NoteKind.MIRRORED)


def has_view(observations: Observations) -> Mask:
    """Return (V, C) whether the image holds enough corners for a pose of the board."""
    return np.asarray(observations.counts() >= SMALLEST_GROUP)


def islands(seen: Mask) -> list[tuple[int, ...]]:
    """Return the groups of cameras that views (V, C) tie together, the first camera's first."""
    left, found = set(range(seen.shape[1])), []
    while left:
        group = {min(left)}
        while True:
            views = seen[:, sorted(group)].any(axis=1)
            grown = group | {int(c) for c in np.flatnonzero(seen[views].any(axis=0))}
            if grown == group:
                break
            group = grown
        found.append(tuple(sorted(group)))
        left -= group
    return found


def refuse_untied(rest: Observations, notes: Sequence[SolveNote] = ()) -> None:
    """Refuse cameras that no view ties to the first one.

    Raises:
        ViewsInsufficient: names both sides, and what was dropped before.
    """
    refuse_parted(rest.cameras, islands(has_view(rest))[0], notes)


def refuse_parted(cameras: Sequence[str], tied: Sequence[int], notes: Sequence[SolveNote] = ()) -> None:
    """Refuse when not all cameras are among the tied ones. Raises ViewsInsufficient."""
    if len(tied) == len(cameras):
        return
    here = ", ".join(cameras[c] for c in tied)
    there = ", ".join(name for c, name in enumerate(cameras) if c not in tied)
    dropped = [str(note) for note in notes if note.kind in DROPPING]
    told = f" ({len(dropped)} were dropped, for example {dropped[0]})" if dropped else ""
    raise ViewsInsufficient(
        seen=f"no {'remaining ' if dropped else ''}view shows the board to {here} and to {there} at the same "
        f"time{told}",
        expected="at least one group of views that connects them",
        remedy="hold the board at rest so that both sides see it, and take six more views",
    )


def refuse_few_views(rest: Observations, whole: Observations, notes: Sequence[SolveNote]) -> None:
    """Refuse a camera that kept too few of its views.

    Raises:
        ViewsInconsistent: names it, and one reason why its views were dropped.
    """
    left, had = has_view(rest).sum(axis=0), (whole.counts() > 0).sum(axis=0)
    for name, now, before in zip(rest.cameras, left, had, strict=True):
        if now < FEWEST_VIEWS:
            reasons = [str(note) for note in notes if note.kind in DROPPING]
            raise ViewsInconsistent(
                device=f"camera {name}",
                seen=f"only {now} of its {before} views agree with the other cameras"
                + (f" (for example {reasons[0]})" if reasons else ""),
                expected=f"at least {FEWEST_VIEWS}",
                remedy="the board or the camera moved between the exposures: keep both at rest, and use frame sets "
                "that are proved synchronous",
            )


def lone_ties(rest: Observations) -> list[int]:
    """Return the views without which the cameras would fall into parts: nothing else checks what they say."""
    seen = has_view(rest)
    whole = len(islands(seen))
    ties = np.flatnonzero(seen.sum(axis=1) > 1)
    return [int(view) for view in ties if len(islands(np.delete(seen, view, axis=0))) > whole]


def refuse_undetermined(
    cameras: Mapping[str, CameraCalibration], covariance: Covariance, rest: Observations, boards_mm: Array
) -> None:
    """Refuse parameters of lens and pose that the views leave open.

    `boards_mm`: (V, 3) places of the boards in the world; those of views that show nothing play no part.

    Raises:
        ViewsInsufficient: names the parameters and their cameras.
    """
    posed = rest.counts().sum(axis=1) > 0
    sigma = dict(zip(covariance.parameters, np.sqrt(np.diag(covariance.matrix)), strict=True))
    loose = []
    for name, camera in cameras.items():
        distance = float(np.median(np.linalg.norm(boards_mm[posed] - camera.centre_mm, axis=1)))
        limits = {p: LARGEST_FOCAL_SHARE * float(camera.K[0, 0]) for p in ("fx", "fy", "cx", "cy")}
        limits |= dict.fromkeys(("rx", "ry", "rz"), LARGEST_TURN_RAD)
        limits |= dict.fromkeys(("tx", "ty", "tz"), LARGEST_SHIFT_SHARE * distance)
        # `not <=`, so that an infinite or undefined uncertainty is refused like a large one.
        mine = [p for p, limit in limits.items() if not sigma.get(f"{name}.{p}", 0.0) <= limit]
        if mine:
            loose.append(f"camera {name}: {', '.join(mine[:MOST_NAMED])}")
    if loose:
        raise ViewsInsufficient(
            seen=f"the remaining views do not determine {'; '.join(loose)}",
            expected="lens and pose of every camera",
            remedy="take more views in which the board is tilted both ways, near and far, and seen by neighbouring "
            "cameras at once",
        )
