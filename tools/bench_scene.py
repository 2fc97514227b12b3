"""What the rendered scene costs: building a bank, and painting frame sets from it as a live rig does.

In: a scenario file, a resolution. Out: one JSON object: seconds to build and to reopen the bank, milliseconds of one
core for a frame set of six cameras. The bank is built in a folder of its own and removed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.bank import Bank
from rigdriver_sim.scene.painter import SceneFlash, ScenePainter
from rigdriver_sim.scene.pods import CAMERAS, PATTERN_LAMPS, WHITE_LAMPS
from rigdriver_sim.scene.spec import SceneSpec, load_scene

EXPOSURE_NS = 2_000_000
TEXTURE_START_NS = 2_500_000
FLASHES = [
    *(SceneFlash(lamp, 50_000, 1_850_000) for lamp in PATTERN_LAMPS),
    *(SceneFlash(lamp, TEXTURE_START_NS + 50_000, TEXTURE_START_NS + 1_850_000) for lamp in WHITE_LAMPS),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", type=Path)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--height", type=int, default=1536)
    parser.add_argument("--frame-sets", type=int, default=100)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        print(json.dumps(measure(wanted, Path(root)), indent=1))


def measure(wanted: argparse.Namespace, root: Path) -> dict[str, float]:
    """Return the figures."""
    spec = load_scene(wanted.scenario)
    build_s, bank = _timed_open(spec, wanted, root)
    reopen_s, bank = _timed_open(spec, wanted, root)
    slots = {camera: np.empty((wanted.height, wanted.width), np.uint8) for camera in CAMERAS}
    painters = {camera: ScenePainter(bank, camera) for camera in CAMERAS}
    # Once through all views unmeasured: loops are compiled and pages are in memory then, as on a live rig.
    for pulse in range(bank.views):
        _paint_set(painters, slots, pulse)
    times_ms = []
    for pulse in range(wanted.frame_sets):
        # CPU time of this thread: what else runs on the machine does not count.
        began = time.thread_time()
        _paint_set(painters, slots, pulse)
        times_ms.append(1000 * (time.thread_time() - began))
    return {
        "build_s": round(build_s, 2),
        "reopen_s": round(reopen_s, 2),
        "views": bank.views,
        "frame_set_ms_median": round(statistics.median(times_ms), 2),
        "frame_set_ms_max": round(max(times_ms), 2),
    }


def _timed_open(spec: SceneSpec, wanted: argparse.Namespace, root: Path) -> tuple[float, Bank]:
    began = time.perf_counter()
    bank = Bank.open(spec, wanted.width, wanted.height, root=root)
    return time.perf_counter() - began, bank


def _paint_set(painters: dict[str, ScenePainter], slots: dict[str, npt.NDArray[np.uint8]], pulse: int) -> None:
    for camera, painter in painters.items():
        start_ns = TEXTURE_START_NS if camera.endswith("_colour") else 0
        painter.paint(start_ns, start_ns + EXPOSURE_NS, pulse, FLASHES, pulse, slots[camera])


if __name__ == "__main__":
    main()
