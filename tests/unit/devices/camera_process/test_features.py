"""Cameras of several makes: which of their features are written, in which rounds, and what is told.

In: settings as a rig file and a mode give them, and node maps of makes that name and lock features differently. Out:
what each camera holds at the end, refusals that name the cause, and notes.
"""

from __future__ import annotations

import pytest

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.descriptions import SetupNoteKind
from rigdriver.devices.camera_link.settings import CameraSettings, Reset, TriggerBy
from rigdriver.devices.camera_process.feature_names import lines_first
from rigdriver.devices.camera_process.features import set_up
from tests.unit.devices.camera_process.camera_of_make import LABEL, Make, refusal_of, triggered, without


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
    assert "refused: the camera uses" in text


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
