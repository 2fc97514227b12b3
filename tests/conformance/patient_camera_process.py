"""The camera process with a producer that waits two seconds for each answer of a camera whose link is cut.

In: the arguments of the camera process. Out: its messages. Baumer's GigE producer waits that long (measured),
the simulated one answers at once that the camera does not. Not here: what the parent makes of it (see
test_realtime_camera_process.py).
"""

from __future__ import annotations

import runpy
import threading

from rigdriver.devices.camera_process import binding
from rigdriver.errors import CameraError, CameraSilent

WAIT_S = 2.0


def _patient_check(camera: binding.Camera) -> None:
    try:
        _check(camera)
    except CameraError as exc:
        threading.Event().wait(WAIT_S)
        raise CameraSilent(device=exc.device, seen=exc.seen, remedy=exc.remedy) from exc


_check = binding.Camera.check
if __name__ == "__main__":
    binding.Camera.check = _patient_check  # type: ignore[assignment]
    runpy.run_module("rigdriver.devices.camera_process", run_name="__main__")
