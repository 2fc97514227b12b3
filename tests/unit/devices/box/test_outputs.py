"""Rig file and box must agree on which outputs are lamps."""

from __future__ import annotations

from dataclasses import replace

from rigdriver.config import RigConfig
from rigdriver.devices.box.identity import BoxIdentity
from rigdriver.devices.box.outputs import wrong_outputs
from rigdriver.wire.registers import HardLightLimitsRecord
from tests.unit.sync.planted import TICKS, rig_config

BOX = BoxIdentity(
    "box", 1, "00", "1.0.0", "", TICKS, 16, 8, 32, 0xC0, 0x40, 0x80, HardLightLimitsRecord(1, 1, 1, 1, 1, 1)
)


def rig(lamp_output: int = 6) -> RigConfig:
    table = rig_config().model_dump()
    table["lamps"] = [{"name": "flash", "kind": "pattern", "output": lamp_output}]
    return RigConfig.model_validate(table, strict=False)


def test_lamps_on_lamp_outputs_and_cameras_on_others_are_good() -> None:
    assert not list(wrong_outputs(rig(), BOX))


def test_a_lamp_on_an_output_that_the_box_does_not_count_as_a_lamp_is_found_with_key_and_remedy() -> None:
    [error] = wrong_outputs(rig(12), BOX)
    assert str(error) == (
        "lamp flash: lamps.0.output = 12: the box does not treat this output as a lamp, so light limits and "
        "interlock do not act on it; expected one of its lamp outputs (6, 7); connect the lamp to one of them and set "
        "output to it"
    )


def test_each_camera_on_a_lamp_output_is_found() -> None:
    config = rig()
    outputs = sum(1 << camera.output for camera in config.cameras)
    errors = list(wrong_outputs(config, replace(BOX, lamp_outputs=outputs | 1 << 6)))
    assert [error.device.partition(":")[0] for error in errors] == [f"camera {c.name}" for c in config.cameras]
    assert all("flash with every trigger" in str(error) for error in errors)


def test_a_box_without_lamps_says_so() -> None:
    [error] = wrong_outputs(rig(), replace(BOX, lamp_outputs=0))
    assert "(none)" in str(error)
