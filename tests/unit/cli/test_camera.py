"""Words of `rigdriver camera`: changes as they are typed, and features as they are printed.

In: words of the command line, descriptions of features. Out: keys and values, lines of text.
"""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from rigdriver.cli.camera import parsed_change
from rigdriver.cli.feature_text import feature_lines
from rigdriver.cli.verbs import app
from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.descriptions import CameraReport, FeatureReport
from rigdriver.devices.camera_link.feature_tree import FeatureDescription, FeatureKind
from rigdriver.errors import UsageError
from rigdriver.procedures.camera import BrowsedCamera


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("Gain=2.5", "Gain", 2.5),
        ("Width=320", "Width", 320),
        ("Width = 0x10", "Width", 16),
        ("ReverseX=true", "ReverseX", True),
        ("PixelFormat=Mono8", "PixelFormat", "Mono8"),
        ("DeviceUserID=left upper", "DeviceUserID", "left upper"),
        ('DeviceUserID="5"', "DeviceUserID", "5"),
        ("DeviceUserID=a=b", "DeviceUserID", "a=b"),
        ("DeviceUserID=", "DeviceUserID", ""),
        ("TriggerMode[TriggerSelector=FrameStart]=On", "TriggerMode[TriggerSelector=FrameStart]", "On"),
        ("Date=2026-01-02", "Date", "2026-01-02"),
        ("Word=nan", "Word", "nan"),
        ("Word=1\nOther = 2", "Word", "1\nOther = 2"),
    ],
)
def test_a_value_is_a_toml_scalar_and_a_bare_word_a_text(text: str, key: str, value: FeatureValue) -> None:
    change = parsed_change(text)
    assert (change.key, change.value, type(change.value)) == (key, value, type(value))


@pytest.mark.parametrize("text", ["Gain", "=5", "", "[TriggerSelector=FrameStart]=On"])
def test_what_names_no_feature_or_no_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"names no feature and value; expected Name=Value"):
        parsed_change(text)


def test_features_stand_below_their_category_with_value_bounds_and_access() -> None:
    whole = (-(2**63), 2**63 - 1)
    lines = feature_lines([
        FeatureDescription("Width", "Image", FeatureKind.INTEGER, 320, True, True, unit="px", low=16, high=640, step=4),
        FeatureDescription("SensorWidth", "Image", FeatureKind.INTEGER, 640, True, False, low=whole[0], high=whole[1]),
        FeatureDescription(
            "Gain", "Analog", FeatureKind.FLOAT, 1.5, True, False, low=0.0, high=24.0, step=0.5,
            locked_by=("GainAuto",), can_be_locked=True,
        ),
        FeatureDescription(
            "TriggerMode", "Analog", FeatureKind.ENUMERATION, "On", True, True, entries=("Off", "On"),
            selectors=("TriggerSelector",),
        ),
        FeatureDescription("ChunkGain", "Analog", FeatureKind.FLOAT, None, False, False),
    ])  # fmt: skip
    assert [" ".join(line.split()) for line in lines] == [
        "Image",
        "Width integer 320 px 16 to 640 step 4 read/write",
        "SensorWidth integer 640 read",
        "Analog",
        "Gain float 1.5 0 to 24 step 0.5 read; locked by GainAuto",
        "TriggerMode[TriggerSelector] enumeration On Off, On read/write",
        "ChunkGain float - not available now",
    ]
    assert lines[1].startswith("  Width ")
    assert feature_lines([]) == []


def test_what_the_camera_changed_of_the_rigs_settings_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clamped = FeatureReport("Gain", 99.0, 24.0, True, "", 0.0, 24.0)
    report = CameraReport("left", "1", "Maker", "M", "a.cti", (clamped,))
    monkeypatch.setattr("rigdriver.cli.camera.browse_camera", lambda *_: BrowsedCamera(report))
    told = CliRunner().invoke(app, ["camera", "left", "--sim", "--search", "", "--json"]).stderr
    assert "camera left (SN 1): Gain: asked 99.0, got 24.0 (clamped; the camera allows 0 to 24 now)" in told
