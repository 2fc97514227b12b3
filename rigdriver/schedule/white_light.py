"""The rig as a calibration runs it: all cameras expose together under the white lamps, pattern lamps stay dark.

In: a checked `RigConfig`. Out: another one, that plans, opens and runs like any other. Speckle would hide a printed
board, and cameras that expose one after the other would see a hand-held board in two places. Not here: boards (see
calibration/board/).
"""

from __future__ import annotations

from rigdriver.config import RigConfig

MAX_RATE_HZ = 3.0
"""Largest rate of flashes that counts as harmless: three per second (WCAG 2.2, criterion 2.3.1)."""


def white_light(config: RigConfig) -> RigConfig:
    """Return the configuration for looking at a board: one exposure per pulse, in white light or in the room's alone.

    A camera that names no exposure of its own gets the schedule's for texture. The newest frame set is the one that
    counts, so a slow consumer gets that and not the whole queue. Roles are the light's here: take who is geometry and
    who is texture from the rig's own configuration.
    """
    # A person holds the board and looks at the lamps for minutes.
    rate_hz = min(config.schedule.rate_hz, MAX_RATE_HZ)
    return config.model_copy(
        update={
            "cameras": tuple(camera.model_copy(update={"role": "texture"}) for camera in config.cameras),
            "lamps": tuple(lamp for lamp in config.lamps if lamp.kind == "white"),
            "schedule": config.schedule.model_copy(update={"rate_hz": rate_hz, "interleave_pods": False}),
            "run": config.run.model_copy(
                update={"queue_frame_sets": 1, "on_gap": "continue", "slow_consumer": "drop_oldest"}
            ),
        }
    )
