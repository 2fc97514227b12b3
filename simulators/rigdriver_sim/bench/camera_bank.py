"""All cameras of one rig behind one producer.

In: camera specs, the rig's folder, the engine, the seed. Out: camera models whose frames any GenTL consumer gets by
the folder's rigsim.cti. Not here: what triggers (see wires.py) and what paints (see painter.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rigdriver_sim.bench.rig import CameraBank
from rigdriver_sim.camera.description import camera_area, module_xml
from rigdriver_sim.camera.model import SimulatedCamera
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.camera.write_guard import WriteGuard
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.feed.feed import ONE_PORT, Ports, RigFeed
from rigdriver_sim.feed.layout import WHOLE_TIMEOUT
from rigdriver_sim.feed.producer import producer
from rigdriver_sim.scenario import Scenario


def make_cameras(
    specs: Sequence[CameraSpec], folder: Path, engine: EventEngine, seed: int, ports: Ports = ONE_PORT
) -> CameraBank:
    """Return the cameras; see `rig.MakeCameras`."""
    areas = [camera_area(spec) for spec in specs]
    feed = RigFeed(folder, producer(), areas, module_xml(), engine, ports=ports)
    cameras = [SimulatedCamera(spec, engine, part, seed) for spec, part in zip(specs, feed.cameras, strict=True)]
    # After the cameras: a guard takes the place of what a camera has put there.
    guards = [WriteGuard(spec, part) for spec, part in zip(specs, feed.cameras, strict=True)]
    return CameraBank(cameras, feed.close, lambda: [part.frames_dropped for part in feed.cameras], guards, feed.plant)


def ports_of(scenario: Scenario) -> Ports:
    """Return the interfaces of the producer, and which cameras each of them sees."""
    table = scenario.producer
    every = range(table.interfaces)
    usual_ms = WHOLE_TIMEOUT if table.uses_whole_timeout else round(table.update_s * 1000)
    update_ms = tuple(round(table.slow_s * 1000) if n in table.slow_interfaces else usual_ms for n in every)
    seen_by = []
    for number, camera in enumerate(scenario.cameras):
        usual = {
            "first": (0,),
            "last": (table.interfaces - 1,),
            "spread": (number % table.interfaces,),
            "all": tuple(every),
        }
        seen_by.append(camera.interfaces or usual[table.cameras])
    return Ports(update_ms, round(table.search_s * 1000), tuple(seen_by))
