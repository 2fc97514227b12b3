"""The makes of simulated cameras: names, locks, lines, steps, ids, ticks and user sets, without a producer.

In: cameras of one make each. Out: what their registers take and refuse, and what their frames carry.
"""

from xml.etree import ElementTree as ET

import pytest

from rigdriver_sim.camera.description import camera_xml
from rigdriver_sim.camera.makes import MAKES, make_named
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.feed.server import GC_ERR_ACCESS_DENIED, GC_ERR_INVALID_ADDRESS, GC_ERR_INVALID_VALUE, Refused
from tests.unit.sim.camera.camera_rig import Rig

ON, OFF, CONTINUOUS, SOFTWARE = 1, 0, 2, 0


def of_make(make, **spec):
    return Rig(make=make_named(make), **spec)


def shown(make):
    """Names, kinds and children of all nodes of a make's description."""
    root = ET.fromstring(camera_xml(CameraSpec("eye", "S1", make=make_named(make))))
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return {node.get("Name"): node for node in root if node.get("Name")}


@pytest.mark.parametrize("make", MAKES)
def test_each_make_names_its_source_and_only_nodes_that_it_has(make):
    assert MAKES[make].source
    nodes = shown(make)
    for node in nodes.values():
        for child in node:
            if child.tag.startswith("p") and child.tag != "pFeature":
                assert child.text in nodes, (make, node.get("Name"), child.tag, child.text)
    assert nodes
    listed = {child.text for node in nodes.values() for child in node if child.tag == "pFeature"}
    assert listed <= nodes.keys()


def test_a_camera_of_sfnc_1_has_the_old_names_and_not_the_new_ones():
    old, plain = shown("sfnc1"), shown("plain")
    new = ("ExposureTime", "Gain", "BlackLevel", "AcquisitionFrameRate", "TriggerDelay", "TimestampLatch")
    assert set(new) <= plain.keys()
    assert not set(new) & old.keys()
    kinds = {
        name: old[name].tag
        for name in ("ExposureTimeAbs", "GainRaw", "BlackLevelRaw", "AcquisitionFrameRateAbs", "TriggerDelayAbs",
                     "GevTimestampControlLatch", "GevTimestampValue", "GevTimestampTickFrequency")
    }  # fmt: skip
    assert kinds == {
        "ExposureTimeAbs": "Float",
        "GainRaw": "Integer",
        "BlackLevelRaw": "Integer",
        "AcquisitionFrameRateAbs": "Float",
        "TriggerDelayAbs": "Float",
        "GevTimestampControlLatch": "Command",
        "GevTimestampValue": "Integer",
        "GevTimestampTickFrequency": "Integer",
    }


def test_a_raw_gain_is_an_integer_whose_steps_are_tenths_of_a_decibel():
    rig = of_make("sfnc1")
    rig.write("Gain", 60)
    rig.start(ExposureTime=2500.0, TriggerMode=ON)
    rig.pulse(1)
    assert rig.exposures[0].gain_db == pytest.approx(6.0)
    assert rig.exposures[0].exposure_us == 2500
    with pytest.raises(Refused, match="GainRaw = 241: expected 0 to 240"):
        rig.write("Gain", 241)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        ("no_activation", ["TriggerActivation"]),
        ("no_selector", ["TriggerSelector"]),
        ("no_user_set", ["UserSetSelector", "UserSetLoad"]),
        ("no_chunks", ["ChunkModeActive", "ChunkEnable"]),
    ],
)
def test_what_a_make_lacks_is_neither_shown_nor_writable_and_triggers_still_work(make, names):
    assert not set(names) & shown(make).keys()
    rig = of_make(make)
    for name in names:
        with pytest.raises(Refused) as caught:
            rig.write(name, 1)
        assert caught.value.code == GC_ERR_INVALID_ADDRESS
    assert len([e for e in rig.start().pulse(3) if e]) == 3


