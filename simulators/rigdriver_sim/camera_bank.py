"""All cameras of one rig behind one producer.

In: camera specs, the rig's folder, the engine, the seed. Out: camera models whose frames any GenTL consumer gets by
the folder's rigsim.cti. Not here: what triggers (see wires.py) and what paints (see painter.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rigdriver_sim.camera.description import camera_area, module_xml
from rigdriver_sim.camera.model import SimulatedCamera
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.feed import RigFeed
from rigdriver_sim.producer import producer
from rigdriver_sim.rig import CameraBank
from rigdriver_sim.write_guard import WriteGuard


def make_cameras(specs: Sequence[CameraSpec], folder: Path, engine: EventEngine, seed: int) -> CameraBank:
    """Return the cameras; see `rig.MakeCameras`."""
    feed = RigFeed(folder, producer(), [camera_area(spec) for spec in specs], module_xml(), engine)
    cameras = [SimulatedCamera(spec, engine, part, seed) for spec, part in zip(specs, feed.cameras, strict=True)]
    # After the cameras: a guard takes the place of what a camera has put there.
    guards = [WriteGuard(spec, part) for spec, part in zip(specs, feed.cameras, strict=True)]
    return CameraBank(cameras, feed.close, lambda: [part.frames_dropped for part in feed.cameras], guards, feed.plant)
