"""Benchmark: this package's reconstruction beside OpenCV's, on the same simulated images, in one process.

    python tools/bench_stereo.py [--sizes 2048x1536,1280x1024 --seeds 101,102 --rounds 7 --calibration solved] [--json]

In: simulated heads (one seed each, with expressions in turn), seen by a rig whose calibration is solved from 36 board
views, or true. Out: times, errors over all returned points after one rigid fit without scale, completeness, and the
ratios to the rivals. Contenders take turns, so a busy machine slows all alike. It prints figures and judges none.

The rivals get this package's rectified images (its region of interest too, which helps them), the disparity range that
the working volume needs, and their own filters: uniqueness, left-right check, speckle filter. Their points are those
with a disparity on lit pixels, by `reprojectImageTo3D`; rectification is counted in their time as it is in ours.

The rival al-dic-3d needs packages that we do not want, so it runs in a virtual environment of its own, best of its
rounds (tools/rival_aldic.py); without one it is left out, and the reason printed:
    python3 -m venv VENV && VENV/bin/pip install al-dic-3d==1.1.0, then --aldic VENV/bin/python
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.calibration.board.boards import PRESETS, Board
from rigdriver.calibration.board.detect import detect
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.solve.all_cameras import CameraIdentity, SolveOptions, solve
from rigdriver.calibration.views.observations import from_detections
from rigdriver.stereo.geometry.rectify import PairGeometry
from rigdriver.stereo.images import PairImages
from rigdriver.stereo.reconstruct import CellReconstructor
from rigdriver_sim.scene.offline import RenderPlan, render_image
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import parse_scene
from rigdriver_sim.score import CalibratedCamera, CloudScore, Patch, T_world_rig_of, score_cloud, visible_surface

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
EXPRESSIONS: tuple[dict[str, float], ...] = ({}, {"smile": 1.0}, {"mouth": 0.8}, {"brow": 1.0, "smile": 0.4})


@dataclass(frozen=True, slots=True)
class Scene:
    """One rendered frame set with its truth."""

    name: str
    renderer: Renderer
    t_s: float
    images: dict[str, Image]
    calibration: RigCalibration
    visible: Patch


@dataclass(slots=True)
class Row:
    """One contender on one scene."""

    contender: str
    scene: str
    times_ms: list[float] = field(default_factory=list)
    score: CloudScore | None = None
    note: str = ""


# ---------------------------------------------------------------- scenes


def rendered(renderer: Renderer, plan: RenderPlan, index: int, place: Path | None) -> dict[str, Image]:
    """Return what the mono cameras see; from the file `place` when it is there, else it is left there."""
    if place and place.exists():
        return dict(np.load(place))
    names = [name for name, model in renderer.pods.cameras.items() if not model.is_colour]
    images: dict[str, Any] = {n: render_image(renderer, plan, index, n)[0].astype(np.uint8) for n in names}
    if place:
        np.savez(place, **images)
    return images


def make_scene(seed: int, number: int, size: tuple[int, int], calibration: str, cache: Path | None) -> Scene:
    """Render a head at the height of its expression."""
    motion = {"period_s": 2.0, **EXPRESSIONS[number % len(EXPRESSIONS)]}
    table = {"kind": "head", "seed": seed, "motion": motion}
    renderer = Renderer(parse_scene(table), *size)
    plan = RenderPlan(width=size[0], height=size[1])
    # Half of the motion's period at 10 Hz: the expression is at its height.
    index = 10
    images = rendered(renderer, plan, index, cache / f"head_{seed}_{number}_{size[0]}.npz" if cache else None)
    known = true_calibration(renderer) if calibration == "true" else solved_calibration(seed, size, cache)
    still = renderer.still(index / plan.rate_hz)
    return Scene(
        f"{size[0]}x{size[1]} seed {seed} {motion}", renderer, index / plan.rate_hz, images, known,
        visible_surface(still, renderer.pods),
    )  # fmt: skip


def true_calibration(renderer: Renderer) -> RigCalibration:
    """Return the simulated cameras as they are."""
    cameras = {
        name: CameraCalibration(
            name=name, serial="SIM", size_px=(model.width, model.height), K=model.lens.matrix,
            distortion=np.array(model.lens.distortion), T_cam_world=np.array(model.T_cam_world), pod=model.pod,
            role="texture" if model.is_colour else "geometry",
        )
        for name, model in renderer.pods.cameras.items()
    }  # fmt: skip
    return RigCalibration(
        rig="sim", created="true", board=PRESETS["face"], bow_mm=(0.0, 0.0, 0.0), cameras=MappingProxyType(cameras),
        rms_px=0.0, views=0, corners=0, kept_share=1.0,
    )  # fmt: skip


def solved_calibration(seed: int, size: tuple[int, int], cache: Path | None, views: int = 36) -> RigCalibration:
    """Solve the four geometry cameras of that seed's rig from rendered board views."""
    renderer = Renderer(parse_scene({"kind": "board", "seed": seed, "board": {"poses": views}}), *size)
    plan = RenderPlan(width=size[0], height=size[1])
    spec = renderer.spec.board
    board = Board("charuco", spec.squares_x, spec.squares_y, spec.square_mm, spec.marker_mm, spec.dictionary)
    names = [name for name, model in renderer.pods.cameras.items() if not model.is_colour]
    place = cache / f"corners_{seed}_{size[0]}.npz" if cache else None
    found: dict[str, dict[str, Any]] = {}
    if place and place.exists():
        kept = np.load(place, allow_pickle=True)
        found = kept["found"].item()
    else:
        for view in range(views):
            found[str(view)] = {
                name: detect(board, render_image(renderer, plan, view, name)[0].astype(np.uint8)) for name in names
            }
        if place:
            np.savez(place, found=np.array(found, dtype=object))
    identities = {name: CameraIdentity("SIM", name.split("_")[0], "geometry") for name in names}
    observations = from_detections(found, dict.fromkeys(names, size))
    return solve(observations, board, SolveOptions(rig="sim", identities=identities)).calibration


