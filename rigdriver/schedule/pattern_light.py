"""The rig as the self-test looks at it once: texture cameras expose with the geometry cameras, in the pattern lamps.

In: a checked `RigConfig`. Out: another one, that plans and runs like any other. Skin in white light shows a texture
camera nothing of known size or place; speckle does, and the geometry cameras measure the surface on which it lies in
the same moment. Not here: what the images say (see selftest/texture_checks.py).
"""

from __future__ import annotations

from rigdriver.config import RigConfig
from rigdriver.schedule.plan import exposure_us


def pattern_light(config: RigConfig) -> RigConfig:
    """Return the configuration in which every camera exposes in its pod's pattern light; white lamps stay dark.

    Each camera keeps the exposure that it is set to. Roles are the light's here: take who is geometry and who is
    texture from the rig's own configuration.
    """
    return config.model_copy(
        update={
            "cameras": tuple(
                camera.model_copy(update={"role": "geometry", "exposure_us": exposure_us(config, camera)})
                for camera in config.cameras
            ),
            "lamps": tuple(lamp for lamp in config.lamps if lamp.kind == "pattern"),
        }
    )
