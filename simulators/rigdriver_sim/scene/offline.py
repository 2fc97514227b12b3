"""`rigdriver sim render`: images and truth of a scene in a folder, for offline use.

In: a spec, a resolution, a number of frames. Out: DIR/<camera>/<index>.png, DIR/truth.json (poses, intrinsics, lamps,
times, poses of the artefact) and DIR/<camera>/<index>.depth.npz. Exact noise; nothing is taken from the bank.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.pods import AMBIENT, CAMERAS, PATTERN_LAMPS, WHITE_LAMPS, CameraModel
from rigdriver_sim.scene.render import Renderer, expose
from rigdriver_sim.scene.sensor import digitise
from rigdriver_sim.scene.spec import SceneSpec

Progress = Callable[[int, int], None]
"""Called with the images done and the images wanted."""

LIGHTS: Mapping[str, tuple[str, ...]] = {
    "pattern": (*PATTERN_LAMPS, AMBIENT),
    "white": (*WHITE_LAMPS, AMBIENT),
    "dark": (AMBIENT,),
}


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """What to render."""

    frames: int = 1
    rate_hz: float = 10.0
    width: int = 2048
    height: int = 1536
    bits: int = 8
    geometry_light: str = ""
    """`pattern`, `white` or `dark`; empty: pattern, but white for a board."""
    texture_light: str = "white"
    has_depth: bool = True
    exposure_samples: int = 1
    """Moments within one exposure that are averaged, for motion blur."""
    exposure_us: float = 2000.0
    workers: int = 1


def render_to(folder: Path, spec: SceneSpec, plan: RenderPlan, progress: Progress | None = None) -> Path:
    """Render all frames of all cameras into `folder` and return the path of its truth file."""
    renderer = Renderer(spec, plan.width, plan.height)
    for camera in CAMERAS:
        (folder / camera).mkdir(parents=True, exist_ok=True)
    jobs = [(index, camera) for index in range(plan.frames) for camera in CAMERAS]
    with ThreadPoolExecutor(plan.workers, thread_name_prefix="render") as pool:
        done = pool.map(lambda job: _write_image(folder, renderer, plan, *job), jobs)
        for count, _ in enumerate(done, start=1):
            if progress is not None:
                progress(count, len(jobs))
    truth = folder / "truth.json"
    truth.write_text(json.dumps(truth_table(renderer, plan), indent=1) + "\n", encoding="utf-8")
    return truth


def light_of(spec: SceneSpec, plan: RenderPlan, camera: str) -> str:
    """Return which light a camera's exposures see."""
    if camera.endswith("_colour"):
        return plan.texture_light
    return plan.geometry_light or ("white" if spec.kind == "board" else "pattern")


def render_image(
    renderer: Renderer, plan: RenderPlan, index: int, camera: str
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.float32]]:
    """Return the pixels, (H, W) uint16, and the depth at mid-exposure, (H, W) float32 mm, of one image."""
    spec = renderer.spec
    lamps = LIGHTS[light_of(spec, plan, camera)]
    nominal = spec.light.nominal_us
    # Centred on the frame's time, for which the truth is written down: mid-exposure.
    moments = index / plan.rate_hz + (np.arange(plan.exposure_samples) - (plan.exposure_samples - 1) / 2) * (
        1e-6 * plan.exposure_us / plan.exposure_samples
    )
    total = np.zeros((plan.height, plan.width), np.float32)
    depth = np.zeros((plan.height, plan.width), np.float32)
    for n, moment in enumerate(moments):
        view = renderer.view(camera, float(moment), lamps)
        total += expose(view.lamps, dict.fromkeys(lamps, nominal / plan.exposure_samples), nominal)
        if n == plan.exposure_samples // 2:
            depth = view.hits.depth_mm.astype(np.float32)
    return digitise(total, spec.sensor, plan.bits, spec.seed, camera, index), depth


def _write_image(folder: Path, renderer: Renderer, plan: RenderPlan, index: int, camera: str) -> None:
    pixels, depth = render_image(renderer, plan, index, camera)
    image = pixels.astype(np.uint8) if plan.bits == 8 else pixels
    path = folder / camera / f"{index:06d}.png"
    if not cv2.imwrite(str(path), image):
        raise OSError(f"{path}: cannot be written; check the folder and the free space")
    if plan.has_depth:
        np.savez_compressed(path.with_suffix(".depth.npz"), depth_mm=depth)


def camera_table(model: CameraModel) -> dict[str, object]:
    """Return one camera's truth, ready for JSON."""
    return {
        "width": model.width,
        "height": model.height,
        "is_colour": model.is_colour,
        "camera_matrix": model.lens.matrix.tolist(),
        "distortion": list(model.lens.distortion),
        "T_cam_world": model.T_cam_world.tolist(),
    }


def truth_table(renderer: Renderer, plan: RenderPlan) -> dict[str, object]:
    """Return the truth of a rendered folder, ready for JSON."""
    spec = renderer.spec
    frames = []
    for index in range(plan.frames):
        t_s = index / plan.rate_hz
        pose = getattr(renderer.still(t_s), "T_world_body", None)
        frames.append({"index": index, "t_s": t_s, "T_world_body": None if pose is None else pose.tolist()})
    return {
        "spec": asdict(spec),
        "plan": asdict(plan),
        "light": {camera: light_of(spec, plan, camera) for camera in CAMERAS},
        "cameras": {name: camera_table(model) for name, model in renderer.pods.cameras.items()},
        "lamps": {name: {"T_lamp_world": lamp.T_lamp_world.tolist()} for name, lamp in renderer.pods.lamps.items()},
        "frames": frames,
    }