@pytest.mark.parametrize(
    ("make", "lines"), [("line1", ["Line1"]), ("line2", ["Line2"]), ("lines123", ["Line1", "Line2", "Line3"])]
)
def test_a_trigger_comes_by_the_first_line_of_the_make(make, lines):
    entries = [entry.get("Name") for entry in shown(make)["TriggerSource"].iter("EnumEntry")]
    assert entries == ["Software", *lines]
    rig = of_make(make)
    assert len([e for e in rig.start(TriggerSource=1).pulse(2) if e]) == 2
    if len(lines) > 1:  # no wire ends at the second one
        rig.write("TriggerSource", 2)
        assert rig.pulse(2) == [None, None]


def test_a_make_without_a_software_trigger_lists_lines_only():
    assert [entry.get("Name") for entry in shown("no_software")["TriggerSource"].iter("EnumEntry")] == ["Line0"]
    rig = of_make("no_software")
    with pytest.raises(Refused, match="TriggerSource = 0: no such entry"):
        rig.write("TriggerSource", SOFTWARE)
    assert len([e for e in rig.start().pulse(2) if e]) == 2


def test_the_trigger_source_is_locked_while_the_trigger_is_on():
    rig = of_make("source_locked_on")
    rig.write("TriggerMode", ON)
    with pytest.raises(Refused, match="TriggerSource is locked while TriggerMode is On") as caught:
        rig.write("TriggerSource", SOFTWARE)
    assert caught.value.code == GC_ERR_ACCESS_DENIED
    rig.write("TriggerMode", OFF)
    rig.write("TriggerSource", SOFTWARE)
    assert rig.registers.symbol("TriggerSource") == "Software"


def test_the_trigger_source_of_another_make_is_locked_while_the_trigger_is_off():
    rig = of_make("source_locked_off")
    with pytest.raises(Refused, match="TriggerSource is locked while TriggerMode is Off"):
        rig.write("TriggerSource", SOFTWARE)
    rig.write("TriggerMode", ON)
    rig.write("TriggerSource", SOFTWARE)
    assert rig.registers.symbol("TriggerSource") == "Software"


def test_format_and_size_are_locked_while_chunks_are_on():
    rig = of_make("chunk_locked")
    rig.write("ChunkModeActive", ON)
    for name, value in (("PixelFormat", 0x01100005), ("Width", 32), ("Height", 16)):
        with pytest.raises(Refused, match=f"{name} is locked while ChunkModeActive is True"):
            rig.write(name, value)
    rig.write("ChunkModeActive", OFF)
    rig.write("Width", 32)
    assert rig.registers["Width"] == 32


def test_exposure_and_gain_are_locked_while_they_are_automatic():
    rig = of_make("auto_locked")
    for auto, name in (("ExposureAuto", "ExposureTime"), ("GainAuto", "Gain")):
        rig.write(auto, CONTINUOUS)
        with pytest.raises(Refused, match=f"{name} is locked while {auto} is Continuous"):
            rig.write(name, 20.0)
        rig.write(auto, OFF)
        rig.write(name, 20.0)


def test_a_lock_shows_in_the_register_that_the_description_names():
    node = shown("source_locked_on")["TriggerSource"]
    assert node.findtext("pIsLocked") == "TriggerSource_Lock"
    rig = of_make("source_locked_on")
    place = rig.registers.address("TriggerSource") + 56
    assert rig.feed.registers[place] == 0
    rig.write("TriggerMode", ON)
    assert rig.feed.registers[place] == 1


@pytest.mark.parametrize(
    ("make", "width", "refused", "offset"),
    [("odd", 33, [], 1), ("coarse16", 32, [20, 33], 2), ("coarse32", 32, [40, 48], 16)],
)
def test_sizes_and_offsets_have_the_steps_of_the_make(make, width, refused, offset):
    rig = of_make(make, width=96, height=64)
    rig.write("Width", width)
    for value in refused:
        with pytest.raises(Refused) as caught:
            rig.write("Width", value)
        assert caught.value.code == GC_ERR_INVALID_VALUE
    rig.write("OffsetX", offset)
    assert (rig.registers["Width"], rig.registers["OffsetX"]) == (width, offset)
    assert rig.registers.bounds("Width")[1] == 96 - offset


