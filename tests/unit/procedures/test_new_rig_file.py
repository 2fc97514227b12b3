"""A new rig file holds what was found, every optional key as a comment, and nothing that a rig would refuse.

In: cameras as producers list them, a box that answered or none. Out: a text that loads as it stands, and still loads
when every comment that is a key is switched on.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rigdriver.config import parse
from rigdriver.config.keys import all_keys
from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.errors import ConfigError, UsageError
from rigdriver.procedures.new_rig_file import FoundBox, NewCamera, NewRig, proposed, rig_file_text


def device(serial: str, user_id: str = "") -> DeviceInfo:
    return DeviceInfo("vendor.cti", f"id-{serial}", 'Maker "A"', "Model", serial, user_id, "U3V")


BOX = FoundBox("/dev/ttyACM0", "1.0.0", 0b11)
DEVICES = [device("11", "left upper"), device("12"), device("13", "9 lives"), device("14", "left upper")]


def test_cameras_are_named_by_their_user_names_where_these_are_names_and_get_outputs_that_drive_no_lamp() -> None:
    cameras = proposed(DEVICES, BOX)
    assert [(c.name, c.output) for c in cameras] == [
        ("left_upper", 2),
        ("camera_2", 3),
        ("camera_3", 4),
        ("camera_4", 5),
    ]


@pytest.mark.parametrize("box", [BOX, None])
def test_the_text_is_a_rig_file_of_what_was_found(box: FoundBox | None) -> None:
    config = parse(
        rig_file_text(NewRig("lab", (Path("/opt/vendor.cti"),), proposed(DEVICES, box), box)), "x", Path("/")
    )
    assert [c.serial for c in config.cameras] == ["11", "12", "13", "14"]
    assert config.genicam.producers == (Path("/opt/vendor.cti"),)
    assert (config.box and config.box.url, config.schedule.mode) == (
        ("/dev/ttyACM0", "box") if box else (None, "software")
    )


def test_every_key_stands_in_the_text_and_each_default_can_be_switched_on_where_it_stands() -> None:
    text = rig_file_text(NewRig("lab", (Path("/opt/vendor.cti"),), proposed(DEVICES, BOX), BOX))
    for key in all_keys():
        if key.table not in {"[[links]]", "[[lamps]]"} and key.name not in {"timebase", "computer"}:
            assert re.search(rf"^#?{key.name} = ", text, re.MULTILINE), f"{key.table} {key.name}"
    switched_on = re.sub(r"^#(\w+ = (?!0$|\"\"$).+)$", r"\1", text, flags=re.MULTILINE)
    lamp_keys = switched_on[switched_on.index("# Lamps are") : switched_on.index("[schedule]")]
    config = parse(switched_on.replace(lamp_keys, ""), "x", Path("/"))
    plain = parse(text, "x", Path("/"))
    assert config.cameras[0].features == {"PixelFormat": "Mono8"}
    assert config.model_copy(update={"cameras": plain.cameras}) == plain


def test_a_camera_without_a_serial_number_or_a_thirteenth_camera_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"camera id- \(Maker .* gives no serial number"):
        proposed([device("")], None)
    with pytest.raises(UsageError, match=r"cameras: 13 found; expected at most 12 per rig"):
        proposed([device(str(n)) for n in range(13)], None)


def test_answers_that_make_no_rig_are_refused_with_every_finding() -> None:
    cameras = (NewCamera(device("11"), "left", 0, role="colour"), NewCamera(device("12"), "left", 99))
    with pytest.raises(ConfigError) as caught:
        rig_file_text(NewRig("lab", (Path("a.cti"),), cameras, None))
    assert len(caught.value.findings) == 2
    assert "expected 'geometry' or 'texture'" in str(caught.value)
