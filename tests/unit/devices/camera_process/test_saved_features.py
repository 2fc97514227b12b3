"""The walk through a camera's features, and its settings as values that can be written again.

In: node maps with categories, selectors and locks. Out: descriptions in the order of the categories, values by key, and
what a camera holds after they were written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.feature_tree import FeatureDescription, FeatureKind
from rigdriver.devices.camera_link.settings import CameraSettings
from rigdriver.devices.camera_process.feature_walk import described
from rigdriver.devices.camera_process.node_words import NodeWords
from rigdriver.devices.camera_process.one_feature import NodeFacts, NodeKind
from rigdriver.devices.camera_process.saved_features import settable_features, write_settings
from rigdriver.errors import CameraError

LABEL = "camera left_upper (SN 23A7)"


def enumeration(*entries: str) -> NodeFacts:
    return NodeFacts(NodeKind.ENUMERATION, True, True, entries=entries)


NUMBER = NodeFacts(NodeKind.FLOAT, True, True, 0.0, 1000.0)
TEXT = NodeFacts(NodeKind.STRING, True, True)
FIXED = NodeFacts(NodeKind.STRING, True, False)


@dataclass
class Described:
    """A camera with a description: facts and words by name, values by name and by the entry of their selector."""

    known: dict[str, NodeFacts]
    values: dict[str, FeatureValue]
    said: dict[str, NodeWords] = field(default_factory=dict)
    behind: dict[tuple[str, FeatureValue], FeatureValue] = field(default_factory=dict)
    locks: dict[str, tuple[str, FeatureValue]] = field(default_factory=dict)
    """Feature -> another one, and the value of that at which it is locked."""
    broken: frozenset[str] = frozenset()
    log: list[str] = field(default_factory=list)

    def names(self) -> tuple[str, ...]:
        return tuple(self.known)

    def words(self, name: str) -> NodeWords | None:
        if name in self.said:
            return self.said[name]
        return NodeWords(can_be_locked=name in self.locks) if name in self.known else None

    def facts(self, name: str) -> NodeFacts | None:
        facts = self.known.get(name)
        if facts is None or name not in self.locks:
            return facts
        by, value = self.locks[name]
        is_locked = self.read(by) == value
        return replace(facts, is_writable=not is_locked, locked_by=(by,) if is_locked else ())

    def read(self, name: str) -> FeatureValue:
        if name in self.broken:
            raise CameraError(f"{LABEL}: {name} cannot be read")
        return self.behind.get((name, self._entry(name)), self.values[name])

    def write(self, name: str, value: FeatureValue) -> None:
        facts = self.facts(name)
        assert facts is not None
        assert facts.is_writable, name
        self.log.append(f"{name}={value}")
        if (name, self._entry(name)) in self.behind:
            self.behind[name, self._entry(name)] = value
        else:
            self.values[name] = value

    def execute(self, name: str) -> None:
        raise AssertionError(name)

    def _entry(self, name: str) -> FeatureValue:
        words = self.said.get(name)
        return self.values[words.selectors[0]] if words is not None and words.selectors else ""


def by_name(camera: Described) -> dict[str, FeatureDescription]:
    return {feature.name: feature for feature in described(camera)}


# ---- the walk


def test_features_come_in_the_order_of_the_categories_each_one_once() -> None:
    said = {
        "Root": NodeWords(members=("Image", "Analog")),
        "Image": NodeWords(members=("Width", "Inner", "Secret")),
        "Inner": NodeWords(members=("Height", "Root", "Image")),  # a circle
        "Analog": NodeWords(members=("Gain", "Width", "Nowhere")),
        "Secret": NodeWords(is_hidden=True),
        "Gain": NodeWords("Amplification", "How much brighter"),
    }
    known = dict.fromkeys(("Gain", "Width", "Height", "Secret"), NUMBER)
    camera = Described(known, dict.fromkeys(known, 1.0), said)
    found = described(camera)
    assert [(f.category, f.name) for f in found] == [
        ("Image", "Width"), ("Image/Inner", "Height"), ("Analog", "Gain"),
    ]  # fmt: skip
    gain = found[2]
    assert (gain.display_name, gain.kind, gain.value, gain.low, gain.high) == (
        "Amplification", FeatureKind.FLOAT, 1.0, 0.0, 1000.0,
    )  # fmt: skip
    assert [f.name for f in found if f.has_text("BRIGHT")] == ["Gain"]
    assert [f.name for f in found if f.has_text("ampli")] == ["Gain"]
    assert [f.name for f in found if f.has_text("height")] == ["Height"]


def test_a_camera_without_categories_still_shows_its_features() -> None:
    camera = Described({"Gain": NUMBER}, {"Gain": 2.0})
    assert [(f.category, f.name) for f in described(camera)] == [("", "Gain")]


def test_a_feature_that_fails_is_described_with_what_the_camera_said_and_hides_no_other() -> None:
    camera = Described({"Gain": NUMBER, "Width": NUMBER}, {"Gain": 1.0, "Width": 8.0}, broken=frozenset({"Gain"}))
    found = by_name(camera)
    assert (found["Gain"].value, found["Gain"].failure) == (None, f"{LABEL}: Gain cannot be read")
    assert found["Width"].value == 8.0


def test_a_locked_feature_names_what_locks_it() -> None:
    camera = Described(
        {"Gain": NUMBER, "GainAuto": enumeration("Off", "On"), "Vendor": FIXED},
        {"Gain": 1.0, "GainAuto": "On", "Vendor": "x"},
        locks={"Gain": ("GainAuto", "On")},
    )
    found = by_name(camera)
    assert (found["Gain"].is_locked, found["Gain"].locked_by) == (True, ("GainAuto",))
    assert not found["Vendor"].is_locked
    camera.values["GainAuto"] = "Off"
    assert not by_name(camera)["Gain"].is_locked


# ---- settings


def triggered(mode: str = "Off") -> Described:
    """A camera whose triggers lie behind a selector, each one's source locked while it is on."""
    selected = NodeWords(selectors=("TriggerSelector",), can_be_locked=True)
    known = {
        "TriggerSelector": enumeration("AcquisitionStart", "FrameStart"),
        "TriggerMode": enumeration("Off", "On"),
        "TriggerSource": enumeration("Line0", "Software"),
        "Gain": NUMBER,
        "DeviceVendorName": FIXED,
        "TLParamsLocked": NUMBER,
    }
    values: dict[str, FeatureValue] = {
        "TriggerSelector": "FrameStart", "TriggerMode": "", "TriggerSource": "", "Gain": 3.0,
        "DeviceVendorName": "Maker", "TLParamsLocked": 0.0,
    }  # fmt: skip
    behind: dict[tuple[str, FeatureValue], FeatureValue] = {
        ("TriggerMode", "AcquisitionStart"): "Off", ("TriggerMode", "FrameStart"): mode,
        ("TriggerSource", "AcquisitionStart"): "Software", ("TriggerSource", "FrameStart"): "Line0",
    }  # fmt: skip
    said = {"TriggerMode": replace(selected, can_be_locked=False), "TriggerSource": selected}
    return Described(known, values, said, behind, {"TriggerSource": ("TriggerMode", "On")})


