"""What a running rig does when it is asked over its control socket.

In: requests of control.py. Out: acts on the rig. This file refuses to know sockets.
"""

from __future__ import annotations

from typing import Any

from rigdriver_sim.engine import EventEngine
from rigdriver_sim.rig import INTERLOCK_INPUT, SYNC_INPUT, Camera, SimulatedRig

_FAULTS = "faults."


def handle(rig: SimulatedRig, engine: EventEngine, request: dict[str, Any]) -> Any:
    """Do what the request says and return the answer's value.

    Raises:
        ValueError: it cannot be done, with a sentence for the client.
    """
    match request:
        case {"set": str(key), "value": value} if key.startswith(_FAULTS):
            rig.set_fault(key.removeprefix(_FAULTS), value)
            return None
        case {"set": key}:
            raise ValueError(f"{key!r} cannot be set while the rig runs; only {_FAULTS}... can, with a value")
        case {"get": "status"}:
            return rig.status()
        case {"do": str(act)}:
            return _do(rig, engine, act, request)
        case _:
            raise ValueError("expected set with a value, get status, or do with an act")


def _do(rig: SimulatedRig, engine: EventEngine, act: str, details: dict[str, Any]) -> None:
    match act:
        case "truth.flush":
            rig.truth.flush()
        case "box.reset":
            rig.box.reset()
        case "box.unplug":
            rig.box.unplug()
        case "box.replug":
            rig.box.replug()
        case "interlock.open" | "interlock.close":
            rig.box.input_edge(INTERLOCK_INPUT, int(act == "interlock.close"), engine.now_ns)
        case "sync.pulse":
            rig.box.input_edge(SYNC_INPUT, 1, engine.now_ns)
            engine.at(engine.now_ns + 10_000, lambda: rig.box.input_edge(SYNC_INPUT, 0, engine.now_ns))
        case "camera.unplug":
            _camera(rig, details).unplug()
        case "camera.replug":
            _camera(rig, details).replug()
        case _:
            raise ValueError(f"unknown act {act!r}")


def _camera(rig: SimulatedRig, details: dict[str, Any]) -> Camera:
    name = details.get("camera")
    if not isinstance(name, str) or name not in rig.cameras:
        raise ValueError(f"no camera {name!r}; there are {', '.join(rig.cameras)}")
    return rig.cameras[name]
