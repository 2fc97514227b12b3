"""`python -m rigdriver_sim score SCENARIO --points FILE --calibration FILE`: a measured surface against the truth.

In: the scenario that was seen, points in the calibration's frame (PLY or another mesh format, or .npy, (N, 3) mm), the
calibration that made them, and the pulse of a live rig or the time of a rendered one. Out: one JSON object with the
errors over all points after one rigid fit without scale; with --map the signed distance of each vertex of a mesh, under
that same fit, as .npy in micrometres. No point is left out. Not here: how the points were made.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import trimesh

from rigdriver_sim.scenario import Scenario, ScenarioError, load
from rigdriver_sim.scene.bank import time_of_view
from rigdriver_sim.scene.optics import Floats, transform
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import SceneSpec
from rigdriver_sim.score import CalibratedCamera, T_world_rig_of, score_cloud, visible_surface


def main(arguments: Sequence[str]) -> int:
    """Run the verb; return the exit status."""
    parser = argparse.ArgumentParser(prog="rigdriver sim score", description="Score a measured surface by the truth.")
    parser.add_argument("scenario", help="name or file, with ?key=value&... behind it, as it was given to the rig")
    parser.add_argument("--points", type=Path, required=True, metavar="FILE", help="measured points: PLY or .npy, mm")
    parser.add_argument("--calibration", type=Path, required=True, metavar="FILE", help="what they were measured with")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--pulse", type=int, default=0, help="pulse of a live rig")
    when.add_argument("--index", type=int, help="index of a rendered image instead")
    parser.add_argument("--map", type=Path, metavar="MESH", help="mesh whose vertices' distances are wanted")
    parser.add_argument("--out", type=Path, metavar="NPY", help="file for the map: signed, um, one per vertex")
    options = parser.parse_args(arguments)
    if (options.map is None) != (options.out is None):
        parser.error("--map and --out belong together")
    try:
        scenario = load(options.scenario)
        spec = scenario.scene_spec
        if spec is None:
            raise ScenarioError(f"{scenario.name}: has no [scene] and so no truth; try smile, board, ballbar or plate")
        told = _scored(scenario, spec, options)
    except (ScenarioError, ValueError, OSError, NotImplementedError) as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 2
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _scored(scenario: Scenario, spec: SceneSpec, options: argparse.Namespace) -> dict[str, object]:
    t_s = time_of_view(spec, options.pulse // spec.bank.pulses_a_view)
    if options.index is not None:
        t_s = options.index / scenario.rate_hz
    renderer = Renderer(spec, scenario.width, scenario.height)
    still = renderer.still(t_s)
    start = T_world_rig_of(read_cameras(options.calibration), renderer.pods)
    score = score_cloud(read_points(options.points), still, visible_surface(still, renderer.pods), start)
    if options.map is not None:
        places = transform(score.T_world_points, read_points(options.map))
        np.save(options.out, (1000 * still.signed_distance_mm(places)).astype(np.float32))
    return {name: value for name, value in asdict(score).items() if name != "T_world_points"}


def read_points(path: Path) -> Floats:
    """Return the points of a file, (N, 3) mm, in its order.

    Raises:
        ValueError: the file holds no points.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; name a PLY or .npy of points")
    # Unprocessed: trimesh would merge vertices, and the map needs one value per vertex of the file.
    found = np.load(path) if path.suffix == ".npy" else getattr(trimesh.load(path, process=False), "vertices", ())
    points = np.asarray(found, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise ValueError(f"{path}: holds an array of shape {points.shape}; expected (N, 3) with at least one point")
    return points


def read_cameras(path: Path) -> dict[str, CalibratedCamera]:
    """Return the cameras of a calibration file, of which the format's page says what its keys mean.

    Raises:
        ValueError: it is no such file.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))["cameras"]
        return {
            name: CalibratedCamera(np.array(c["K"]), tuple(c["distortion"]), np.array(c["T_cam_world"]))
            for name, c in table.items()
        }
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"{path}: is no calibration file: {exc!r}") from exc
