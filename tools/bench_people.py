"""Benchmark: what is measured of people who are no average adult, kind by kind, with the worst kind named.

    nice -n 15 python tools/bench_people.py [--size 1280x1024 --seeds 501,502 --kinds glasses,beard --json]

In: the simulator's kinds of people (`rigdriver_sim.scene.people`), seen by the rig as it truly is. Out: a line per
kind, over all seeds: points, median and RMS of the distance to the nearest true surface, shares of points within 0.2
mm and within two of their sigma, and the share of the visible head that was measured. Glasses, wall and chair are true
surfaces, too, but count nothing as visible. It judges nothing: status 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from bench_stereo import true_calibration
from rigdriver.stereo.cloud import PointCloud
from rigdriver.stereo.reconstruct import reconstruct
from rigdriver_sim.scene.offline import RenderPlan, render_image
from rigdriver_sim.scene.people import PEOPLE
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import parse_scene
from rigdriver_sim.scene.together import TogetherStill
from rigdriver_sim.scene.world import Still
from rigdriver_sim.score import visible_surface

PROMISE_MM = 0.2
ON_HEAD_MM = 0.01
"""Largest distance of a visible place that lies on the head itself."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One kind, over its seeds."""

    kind: str
    points: int
    median_um: float
    rms_um: float
    within_200um: float
    within_2_sigma: float
    complete: float
    refused: str
    """Reasons of the frame sets that were refused."""


def shown(kind: str, seeds: Sequence[int], size: tuple[int, int]) -> Shown:
    """Render and measure all seeds of a kind."""
    error, sigma, found, refused = [], [], [], []
    for seed in seeds:
        renderer = Renderer(parse_scene({"kind": "head", "seed": seed, **PEOPLE[kind]}), *size)
        cloud = measured(renderer, size)
        still = renderer.still(0.0)
        found.append(complete(still, renderer, cloud))
        if cloud.is_empty:
            refused.append(f"seed {seed}: {cloud.reason}")
            continue
        error.append(still.signed_distance_mm(cloud.points_mm.astype(np.float64)))
        sigma.append(cloud.sigma_mm)
    away = np.abs(np.concatenate([*error, np.zeros(0)]))
    held = away < 2 * np.concatenate([*sigma, np.zeros(0)])
    if not len(away):
        nan = float("nan")
        return Shown(kind, 0, nan, nan, nan, nan, float(np.mean(found)), "; ".join(refused))
    return Shown(
        kind, len(away), 1e3 * float(np.median(away)), 1e3 * float(np.sqrt((away**2).mean())),
        float((away <= PROMISE_MM).mean()), float(held.mean()), float(np.mean(found)), "; ".join(refused),
    )  # fmt: skip


def measured(renderer: Renderer, size: tuple[int, int]) -> PointCloud:
    """Return what the driver makes of the geometry cameras' images."""
    plan = RenderPlan(width=size[0], height=size[1])
    names = [name for name, model in renderer.pods.cameras.items() if not model.is_colour]
    images = {name: render_image(renderer, plan, 0, name)[0].astype(np.uint8) for name in names}
    return reconstruct(images, true_calibration(renderer))


def complete(still: Still, renderer: Renderer, cloud: PointCloud) -> float:
    """Return the share of the visible head that has a point near it."""
    visible = visible_surface(still, renderer.pods)
    head = still.parts[0] if isinstance(still, TogetherStill) else still
    is_head = np.abs(head.signed_distance_mm(visible.points_mm)) < ON_HEAD_MM
    area: npt.NDArray[np.float64] = visible.area_mm2[is_head]
    if cloud.is_empty:
        return 0.0
    away = cKDTree(cloud.points_mm).query(visible.points_mm[is_head], distance_upper_bound=PROMISE_MM)[0]
    return float((area * (away <= PROMISE_MM)).sum() / area.sum())


def line_of(row: Shown) -> str:
    """Return a row for people."""
    return (
        f"{row.kind:15} {row.points:8} points  median {row.median_um:6.1f}  RMS {row.rms_um:7.1f} um  within 0.2 mm "
        f"{row.within_200um:.4f}  within 2 sigma {row.within_2_sigma:.3f}  complete {row.complete:.3f}  {row.refused}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="1280x1024")
    parser.add_argument("--seeds", default="501,502")
    parser.add_argument("--kinds", default=",".join(PEOPLE))
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    width, height = (int(v) for v in chosen.size.split("x"))
    rows = []
    for kind in chosen.kinds.split(","):
        rows.append(shown(kind, [int(seed) for seed in chosen.seeds.split(",")], (width, height)))
        print(line_of(rows[-1]), file=sys.stderr if chosen.json else sys.stdout, flush=True)
    if chosen.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        least = min(rows, key=lambda row: (row.points > 0, row.within_200um))
        print(f"worst: {least.kind} by accuracy, {min(rows, key=lambda row: row.complete).kind} by completeness")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
