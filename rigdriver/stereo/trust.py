"""Trust in a result: which residuals are so large that none is better than a plausible wrong one.

In: the figures of one pod, or what was found between two pods; limits. Out: a `Reason`, or None where the result may be
true. Limits in pixels hold for every resolution; `pixel_um` is the depth per pixel of disparity. Not here: single cells
(see match/screen.py), and which camera was moved (see calibration/).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rigdriver.frames import FrameSet
from rigdriver.stereo.cloud import PodFigures
from rigdriver.stereo.geometry.rectify import PairGeometry
from rigdriver.stereo.reasons import Reason, ReasonKind


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """Limits of the residuals: beyond a limit a result is refused, beyond a `warn_` limit there is a warning."""

    kept_share: float = 0.35
    """Least share of the lit cells that must be measured, of those that can lie in the working volume."""
    row_residual_px: float = 0.35
    """Largest median height difference of matching pixels."""
    row_spread_px: float = 0.30
    """Largest robust standard deviation of that difference."""
    step_px: float = 0.35
    """Largest step between the pods, as a disparity; at 2048 x 1536 some 0.15 mm."""
    spread_px: float = 0.30
    """Largest robust standard deviation of that step over the overlap."""
    sigma_px: float = 0.05
    """Largest median of the predicted uncertainty, as a disparity. Speckle gives 0.02 to 0.03, bare skin in white light
    0.07."""
    warn_row_px: float = 0.10
    warn_step_px: float = 0.10
    warn_row_spread_px: float = 0.035
    """Largest robust standard deviation of the row difference without a warning. In images of one moment it is the
    noise of a block, 0.01 to 0.025 px; a face that has moved by half a millimetre gives 0.04 or more in one pod."""
    seen_deg: float = 50.0
    """Angle between a pod's line of sight and a surface's normal up to which a pod measures most of it."""
    overlap_share: float = 0.25
    """Share of the expected overlap of two pods, below which there is a warning. Both see the normals between them: of
    2 * seen_deg each all but the angle between the pods."""
    skew_us: float = 100.0
    """Largest difference between exposure starts: what moves by 500 mm/s moves 0.05 mm in that time."""
    least_cells: int = 400
    """Least number of cells that one pod must measure."""
    least_met_cells: int = 200
    """Least number of cells that both pods must see before their distance is judged."""


def judge_pod(f: PodFigures, pair: PairGeometry, trust: TrustSettings) -> Reason | None:
    """Return why a pod's result cannot be true; None when it may be."""
    pod, names = f"pod {f.pod}", _names(pair)
    if f.kept_share < trust.kept_share:
        return Reason(ReasonKind.FEW_MATCHES, pod, names, seen=100 * f.kept_share, expected=100 * trust.kept_share)
    if f.kept_cells < trust.least_cells:
        return Reason(ReasonKind.FEW_CELLS, pod, names, seen=f.kept_cells, expected=trust.least_cells)
    # The limit is one of disparity: sigma_z = |dz/dD| sigma_D, with |dz/dD| of the rectified pair.
    pixel_um = pair.depth_um_per_px
    # Written so that NaN is refused, too.
    if not f.noise_um <= trust.sigma_px * pixel_um:
        return Reason(ReasonKind.LITTLE_DETAIL, pod, names, seen=f.noise_um / pixel_um, expected=trust.sigma_px)
    # Rectified, a point has the same row in both images; what differs is a camera that has turned since.
    if not abs(f.row_residual_px) <= trust.row_residual_px or not f.row_spread_px <= trust.row_spread_px:
        return Reason(
            ReasonKind.ROWS_DIFFER, pod, names, seen=f.row_residual_px, expected=trust.row_residual_px,
            spread=f.row_spread_px, expected_spread=trust.row_spread_px,
        )  # fmt: skip
    return None


def outside_volume(f: PodFigures, pair: PairGeometry, outside_cells: int, depth_mm: float) -> Reason:
    """Return the reason for a pod that sees more outside the working volume than in it."""
    near, far = pair.depths_mm
    return Reason(
        ReasonKind.OUTSIDE_VOLUME, f"pod {f.pod}", pair.left.name, seen=depth_mm, expected=near, spread=outside_cells,
        expected_spread=far,
    )  # fmt: skip


