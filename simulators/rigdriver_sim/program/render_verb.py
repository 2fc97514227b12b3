"""`python -m rigdriver_sim render SCENARIO --out DIR`: images and truth of a scenario's scene, for offline use.

In: a scenario with a `[scene]` table, how many frames. Out: a folder of images, depth maps and truth.json, or with
`--sheet FILE` one small picture of all views; a progress bar on the way, exit status 0, or 2 with the reason. Not here:
how a scene is rendered (see scene/offline.py).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from rigdriver_sim.bench.scene_view import changed_cameras
from rigdriver_sim.program.progress import rendering_bar
from rigdriver_sim.scenario import Scenario, ScenarioError, load
from rigdriver_sim.scene.contact_sheet import contact_sheet
from rigdriver_sim.scene.offline import RenderPlan, render_to
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import SceneSpec

SHEET_VIEW_PX = 480
"""Width of each view in a picture of all, in px."""


def main(arguments: Sequence[str]) -> int:
    """Run the verb; return the exit status."""
    parser = argparse.ArgumentParser(prog="rigdriver sim render", description="Render a scenario's scene to a folder.")
    parser.add_argument("scenario", help="name or file, with ?key=value&... behind it")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--out", "-o", type=Path, metavar="DIR", help="folder for images and truth")
    wanted.add_argument(
        "--sheet", type=Path, metavar="FILE", help="one picture of all views in pattern and white light"
    )
    parser.add_argument("--frames", "-n", type=int, default=0, help="moments to render; by default one period")
    parser.add_argument("--bits", type=int, choices=(8, 10, 12), default=8, help="bits per pixel")
    parser.add_argument("--light", choices=("pattern", "white", "dark"), default="", help="light of the mono cameras")
    parser.add_argument("--no-depth", action="store_true", help="leave the depth maps out")
    parser.add_argument("--quiet", "-q", action="store_true", help="say nothing when it went well")
    options = parser.parse_args(arguments)
    try:
        scenario = load(options.scenario)
        spec = _seen(scenario)
        if options.sheet is not None:
            _write_sheet(options.sheet, scenario, spec)
            return 0
        plan = RenderPlan(
            # One period by default: after it the motion repeats.
            frames=options.frames or max(1, round(spec.period_s * scenario.rate_hz)),
            rate_hz=scenario.rate_hz,
            width=scenario.width,
            height=scenario.height,
            bits=options.bits,
            geometry_light=options.light,
            has_depth=not options.no_depth,
            exposure_us=scenario.schedule.geometry_exposure_us,
            workers=2,
        )
        with rendering_bar(f"rendering {scenario.name}") as show:
            truth = render_to(options.out, spec, plan, show)
    except (ScenarioError, OSError) as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 2
    if not options.quiet:
        sys.stdout.write(f"{plan.frames} frames of six cameras and {truth.name} in {options.out}\n")
    return 0


def _write_sheet(path: Path, scenario: Scenario, spec: SceneSpec) -> None:
    """Write the six views, small, half a period after the scene's beginning: there an expression is at its height."""
    if path.suffix.lower() not in (".jpg", ".png"):
        raise ScenarioError(f"{path}: expected the name of a .jpg or .png file")
    renderer = Renderer(spec, SHEET_VIEW_PX, round(SHEET_VIEW_PX * scenario.height / scenario.width))
    sheet = contact_sheet(renderer, spec.period_s / 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 82]):
        raise OSError(f"{path}: cannot be written; check the folder and the free space")


def _seen(scenario: Scenario) -> SceneSpec:
    """Return the scene as the scenario's cameras see it, bumped and out of focus where it says so."""
    spec = scenario.scene_spec
    if spec is None:
        raise ScenarioError(f"{scenario.name}: has no [scene] to render; try smile, board, ballbar or plate")
    faults = scenario.faults
    return replace(spec, cameras=changed_cameras(spec.cameras, faults.bump_camera, faults.defocus_px))
