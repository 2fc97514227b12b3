"""Requests and replies of the camera process come out of their bytes as the values that went in.

In: one value of each kind. Out: the same value, or an error of ours for bytes that name no known kind.
"""

from __future__ import annotations

import json
from typing import get_args

import pytest

from rigdriver.devices.camera_link.descriptions import (
    DeviceInfo,
    FeatureReport,
    InterfaceOutcome,
    InterfaceReport,
    SetupNote,
    SetupNoteKind,
)
from rigdriver.devices.camera_link.feature_tree import (
    FeatureDescription,
    FeatureKind,
    SettableFeatures,
    SettingsOutcome,
)
from rigdriver.devices.camera_link.messages import Kind, MessageReader, split_number
from rigdriver.devices.camera_link.requests import (
    CameraReply,
    CameraRequest,
    CloseCameras,
    DescribeFeatures,
    DeviceList,
    ExecuteFeature,
    FeatureRead,
    FeatureTree,
    FeatureWritten,
    ListDevices,
    OpenCameras,
    OpenedCamera,
    OpenedCameras,
    PrepareSlots,
    ReadFeature,
    ReadSettings,
    RequestDone,
    RequestFailed,
    SettingsRead,
    SettingsWritten,
    SlotSegment,
    SlotSegments,
    StartCameras,
    StopCameras,
    WantedCamera,
    WriteFeature,
    WriteSettings,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)
from rigdriver.devices.camera_link.settings import CameraSettings, Reset, TriggerBy
from rigdriver.errors import BadReply, CameraError, StateError

DEVICE = DeviceInfo("sim.cti", "id", "vendor", "model", "SN 1", "left", "Custom")
REPORT = FeatureReport("Gain", 99.0, 24.0, is_clamped=True)
INTERFACE = InterfaceReport("sim.cti", "if0", "eth0", "GEV", InterfaceOutcome.TIME_USED, 1.5, 2)
NOTE = SetupNote(SetupNoteKind.CHOSEN_LINE, "TriggerSource", "Line1", ("Line1", "Line2"))
FEATURES: dict[str, bool | float | str] = {"Gain": 2.0, "ChunkModeActive": True, "PixelFormat": "Mono8"}
WANTED = (
    WantedCamera("left", "SN 1", None, CameraSettings(FEATURES, TriggerBy.LINE, 2000.0, Reset.FACTORY)),
    WantedCamera("right", "SN 2", "eth0", CameraSettings({})),
)
GAIN = FeatureDescription(
    "Gain", "AnalogControl", FeatureKind.FLOAT, 2.0, True, False, "Gain", "Amplification", "dB", 0.0, 24.0, 0.1,
    entries=("a",), selectors=("GainSelector",), locked_by=("GainAuto",), can_be_locked=True,
)  # fmt: skip
REQUESTS: list[CameraRequest] = [
    ListDevices(["a.cti"], 5.0),
    OpenCameras(["a.cti"], ["eth0"], 5.0, 8, WANTED),
    PrepareSlots(16),
    StartCameras(),
    StopCameras(),
    ReadFeature(1, "Gain"),
    WriteFeature(1, "Gain", 3.5),
    ExecuteFeature(0, "TriggerSoftware"),
    DescribeFeatures(0),
    ReadSettings(1),
    WriteSettings(1, CameraSettings(FEATURES, TriggerBy.SOFTWARE)),
    CloseCameras(),
]
REPLIES: list[CameraReply] = [
    DeviceList((DEVICE,), (INTERFACE,)),
    OpenedCameras((OpenedCamera(DEVICE, (REPORT,), (NOTE,)),)),
    SlotSegments((SlotSegment(0, 4096, 16),)),
    FeatureRead("Mono8"),
    FeatureWritten(REPORT),
    FeatureTree((GAIN, FeatureDescription("Odd", "", FeatureKind.OTHER, None, False, False, failure="no answer"))),
    SettingsRead(SettableFeatures(FEATURES, ("LUTValue",), ("ExposureTime",))),
    SettingsWritten(SettingsOutcome((REPORT,))),
    RequestDone(),
]

NUMBER = 2**32 - 1


def body(message: bytes, kind: Kind) -> bytes:
    """Return the body of the one message in these bytes, without its number."""
    ((seen, found),) = MessageReader().feed(message)
    assert seen is kind
    number, text = split_number(found)
    assert number == NUMBER
    return text


def test_every_kind_is_tried() -> None:
    assert {type(request) for request in REQUESTS} == set(get_args(CameraRequest))
    assert {type(reply) for reply in REPLIES} | {RequestFailed} == set(get_args(CameraReply))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
def test_a_request_comes_back_as_it_was(request_: CameraRequest) -> None:
    assert decode_request(body(encode_request(request_, NUMBER), Kind.REQUEST)) == request_


@pytest.mark.parametrize("reply", REPLIES, ids=lambda r: type(r).__name__)
def test_a_reply_comes_back_as_it_was(reply: CameraReply) -> None:
    assert decode_reply(body(encode_reply(reply, NUMBER), Kind.REPLY)) == reply


def test_a_failure_comes_back_with_its_error_and_the_parts_of_it() -> None:
    error = CameraError(device="camera left", seen="Gain = 99 refused", expected="0 to 24 dB", remedy="lower gain_db")
    reply = decode_reply(body(encode_reply(RequestFailed(error), NUMBER), Kind.REPLY))
    assert isinstance(reply, RequestFailed)
    assert type(reply.error) is CameraError
    assert (reply.error.seen, reply.error.remedy) == (error.seen, error.remedy)


def test_a_refusal_among_many_features_comes_back_as_its_error() -> None:
    refusal = CameraError(device="camera left", seen="Width = 9 refused", expected="16 to 320")
    written = SettingsWritten(SettingsOutcome((REPORT,), (refusal,)))
    reply = decode_reply(body(encode_reply(written, NUMBER), Kind.REPLY))
    assert isinstance(reply, SettingsWritten)
    assert reply.outcome.reports == (REPORT,)
    assert [(type(e), str(e)) for e in reply.outcome.refusals] == [(CameraError, str(refusal))]


def test_what_is_no_request_or_reply_is_refused_by_name() -> None:
    with pytest.raises(StateError, match="unknown command 'explode'"):
        decode_request(json.dumps({"command": "explode"}).encode())
    with pytest.raises(BadReply, match="unknown reply None"):
        decode_reply(b"{}")


def test_a_message_too_short_for_a_number_is_refused() -> None:
    with pytest.raises(BadReply, match="3 bytes; expected a number"):
        split_number(b"abc")
