"""Acceptance after VDI/VDE 2634 part 2 on the simulated rig, with its own solved calibration, over several seeds.

    python tools/bench_acceptance.py [--size 2048x1536 --seeds 101,102 --positions 7 --cache DIR] [--json]

In: for each seed a rig whose calibration is solved from 36 board views, a ball bar and a plate in several positions.
Out: the figures that the acceptance test reports, with its limits, and exit status 1 when one is broken. Every returned
point counts that lies on an artefact by the test's own rules; the truth excludes nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench_stereo import rendered, solved_calibration
from rigdriver.acceptance.artefacts import BallBarResult, PlateResult, measure_ball_bar, measure_plate
from rigdriver.acceptance.judge import Acceptance, judge
from rigdriver.config import AcceptanceConfig
from rigdriver.stereo.reconstruct import CellReconstructor
from rigdriver_sim.scene.offline import RenderPlan
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import parse_scene

DIAMETER_MM, SPACING_MM = 40.0, 150.0
Image = npt.NDArray[np.uint8]


def positions(kind: str, seed: int, size: tuple[int, int], count: int, cache: Path | None) -> list[dict[str, Image]]:
    """Render an artefact in that many positions, as the mono cameras see it."""
    renderer = Renderer(parse_scene({"kind": kind, "seed": seed, kind: {"poses": count}}), *size)
    plan = RenderPlan(width=size[0], height=size[1])
    places = [cache / f"{kind}_{seed}_{n}of{count}_{size[0]}.npz" if cache else None for n in range(count)]
    return [rendered(renderer, plan, index, place) for index, place in enumerate(places)]


def accept(seed: int, size: tuple[int, int], count: int, cache: Path | None) -> Acceptance:
    """Measure all positions with that seed's rig."""
    known = solved_calibration(seed, size, cache)
    bars: list[BallBarResult] = []
    plates: list[PlateResult] = []
    # One reconstructor for all positions, as on a rig: its rectification is made once per calibration.
    with CellReconstructor(known) as made:
        for images in positions("ball_bar", seed, size, count, cache):
            bars.append(measure_ball_bar(made.reconstruct(images), DIAMETER_MM, SPACING_MM))
        for images in positions("plate", seed, size, count, cache):
            plates.append(measure_plate(made.reconstruct(images)))
    return judge(f"seed {seed}", known.created, bars, plates, AcceptanceConfig(), datetime.now(UTC))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="2048x1536")
    parser.add_argument("--seeds", default="101,102")
    parser.add_argument("--positions", type=int, default=7)
    parser.add_argument("--cache", type=Path, help="folder in which rendered images are kept")
    parser.add_argument("--render-only", action="store_true", help="fill the cache, measure nothing")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    width, height = (int(v) for v in chosen.size.split("x"))
    if chosen.cache:
        chosen.cache.mkdir(parents=True, exist_ok=True)
    told: list[dict[str, object]] = []
    for seed in (int(text) for text in chosen.seeds.split(",")):
        if chosen.render_only:
            for kind in ("ball_bar", "plate"):
                positions(kind, seed, (width, height), chosen.positions, chosen.cache)
            continue
        done = accept(seed, (width, height), chosen.positions, chosen.cache)
        for line in done.characteristics:
            told.append({
                "seed": seed, "name": line.name, "worst_um": line.worst_um, "limit_um": line.limit_um,
                "rms_um": line.rms_um, "passed": line.is_passed,
            })  # fmt: skip
            if not chosen.json:
                verdict = "pass" if line.is_passed else "FAIL"
                full = "" if line.full_range_um is None else f", full range {line.full_range_um:.1f}"
                print(
                    f"seed {seed} {verdict} {line.name:22} {line.worst_um:+7.1f} um of {line.limit_um:g}{full}, "
                    f"RMS {line.rms_um:.1f}",
                    flush=True,
                )
    if chosen.json:
        print(json.dumps(told, indent=1))
    return 0 if all(line["passed"] for line in told) else 1


if __name__ == "__main__":
    raise SystemExit(main())
