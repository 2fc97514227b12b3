"""Which outputs are lamps: the rig file and the box must agree before anything is driven.

In: a checked `RigConfig`, the identity of an opened box. Out: one error per device on a wrong output. The box holds its
light limits and its interlock on its own lamp outputs only; a lamp elsewhere would flash without them, and a camera
on a lamp output would flash the lamp with every trigger. Not here: outputs that are named twice (see config/models.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from rigdriver.config import RigConfig
from rigdriver.devices.box.identity import BoxIdentity
from rigdriver.errors import ConfigError


def wrong_outputs(config: RigConfig, identity: BoxIdentity) -> Iterator[ConfigError]:
    """Find lamps on outputs that the box does not count as lamps, and cameras on outputs that it does."""
    lamps = numbered(identity.lamp_outputs)
    for n, lamp in enumerate(config.lamps):
        if not identity.lamp_outputs >> lamp.output & 1:
            yield ConfigError(
                device=f"lamp {lamp.name}: lamps.{n}.output = {lamp.output}",
                seen="the box does not treat this output as a lamp, so light limits and interlock do not act on it",
                expected=f"one of its lamp outputs ({lamps})",
                remedy="connect the lamp to one of them and set output to it",
            )
    for n, camera in enumerate(config.cameras):
        if identity.lamp_outputs >> camera.output & 1:
            yield ConfigError(
                device=f"camera {camera.name}: cameras.{n}.output = {camera.output}",
                seen="this output of the box is for a lamp; a lamp on it would flash with every trigger of the camera",
                expected=f"an output other than its lamp outputs ({lamps})",
                remedy="connect the camera's trigger to one of them and set output to it",
            )


def numbered(mask: int) -> str:
    """Return the outputs of a mask in words: `6, 7`, or `none`."""
    return ", ".join(str(n) for n in range(mask.bit_length()) if mask >> n & 1) or "none"
