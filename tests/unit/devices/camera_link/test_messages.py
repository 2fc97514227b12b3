"""The messages between the camera process and its parent.

In: messages in any pieces, and errors. Out: the same messages and errors.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigdriver.devices.camera_link.messages import (
    AwaitedNote,
    BeatNote,
    CameraLostNote,
    FrameNote,
    Kind,
    LossNote,
    MessageReader,
    decode_json,
    encode,
    error_from_json,
    error_to_json,
)
from rigdriver.errors import BadReply, CameraError, CameraMissing, DevicesFailed, ProducerError, RigError
from rigdriver.frames import GapReason

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


def body_of(message: bytes) -> bytes:
    ((_, body),) = MessageReader().feed(message)
    return body


@pytest.mark.parametrize("frame_id", [None, 2**40])
def test_events_come_out_of_their_bytes_as_they_went_in(frame_id: int | None) -> None:
    loss = LossNote(3, GapReason.NO_SLOT, 7, frame_id, 10**18)
    assert LossNote.decode(body_of(loss.encode())) == loss
    for awaited in (AwaitedNote(3), AwaitedNote(None)):
        assert AwaitedNote.decode(body_of(awaited.encode())) == awaited
    beat = BeatNote((0, 5))
    assert BeatNote.decode(body_of(beat.encode())) == beat
    lost = CameraLostNote.decode(body_of(CameraLostNote(2, CameraError(device="camera a", seen="gone")).encode()))
    assert (lost.camera, type(lost.error), lost.error.seen) == (2, CameraError, "gone")


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff\x01", b"\x00\x00\x00\x00\x63"])
def test_a_stream_out_of_step_is_noticed(garbage: bytes) -> None:
    with pytest.raises(BadReply):
        list(MessageReader().feed(garbage))


@pytest.mark.parametrize(
    "error",
    [
        CameraMissing("camera left (SN 1): not found"),
        CameraMissing(device="camera left", seen="not found", expected="SN 1", remedy="check its cable"),
        DevicesFailed("rig a: b", [CameraError("a: b"), ProducerError("c: d")]),
        DevicesFailed("opening cameras", [CameraError("a: b"), ProducerError("c: d")]),
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


def test_a_frame_without_a_time_stamp_stays_without_one() -> None:
    note = replace(NOTE, t_camera_ns=None)
    ((_, body),) = MessageReader().feed(note.encode())
    assert FrameNote.decode(body) == note