def test_a_width_that_does_not_fit_moves_the_offset_of_a_make_that_does_so():
    rig = of_make("offset_moved")
    rig.write("Width", 32)
    rig.write("OffsetX", 32)
    rig.write("Width", 48)
    assert (rig.registers["Width"], rig.registers["OffsetX"]) == (48, 16)


@pytest.mark.parametrize(
    ("make", "first", "ids"),
    [
        ("plain", None, [0, 1, 2, 3]),
        ("ids16", None, [1, 2, 3, 4]),
        ("ids16", 65_534, [65_534, 65_535, 1, 2]),
        ("ids16_zero", 65_534, [65_534, 65_535, 0, 1]),
    ],
)
def test_frame_ids_begin_and_wrap_as_the_make_has_them(make, first, ids):
    rig = of_make(make, first_frame_id=first)
    rig.start().pulse(4)
    assert [slot.frame_id for slot, _ in rig.feed.frames] == ids


def test_a_first_frame_id_beyond_those_of_the_make_is_refused():
    with pytest.raises(ValueError, match="first_frame_id 65536: expected 1 to 65535"):
        CameraSpec("eye", "S1", make=make_named("ids16"), first_frame_id=65_536)


@pytest.mark.parametrize(("make", "per_us"), [("plain", 1000.0), ("sfnc1", 125.0), ("no_tick", 125.0)])
def test_time_stamps_count_the_ticks_of_the_make(make, per_us):
    rig = of_make(make)
    rig.start().pulse(2)
    stamps = [slot.stamp for slot, _ in rig.feed.frames]
    assert stamps[1] - stamps[0] == pytest.approx(20_000 * per_us, abs=1)
    rig.write("TimestampLatch", 1)
    assert rig.registers["TimestampLatchValue"] == pytest.approx(rig.loop.now_ns / 1000 * per_us, abs=1)


def test_a_make_tells_the_frequency_of_its_ticks_or_keeps_it_to_itself():
    assert shown("sfnc1").get("GevTimestampTickFrequency") is not None
    assert "GevTimestampTickFrequency" not in shown("no_tick")


def test_a_camera_without_a_clock_stamps_all_frames_with_0():
    rig = of_make("no_stamps")
    rig.start().pulse(2)
    assert [slot.stamp for slot, _ in rig.feed.frames] == [0, 0]


def test_a_user_set_default_is_there_or_not_and_only_others_can_be_saved():
    assert [e.get("Name") for e in shown("gige1")["UserSetSelector"].iter("EnumEntry")][:2] == ["Default", "UserSet1"]
    rig = of_make("gige1")
    with pytest.raises(Refused, match="Default cannot be overwritten; select UserSet1"):
        rig.write("UserSetSave", 1)
    other = of_make("no_default_set")
    other.write("ExposureTime", 500.0)
    other.write("UserSetSave", 1)
    other.write("ExposureTime", 900.0)
    other.write("UserSetLoad", 1)
    assert other.registers["ExposureTime"] == 500.0


def test_no_frame_starts_while_a_trigger_of_the_whole_acquisition_is_left_on():
    rig = of_make("selectors")
    rig.write("TriggerSelector", 1)
    rig.write("TriggerMode", ON)
    rig.write("TriggerSelector", 0)
    rig.start()
    assert rig.pulse(2) == [None, None]
    rig.write("TriggerSelector", 1)
    rig.write("TriggerMode", OFF)
    assert len([e for e in rig.pulse(2) if e]) == 2


def test_names_joined_by_a_plus_have_the_differences_of_all():
    both = make_named("sfnc1+line2+source_locked_on+no_activation")
    assert both.input_lines == ("Line2",)
    assert both.renamed["ExposureTime"] == "ExposureTimeAbs"
    assert "TriggerActivation" in both.lacks
    assert both.locks == MAKES["source_locked_on"].locks
    with pytest.raises(ValueError, match="expected one of plain, sfnc1"):
        make_named("sfnc1+wrong")
