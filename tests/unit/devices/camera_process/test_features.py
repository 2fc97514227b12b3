"""Cameras of several makes: which of their features are written, in which rounds, and what is told.

In: settings as a rig file and a mode give them, and node maps of makes that name and lock features differently. Out:
what each camera holds at the end, refusals that name the cause, and notes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.descriptions import SetupNoteKind
from rigdriver.devices.camera_link.settings import CameraSettings, Reset, TriggerBy
from rigdriver.devices.camera_process.feature_names import lines_first
from rigdriver.devices.camera_process.features import NodeFacts, NodeKind, set_up
from rigdriver.errors import CameraError

LABEL = "camera left_upper (SN 23A7)"
Rule = Callable[["Make", str], bool]
SENSOR_PX = 640

USUAL: dict[str, FeatureValue] = {
    "AcquisitionMode": "Continuous", "TriggerSelector": "FrameStart", "TriggerMode": "Off", "TriggerSource": "Software",
    "TriggerActivation": "RisingEdge", "ExposureAuto": "Off", "ExposureTime": 1000.0, "GainAuto": "Off", "Gain": 0.0,
    "PixelFormat": "Mono8", "ChunkModeActive": False, "Width": 640, "OffsetX": 0, "WidthMax": SENSOR_PX,
    "BinningHorizontal": 1, "ReverseX": False,
}  # fmt: skip
ENTRIES: dict[str, tuple[str, ...]] = {
    "AcquisitionMode": ("Continuous", "SingleFrame"), "TriggerSelector": ("AcquisitionStart", "FrameStart"),
    "TriggerMode": ("Off", "On"), "TriggerSource": ("Software", "Line0", "Line1"), "TriggerActivation": ("RisingEdge",),
    "ExposureAuto": ("Off", "Continuous"), "GainAuto": ("Off", "Continuous"), "PixelFormat": ("Mono8", "Mono12p"),
    "UserSetSelector": ("Default", "UserSet0"), "LineSelector": ("Line0", "Line1"), "LineMode": ("Input", "Output"),
    "TestImageSelector": ("Off", "GreyRamp"),
}  # fmt: skip


class Make:
    """A camera of some make: values, entries, bounds that follow the region, and a rule for what can be written."""

    def __init__(
        self, changes: dict[str, FeatureValue | None] | None = None, rule: Rule = lambda _make, _name: True, **more: Any
    ) -> None:
        merged = {**USUAL, **(changes or {})}
        self.values: dict[str, FeatureValue] = {n: v for n, v in merged.items() if v is not None}
        self.entries = {**ENTRIES, **more.get("entries", {})}
        self.locked_by: dict[str, tuple[str, ...]] = more.get("locked_by", {})
        self.units: dict[str, str] = more.get("units", {})
        self.factory: dict[str, FeatureValue] = more.get("factory", {})
        self.rule = rule
        self.selected: dict[tuple[str, str], FeatureValue] = {}
        self.log: list[str] = []

    def names(self) -> tuple[str, ...]:
        return tuple(self.values)

    def facts(self, name: str) -> NodeFacts | None:
        if name not in self.values:
            return None
        is_writable, value = self.rule(self, name), self.values[name]
        facts = NodeFacts(NodeKind.FLOAT, True, is_writable, 0.0, 1e7, unit=self.units.get(name, ""))
        if not is_writable:
            facts = replace(facts, locked_by=self.locked_by.get(name, ()))
        if name in ("UserSetLoad", "AcquisitionStop"):
            return replace(facts, kind=NodeKind.COMMAND)
        if name in self.entries:
            return replace(facts, kind=NodeKind.ENUMERATION, entries=self.entries[name])
        if isinstance(value, bool):
            return replace(facts, kind=NodeKind.BOOLEAN)
        if isinstance(value, int):
            size = int(self.values["WidthMax"]) // int(self.values.get("BinningHorizontal", 1))
            bounds = {
                "Width": (4, size - int(self.values["OffsetX"]), 4),
                "OffsetX": (0, size - int(self.values["Width"]), 4),
            }
            low, high, step = bounds.get(name, (0, 10**6, 1))
            return replace(facts, kind=NodeKind.INTEGER, low=low, high=high, step=step)
        return facts

    def read(self, name: str) -> FeatureValue:
        if name in ("TriggerMode", "LineMode"):
            return self.selected.get((name, self._entry(name)), self.values[name])
        return self.values[name]

    def write(self, name: str, value: FeatureValue) -> None:
        if not self.rule(self, name):
            raise CameraError(f"{LABEL}: {name} is locked")
        self.log.append(f"{name}={value}")
        if name in ("TriggerMode", "LineMode"):
            self.selected[name, self._entry(name)] = value
            if name == "LineMode" or self._entry(name) == "FrameStart":
                self.values[name] = value
        else:
            self.values[name] = value

    def execute(self, name: str) -> None:
        self.log.append(f"{name}()")
        if name == "UserSetLoad":
            assert self.values["UserSetSelector"] == "Default"
            self.values.update(self.factory)

    def _entry(self, name: str) -> str:
        return str(self.values.get("LineSelector" if name == "LineMode" else "TriggerSelector", "FrameStart"))


def triggered(
    demands: dict[str, FeatureValue] | None = None, reset: Reset = Reset.FACTORY, **more: Any
) -> CameraSettings:
    return CameraSettings(demands or {}, more.get("trigger", TriggerBy.LINE), more.get("exposure_us", 2000.0), reset)


def without(*names: str) -> dict[str, FeatureValue | None]:
    return dict.fromkeys(names)


def refusal_of(camera: Make, settings: CameraSettings) -> str:
    (refusal,) = set_up(LABEL, camera, settings).refusals
    return str(refusal)


def test_a_selector_that_is_asked_for_keeps_its_entry_when_features_behind_it_were_read_back() -> None:
    camera = Make()
    outcome = set_up(LABEL, camera, CameraSettings({
        "TriggerSelector": "FrameStart",
        "TriggerMode[TriggerSelector=FrameStart]": "On", "TriggerMode[TriggerSelector=AcquisitionStart]": "Off",
    }))  # fmt: skip
    assert outcome.refusals == ()
    assert camera.values["TriggerSelector"] == "FrameStart"
    assert camera.selected == {("TriggerMode", "FrameStart"): "On", ("TriggerMode", "AcquisitionStart"): "Off"}


# ---- what the driver itself wants


def test_a_camera_of_sfnc_1_is_triggered_and_exposed_under_its_own_names() -> None:
    camera = Make({**without("ExposureTime", "Gain"), "ExposureTimeAbs": 1000.0, "GainRaw": 100})
    outcome = set_up(LABEL, camera, triggered({"GainRaw": 50}))
    assert outcome.refusals == ()
    assert camera.values["ExposureTimeAbs"] == 2000.0
    assert camera.values["GainRaw"] == 50
    (report,) = [r for r in outcome.reports if r.name == "ExposureTime"]
    assert (report.asked, report.got, report.written_as, report.is_clamped) == (
        2000.0,
        2000.0,
        "ExposureTimeAbs",
        False,
    )


@pytest.mark.parametrize(("base", "count"), [(20.0, 100), (None, 2000)])
def test_a_raw_exposure_is_counted_in_the_cameras_time_base(base: float | None, count: int) -> None:
    camera = Make({"ExposureTime": None, "ExposureTimeRaw": 7, "ExposureTimeBaseAbs": base})
    outcome = set_up(LABEL, camera, triggered())
    assert camera.values["ExposureTimeRaw"] == count
    assert {r.name: r.got for r in outcome.reports}["ExposureTime"] == 2000.0


def test_an_exposure_that_a_make_counts_in_milliseconds_is_written_in_milliseconds() -> None:
    camera = Make(units={"ExposureTime": "ms"})
    set_up(LABEL, camera, triggered())
    assert camera.values["ExposureTime"] == 2.0


def test_a_demand_is_written_in_the_cameras_own_unit_and_overrules_the_plan() -> None:
    camera = Make({"ExposureTime": None, "ExposureTimeAbs": 1000.0})
    outcome = set_up(LABEL, camera, triggered({"ExposureTimeAbs": 3000.0}))
    assert camera.values["ExposureTimeAbs"] == 3000.0
    assert [r.name for r in outcome.reports].count("ExposureTime") == 0


@pytest.mark.parametrize(
    ("name", "auto"),
    [
        ("ExposureTimeAbs", "ExposureAuto"),
        ("ExposureTimeRaw", "ExposureAuto"),
        ("GainAbs", "GainAuto"),
        ("GainRaw", "GainAuto"),
        ("BlackLevelAbs", "BlackLevelAuto"),
        ("BlackLevelRaw", "BlackLevelAuto"),
        ("BalanceRatioAbs", "BalanceWhiteAuto"),
        ("BalanceRatioRaw", "BalanceWhiteAuto"),
    ],
)
def test_the_automatic_function_of_a_demand_is_off_also_under_an_older_name(name: str, auto: str) -> None:
    camera = Make(
        {name: 5, auto: "Continuous"},
        lambda m, n: n != name or m.values[auto] == "Off",
        entries={auto: ("Off", "Continuous")},
    )
    assert set_up(LABEL, camera, CameraSettings({name: 7})).refusals == ()
    assert camera.values[name] == 7


@pytest.mark.parametrize("rate", ["AcquisitionFrameRate", "AcquisitionFrameRateAbs", "AcquisitionFrameRateRaw"])
@pytest.mark.parametrize(
    "enable",
    ["AcquisitionFrameRateEnable", "AcquisitionFrameRateEnabled", "AcquisitionFrameRateControlEnable"],
)
def test_a_rate_that_the_rig_file_demands_is_enabled_under_whatever_names(rate: str, enable: str) -> None:
    camera = Make({rate: 30.0, enable: False}, lambda m, n: n != rate or m.values[enable] is True)
    assert set_up(LABEL, camera, triggered({rate: 20.0}, trigger=TriggerBy.ITSELF)).refusals == ()
    assert (camera.values[rate], camera.values[enable]) == (20.0, True)


@pytest.mark.parametrize("name", ["TriggerSelector", "TriggerActivation", "AcquisitionMode"])
def test_a_camera_without_a_choice_that_the_driver_would_make_is_used_as_it_is(name: str) -> None:
    camera = Make({name: None})
    outcome = set_up(LABEL, camera, triggered())
    assert (outcome.refusals, camera.values["TriggerMode"]) == ((), "On")
    assert [n for n in outcome.notes if n.feature == name] == []


@pytest.mark.parametrize("name", ["TriggerMode", "TriggerSource", "ExposureTime"])
def test_what_a_camera_lacks_under_every_name_is_noted_and_blames_no_spelling(name: str) -> None:
    outcome = set_up(LABEL, Make({name: None}), triggered())
    assert outcome.refusals == ()
    (note,) = [n for n in outcome.notes if n.kind is SetupNoteKind.LACKS]
    assert f"has no feature {name}" in str(note)
    assert "spelling" not in str(note)
    assert note.is_warning


def test_a_demand_that_is_misspelt_is_refused_with_the_nearest_names() -> None:
    assert "has no feature Widht; nearest are Width" in refusal_of(Make(), triggered({"Widht": 320}))


def test_a_demand_that_the_camera_has_under_another_name_is_refused_with_that_name() -> None:
    camera = Make({"ExposureTime": None, "ExposureTimeAbs": 1000.0})
    text = refusal_of(camera, triggered({"ExposureTime": 500.0}))
    assert "has no feature ExposureTime; this camera names it ExposureTimeAbs" in text


@pytest.mark.parametrize(
    ("entries", "chosen"),
    [
        (("Software", "Line0", "Line1"), "Line0"),
        (("Software", "Line1", "Line2"), "Line1"),
        (("Software", "Counter0End", "Input0"), "Input0"),
        (("Action1", "Software", "InternalTimer", "Isolated"), "Isolated"),
    ],
)
def test_the_trigger_line_is_chosen_among_those_that_the_camera_has(entries: tuple[str, ...], chosen: str) -> None:
    camera = Make(entries={"TriggerSource": entries})
    outcome = set_up(LABEL, camera, triggered())
    assert (outcome.refusals, camera.values["TriggerSource"]) == ((), chosen)
    (note,) = [n for n in outcome.notes if n.kind is SetupNoteKind.CHOSEN_LINE]
    assert note.value == chosen
    assert not note.is_warning


def test_a_line_that_can_only_be_an_output_is_no_trigger_line() -> None:
    camera = Make(
        {"LineSelector": "Line0", "LineMode": "Output"},
        lambda m, n: n != "LineMode" or m.values["LineSelector"] != "Line0",
    )
    set_up(LABEL, camera, triggered())
    assert camera.values["TriggerSource"] == "Line1"
    assert camera.selected["LineMode", "Line1"] == "Input"


def test_a_camera_without_any_line_is_refused_and_told_what_to_write() -> None:
    text = refusal_of(Make(entries={"TriggerSource": ("Software", "Action0")}), triggered())
    assert "TriggerSource has the entries Software, Action0: none is a line" in text


def test_a_trigger_source_in_the_rig_file_is_taken() -> None:
    camera = Make()
    set_up(LABEL, camera, triggered({"TriggerSource": "Line1"}))
    assert camera.values["TriggerSource"] == "Line1"


def test_lines_come_before_other_inputs_and_never_counters() -> None:
    assert lines_first(("Software", "Counter0Start", "Line10", "Input1", "Line2", "Weird")) == (
        "Line2", "Line10", "Input1", "Weird",
    )  # fmt: skip


def test_another_frame_trigger_is_taken_where_there_is_no_frame_start() -> None:
    # The last entry is the one that is selected after all triggers were switched off, so the right one stands first.
    camera = Make({"TriggerSelector": "ExposureEnd"}, entries={"TriggerSelector": ("ExposureStart", "ExposureEnd")})
    assert set_up(LABEL, camera, triggered()).refusals == ()
    assert camera.values["TriggerSelector"] == "ExposureStart"


def test_a_free_camera_that_was_left_triggered_runs_by_itself() -> None:
    camera = Make({"TriggerMode": "On"})
    camera.selected["TriggerMode", "AcquisitionStart"] = "On"
    assert set_up(LABEL, camera, triggered(trigger=TriggerBy.ITSELF, exposure_us=None)).refusals == ()
    assert {camera.selected.get(("TriggerMode", e), "On") for e in ("AcquisitionStart", "FrameStart")} == {"Off"}


def test_a_trigger_of_another_kind_that_was_left_on_is_switched_off() -> None:
    camera = Make()
    camera.selected["TriggerMode", "AcquisitionStart"] = "On"
    set_up(LABEL, camera, triggered())
    assert camera.selected["TriggerMode", "AcquisitionStart"] == "Off"
    assert camera.selected["TriggerMode", "FrameStart"] == "On"
    assert camera.values["TriggerSelector"] == "FrameStart"


# ---- what another program left


LEFT: dict[str, FeatureValue | None] = {
    "OffsetX": 160, "Width": 160, "Gain": 12.0, "GainAuto": "Continuous", "ExposureAuto": "Continuous",
    "ReverseX": True,
    "ChunkModeActive": True, "TestImageSelector": "GreyRamp",
}  # fmt: skip


@pytest.mark.parametrize("has_user_sets", [True, False])
def test_nothing_of_an_earlier_program_is_left(has_user_sets: bool) -> None:
    sets: dict[str, FeatureValue | None] = (
        {"UserSetSelector": "UserSet0", "UserSetLoad": False} if has_user_sets else {}
    )
    factory: dict[str, FeatureValue] = {"OffsetX": 0, "Width": 640, "Gain": 0.0}
    camera = Make({**LEFT, **sets}, factory=factory)
    outcome = set_up(LABEL, camera, triggered())
    assert outcome.refusals == ()
    assert ("UserSetLoad()" in camera.log) is has_user_sets
    expected = {**{n: v for n, v in USUAL.items() if n in LEFT}, "TestImageSelector": "Off"}
    assert {n: camera.values[n] for n in LEFT} == expected


@pytest.mark.parametrize("reset", [Reset.FACTORY, Reset.KNOWN])
@pytest.mark.parametrize(
    ("name", "left", "neutral"),
    [
        ("SequencerMode", "On", "Off"),
        ("ChunkModeActive", True, False),
        ("TLParamsLocked", 1, 0),
        ("ExposureMode", "TriggerWidth", "Timed"),
        ("ExposureAuto", "Continuous", "Off"),
        ("GainAuto", "Continuous", "Off"),
        ("BlackLevelAuto", "Continuous", "Off"),
        ("BalanceWhiteAuto", "Continuous", "Off"),
        ("TestPattern", "GreyRamp", "Off"),
        ("BinningHorizontal", 2, 1),
        ("BinningVertical", 2, 1),
        ("DecimationHorizontal", 2, 1),
        ("DecimationVertical", 2, 1),
        ("ReverseX", True, False),
        ("ReverseY", True, False),
        ("OffsetX", 80, 0),
        ("OffsetY", 60, 0),
        ("TriggerDelay", 50.0, 0.0),
        ("TriggerDelayAbs", 50.0, 0.0),
        ("TriggerDelayRaw", 50, 0),
        ("AcquisitionFrameRateEnable", True, False),
        ("AcquisitionFrameRateEnabled", True, False),
    ],
)
def test_each_feature_that_spoils_images_or_locks_others_is_neutral_again(
    name: str, left: FeatureValue, neutral: FeatureValue, reset: Reset
) -> None:
    entries = {name: (str(neutral), str(left))} if isinstance(left, str) else {}
    camera = Make({name: left}, entries=entries)
    # Without an exposure time of the plan, which would switch the automatic exposure off by itself.
    assert set_up(LABEL, camera, triggered(reset=reset, exposure_us=None)).refusals == ()
    assert camera.values[name] == neutral


@pytest.mark.parametrize("name", ["GainAbs", "GainRaw"])
def test_a_gain_under_an_older_name_is_0_again(name: str) -> None:
    camera = Make({"Gain": None, name: 100})
    set_up(LABEL, camera, triggered())
    assert camera.values[name] == 0


def test_the_whole_height_is_used_where_no_height_is_asked() -> None:
    camera = Make({"Height": 120, "HeightMax": 480})
    set_up(LABEL, camera, triggered())
    assert camera.values["Height"] == 480


def test_an_acquisition_that_an_earlier_program_left_running_is_stopped_before_anything_is_written() -> None:
    camera = Make({**LEFT, "AcquisitionStop": False})
    set_up(LABEL, camera, triggered())
    assert camera.log[0] == "AcquisitionStop()"


def test_a_known_state_needs_no_user_set() -> None:
    camera = Make({**LEFT, "UserSetSelector": "UserSet0", "UserSetLoad": False})
    set_up(LABEL, camera, triggered(reset=Reset.KNOWN))
    assert "UserSetLoad()" not in camera.log
    assert (camera.values["OffsetX"], camera.values["Width"], camera.values["ReverseX"]) == (0, 640, False)


def test_a_size_is_reached_whatever_offset_was_left() -> None:
    camera = Make({"OffsetX": 480, "Width": 160})
    outcome = set_up(LABEL, camera, triggered({"Width": 320}))
    assert (outcome.refusals, camera.values["Width"], camera.values["OffsetX"]) == ((), 320, 0)


def test_a_camera_that_keeps_its_state_is_left_alone_and_says_what_it_carries() -> None:
    camera = Make({**LEFT, "AcquisitionStop": False})
    outcome = set_up(LABEL, camera, triggered(reset=Reset.KEEP))
    assert (camera.values["OffsetX"], camera.values["Gain"], camera.values["ReverseX"]) == (160, 12.0, True)
    assert {n.feature for n in outcome.notes if n.kind is SetupNoteKind.CARRIED} == {"OffsetX", "GainAuto", "ReverseX"}


def test_a_user_set_that_the_rig_file_names_is_kept() -> None:
    camera = Make({"UserSetSelector": "UserSet0", "UserSetLoad": False, "ReverseX": True}, factory={"Gain": 3.0})
    demands: dict[str, FeatureValue] = {"UserSetLoad": True, "UserSetSelector": "Default"}
    set_up(LABEL, camera, triggered(demands))
    assert camera.log.count("UserSetLoad()") == 1
    assert (camera.values["Gain"], camera.values["ReverseX"]) == (3.0, True)


def test_the_packet_size_that_the_producer_agreed_outlives_the_user_set() -> None:
    sets: dict[str, FeatureValue | None] = {
        "UserSetSelector": "UserSet0",
        "UserSetLoad": False,
        "GevSCPSPacketSize": 8000,
    }
    camera = Make(sets, factory={"GevSCPSPacketSize": 1500})
    set_up(LABEL, camera, triggered())
    assert camera.values["GevSCPSPacketSize"] == 8000


def test_a_user_set_that_cannot_be_loaded_is_noted_and_the_state_is_made_known_otherwise() -> None:
    sets: dict[str, FeatureValue | None] = {"UserSetSelector": "Default", "UserSetLoad": False}
    camera = Make({**LEFT, **sets}, lambda _m, n: n != "UserSetLoad")
    outcome = set_up(LABEL, camera, triggered())
    assert outcome.refusals == ()
    assert [n.kind for n in outcome.notes if n.feature == "UserSetLoad"] == [SetupNoteKind.NOT_LOADED]
    assert (camera.values["Width"], camera.values["Gain"]) == (640, 0.0)


# ---- what a camera makes of the image


@pytest.mark.parametrize(
    ("demands", "left", "words"),
    [
        ({"Width": 301}, {}, "its step is 4: write 300 or 304"),
        ({"Width": 2000}, {}, "at most 640 is possible now"),
        ({"Width": 320, "OffsetX": 400}, {}, "Width = 320 takes the rest; lower one of the two"),
        ({"Width": 640}, {"OffsetX": 160, "Width": 160}, "OffsetX = 160 was left in the camera; write OffsetX"),
        ({"Width": 640, "BinningHorizontal": 2}, {}, "BinningHorizontal = 2 makes the image smaller"),
    ],
)
def test_an_image_that_is_not_as_asked_is_refused_with_the_true_cause(
    demands: dict[str, FeatureValue], left: dict[str, FeatureValue | None], words: str
) -> None:
    text = refusal_of(Make(left), triggered(demands, Reset.KEEP if left else Reset.KNOWN))
    assert words in text
    assert "refused: the camera made" in text


def test_a_clamped_gain_is_reported_with_its_bounds_and_refuses_nothing() -> None:
    outcome = set_up(LABEL, Make(), triggered({"Gain": 1e9}))
    assert outcome.refusals == ()
    (report,) = [r for r in outcome.reports if r.is_clamped]
    assert str(report) == "Gain: asked 1000000000.0, got 10000000.0 (clamped; the camera allows 0 to 10000000 now)"


# ---- features that lock each other


@pytest.mark.parametrize("unlocked_by", ["Off", "On"])
@pytest.mark.parametrize("left", ["Off", "On"])
@pytest.mark.parametrize("reset", list(Reset))
def test_a_trigger_source_is_written_whichever_way_the_trigger_mode_locks_it(
    unlocked_by: str, left: str, reset: Reset
) -> None:
    camera = Make({"TriggerMode": left}, lambda m, n: n != "TriggerSource" or m.read("TriggerMode") == unlocked_by)
    outcome = set_up(LABEL, camera, triggered(reset=reset))
    assert outcome.refusals == ()
    assert (camera.values["TriggerSource"], camera.values["TriggerMode"]) == ("Line0", "On")


@pytest.mark.parametrize("has_chunks", [True, False])
def test_a_pixel_format_is_written_though_chunks_lock_it(has_chunks: bool) -> None:
    camera = Make({"ChunkModeActive": True}, lambda m, n: n != "PixelFormat" or not m.values["ChunkModeActive"])
    outcome = set_up(LABEL, camera, triggered({"PixelFormat": "Mono12p", "ChunkModeActive": has_chunks}, Reset.KEEP))
    assert outcome.refusals == ()
    assert (camera.values["PixelFormat"], camera.values["ChunkModeActive"]) == ("Mono12p", has_chunks)


VENDORS = ("VendorA", "VendorB", "VendorC", "VendorD")


def test_a_chain_of_locks_is_opened_link_by_link() -> None:
    chain = {"VendorA": "VendorB", "VendorB": "VendorC", "VendorC": "VendorD"}
    camera = Make(dict.fromkeys(VENDORS, 0), lambda m, n: m.values.get(chain.get(n, ""), 1) == 1)
    outcome = set_up(LABEL, camera, triggered(dict.fromkeys(VENDORS, 1)))
    assert outcome.refusals == ()
    assert [camera.values[n] for n in VENDORS] == [1, 1, 1, 1]


def test_a_value_that_a_later_write_undid_is_written_again() -> None:
    class Forgetful(Make):
        def write(self, name: str, value: FeatureValue) -> None:
            super().write(name, value)
            if name == "TriggerMode":
                self.values["Gain"] = 0.0

    camera = Forgetful()
    outcome = set_up(LABEL, camera, triggered({"Gain": 3.0}))
    assert camera.values["Gain"] == 3.0
    assert not any(r.is_clamped for r in outcome.reports)


def test_two_features_that_undo_each_other_come_to_an_end_and_are_reported() -> None:
    class Quarrel(Make):
        def write(self, name: str, value: FeatureValue) -> None:
            super().write(name, value)
            if name in ("VendorA", "VendorB"):
                self.values["VendorB" if name == "VendorA" else "VendorA"] = 0

    outcome = set_up(LABEL, Quarrel({"VendorA": 0, "VendorB": 0}), triggered({"VendorA": 1, "VendorB": 1}))
    assert [r.name for r in outcome.reports if r.is_clamped] == ["VendorA"]


def test_a_refusal_names_the_lock_that_the_camera_tells() -> None:
    camera = Make(
        {"TLParamsLocked": 1},
        lambda _m, n: n not in ("Width", "TLParamsLocked"),
        locked_by={"Width": ("TLParamsLocked",)},
    )
    text = refusal_of(camera, triggered({"Width": 320}))
    assert (
        "Width = 320 refused: it is 640 and cannot be written now; the camera locks it by TLParamsLocked (now 1)"
        in text
    )


def test_a_refusal_without_a_told_lock_is_a_guess_and_says_so() -> None:
    camera = Make({"ChunkModeActive": True}, lambda _m, n: n not in ("PixelFormat", "ChunkModeActive"))
    text = refusal_of(camera, triggered({"PixelFormat": "Mono12p"}))
    assert "the camera does not say what locks it; a guess: ChunkModeActive (now True)" in text


def test_a_trigger_that_the_camera_has_but_refuses_is_no_free_run() -> None:
    camera = Make(rule=lambda _m, n: n != "TriggerMode")
    assert "TriggerMode = 'On' refused: it is 'Off' and cannot be written now" in refusal_of(camera, triggered())