# ---------------------------------------------------------------- contenders


def run_sgbm(pairs: Sequence[tuple[PairGeometry, PairImages]], images: dict[str, Image], mode: int) -> Array:
    """Return OpenCV's points of both pods, one thread per pod."""
    with ThreadPoolExecutor(len(pairs)) as pool:
        jobs = [pool.submit(_sgbm_pod, pair, maker, images, mode) for pair, maker in pairs]
        return np.concatenate([job.result() for job in jobs])


def _sgbm_pod(pair: PairGeometry, maker: PairImages, images: dict[str, Image], mode: int) -> Array:
    made = maker.rectify(images[pair.left.name], images[pair.right.name])
    left, right = cv2.convertScaleAbs(made.left), cv2.convertScaleAbs(made.right)
    low = int(np.floor(pair.disparities_px[0]))
    # OpenCV takes whole multiples of 16 only.
    count = -(-(int(np.ceil(pair.disparities_px[1])) - low) // 16) * 16
    # P1 and P2 as OpenCV's documentation recommends: 8 and 32 x channels x blockSize^2.
    matcher = cv2.StereoSGBM.create(
        minDisparity=low, numDisparities=count, blockSize=5, P1=8 * 25, P2=32 * 25, disp12MaxDiff=1, preFilterCap=31,
        uniquenessRatio=10, speckleWindowSize=100, speckleRange=2, mode=mode,
    )  # fmt: skip
    # SGBM finds nothing as near to the border as disparities reach; with padding it finds all of the image.
    before, after = max(low + count, 0), max(-low, 0)
    padded = [cv2.copyMakeBorder(image, 0, 0, before, after, cv2.BORDER_REPLICATE) for image in (left, right)]
    raw = matcher.compute(padded[0], padded[1])[:, before : before + left.shape[1]]
    f, b = pair.focal_px, pair.baseline_mm
    to_space = np.array([
        [1, 0, 0, -pair.left_cx_px], [0, 1, 0, -pair.cy_px], [0, 0, 0, f], [0, 0, 1 / b, pair.depth_offset_px / b],
    ])  # fmt: skip
    points = cv2.reprojectImageTo3D(raw.astype(np.float32) / 16, to_space)
    # Disparities come in sixteenths, and what was not found lies below the smallest one.
    good = (raw > 16 * low) & (left > made.dark)
    local: Array = points[good].astype(np.float64)
    return np.asarray(local @ pair.R_pair_world + pair.centre_mm)


def run_aldic(
    python: Path, pairs: Sequence[tuple[PairGeometry, PairImages]], images: dict[str, Image], scene: str
) -> tuple[list[Row], dict[str, Array]]:
    """Run al-dic-3d's variants in its own environment; return their rows, not scored yet, and their points."""
    begin = time.perf_counter()
    given: dict[str, Any] = {"pods": len(pairs)}
    for n, (pair, maker) in enumerate(pairs):
        made = maker.rectify(images[pair.left.name], images[pair.right.name])
        given |= {f"left{n}": made.left.copy(), f"right{n}": made.right.copy()}
        given |= {f"range{n}": np.array(pair.disparities_px), f"dark{n}": np.array(made.dark)}
    rectify_ms = 1e3 * (time.perf_counter() - begin) / len(pairs)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, **given)
        worker = Path(__file__).with_name("rival_aldic.py")
        subprocess.run([str(python), str(worker), str(source), str(target)], check=True, timeout=900)
        found = dict(np.load(target))
    rows, clouds = [], {}
    for name in ("own", "seeded"):
        row = Row(f"aldic_{name}", scene, [float(found[f"{name}_ms"]) + rectify_ms])
        row.note = "its grid is too wide for completeness to say anything"
        rows.append(row)
        clouds[row.contender] = np.concatenate(
            [_lifted(p, found[f"{name}_places{n}"], found[f"{name}_disparity{n}"]) for n, (p, _) in enumerate(pairs)]
        )
    return rows, clouds


