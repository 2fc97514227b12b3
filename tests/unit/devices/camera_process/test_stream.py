"""One camera's stream in the camera process, on a camera that is a list of what it will deliver.

In: frames, damaged buffers and failures, in a given order. Out: the messages to the parent and what became of each
buffer. Its producer takes no memory of ours; test_announced_slots.py has one that does. No process, no clock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from rigdriver.devices.camera_link.messages import FrameNote, Kind, MessageReader
from rigdriver.devices.camera_process.images import Image, Incomplete
from rigdriver.devices.camera_process.stream import Stream
from rigdriver.devices.camera_process.stream_states import StreamAct, StreamState, after
from rigdriver.errors import CameraError, CameraSilent, StateError
from rigdriver.images.pixel_formats import BY_NAME
from tests.fake_time import FakeTime

MONO8 = BY_NAME["Mono8"].code
SECOND = 1_000_000_000


class Outbox:
    def __init__(self) -> None:
        self.messages: list[tuple[Kind, Any]] = []
        self.is_full = False

    def put(self, message: bytes) -> None:
        for kind, body in MessageReader().feed(message):
            self.messages.append((kind, FrameNote.decode(body) if kind is Kind.FRAME else json.loads(body)))

    def of(self, kind: Kind) -> list[Any]:
        return [body for k, body in self.messages if k is kind]


class ScriptedCamera:
    """Delivers what it was given; a CameraError in the list is raised."""

    def __init__(self, script: Sequence[Image | Incomplete | CameraError | None]) -> None:
        self.script = list(script)
        self.held = 0
        self.stops = 0
        self.answers = True
        self.is_silent = False
        self.dropped = 0
        self.looked: list[bool] = []

    def read_format(self) -> int:
        return MONO8

    def read_size(self) -> tuple[int, int]:
        return 8, 4

    def payload_bytes(self) -> int:
        return 32

    def fewest_buffers(self) -> int:
        return 0

    def start(self, places: Sequence[bytes] = (), queued: Sequence[int] = ()) -> bool:
        return False

    def stop(self) -> None:
        self.stops += 1

    def close(self) -> None: ...

    def fetch(self, *, must_look: bool = False) -> Image | Incomplete | None:
        assert self.held == 0, "the buffer before was not given back"
        self.looked.append(must_look)
        found = self.script.pop(0) if self.script else None
        if isinstance(found, CameraError):
            raise found
        self.held = int(found is not None)
        return found

    def give_back(self) -> None:
        self.held = 0

    def keep(self) -> None:
        raise AssertionError("the slots are no buffers")

    def queue(self, place: int) -> None:
        raise AssertionError("the slots are no buffers")

    def check(self) -> None:
        if self.is_silent:
            raise CameraSilent("camera left_upper: does not answer")
        if not self.answers:
            raise CameraError("camera left_upper: does not answer")

    def underrun(self) -> int:
        return self.dropped


def image(frame_id: int, width: int = 8, height: int = 4, code: int = MONO8, padding: int = 0) -> Image:
    data = np.full((height, width + padding), 0xAA, np.uint8)
    data[:, :width] = frame_id
    return Image(frame_id, frame_id * 1000, width, height, padding, code, data.reshape(-1), {})


def stream_of(
    *script: Image | Incomplete | CameraError | None, slots: int = 4
) -> tuple[Stream, ScriptedCamera, Outbox]:
    camera, outbox = ScriptedCamera(script), Outbox()
    stream = Stream(2, "camera left_upper (SN 23A7)", camera, outbox, buffers=0)
    assert stream.prepare(slots) is not None
    stream.start()
    return stream, camera, outbox


def stream_on(time: FakeTime) -> tuple[Stream, ScriptedCamera, Outbox]:
    """Return a stream that lives by the time of the test."""
    camera, outbox = ScriptedCamera(()), Outbox()
    stream = Stream(2, "camera left_upper (SN 23A7)", camera, outbox, buffers=0, timebase=time)
    stream.prepare(4)
    stream.start()
    return stream, camera, outbox


def poll_after(stream: Stream, time: FakeTime, wait_s: float) -> None:
    time.pass_s(wait_s)
    stream.poll(time.now_ns())


TABLE = """
state       start       stop    fail     close
idle        streaming   -       -        closed
streaming   streaming   idle    failed   closed
failed      streaming   -       -        closed
closed      -           -       -        closed
"""
"""The oracle: a copy of its own, written by hand."""


def test_the_table_of_states_is_the_one_written_here() -> None:
    heading, *rows = (line.split() for line in TABLE.strip().splitlines())
    expected = {(row[0], act): to for row in rows for act, to in zip(heading[1:], row[1:], strict=True)}
    found = {(s.value, a.value): next_.value if (next_ := after(s, a)) else "-" for s in StreamState for a in StreamAct}
    assert found == expected


def test_a_stream_goes_through_its_states_and_polls_only_while_it_streams() -> None:
    stream, camera, _ = stream_of(image(0), CameraError("camera left_upper: stream failed"), image(1))
    seen = [stream.state]
    for act in (stream.stop, stream.stop, stream.start, lambda: stream.poll(SECOND), stream.stop, stream.start):
        act()
        seen.append(stream.state)
    names = ["streaming", "idle", "idle", "streaming", "failed", "failed", "streaming"]
    assert [state.value for state in seen] == names
    assert camera.stops == 2
    assert stream.poll(2 * SECOND)
    stream.close()
    stream.close()
    assert stream.state is StreamState.CLOSED
    assert not stream.poll(3 * SECOND)
    with pytest.raises(StateError, match="closed; open the camera again"):
        stream.start()


def test_a_frame_is_told_after_its_pixels_are_in_the_slot_and_its_buffer_is_back() -> None:
    stream, camera, outbox = stream_of(image(7, padding=3))
    assert stream.poll(SECOND)
    (note,) = outbox.of(Kind.FRAME)
    assert (note.camera, note.frame_id, note.t_camera_ns, note.width_px, note.height_px) == (2, 7, 7000, 8, 4)
    assert stream.slots is not None
    assert (stream.slots.memory(note.slot) == 7).all()
    assert camera.held == 0
    stream.close()


def test_frames_wait_in_the_producer_while_no_slot_is_free_and_none_is_lost() -> None:
    stream, camera, outbox = stream_of(*(image(n) for n in range(7)), slots=4)
    for t in (1, 2, 3):
        stream.poll(t * SECOND)
    assert len(outbox.of(Kind.FRAME)) == 4
    assert outbox.of(Kind.LOST) == []
    assert len(camera.script) == 3
    stream.close()


def test_frames_that_the_producer_dropped_while_no_slot_was_free_are_told_with_that_reason() -> None:
    stream, camera, outbox = stream_of(*(image(n) for n in range(7)), slots=4)
    for t in (1, 2, 3):
        stream.poll(t * SECOND)
    camera.dropped = 5
    assert stream.underrun() == 5
    stream.poll(4 * SECOND)
    (lost,) = outbox.of(Kind.LOST)
    assert (lost["reason"], lost["count"], lost["frame_id"]) == ("NO_SLOT", 5, None)
    stream.close()


def test_incomplete_buffers_are_told_with_their_frame_id() -> None:
    stream, camera, outbox = stream_of(Incomplete(5), image(6))
    stream.poll(SECOND)
    (lost,) = outbox.of(Kind.LOST)
    assert (lost["reason"], lost["frame_id"], lost["count"]) == ("INCOMPLETE", 5, 1)
    assert [n.frame_id for n in outbox.of(Kind.FRAME)] == [6]
    assert camera.held == 0
    stream.close()


def test_a_loss_is_told_before_the_frame_that_came_after_it_however_fast_they_come() -> None:
    stream, _, outbox = stream_of(Incomplete(5), image(6), Incomplete(7), image(8))
    stream.poll(SECOND)
    assert [e["frame_id"] for e in outbox.of(Kind.LOST)] == [5, 7]
    assert [kind for kind, _ in outbox.messages if kind in (Kind.LOST, Kind.FRAME)] == [Kind.LOST, Kind.FRAME] * 2
    stream.close()


def test_losses_are_joined_while_the_parent_is_slow_and_none_is_forgotten() -> None:
    stream, _, outbox = stream_of(*(Incomplete(n) for n in range(12)))
    outbox.is_full = True
    for t in (1, 2, 3):
        stream.poll(t * SECOND)
    assert outbox.of(Kind.LOST) == []
    outbox.is_full = False
    stream.poll(4 * SECOND)
    (lost,) = outbox.of(Kind.LOST)
    assert (lost["count"], lost["frame_id"]) == (12, 11)
    stream.close()


def test_losses_of_the_last_moment_are_told_when_the_stream_stops() -> None:
    stream, _, outbox = stream_of(Incomplete(1), None, Incomplete(2))
    stream.poll(SECOND)
    stream.poll(SECOND + 1)
    stream.stop()
    assert sum(e["count"] for e in outbox.of(Kind.LOST)) == 2
    stream.close()


def test_one_camera_takes_a_few_buffers_and_leaves_the_turn_to_the_next() -> None:
    stream, camera, outbox = stream_of(*(image(n) for n in range(20)), slots=32)
    stream.poll(SECOND)
    assert len(outbox.of(Kind.FRAME)) == 4
    assert len(camera.script) == 16
    stream.close()


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (image(1, width=16), "its region changed"),
        (image(1, code=0x01234567), "pixel format 0x01234567"),
        (Image(1, 0, 8, 4, 0, MONO8, np.zeros(31, np.uint8), {}), "its region changed"),
    ],
)
def test_a_camera_that_delivers_what_cannot_be_read_is_given_up(bad: Image, what: str) -> None:
    stream, camera, outbox = stream_of(image(0), bad, image(2))
    stream.poll(SECOND)
    (lost,) = outbox.of(Kind.CAMERA_LOST)
    assert lost["camera"] == 2
    assert lost["error"]["type"] == "CameraError"
    assert what in lost["error"]["message"]
    assert not stream.is_streaming
    assert camera.stops == 1
    assert len(outbox.of(Kind.FRAME)) == 1
    stream.close()


def test_a_failing_stream_gives_its_camera_up_once() -> None:
    stream, _, outbox = stream_of(CameraError("camera left_upper: stream failed"))
    assert stream.poll(SECOND)
    assert not stream.poll(2 * SECOND)
    stream.stop()
    assert len(outbox.of(Kind.CAMERA_LOST)) == 1
    stream.close()


def test_a_silent_camera_is_asked_now_and_then_whether_it_is_there() -> None:
    stream, camera, outbox = stream_of()
    start = stream._checked_ns
    for ms in range(0, 1000, 10):
        stream.poll(start + ms * 1_000_000)
    assert camera.looked.count(True) == 3  # also looks into the queue then, for producers that miscount it
    camera.answers = False
    stream.poll(start + 2 * SECOND)
    (lost,) = outbox.of(Kind.CAMERA_LOST)
    assert "does not answer" in lost["error"]["message"]
    stream.close()


def test_a_camera_that_does_not_answer_for_a_moment_is_not_given_up() -> None:
    stream, camera, outbox = stream_on(time := FakeTime())
    camera.is_silent = True
    for _ in range(9):
        poll_after(stream, time, 0.1)
    camera.is_silent = False
    poll_after(stream, time, 0.3)
    camera.is_silent = True
    for _ in range(9):  # the time begins anew
        poll_after(stream, time, 0.1)
    assert outbox.of(Kind.CAMERA_LOST) == []
    poll_after(stream, time, 0.3)
    (lost,) = outbox.of(Kind.CAMERA_LOST)
    assert "does not answer" in lost["error"]["message"]
    stream.close()


def test_a_frame_ends_the_time_for_which_a_camera_has_not_answered() -> None:
    stream, camera, outbox = stream_on(time := FakeTime())
    camera.is_silent = True
    poll_after(stream, time, 0.3)
    poll_after(stream, time, 0.3)
    camera.script.append(image(1))
    poll_after(stream, time, 0.3)
    poll_after(stream, time, 0.3)
    poll_after(stream, time, 0.3)
    assert outbox.of(Kind.CAMERA_LOST) == []
    stream.close()


def test_a_process_that_stood_still_between_two_checks_does_not_call_its_camera_silent() -> None:
    stream, camera, outbox = stream_on(time := FakeTime())
    camera.is_silent = True
    poll_after(stream, time, 0.3)
    poll_after(stream, time, 60.0)
    assert outbox.of(Kind.CAMERA_LOST) == []
    for _ in range(9):  # what goes on unanswered is lost all the same
        poll_after(stream, time, 0.1)
    assert len(outbox.of(Kind.CAMERA_LOST)) == 1
    stream.close()


def test_a_producer_that_waited_long_for_one_answer_needs_no_second_check() -> None:
    stream, camera, outbox = stream_on(time := FakeTime())

    def wait_in_vain() -> None:
        time.pass_s(1.0)
        raise CameraSilent("camera left_upper: does not answer")

    camera.check = wait_in_vain  # type: ignore[method-assign]
    poll_after(stream, time, 0.3)
    (lost,) = outbox.of(Kind.CAMERA_LOST)
    assert "does not answer" in lost["error"]["message"]
    stream.close()


def test_the_parent_knows_before_a_check_which_camera_is_waited_for_and_afterwards_that_none_is() -> None:
    stream, camera, outbox = stream_on(time := FakeTime())
    known: list[list[int | None]] = []

    def look_at_what_was_told() -> None:
        known.append([note["camera"] for note in outbox.of(Kind.AWAITED)])

    camera.check = look_at_what_was_told  # type: ignore[method-assign]
    poll_after(stream, time, 0.3)
    assert known == [[2]]
    assert [note["camera"] for note in outbox.of(Kind.AWAITED)] == [2, None]
    stream.close()


def test_the_parent_knows_that_a_camera_which_is_given_up_is_waited_for_while_it_stops() -> None:
    stream, _, outbox = stream_of(CameraError("camera left_upper: stream failed"))
    stream.poll(SECOND)
    assert [kind for kind, _ in outbox.messages] == [Kind.CAMERA_LOST, Kind.AWAITED, Kind.AWAITED]
    assert [note["camera"] for note in outbox.of(Kind.AWAITED)] == [2, None]
    stream.close()


def test_a_parent_that_does_not_read_is_not_told_who_is_waited_for() -> None:
    stream, _, outbox = stream_on(time := FakeTime())
    outbox.is_full = True
    poll_after(stream, time, 0.3)
    assert outbox.messages == []
    stream.close()


def test_a_new_start_ends_the_time_for_which_a_camera_has_not_answered() -> None:
    stream, camera, outbox = stream_on(time := FakeTime())
    camera.is_silent = True
    poll_after(stream, time, 0.3)
    stream.stop()
    time.pass_s(60.0)
    stream.start()
    poll_after(stream, time, 0.3)
    assert outbox.of(Kind.CAMERA_LOST) == []
    stream.close()


def test_a_camera_whose_frames_wait_for_a_slot_is_not_asked_whether_it_is_there() -> None:
    stream, camera, outbox = stream_on(time := FakeTime())
    camera.script.extend(image(n) for n in range(5))
    poll_after(stream, time, 0.1)
    camera.is_silent = True
    for _ in range(9):
        poll_after(stream, time, 0.3)
    assert len(outbox.of(Kind.FRAME)) == 4
    assert outbox.of(Kind.CAMERA_LOST) == []
    stream.close()


def test_slots_are_kept_while_they_fit_and_made_anew_when_not() -> None:
    stream, _, _ = stream_of(slots=4)
    assert stream.prepare(4) is None
    assert stream.prepare(8) is not None
    stream.close()