def warn_of_rows(f: PodFigures, pair: PairGeometry, trust: TrustSettings) -> Reason | None:
    """Return a warning when a pod's rows differ more than those of a true calibration do."""
    if not abs(f.row_residual_px) > trust.warn_row_px:
        return None
    return Reason(
        ReasonKind.ROWS_DRIFT, f"pod {f.pod}", _names(pair), seen=f.row_residual_px, expected=trust.warn_row_px
    )


def warn_of_row_spread(f: PodFigures, pair: PairGeometry, trust: TrustSettings) -> Reason | None:
    """Return a warning when a pod's rows differ from place to place."""
    if not f.row_spread_px > trust.warn_row_spread_px:
        return None
    return Reason(
        ReasonKind.ROWS_SPREAD, f"pod {f.pod}", _names(pair), spread=f.row_spread_px,
        expected_spread=trust.warn_row_spread_px,
    )  # fmt: skip


def judge_overlap(share: float, apart_deg: float, are_rows_off: bool, trust: TrustSettings) -> Reason | None:
    """Return the reason when two pods hardly measured a surface in common; None when enough, or none is expected.

    The speckle of both lamps lies on what both pods see. When the surface moves between two exposures, the two patterns
    shift against each other, so that nothing matches there. Rows that differ as well are a second witness.
    """
    expected = trust.overlap_share * (1 - apart_deg / (2 * trust.seen_deg))
    if share >= expected:
        return None
    kind = ReasonKind.MOMENTS_DIFFER if are_rows_off else ReasonKind.PODS_DO_NOT_MEET
    return Reason(kind, seen=100 * share, expected=100 * expected, spread=apart_deg)


def warn_of_proof(frame_set: FrameSet, cameras: Iterable[str], trust: TrustSettings) -> list[Reason]:
    """Return what a frame set's proof says against its images; nothing where there is no proof."""
    proof = frame_set.proof
    if not proof.frames:
        return []
    found = [
        Reason(ReasonKind.NOT_IN_PROOF, f"camera {name}")
        for name in cameras
        if name in frame_set.frames and name not in proof.frames
    ]
    if proof.skew_us > trust.skew_us:
        found.append(Reason(ReasonKind.EXPOSED_APART, spread=proof.skew_us, expected_spread=trust.skew_us))
    return found


def warn_of_lenses(pairs: Iterable[PairGeometry]) -> list[Reason]:
    """Return a warning for each camera without any lens distortion: a file that lost it looks like that."""
    cameras = [camera for pair in pairs for camera in (pair.left, pair.right)]
    return [Reason(ReasonKind.NO_DISTORTION, f"camera {c.name}") for c in cameras if not c.distortion.any()]


def judge_seam(
    step_um: float, spread_um: float, met_cells: int, trust: TrustSettings, pixel_um: float
) -> Reason | None:
    """Return why two pods' surfaces cannot be of one face at one moment; None when they may be."""
    if met_cells < trust.least_met_cells:
        return None
    if abs(step_um) > trust.step_px * pixel_um or spread_um > trust.spread_px * pixel_um:
        return Reason(
            ReasonKind.PODS_APART, seen=step_um, expected=trust.step_px * pixel_um, spread=spread_um,
            expected_spread=trust.spread_px * pixel_um,
        )  # fmt: skip
    return None


def warn_of_seam(step_um: float, trust: TrustSettings, pixel_um: float) -> Reason | None:
    """Return a warning when the pods' surfaces lie farther apart than those of a true calibration do."""
    if not abs(step_um) > trust.warn_step_px * pixel_um:
        return None
    return Reason(ReasonKind.PODS_DRIFT, seen=step_um, expected=trust.warn_step_px * pixel_um)


def _names(pair: PairGeometry) -> str:
    return f"{pair.left.name} and {pair.right.name}"