def _lifted(pair: PairGeometry, places_px: Array, disparity_px: Array) -> Array:
    """Return the points, (N, 3), of places in the left rectified image."""
    z = pair.baseline_mm * pair.focal_px / (disparity_px + pair.depth_offset_px)
    x, y = (places_px[:, 0] - pair.left_cx_px) / pair.focal_px, (places_px[:, 1] - pair.cy_px) / pair.focal_px
    return np.asarray(np.stack([x * z, y * z, z], axis=1) @ pair.R_pair_world + pair.centre_mm)


def compete(scene: Scene, rounds: int, has_hh: bool, aldic: Path | None = None) -> list[Row]:
    """Run all contenders in turns, then score the last cloud of each."""
    with CellReconstructor(scene.calibration) as ours:
        pairs = [(pair, PairImages(pair)) for pair in ours.pairs]
        contenders: dict[str, Callable[[], Any]] = {
            "cells": lambda: ours.reconstruct(scene.images),
            "sgbm_3way": lambda: run_sgbm(pairs, scene.images, cv2.STEREO_SGBM_MODE_SGBM_3WAY),
        }
        if has_hh:
            contenders["sgbm_hh"] = lambda: run_sgbm(pairs, scene.images, cv2.STEREO_SGBM_MODE_HH)
        rows = {name: Row(name, scene.name) for name in contenders}
        # Once before the clock runs: loops are compiled then and caches are warm. The slowest mode runs once only.
        clouds: dict[str, Any] = {name: contender() for name, contender in contenders.items() if name != "sgbm_hh"}
        for n in range(rounds):
            for name, contender in contenders.items():
                # The slow ones need fewer rounds, and the slowest one.
                if (name == "sgbm_3way" and n > 2) or (name == "sgbm_hh" and n > 0):
                    continue
                begin = time.perf_counter()
                clouds[name] = contender()
                rows[name].times_ms.append(1e3 * (time.perf_counter() - begin))
        if aldic is not None:
            others, points = run_aldic(aldic, pairs, scene.images, scene.name)
            rows |= {row.contender: row for row in others}
            clouds |= points
        for name, row in rows.items():
            _score(row, clouds[name], scene, is_ours=name == "cells")
    return list(rows.values())


