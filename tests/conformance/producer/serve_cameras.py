"""Cameras behind the producer, and nothing else: `python serve_cameras.py '{"folder": ..., "producer": ..., ...}'`.

In: one JSON object (folder, producer, cameras: a list of CameraSpec keywords), then one JSON object a line on stdin.
Out: one JSON line when ready, then one per request. Ends when stdin does. Not here: any consumer.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from rigdriver_sim.camera.description import camera_area, module_xml
from rigdriver_sim.camera.makes import make_named
from rigdriver_sim.camera.model import SimulatedCamera
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.feed.feed import Ports, RigFeed


class Server:
    def __init__(self, setup: dict[str, Any]) -> None:
        self.engine = EventEngine(pace=setup.get("pace", 1.0))
        specs = [
            CameraSpec(**{**camera, "make": make_named(camera.get("make", "plain"))}) for camera in setup["cameras"]
        ]
        folder = Path(setup["folder"])
        areas = [camera_area(spec) for spec in specs]
        ports = Ports(**setup.get("ports", {}))
        slots = setup.get("slots", 8)
        self.feed = RigFeed(folder, Path(setup["producer"]), areas, module_xml(), self.engine, slots, ports)
        self.cameras = [
            SimulatedCamera(spec, self.engine, part, seed=1)
            for spec, part in zip(specs, self.feed.cameras, strict=True)
        ]
        self.pending = b""
        self.told: list[dict[str, Any]] = []
        for camera in self.cameras:
            camera.on_exposure = lambda exposure: self.told.append(
                {"camera": exposure.camera, "ordinal": exposure.ordinal, "start_ns": exposure.start_ns}
            )
            self.engine.add_gate(camera.has_room)
            if setup.get("forgets", False):
                camera._feed.on_release = camera._control.power_up
        self.engine.add_reader(0, self.read)

    def read(self) -> None:
        data = os.read(0, 65536)
        if not data:
            self.engine.stop()
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            say(self.act(json.loads(line)))

    def act(self, request: dict[str, Any]) -> object:
        camera = self.cameras[request.get("camera", 0)]
        match request["act"]:
            case "trigger":
                for n in range(request["count"]):
                    t_ns = self.engine.now_ns + 1_000_000 + n * request["period_ns"]
                    for number in request["cameras"]:
                        self.engine.at(t_ns, lambda c=self.cameras[number], t=t_ns: c.trigger(t))  # type: ignore[misc]
                return None
            case "fault":
                value = request["value"]
                is_amount = isinstance(value, dict)
                known = {int(k): v for k, v in value.items()} if is_amount else frozenset(value)
                setattr(camera.faults, request["name"], known)
                return None
            case "unplug":
                return camera.unplug()
            case "replug":
                return camera.replug()
            case "cut_link" | "restore_link" | "lose_control" | "regain_control" | "hang" as act:
                return getattr(camera.outages, act)()
            case "exposures":
                return self.told
            case "addresses":
                return {name: camera._control.registers.address(name) for name in request["names"]}
        raise ValueError(request["act"])


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    server = Server(json.loads(sys.argv[1]))
    say({"producer": str(server.feed.producer)})
    server.engine.run()
    server.feed.close()
