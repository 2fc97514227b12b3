"""What the plan owns is refused where it is written: with its key, its line and what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.config import parse
from rigdriver.config.owned_features import OWNED, Ownership, refusal
from rigdriver.devices.camera_link.settings import CameraSettings, Reset, TriggerBy
from rigdriver.devices.camera_process.feature_names import ALIASES
from rigdriver.devices.camera_process.feature_plan import plan
from rigdriver.errors import ConfigError
from tests.unit.config.test_loading import RIG

BOX, SOFTWARE, FREE = Ownership("box", True), Ownership("software", True), Ownership("free", False)


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ('TriggerMode = "Off"', "schedule.mode sets it"),
        ("ExposureTime = 4000.0", "cameras.exposure_us"),
        ("ExposureTimeAbs = 4000.0", "cameras.exposure_us"),
        ("ExposureTimeRaw = 40", "rig.set_exposure"),
        ('ExposureAuto = "Continuous"', "cameras.exposure_us"),
        ('TriggerSource = "Software"', "name one of the camera's lines"),
        ("TriggerDelayAbs = 100.0", "cameras.latency_us"),
        ('AcquisitionMode = "SingleFrame"', "remove it"),
        ('"TriggerMode[TriggerSelector=FrameStart]" = "Off"', "schedule.mode sets it"),
    ],
)
def test_a_rig_file_that_writes_what_the_plan_owns_is_refused_at_its_line(features: str, told: str) -> None:
    text = RIG.replace("Gain = 3.5", features)
    with pytest.raises(ConfigError) as caught:
        parse(text, "rig.toml", Path())
    assert "line 11" in str(caught.value)
    assert "cameras.0.features" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("feature", "value", "use"),
    [
        ("TriggerMode", "On", BOX), ("TriggerMode", "Off", FREE), ("TriggerSource", "Line3", BOX),
        ("TriggerSource", "Software", SOFTWARE), ("ExposureTime", 900.0, FREE), ("ExposureAuto", "Off", BOX),
        ("Gain", 3.0, BOX), ("AcquisitionFrameRate", 10.0, BOX), ("TriggerDelay", 0.0, BOX),
        ("TriggerMode[TriggerSelector=LineStart]", "On", BOX), ("GainAuto", "Continuous", BOX),
    ],
)  # fmt: skip
def test_what_the_driver_writes_itself_and_what_is_the_users_is_allowed(
    feature: str, value: str | float, use: Ownership
) -> None:
    assert refusal(feature, value, use) is None


def test_every_name_of_an_owned_feature_is_owned() -> None:
    for owned in OWNED:
        others = {alias.name for alias in ALIASES.get(owned.names[0], ())}
        assert others <= set(owned.names)


@pytest.mark.parametrize("trigger", TriggerBy)
def test_no_write_of_the_driver_itself_is_one_that_the_table_refuses(trigger: TriggerBy) -> None:
    mode = {TriggerBy.ITSELF: "free", TriggerBy.SOFTWARE: "software", TriggerBy.LINE: "box"}[trigger]
    writes = plan(CameraSettings({}, trigger, 2000.0, Reset.FACTORY))
    refused = {w.name for w in writes if refusal(w.name, w.value, Ownership(mode, True))}
    # It stops what an earlier program left running, and turns every trigger off before it sets its own.
    assert refused <= {"ExposureTime", "AcquisitionStop", "TLParamsLocked", "TriggerMode"}
