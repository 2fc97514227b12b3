"""The order in which features are written, and what is said about the outcome.

In: features by name, and a camera that is a table with bounds, locks and effects. Out: the order of the writes, and
reports or refusals that say what is possible.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_process.feature_plan import fit_integer, is_clamped, plan, split_key
from rigdriver.devices.camera_process.features import NodeFacts, NodeKind, write_all
from rigdriver.devices.camera_process.one_feature import write_and_report
from rigdriver.errors import CameraError, ConfigError

LABEL = "camera left_upper (SN 23A7)"


class StrictCamera:
    """Refuses what a real camera refuses: a region beyond the sensor, a value that an auto function holds."""

    def __init__(self) -> None:
        self.values: dict[str, FeatureValue] = {
            "Width": 640, "Height": 480, "OffsetX": 600, "OffsetY": 700, "BinningHorizontal": 1, "PixelFormat": "Mono8",
            "ExposureAuto": "Continuous", "ExposureTime": 5000.0, "GainAuto": "Continuous", "Gain": 0.0,
            "AcquisitionFrameRateEnable": False, "AcquisitionFrameRate": 10.0, "TriggerSelector": "AcquisitionStart",
            "TriggerMode": "Off", "TriggerSource": "Software", "DeviceTemperature": 40.0, "ChunkModeActive": False,
            "ChunkSelector": "FrameID", "UserLabel": "",
        }  # fmt: skip
        self.chunk_enabled: dict[str, bool] = {"FrameID": False, "ExposureTime": False}
        self.log: list[str] = []

    def names(self) -> tuple[str, ...]:
        return (*self.values, "ChunkEnable", "UserSetLoad")

    def facts(self, name: str) -> NodeFacts | None:
        v = self.values
        sensor = 2048 // int(v["BinningHorizontal"])
        bounded = {
            "Width": (16, sensor - int(v["OffsetX"]), 16),
            "Height": (2, 1536 - int(v["OffsetY"]), 2),
            "OffsetX": (0, sensor - int(v["Width"]), 2),
            "OffsetY": (0, 1536 - int(v["Height"]), 2),
            "BinningHorizontal": (1, 2, 1),
        }
        if name in bounded:
            return NodeFacts(NodeKind.INTEGER, True, True, *bounded[name])
        floats = {
            "ExposureTime": (10.0, 1e6, v["ExposureAuto"] == "Off"),
            "Gain": (0.0, 24.0, v["GainAuto"] == "Off"),
            "AcquisitionFrameRate": (1.0, 1e6 / float(v["ExposureTime"]), v["AcquisitionFrameRateEnable"] is True),
            "DeviceTemperature": (-50.0, 150.0, False),
        }
        if name in floats:
            low, high, writable = floats[name]
            return NodeFacts(NodeKind.FLOAT, True, writable, low, high)
        entries = {
            "PixelFormat": ("Mono8", "Mono12p"),
            "ExposureAuto": ("Off", "Continuous"),
            "GainAuto": ("Off", "Continuous"),
            "TriggerSelector": ("AcquisitionStart", "FrameStart"),
            "TriggerMode": ("Off", "On"),
            "TriggerSource": ("Software", "Line0"),
            "ChunkSelector": ("FrameID", "ExposureTime"),
        }
        if name in entries:
            return NodeFacts(NodeKind.ENUMERATION, True, True, entries=entries[name])
        if name in ("AcquisitionFrameRateEnable", "ChunkModeActive"):
            return NodeFacts(NodeKind.BOOLEAN, True, True)
        if name == "ChunkEnable":
            return NodeFacts(NodeKind.BOOLEAN, True, v["ChunkModeActive"] is True)
        if name == "UserSetLoad":
            return NodeFacts(NodeKind.COMMAND, False, True)
        return NodeFacts(NodeKind.STRING, True, True) if name == "UserLabel" else None

    def read(self, name: str) -> FeatureValue:
        if name == "ChunkEnable":
            return self.chunk_enabled[str(self.values["ChunkSelector"])]
        return self.values[name]

    def write(self, name: str, value: FeatureValue) -> None:
        self.log.append(name)
        if name == "ChunkEnable":
            self.chunk_enabled[str(self.values["ChunkSelector"])] = bool(value)
        else:
            self.values[name] = round(float(value) * 4) / 4 if name == "ExposureTime" else value

    def execute(self, name: str) -> None:
        self.log.append(name)
        self.values |= {"OffsetX": 8, "Gain": 1.0}


WANTED: dict[str, FeatureValue] = {
    "Width": 2048, "OffsetX": 0, "ExposureTime": 2000.0, "Gain": 3.0, "AcquisitionFrameRate": 100.0,
    "TriggerMode": "On", "TriggerSource": "Line0", "UserSetLoad": True,
}  # fmt: skip


def test_no_write_refuses_a_later_one_in_whatever_order_the_rig_file_names_the_features() -> None:
    for keys in itertools.islice(itertools.permutations(WANTED), 0, 40320, 97):
        camera = StrictCamera()
        reports, refusals = write_all(LABEL, camera, plan({k: WANTED[k] for k in keys}))
        assert refusals == []
        assert {r.name: r.got for r in reports} == WANTED
        assert not any(r.is_clamped for r in reports)
        assert camera.values["TriggerSelector"] == "FrameStart"


def test_a_region_moves_from_one_corner_of_the_sensor_to_the_other() -> None:
    camera = StrictCamera()
    wanted: dict[str, FeatureValue] = {"OffsetX": 16, "OffsetY": 8, "Width": 2032, "Height": 1528}
    reports, refusals = write_all(LABEL, camera, plan(wanted))
    assert refusals == []
    assert {r.name: r.got for r in reports} == wanted


def test_a_factory_set_is_loaded_before_anything_that_it_would_overwrite() -> None:
    camera = StrictCamera()
    write_all(LABEL, camera, plan({"Gain": 6.0, "UserSetLoad": True}))
    assert camera.log[0] == "UserSetLoad"
    assert camera.values["Gain"] == 6.0


def test_a_trigger_is_switched_on_after_its_source_is_chosen() -> None:
    camera = StrictCamera()
    write_all(LABEL, camera, plan({"TriggerMode": "On", "TriggerSource": "Line0"}))
    assert camera.log == ["TriggerSelector", "TriggerSource", "TriggerMode"]


def test_a_callers_own_auto_function_is_not_overruled() -> None:
    asked = plan({"GainAuto": "Continuous", "Gain": 3.0})
    assert [(w.name, w.value) for w in asked] == [("GainAuto", "Continuous"), ("Gain", 3.0)]


def test_unknown_features_are_written_last_in_the_order_given() -> None:
    names = [w.name for w in plan({"VendorB": 1, "VendorA": 2, "Gain": 1.0, "GainAuto": "Off"})]
    assert names == ["GainAuto", "Gain", "VendorB", "VendorA"]


def test_a_clamped_value_is_reported_with_what_the_camera_made_of_it() -> None:
    camera = StrictCamera()
    reports, refusals = write_all(LABEL, camera, plan({"Gain": 99.0, "Width": 1001, "ExposureTime": 2000.1}))
    assert refusals == []
    assert {r.name: (r.got, r.is_clamped) for r in reports} == {
        "Gain": (24.0, True),
        "Width": (992, True),
        "ExposureTime": (2000.0, False),  # rounded to the camera's quarter of a microsecond: no clamping
    }


def test_a_value_that_a_later_write_changes_is_reported_as_it_is_at_the_end() -> None:
    class Rebinning(StrictCamera):
        def write(self, name: str, value: FeatureValue) -> None:
            super().write(name, value)
            if self.values["TriggerMode"] == "On":
                self.values["Gain"] = 0.0  # whatever is written

    reports, _ = write_all(LABEL, Rebinning(), plan({"Gain": 3.0, "TriggerMode": "On"}))
    assert {r.name: (r.got, r.is_clamped) for r in reports}["Gain"] == (0.0, True)


def test_all_refusals_of_a_camera_come_together_and_say_what_is_possible() -> None:
    _, refusals = write_all(
        LABEL,
        StrictCamera(),
        plan({"Gian": 3.0, "PixelFormat": "Mono16", "DeviceTemperature": 20.0, "Gain": "high", "Width": True}),
    )
    text = "\n".join(str(r) for r in refusals)
    assert len(refusals) == 5
    assert all(str(r).startswith(LABEL) for r in refusals)
    assert "has no feature Gian" in text
    assert "PixelFormat = 'Mono16' refused; expected one of Mono8, Mono12p" in text
    assert "DeviceTemperature = 20.0 refused: it is 40.0 and cannot be written now" in text
    assert "Gain = 'high' refused; expected a number" in text
    assert "Width = True refused; expected an integer" in text


def test_a_read_only_feature_that_has_the_asked_value_already_is_no_refusal() -> None:
    reports, refusals = write_all(LABEL, StrictCamera(), plan({"DeviceTemperature": 40.0}))
    assert refusals == []
    assert reports[0].got == 40.0


def test_a_preparation_that_the_camera_lacks_is_passed_over() -> None:
    _, refusals = write_all(LABEL, StrictCamera(), [w for w in plan({"BlackLevel": 1.0}) if w.is_preparation])
    assert refusals == []


def test_a_feature_behind_a_selector_is_written_and_read_back_behind_it() -> None:
    camera = StrictCamera()
    wanted: dict[str, FeatureValue] = {
        "ChunkEnable[ChunkSelector=ExposureTime]": True,
        "ChunkEnable[ChunkSelector=FrameID]": False,
        "ChunkModeActive": True,
    }
    reports, refusals = write_all(LABEL, camera, plan(wanted))
    assert refusals == []
    assert {r.name: r.got for r in reports} == wanted
    assert camera.chunk_enabled == {"FrameID": False, "ExposureTime": True}


def test_an_unknown_selector_entry_is_refused_and_names_the_feature_that_wanted_it() -> None:
    write = plan({"ChunkEnable[ChunkSelector=Nothing]": True})[0]
    with pytest.raises(CameraError, match=r"ChunkSelector \(for ChunkEnable.*expected one of FrameID, ExposureTime"):
        write_and_report(LABEL, StrictCamera(), write)


@pytest.mark.parametrize("key", ["", "Gain ", "Gain[", "Gain[Analog]", "Gain[GainSelector=]", "[A=B]", "1Gain"])
def test_a_key_that_is_no_feature_is_a_usage_error(key: str) -> None:
    with pytest.raises(ConfigError, match="expected an SFNC name"):
        split_key(key)


@pytest.mark.parametrize(
    ("asked", "low", "high", "step", "fitted"),
    [(100, 0, 200, 1, 100), (100, 16, 200, 32, 80), (500, 16, 200, 32, 176), (-4, 16, 200, 32, 16), (7, 0, 10, 0, 7)],
)
def test_an_integer_is_fitted_to_bounds_and_step(asked: Any, low: int, high: int, step: Any, fitted: int) -> None:
    assert fit_integer(asked, low, high, step) == fitted


@pytest.mark.parametrize(
    ("asked", "got", "step", "clamped"),
    [
        (2000.0, 1999.5, 0.0, False),
        (2000.0, 1990.0, 0.0, True),
        (2000.0, 1990.0, 10.0, False),
        (0.0, 0.0, 0.0, False),
        (3, 3.0, 0.0, False),
        (3, 4, 2.0, True),
        (True, True, 0.0, False),
        (True, 1, 0.0, False),
        ("On", "Off", 0.0, True),
    ],
)
def test_clamping_is_told_from_rounding(asked: Any, got: Any, step: Any, clamped: bool) -> None:
    assert is_clamped(asked, got, step) is clamped
