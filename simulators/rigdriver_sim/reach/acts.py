"""What a running rig does when it is asked over its control socket.

In: requests of control.py. Out: acts on the rig. `{"fault": NAME, "values": [...]}` takes what people type: an act, or
a key of the fault table with a value in TOML. Not here: sockets (see control.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rigdriver_sim.bench.rig import INTERLOCK_INPUT, SYNC_INPUT, SimulatedRig
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.faults.table import FaultTable
from rigdriver_sim.feed.layout import PLANT_CRASH, PLANT_HANG

_FAULTS = "faults."
_AHEAD = 2
"""A fault for "now" is planted so many pulses on: the next pulse may be on the wire already."""

ACTS: Mapping[str, str] = {
    "none": "Heal everything that the table can do; what has been pulled stays pulled.",
    "camera.unplug": "CAMERA: pull its cable.",
    "camera.replug": "CAMERA: put its cable back; it starts anew.",
    "camera.hang": "CAMERA: its firmware hangs until it is plugged in anew.",
    "camera.link_down": "CAMERA: cut its link, for faults.link_down_s or until camera.link_up.",
    "camera.link_up": "CAMERA: restore its link.",
    "camera.take_control": "CAMERA: another program takes control of it and ends its stream.",
    "camera.free_control": "CAMERA: that program ends; the camera may be opened again.",
    "producer.crash": "The next call into the GenTL producer crashes (SIGSEGV).",
    "producer.hang": "The next call into the GenTL producer never returns.",
    "box.unplug": "Pull the box's serial cable.",
    "box.replug": "Put it back.",
    "box.reset": "Reset the box: it forgets its schedule.",
    "interlock.open": "Open the light interlock.",
    "interlock.close": "Close it.",
    "sync.pulse": "A pulse on the box's external sync input.",
}
"""Acts that can be done at once: name and what it does."""


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
            return _do(rig, engine, act, request.get("camera"))
        case {"fault": str(name), "values": [*values]}:
            return _fault(rig, engine, name, [str(value) for value in values])
        case _:
            raise ValueError("expected set with a value, get status, do with an act, or fault with values")


def _fault(rig: SimulatedRig, engine: EventEngine, name: str, values: Sequence[str]) -> str:
    """Plant what a person asked for and say what was done."""
    if name in ACTS:
        _do(rig, engine, name, values[0] if values else None)
        return f"{name} {' '.join(values)}".rstrip()
    if name not in FaultTable.model_fields:
        raise ValueError(f"unknown fault {name!r}; `rigdriver sim fault --list` tells what there is")
    value = _value(rig, name, values)
    rig.set_fault(name, value)
    return f"{name} = {value}"


def _value(rig: SimulatedRig, name: str, values: Sequence[str]) -> Any:
    """Read `50`, `[3, 4]`, `left_upper=[3, 4]`, or `left_upper` for the next pulse."""
    default = FaultTable.model_fields[name].get_default(call_default_factory=True)
    if isinstance(default, dict):
        now = (rig.wires.last_pulse or 0) + _AHEAD
        pairs = [text.partition("=") for text in values]
        return {key: _toml(text) if equals else (now,) for key, equals, text in pairs}
    if isinstance(default, tuple):
        if not values:
            return ((rig.wires.last_pulse or 0) + _AHEAD,)
        read = [_toml(text) for text in values]
        return tuple(read[0]) if len(read) == 1 and isinstance(read[0], list) else tuple(read)
    if len(values) != 1:
        raise ValueError(f"faults.{name}: {len(values)} values given, expected one")
    return _toml(values[0])


def _toml(text: str) -> Any:
    """Read a TOML value; what is none is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _heal(rig: SimulatedRig) -> None:
    rig.set_faults(FaultTable())
    rig.box.mend()  # a cut that is under way


def _do(rig: SimulatedRig, engine: EventEngine, act: str, camera: object) -> None:
    if act.startswith("camera.") and act in ACTS:
        rig.act_on_camera(_camera(rig, camera), act.removeprefix("camera."))
        return
    acts: Mapping[str, Callable[[], None]] = {
        "none": lambda: _heal(rig),
        # Not among ACTS: it serves scoring, and no person plants it as a fault.
        "truth.flush": rig.truth.flush,
        "box.reset": rig.box.reset,
        "box.unplug": rig.box.unplug,
        "box.replug": rig.box.replug,
        "producer.crash": lambda: rig.plant_in_producer(PLANT_CRASH),
        "producer.hang": lambda: rig.plant_in_producer(PLANT_HANG),
        "interlock.open": lambda: rig.box.input_edge(INTERLOCK_INPUT, 0, engine.now_ns),
        "interlock.close": lambda: rig.box.input_edge(INTERLOCK_INPUT, 1, engine.now_ns),
        "sync.pulse": lambda: _pulse_sync(rig, engine),
    }
    if act not in acts:
        raise ValueError(f"unknown act {act!r}; there are {', '.join(sorted({*acts, *ACTS}))}")
    acts[act]()


def _pulse_sync(rig: SimulatedRig, engine: EventEngine) -> None:
    rig.box.input_edge(SYNC_INPUT, 1, engine.now_ns)
    # 10 us: further from the first edge than the box's shortest gap (1 us), so that both are stamped.
    engine.at(engine.now_ns + 10_000, lambda: rig.box.input_edge(SYNC_INPUT, 0, engine.now_ns))


def _camera(rig: SimulatedRig, name: object) -> str:
    # Names come from people and sockets, so they are checked here and nowhere below.
    if not isinstance(name, str) or name not in rig.cameras:
        raise ValueError(f"no camera {name!r}; there are {', '.join(rig.cameras)}")
    return name