def test_features_behind_a_selector_are_saved_at_each_of_its_entries_which_then_is_as_before() -> None:
    camera = triggered("On")
    saved = settable_features(LABEL, camera)
    keys = [key for key in saved.values if key.startswith("Trigger")]
    assert keys[0] == "TriggerSelector"
    assert {key.partition("[")[0] for key in keys[1:3]} == {"TriggerSource"}
    assert {key.partition("[")[0] for key in keys[3:]} == {"TriggerMode"}
    assert len(keys) == 5
    assert saved.values["TriggerSource[TriggerSelector=AcquisitionStart]"] == "Software"
    assert saved.values["TriggerSource[TriggerSelector=FrameStart]"] == "Line0"  # although locked now
    assert saved.values["Gain"] == 3.0
    assert not {"DeviceVendorName", "TLParamsLocked"} & set(saved.values)
    assert (saved.present_only, saved.left_out) == ((), ())
    assert camera.values["TriggerSelector"] == "FrameStart"


@pytest.mark.parametrize("acquisition_start", ["Off", "On"])
def test_what_was_saved_can_be_written_again_whatever_locks_it_now(acquisition_start: str) -> None:
    before = triggered("On")
    before.behind["TriggerMode", "AcquisitionStart"] = acquisition_start
    saved = settable_features(LABEL, before).values
    camera = triggered("On")
    camera.behind["TriggerSource", "FrameStart"] = "Software"
    camera.behind["TriggerMode", "AcquisitionStart"] = "On"
    camera.behind["TriggerSource", "AcquisitionStart"] = "Line0"
    camera.values |= {"Gain": 9.0, "TriggerSelector": "AcquisitionStart"}
    outcome = write_settings(LABEL, camera, CameraSettings(saved))
    assert outcome.refusals == ()
    assert outcome.is_as_asked
    assert (camera.values, camera.behind) == (before.values, before.behind)


