"""The pictures of the light stage: each lamp at every camera, the room's light, and what focus was judged on.

In: the checks of that stage and what the cameras saw. Out: the same checks with pictures. Not here: what is good (see
light_checks.py and focus_checks.py), and how a picture is made (see pictures.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rigdriver.config import RigConfig
from rigdriver.selftest.lamps import DARKNESS, SPECKLE, LightSeen
from rigdriver.selftest.pictures import CheckPicture, detail, thumbnail
from rigdriver.selftest.result import CheckResult


def illustrated(checks: Sequence[CheckResult], seen: LightSeen, config: RigConfig) -> list[CheckResult]:
    """Return the checks with their pictures; a check whose cameras gave no frame gets none."""
    made = {f"light.{lamp.name}": _of_lamp(lamp.name, seen, config) for lamp in config.lamps}
    for camera in config.cameras:
        made[f"ambient.{camera.name}"] = _of_room(camera.name, seen)
        made[f"focus.{camera.name}"] = _of_focus(camera.name, seen)
        if speckle := seen.images.get(SPECKLE, {}).get(camera.name):
            made[f"calibration.texture.{camera.name}"] = (thumbnail(speckle, f"in the light of the {SPECKLE}"),)
    return [replace(check, pictures=made.get(check.name, ())) for check in checks]


def _of_lamp(lamp: str, seen: LightSeen, config: RigConfig) -> tuple[CheckPicture, ...]:
    """Return the images of all cameras, also of those that should not see the lamp."""
    images, levels = seen.images.get(lamp, {}), seen.lit.get(lamp, {})
    return tuple(
        thumbnail(images[camera.name], f"{levels[camera.name]:.1%} of full scale")
        for camera in config.cameras
        if camera.name in images
    )


def _of_room(camera: str, seen: LightSeen) -> tuple[CheckPicture, ...]:
    image = seen.images.get(DARKNESS, {}).get(camera)
    return () if image is None else (thumbnail(image, f"{seen.dark[camera]:.1%} of full scale"),)


def _of_focus(camera: str, seen: LightSeen) -> tuple[CheckPicture, ...]:
    """Return the part at full size in the light of the lamp in which the camera sees most detail."""
    found = {lamp: details[camera] for lamp, details in seen.detail.items() if camera in details}
    if not found:
        return ()
    lamp = max(found, key=lambda name: found[name].contrast)
    image = seen.images.get(lamp, {}).get(camera)
    return () if image is None else (detail(image, f"sharpness {found[lamp].sharpness:.3f}, lamp {lamp}"),)
