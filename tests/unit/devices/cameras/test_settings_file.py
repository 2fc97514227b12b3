"""Settings files: what is written is read again, and what is no settings file is refused with its reason.

In: settings of a camera, and files of users. Out: the same values in the same order, or one sentence.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.descriptions import CameraReport
from rigdriver.devices.camera_link.feature_tree import SettableFeatures
from rigdriver.devices.cameras.settings_file import read_settings, settings_text
from rigdriver.errors import UsageError

REPORT = CameraReport("left", "1", "Maker", "M 1", "a.cti", ())
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}(\[[A-Za-z]{1,8}=[A-Za-z0-9_]{1,8}\])?", fullmatch=True)
VALUES = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.text()
)


@given(st.dictionaries(NAMES, VALUES))
def test_what_is_written_is_read_again_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, FeatureValue]
) -> None:
    file = tmp_path_factory.getbasetemp() / "settings.toml"
    file.write_text(settings_text(REPORT, SettableFeatures(values)), encoding="utf-8", newline="")
    read = read_settings(file)
    assert list(read.items()) == list(values.items())
    assert list(map(type, read.values())) == list(map(type, values.values()))


def test_comments_name_the_camera_and_what_the_file_lacks() -> None:
    text = settings_text(REPORT, SettableFeatures({"Gain": 1.0}, ("LUTValue",), ("ExposureTime",)))
    assert "# Settings of camera left (Maker M 1, SN 1)." in text
    assert "#   LUTValue" in text
    assert "#   ExposureTime" in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[features\n", "is no TOML"),
        ("Gain = 1.0\n", r"has no table \[features\]"),
        ("[features]\nGain = [1]\n", r"Gain: \[1\]; expected true or false, a number or a text"),
        ("[features]\nTriggerMode.FrameStart = 1\n", "TriggerMode: .*a key with a selector stands in quotes"),
    ],
)
def test_what_is_no_settings_file_is_refused_with_its_reason(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=told):
        read_settings(file)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_settings(tmp_path / "none.toml")