def test_a_value_that_the_camera_cannot_have_is_reported_and_the_others_are_written() -> None:
    camera = triggered()
    outcome = write_settings(
        LABEL, camera, CameraSettings({"Gain": 5000.0, "Gian": 1, "TriggerSelector": "FrameStart"})
    )
    assert not outcome.is_as_asked
    assert [(r.name, r.got) for r in outcome.reports if r.is_clamped] == [("Gain", 1000.0)]
    assert [str(refusal) for refusal in outcome.refusals] == [f"{LABEL}: has no feature Gian; nearest are Gain"]


def test_behind_a_number_or_two_selectors_only_the_present_value_is_saved_and_named() -> None:
    index = NodeFacts(NodeKind.INTEGER, True, True, 0, 255, 1)
    camera = Described(
        {"LUTIndex": index, "LUTValue": NUMBER, "A": enumeration("x", "y"), "B": enumeration("p"), "AB": TEXT},
        {"LUTIndex": 7, "LUTValue": 2.0, "A": "x", "B": "p", "AB": "both"},
        {
            "LUTValue": NodeWords(selectors=("LUTIndex",)),
            "AB": NodeWords(selectors=("B",)),
            "B": NodeWords(selectors=("A",)),
        },
    )
    saved = settable_features(LABEL, camera)
    assert saved.values == {"LUTIndex": 7, "LUTValue": 2.0, "A": "x", "B": "p", "AB": "both"}
    assert saved.present_only == ("LUTValue", "AB")


def test_what_an_automatic_function_sets_is_left_out_and_named() -> None:
    camera = Described(
        {"ExposureAuto": enumeration("Off", "Continuous"), "ExposureTime": NUMBER, "Gain": NUMBER},
        {"ExposureAuto": "Continuous", "ExposureTime": 123.0, "Gain": float("inf")},
        locks={"ExposureTime": ("ExposureAuto", "Continuous")},
    )
    saved = settable_features(LABEL, camera)
    assert saved.values == {"ExposureAuto": "Continuous"}
    assert saved.left_out == ("ExposureTime", "Gain")
    camera.values |= {"ExposureAuto": "Off", "Gain": 1.0}
    assert settable_features(LABEL, camera).values == {"ExposureAuto": "Off", "ExposureTime": 123.0, "Gain": 1.0}
    camera.values["ExposureAuto"] = "Continuous"
    camera.locks = {"ExposureTime": ("Gain", 1.0)}  # the description names another feature; SFNC's pair counts, too
    assert settable_features(LABEL, camera).left_out == ("ExposureTime",)
