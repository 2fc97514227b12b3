"""The state to which a camera is brought: nothing that another program left in it spoils images or locks features.

In: cameras of several makes with leftovers. Out: what each camera holds at the end, and notes of what is carried on.
"""

from __future__ import annotations

import pytest

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.descriptions import SetupNoteKind
from rigdriver.devices.camera_link.settings import Reset
from rigdriver.devices.camera_process.features import set_up
from tests.unit.devices.camera_process.camera_of_make import LABEL, USUAL, Make, triggered

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
