"""The live rig looks at the scene: frames composed from the bank of rendered views.

In: a scenario with a `[scene]` table. Out: painters for its cameras, under the light that really fell into each
exposure; cameras that were bumped or lost their focus see the scene anew. Rendering what has changed takes seconds and
happens on a thread of its own, "scene"; until then the old views are shown. Not here: wires (see wires.py) and boxes
(see trigger_box/). Its lie: a camera's gain is not applied; the scene's sensor has its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rigdriver_sim.bench.lighting import Lighting
from rigdriver_sim.bench.painter import FramePainter
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS
from rigdriver_sim.camera.spec import CameraSpec, Exposure
from rigdriver_sim.faults.table import Bump
from rigdriver_sim.scenario import CameraTable, Scenario, ScenarioError
from rigdriver_sim.scene.bank import Bank, live_needs
from rigdriver_sim.scene.painter import SceneFlash, ScenePainter
from rigdriver_sim.scene.pods import CAMERAS, LAMPS
from rigdriver_sim.scene.spec import CameraChange, SceneSpec

_logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Callback that gets the number of views at hand and the number wanted."""


MILLISECOND_NS = 1_000_000


class SceneView:
    """The bank of one rig, and who paints from it."""

    def __init__(self, scenario: Scenario, progress: Progress | None = None) -> None:
        """Load or render the bank: seconds to minutes the first time.

        Raises:
            ScenarioError: the scene does not know a camera or lamp of this name, or their sizes differ.
        """
        spec = scenario.scene_spec
        assert spec is not None, "the caller has looked"
        _refuse_strangers(scenario)
        self._as_built: Mapping[str, CameraChange] = spec.cameras
        faults = scenario.faults
        self._shown = changed_cameras(self._as_built, faults.bump_camera, faults.defocus_px)
        seen: SceneSpec = replace(spec, cameras=self._shown)
        self._bank = Bank.open(seen, scenario.width, scenario.height, progress=progress)
        # One thread, so that of two changes to a camera the later one is shown in the end.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="scene")
        self._changing: Future[None] | None = None

    def painter(self, table: CameraTable, number: int, spec: CameraSpec, lighting: Lighting) -> FramePainter:  # noqa: ARG002
        """Return what fills the frames of one camera."""
        painter = ScenePainter(self._bank, table.name)
        whole = np.empty((spec.height, spec.width), np.uint16)

        def paint(exposure: Exposure, pulse: int | None, out: npt.NDArray[np.generic]) -> None:
            flashes = [
                SceneFlash(shone.lamp.name, shone.start_ns, shone.end_ns, shone.power)
                for shone in lighting.flashes(exposure.start_ns, exposure.end_ns)
            ]
            bits = PIXEL_FORMATS[exposure.pixel_format].bits
            # The bank holds whole sensors; a region of interest is cut out of them.
            is_whole = out.shape == whole.shape
            target = out if is_whole else whole
            painter.paint(
                exposure.start_ns, exposure.end_ns, pulse or 0, flashes, _draw_of(exposure, pulse), target, bits
            )
            if not is_whole:
                top, left = exposure.offset_y, exposure.offset_x
                out[:] = whole[top : top + out.shape[0], left : left + out.shape[1]]

        # The first frames must wait neither for the compiler nor for the bank's pages.
        paint(Exposure(table.name, 0, 0, 1000, 0, 1.0, 0, spec.pixel_formats[0]), None, np.empty_like(whole, np.uint8))
        shone = [SceneFlash(lamp, 0, MILLISECOND_NS) for lamp in live_needs(self._bank.spec)[table.name]]
        for view in range(self._bank.views):
            painter.paint(0, MILLISECOND_NS, view * self._bank.spec.bank.pulses_a_view, shone, 0, whole, 12)
        return paint

    def change(self, bumped: Mapping[str, Bump], defocus_px: Mapping[str, float]) -> None:
        """Let something happen to cameras; seen once it is rendered."""
        wanted = changed_cameras(self._as_built, bumped, defocus_px)
        for camera in {**self._shown, **wanted}:
            change = wanted.get(camera, CameraChange())
            if change != self._shown.get(camera, CameraChange()):
                self._changing = self._worker.submit(self._change, camera, change)
        self._shown = wanted

    def _change(self, camera: str, change: CameraChange) -> None:
        try:
            self._bank.change(camera, change)
        except Exception:  # the frames go on as they were; whoever runs the rig reads why
            _logger.exception("camera %s: what has happened to it cannot be rendered", camera)

    @property
    def is_changing(self) -> bool:
        """What has happened to a camera is still being rendered."""
        return self._changing is not None and not self._changing.done()

    def close(self) -> None:
        """Let the rendering under way end."""
        self._worker.shutdown(wait=True, cancel_futures=True)


def _draw_of(exposure: Exposure, pulse: int | None) -> int:
    """Return which draw of the noise this exposure gets: by its pulse, so that runs look alike; else by its count."""
    return exposure.ordinal if pulse is None else pulse


def changed_cameras(
    as_built: Mapping[str, CameraChange], bumped: Mapping[str, Bump], defocus_px: Mapping[str, float]
) -> Mapping[str, CameraChange]:
    """Return what has happened to cameras: how they are built, and a bump and a blur on top of it."""
    # A fault table holds all that has moved, so it is applied to the cameras as built, not to what was shown last.
    changes = dict(as_built)
    for camera, bump in bumped.items():
        before = changes.get(camera, CameraChange())
        moved = {key: getattr(before, key) + value for key, value in bump}
        changes[camera] = replace(before, **moved)
    for camera, blur in defocus_px.items():
        before = changes.get(camera, CameraChange())
        changes[camera] = replace(before, defocus_px=before.defocus_px + blur)
    return changes


def _refuse_strangers(scenario: Scenario) -> None:
    for what, known, devices in (("camera", CAMERAS, scenario.cameras), ("lamp", LAMPS, scenario.lamps)):
        if strangers := [device.name for device in devices if device.name not in known]:
            raise ScenarioError(
                f"{scenario.name}: {what} {', '.join(strangers)}: the scene has no such {what}; it knows "
                f"{', '.join(known)}"
            )
    for camera in scenario.cameras:
        size = (camera.width or scenario.width, camera.height or scenario.height)
        if size != (scenario.width, scenario.height):
            raise ScenarioError(
                f"{scenario.name}: camera {camera.name}: {size[0]}x{size[1]}: expected {scenario.width}x"
                f"{scenario.height}, for a scene is rendered at one size"
            )