def _score(row: Row, cloud: Any, scene: Scene, is_ours: bool) -> None:
    points = np.asarray(cloud.points_mm if is_ours else cloud, np.float64)
    if is_ours:
        row.note = cloud.reason or "; ".join(map(str, cloud.figures.warnings))
    if len(points) == 0:
        return
    cameras = {
        c.name: CalibratedCamera(c.K, tuple(float(k) for k in c.distortion), c.T_cam_world) for c in scene.calibration
    }
    start = T_world_rig_of(cameras, scene.renderer.pods)
    row.score = score_cloud(points, scene.renderer.still(scene.t_s), scene.visible, start)


# ---------------------------------------------------------------- figures


def tell(rows: Sequence[Row]) -> str:
    """Return one line per row."""
    lines = []
    for row in rows:
        s = row.score
        figures = (
            f"median {s.median_um:6.1f} rms {s.rms_um:7.1f} p99 {s.p99_um:7.1f} um  "
            f"within 200 um {s.share_within_200um:.4f}  "
            f"complete {s.completeness:.3f} (facing {s.completeness_facing:.3f})  {s.points} points"
            if s
            else "no points"
        )
        lines.append(f"{row.contender:10} {median(row.times_ms):8.1f} ms  {figures}  {row.note}")
    ours = rows[0]
    if ours.score:
        bands = (f"{b.completeness:.2f} of {b.area_share:.1%} at up to {b.cosines[1]:g}" for b in ours.score.bands)
        lines.append(f"  {ours.contender} by cosine of the view: " + ", ".join(bands))
    for rival in rows[1:]:
        if ours.score and rival.score:
            faster = median(rival.times_ms) / median(ours.times_ms)
            better = rival.score.rms_um / ours.score.rms_um
            lines.append(f"  against {rival.contender}: {faster:.1f} times faster, {better:.1f} times lower RMS")
    return "\n".join(lines)


def to_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Plain values."""
    names = (
        "points",
        "median_um",
        "rms_um",
        "p95_um",
        "p99_um",
        "bias_um",
        "share_within_200um",
        "completeness",
        "completeness_facing",
    )
    return [
        {
            "contender": row.contender, "scene": row.scene, "median_ms": median(row.times_ms), "note": row.note,
            **({name: getattr(row.score, name) for name in names} if row.score else {}),
            "bands": [asdict(band) for band in row.score.bands] if row.score else [],
        }
        for row in rows
    ]  # fmt: skip


def find_aldic(python: Path | None) -> Path | None:
    """Return the Python that can import al-dic-3d; None, with the reason printed, when there is none."""
    if python is None:
        reason = "no --aldic VENV/bin/python was given"
    elif not python.exists():
        reason = f"{python}: no such file"
    else:
        done = subprocess.run([str(python), "-c", "import al_dic_3d"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return python
        reason = f"{python} cannot import it: {done.stderr.strip().splitlines()[-1]}"
    print(f"al-dic-3d is left out: {reason}", file=sys.stderr)
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="2048x1536,1280x1024")
    parser.add_argument("--seeds", default="101,102,103,104")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calibration", choices=("solved", "true"), default="solved")
    parser.add_argument("--no-hh", action="store_true", help="leave out OpenCV's slowest mode")
    parser.add_argument("--aldic", type=Path, help="Python of an environment that holds al-dic-3d")
    parser.add_argument("--cache", type=Path, help="folder in which rendered images are kept")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.cache:
        chosen.cache.mkdir(parents=True, exist_ok=True)
    aldic = find_aldic(chosen.aldic)
    told = []
    for size in (tuple(int(v) for v in text.split("x")) for text in chosen.sizes.split(",")):
        for number, seed in enumerate(int(text) for text in chosen.seeds.split(",")):
            scene = make_scene(seed, number, (size[0], size[1]), chosen.calibration, chosen.cache)
            rows = compete(scene, chosen.rounds, not chosen.no_hh and number == 0, aldic if number == 0 else None)
            told += to_json(rows)
            if not chosen.json:
                print(f"{scene.name}, {chosen.calibration} calibration\n{tell(rows)}", flush=True)
    if chosen.json:
        print(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
