"""The built-in reconstructor: six images in, one measured surface out.

In: images by camera name, or a frame set, and a calibration. Out: a `PointCloud`; an empty one with its reasons when
the images cannot be what they should be. Both pods run at once on threads of their own. This file composes the steps.
Not here: which residuals are too large (see trust.py), rigs (see rig.py) and files (see results.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

import numpy as np

from rigdriver.arrays import Bytes, Floats32, Ints64, Mask, Pixels
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.errors import CalibrationMismatch
from rigdriver.findings import MismatchKind
from rigdriver.frames import FrameSet
from rigdriver.images.raw_image import AnyImage, pixels_of
from rigdriver.stereo.beyond import BeyondSearch
from rigdriver.stereo.cloud import Figures, PodFigures, PointCloud, empty_cloud
from rigdriver.stereo.geometry.pair_numbers import numbers_of, pose_of
from rigdriver.stereo.geometry.rectify import PairGeometry, WorkingVolume, find_pairs, make_pair, working_volume
from rigdriver.stereo.geometry.silhouette import Silhouette
from rigdriver.stereo.geometry.surface import Surface, find_patches, flat_surface, make_surface, noise_px
from rigdriver.stereo.images import PairImages, RectifiedPair
from rigdriver.stereo.match.cell_matcher import CellMatcher, MatchSettings
from rigdriver.stereo.match.lost import lost_detail
from rigdriver.stereo.match.rows import row_residual
from rigdriver.stereo.match.screen import ScreenSettings, screen
from rigdriver.stereo.mesh.dense import fill_points, plan_points
from rigdriver.stereo.mesh.fuse import fuse
from rigdriver.stereo.reasons import Reason, ReasonKind
from rigdriver.stereo.trust import (
    TrustSettings,
    judge_overlap,
    judge_pod,
    judge_seam,
    outside_volume,
    warn_of_lenses,
    warn_of_proof,
    warn_of_row_spread,
    warn_of_rows,
    warn_of_seam,
)
from rigdriver.stereo.warm_up import plane_pair, speckle_images

Images = Mapping[str, AnyImage]


class Reconstructor(Protocol):
    """Maker of a surface from the images of one pulse. Entry points of group `rigdriver.reconstructors` build one."""

    def reconstruct(self, images: FrameSet | Images) -> PointCloud:
        """Return the surface; an empty cloud holds the reasons."""
        ...

    def close(self) -> None:
        """End the threads; closing twice is harmless."""
        ...


@dataclass(frozen=True, slots=True)
class StereoSettings:
    """All settings of a reconstruction."""

    match: MatchSettings = field(default_factory=MatchSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    trust: TrustSettings = field(default_factory=TrustSettings)
    point_mm: float = 0.31
    """Largest step between points on the surface; with shifted rows a point lies within 0.625 of it from each place."""


@dataclass(frozen=True, slots=True, eq=False)
class PodResult:
    """Result of one pod before fusion."""

    figures: PodFigures
    surface: Surface | None
    problem: Reason | None
    times_ms: Mapping[str, float]


class CellReconstructor:
    """Reconstructs with windowed least squares on cells. Keep one for a sequence: its tables and arrays stay."""

    def __init__(
        self, calibration: RigCalibration, volume: WorkingVolume | None = None, settings: StereoSettings | None = None
    ) -> None:
        """Raises CalibrationMismatch when the calibration holds no usable pair."""
        self._settings = settings or StereoSettings()
        self.calibration = calibration
        self._volume = chosen = volume or working_volume(calibration)
        self.pairs: tuple[PairGeometry, ...] = tuple(
            make_pair(calibration, pod, names, chosen) for pod, names in find_pairs(calibration).items()
        )
        self._silhouettes = [Silhouette(pair, chosen) for pair in self.pairs]
        self._lens_warnings = warn_of_lenses(self.pairs)
        self._images = [PairImages(pair) for pair in self.pairs]
        self._matchers = [CellMatcher(pair.size_px, self._settings.match) for pair in self.pairs]
        self._pool = ThreadPoolExecutor(len(self.pairs), thread_name_prefix="stereo")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True)

    def warm_up(self) -> None:
        """Load all compiled loops, or compile them, so that the first frame set takes no longer than the others."""
        jobs = [self._pool.submit(self._warm_up_pod, n) for n in range(len(self.pairs))]
        for job in jobs:
            job.result()
        # The joined part runs with planes that fit each other whatever was made of the images.
        planes = [flat_surface(pair) for pair in self.pairs]
        if len(planes) == 2:
            fuse(planes[0], planes[1], self._pool)
        self._dense(planes)

    def _warm_up_pod(self, n: int) -> None:
        pair = self.pairs[n]
        for left, right in zip(*(speckle_images(side.size_px) for side in (pair.left, pair.right)), strict=True):
            self._images[n].rectify(left, right)
        now = time.perf_counter()
        self._measure(n, plane_pair(pair), [now, now])

    def reconstruct(self, images: FrameSet | Images) -> PointCloud:
        """Return the surface of one pulse.

        `images`: a frame set, or images by camera; arrays without a pixel format must be of 8 bits.

        An image of another size or kind than the calibration's counts as missing, with the reason.

        Raises:
            UsageError: an array of 16 bits without a pixel format.
        """
        return self.reconstruct_surfaces(images)[0]

    def reconstruct_surfaces(self, images: FrameSet | Images) -> tuple[PointCloud, tuple[Surface, ...]]:
        """Return the points and the fused surface of each pod, of which meshes are made; raises as `reconstruct`."""
        begin = time.perf_counter()
        missing, found = _pixels(images, self.pairs, self.calibration)
        # A pod needs both images; the other pod goes on without it.
        usable = [n for n, pair in enumerate(self.pairs) if not {pair.left.name, pair.right.name} & set(missing)]
        if not usable:
            return empty_cloud((Reason(ReasonKind.NO_PAIR), *missing.values())), ()
        jobs = [
            self._pool.submit(self._run_pod, n, found[self.pairs[n].left.name], found[self.pairs[n].right.name])
            for n in usable
        ]
        results = [job.result() for job in jobs]
        doubts = warn_of_proof(images, found, self._settings.trust) if isinstance(images, FrameSet) else []
        return self._join(results, (*missing.values(), *doubts), begin)

    def _run_pod(self, n: int, left: AnyImage, right: AnyImage) -> PodResult:
        pair = self.pairs[n]
        marks = [time.perf_counter()]
        rectified = self._images[n].rectify(left, right)
        if rectified.problem:
            return PodResult(_no_figures(pair.pod), None, rectified.problem, MappingProxyType({}))
        marks.append(time.perf_counter())
        result = self._measure(n, rectified, marks)
        if result.problem and result.problem.kind in {ReasonKind.FEW_MATCHES, ReasonKind.FEW_CELLS}:
            return replace(result, problem=self._outside(n, result.figures, left, right) or result.problem)
        return result

    def _measure(self, n: int, rectified: RectifiedPair, marks: list[float]) -> PodResult:
        """Return the surface of a rectified pair. `marks`: when rectifying began and ended; further ones are added."""
        pair = self.pairs[n]
        matches = self._matchers[n].match(rectified.left, rectified.right, pair.disparities_px, rectified.dark)
        marks.append(time.perf_counter())
        keep = screen(matches, self._settings.screen)
        lost = lost_detail(matches.field, matches.step, matches.settled, keep, noise_px(matches.quality))
        surface = make_surface(pair, matches.field, matches.quality, keep, lost)
        row, spread = row_residual(rectified.left, rectified.right, matches.field, matches.quality, keep)
        marks.append(time.perf_counter())
        figures = _figures(surface, int(np.count_nonzero(self._lit(n, rectified, keep))), row, spread)
        names = ("rectify", "match", "screen")
        times = {name: 1e3 * (b - a) for name, a, b in zip(names, marks[:-1], marks[1:], strict=True)}
        problem = judge_pod(figures, pair, self._settings.trust)
        return PodResult(figures, surface, problem, MappingProxyType(times))

    def _lit(self, n: int, rectified: RectifiedPair, keep: Bytes) -> Mask:
        """Return the lit cells that can lie in the working volume; what is far from all measured ones is elsewhere."""
        # Where next to nothing was measured there is nothing to be near to.
        is_measured = np.count_nonzero(keep) >= self._settings.trust.least_cells
        inside = self._silhouettes[n].subject(keep) if is_measured else self._silhouettes[n].sees
        return np.asarray(rectified.lit_cells() & inside, bool)

    def _outside(self, n: int, figures: PodFigures, left: AnyImage, right: AnyImage) -> Reason | None:
        """Return the reason for a pod of which more lies outside the working volume than in it."""
        chosen = self._settings
        beyond = BeyondSearch(self.calibration, self.pairs[n], self._volume, chosen.match, chosen.screen).look(
            left, right
        )
        if beyond.cells < chosen.trust.least_cells or beyond.cells <= figures.kept_cells:
            return None
        return outside_volume(figures, self.pairs[n], beyond.cells, beyond.depth_mm)

    def _join(
        self, results: list[PodResult], gaps: tuple[Reason, ...], begin: float
    ) -> tuple[PointCloud, tuple[Surface, ...]]:
        trust = self._settings.trust
        times = {f"{r.figures.pod}.{name}": value for r in results for name, value in r.times_ms.items()}
        figures = tuple(r.figures for r in results)
        good = [r.surface for r in results if r.surface is not None and not r.problem]
        warnings = [*gaps, *(r.problem for r in results if r.problem)]
        if not good:
            return empty_cloud(warnings, Figures(pods=figures, warnings=tuple(warnings))), ()
        # Warnings of all pods, those that were refused included: their figures say which camera to look at.
        pairs = {pair.pod: pair for pair in self.pairs}
        off_rows = [
            w for f in figures for warn in (warn_of_rows, warn_of_row_spread) if (w := warn(f, pairs[f.pod], trust))
        ]
        warnings += [*off_rows, *self._lens_warnings]
        mark = time.perf_counter()
        pixel_um = good[0].pair.depth_um_per_px
        step = spread = float("nan")
        share = 0.0
        if len(good) == 2:
            apart_deg = _degrees_apart(good[0].pair, good[1].pair)
            first, second, seam = fuse(good[0], good[1], self._pool)
            step, spread, good = 1e3 * seam.step_mm, 1e3 * seam.spread_mm, [first, second]
            share = seam.overlap_cells / max(seam.total_cells, 1)
            problem = judge_seam(step, spread, seam.met_cells, trust, pixel_um)
            problem = problem or judge_overlap(share, apart_deg, bool(off_rows), trust)
            if problem and problem.kind is ReasonKind.PODS_DO_NOT_MEET:
                warnings.append(problem)
            elif problem:
                judged = Figures(figures, step, spread, share, MappingProxyType(times), tuple(warnings))
                return empty_cloud((problem,), judged), ()
            if warning := warn_of_seam(step, trust, pixel_um):
                warnings.append(warning)
        fused = time.perf_counter()
        cloud = self._dense(good)
        done = time.perf_counter()
        times |= {"fuse": 1e3 * (fused - mark), "points": 1e3 * (done - fused), "total": 1e3 * (done - begin)}
        judged = Figures(figures, step, spread, share, MappingProxyType(times), tuple(warnings))
        points, sigma, normals, quality, pod = cloud
        names = tuple(s.pair.pod for s in good)
        return PointCloud(points, sigma, normals, quality, pod, names, figures=judged), tuple(good)

    def _dense(self, surfaces: list[Surface]) -> tuple[Floats32, Floats32, Floats32, Floats32, Bytes]:
        # Count first, then fill: each pod writes into its own part of arrays that are made once.
        laid = list(self._pool.map(self._lay_out, surfaces))
        counts = [patches.count for patches in laid]
        total = sum(counts)
        points, normals = np.empty((total, 3), np.float32), np.empty((total, 3), np.float32)
        sigma, quality = np.empty(total, np.float32), np.empty(total, np.float32)
        pod = np.repeat(np.arange(len(surfaces), dtype=np.uint8), counts)
        jobs, start = [], 0
        for surface, p, count in zip(surfaces, laid, counts, strict=True):
            part = slice(start, start + count)
            start += count
            jobs.append(self._pool.submit(
                fill_points, surface.field, p.has, surface.sigma_mm, surface.correlation, numbers_of(surface.pair),
                pose_of(surface.pair), p.across, p.down, p.first,
                points[part], normals[part], sigma[part], quality[part],
            ))  # fmt: skip
        for job in jobs:
            job.result()
        return points, sigma, normals, quality, pod

    def _lay_out(self, surface: Surface) -> _Patches:
        shape = surface.keep.shape
        has, across, down = (np.zeros(shape, np.uint8) for _ in range(3))
        p = _Patches(has, across, down, np.zeros(shape[0], np.int64))
        find_patches(surface.field, surface.keep, p.has)
        n, step_mm = numbers_of(surface.pair), self._settings.point_mm
        return replace(p, count=plan_points(surface.field, p.has, n, step_mm, p.across, p.down, p.first))


@dataclass(frozen=True, slots=True, eq=False)
class _Patches:
    """Where dense points go: (h, w) arrays of patches, and the first point of each row."""

    has: Bytes
    across: Bytes
    down: Bytes
    first: Ints64
    count: int = 0


def reconstruct(images: FrameSet | Images, calibration: RigCalibration) -> PointCloud:
    """Reconstruct one frame set. For a sequence keep a `CellReconstructor`: its set-up costs more than a frame."""
    with CellReconstructor(calibration) as made:
        return made.reconstruct(images)


def _pixels(
    images: FrameSet | Images, pairs: tuple[PairGeometry, ...], calibration: RigCalibration
) -> tuple[dict[str, Reason], dict[str, AnyImage]]:
    """Split the cameras into those without an image, with the reason, and those with one."""
    missing: dict[str, Reason] = {}
    found: dict[str, AnyImage] = {}
    for name in (camera.name for pair in pairs for camera in (pair.left, pair.right)):
        if isinstance(images, FrameSet):
            if name in images.frames:
                found[name] = images.frames[name]
            else:
                gap = images.gaps.get(name)
                kind = ReasonKind.GAP if gap else ReasonKind.NO_FRAME
                missing[name] = Reason(kind, f"camera {name}", gap=gap)
        elif name in images:
            found[name] = images[name]
        else:
            missing[name] = Reason(ReasonKind.NO_IMAGE, f"camera {name}")
    for name, image in list(found.items()):
        try:
            _refuse_unfit(name, pixels_of(image), calibration)
        except CalibrationMismatch as exc:
            missing[name] = Reason(ReasonKind.UNFIT, f"camera {name}", error=exc)
            del found[name]
    return missing, found


def _refuse_unfit(name: str, pixels: Pixels, calibration: RigCalibration) -> None:
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise CalibrationMismatch(
            kind=MismatchKind.OTHER_IMAGES, device=f"camera {name}",
            seen=f"image of shape {pixels.shape} and type {pixels.dtype}",
            expected="(height, width), 8 or 16 bit grey",
        )  # fmt: skip
    calibration.check_sizes({name: (pixels.shape[1], pixels.shape[0])})


def _degrees_apart(first: PairGeometry, second: PairGeometry) -> float:
    """Return the angle between two pods' lines of sight."""
    return float(np.degrees(np.arccos(np.clip(first.R_pair_world[2] @ second.R_pair_world[2], -1.0, 1.0))))


def _no_figures(pod: str) -> PodFigures:
    nan = float("nan")
    return PodFigures(pod, 0, 0, nan, nan, nan, nan, nan)


def _figures(surface: Surface, lit: int, row: float, spread: float) -> PodFigures:
    # A quarter of the cells is enough for a median.
    kept = surface.keep > 0
    count = int(np.count_nonzero(kept))
    sample = kept[::2, ::2]
    correlation, noise, detail = (
        plane[::2, ::2][sample] for plane in (surface.correlation, surface.noise_mm, surface.detail_mm)
    )
    middle, noise_mm, sigma_mm = (
        float(np.median(values)) if len(values) else float("nan")
        for values in (correlation, noise, np.hypot(noise, detail))
    )
    return PodFigures(surface.pair.pod, lit, count, middle, row, spread, 1e3 * noise_mm, 1e3 * sigma_mm)
