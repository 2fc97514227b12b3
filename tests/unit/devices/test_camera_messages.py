"""The wire between the camera process and its parent, and the search for a camera.

In: messages in any pieces, errors, and lists of devices. Out: the same messages and errors, and the one device that a
configuration means.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigdriver.devices.camera_features import DeviceInfo
from rigdriver.devices.genicam_host.matching import find
from rigdriver.devices.genicam_host.messages import (
    FrameNote,
    Kind,
    MessageReader,
    decode_json,
    encode,
    error_from_json,
    error_to_json,
)
from rigdriver.errors import BadReply, CameraError, CameraMissing, DevicesFailed, ProducerError, RigError

NOTE = FrameNote(3, 15, 2**40, -5, 10**18, 2048, 1536, 0x01080001, {"ExposureTime": 2000.5, "FrameID": 7})


@given(st.lists(st.integers(1, 40), max_size=30))
def test_messages_are_found_in_whatever_pieces_they_come(cuts: list[int]) -> None:
    stream = NOTE.encode() + encode(Kind.BEAT, {"underrun": [1]}) + encode(Kind.STOPPED, {}) + NOTE.encode()
    reader, seen, at = MessageReader(), [], 0
    for cut in [*cuts, len(stream)]:
        seen += list(reader.feed(stream[at : at + cut]))
        at += cut
    assert [k for k, _ in seen] == [Kind.FRAME, Kind.BEAT, Kind.STOPPED, Kind.FRAME]
    assert FrameNote.decode(seen[0][1]) == NOTE
    assert decode_json(seen[1][1]) == {"underrun": [1]}


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff\x01", b"\x00\x00\x00\x00\x63"])
def test_a_stream_out_of_step_is_noticed(garbage: bytes) -> None:
    with pytest.raises(BadReply):
        list(MessageReader().feed(garbage))


@pytest.mark.parametrize(
    "error",
    [
        CameraMissing("camera left (SN 1): not found"),
        CameraMissing(device="camera left", seen="not found", expected="SN 1", remedy="check its cable"),
        DevicesFailed("opening cameras", [CameraError("a: b"), ProducerError("c: d")]),
        DevicesFailed("rig a: b", [CameraError("a: b"), ProducerError("c: d")]),
    ],
)
def test_errors_keep_their_type_and_text(error: RigError) -> None:
    again = error_from_json(error_to_json(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert (again.device, again.seen, again.expected, again.remedy) == (
        error.device, error.seen, error.expected, error.remedy
    )  # fmt: skip


@pytest.mark.parametrize("value", [None, {"type": "SystemExit", "message": "x"}, {"type": "Sequence", "message": "x"}])
def test_an_unknown_error_is_still_one_of_ours(value: object) -> None:
    assert isinstance(error_from_json(value), RigError)


def device(
    producer: str = "a.cti", device_id: str = "dev0", serial: str = "", user_id: str = "", model: str = "M"
) -> DeviceInfo:
    return DeviceInfo(producer, device_id, "V", model, serial, user_id, "U3V")


def test_a_camera_is_found_by_its_serial() -> None:
    devices = [device(device_id="x", serial="11"), device(device_id="y", serial="22")]
    assert find("left", "22", devices, ["a.cti"]) is devices[1]


def test_a_camera_that_two_producers_list_belongs_to_the_one_named_first() -> None:
    devices = [device("a.cti", serial="11"), device("b.cti", serial="11")]
    assert find("left", "11", devices, ["b.cti", "a.cti"]) is devices[1]


def test_a_serial_that_one_producer_lists_twice_is_ambiguous() -> None:
    devices = [device(device_id="x", serial="11"), device(device_id="y", serial="11")]
    with pytest.raises(CameraError, match="2 devices"):
        find("left", "11", devices, ["a.cti"])


@pytest.mark.parametrize("key", ["dev7", "my-camera", "Odd"])
def test_a_device_without_serial_is_known_by_id_user_name_or_model(key: str) -> None:
    devices = [device(device_id="dev1", serial="11"), device(device_id="dev7", user_id="my-camera", model="Odd")]
    assert find("left", key, devices, ["a.cti"]) is devices[1]


def test_a_device_with_a_serial_is_not_known_by_its_model() -> None:
    with pytest.raises(CameraMissing, match=r"the producers list SN 11 \(Odd\)"):
        find("left", "Odd", [device(serial="11", model="Odd")], ["a.cti"])


def test_no_device_at_all_is_said() -> None:
    with pytest.raises(CameraMissing, match="the producers list no device"):
        find("left", "1", [], ["a.cti"])
