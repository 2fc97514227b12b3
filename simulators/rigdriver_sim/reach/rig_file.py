"""Write the rig file of a simulated rig: what an integrator would write for the same rig in metal.

In: a scenario and how its box is reached. Out: TOML text. Not here: who reads it.
"""

from __future__ import annotations

import json
import math

from rigdriver_sim.scenario import CameraTable, LampTable, Scenario
from rigdriver_sim.trigger_box.facts import HARD_LIGHT

_LIGHT = f"""\
# Generous on purpose: nobody sits in front of a simulated rig. Limits for people are far lower.
[light]
max_train_flashes = {HARD_LIGHT.max_train_flashes}
min_train_pause_s = 0
max_session_flashes = {HARD_LIGHT.max_session_flashes}
max_flash_width_us = {HARD_LIGHT.max_flash_width_ticks / 10}
max_duty = {HARD_LIGHT.max_duty_permille / 1000}
max_rate_hz = {HARD_LIGHT.max_rate_millihertz / 1000}
"""


def rig_file_text(scenario: Scenario, box_url: str, producer: str, timebase: str = "", computer: str = "") -> str:
    """Return the rig file; `producer`, `timebase` (a rig in lockstep) and `computer` start at the file's folder."""
    head = f"# Written by the simulator for the scenario {scenario.name}; gone when the simulated rig ends.\n"
    schedule = scenario.schedule
    own = {"timebase": timebase, "computer": computer}
    pages = "".join(f"{key} = {_text(value)}\n" for key, value in own.items() if value)
    parts = [
        f"{head}name = {_text(scenario.name)}\n{pages}",
        f"[box]\nurl = {_text(box_url)}\n",
        f"[genicam]\nproducers = [{_text(producer)}]\n",
        f"[schedule]\nrate_hz = {scenario.rate_hz}\ngeometry_exposure_us = {schedule.geometry_exposure_us}",
        f"texture_exposure_us = {schedule.texture_exposure_us}\n",
        _LIGHT,
    ]
    parts += [_camera(scenario, camera) for camera in scenario.cameras]
    parts += [_lamp(lamp) for lamp in scenario.lamps]
    return "\n".join(parts)


def _camera(scenario: Scenario, camera: CameraTable) -> str:
    # The data sheet's largest deviation: three sigma, rounded up generously.
    jitter_us = math.ceil(3 * camera.jitter_us + 1)
    line = "" if camera.input is None else f"input = {camera.input}\n"
    return (
        f"[[cameras]]\nname = {_text(camera.name)}\nserial = {_text(camera.serial)}\nrole = {_text(camera.role)}\n"
        f"pod = {_text(camera.pod)}\noutput = {camera.output}\n{line}"
        f"latency_us = {camera.latency_us}\njitter_us = {jitter_us}\n"
        f"[cameras.features]\nWidth = {camera.width or scenario.width}\n"
        f"Height = {camera.height or scenario.height}\nPixelFormat = {_text(camera.pixel_formats[0])}\n"
    )


def _lamp(lamp: LampTable) -> str:
    kind, pod = _text(lamp.kind), _text(lamp.pod)
    return f"[[lamps]]\nname = {_text(lamp.name)}\nkind = {kind}\npod = {pod}\noutput = {lamp.output}\n"


def _text(text: str) -> str:
    """Quote as a TOML basic string; JSON's escapes are a part of TOML's."""
    return json.dumps(text)
