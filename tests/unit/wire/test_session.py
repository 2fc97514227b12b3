"""Which reply belongs to which request: fresh, stale, doubled, unsolicited, refused, different.

In: requests and received messages in any order. Out: one verdict a message, and the state that it leaves. Nothing
waits: the test decides when a request is abandoned.
"""

import re
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigdriver.errors import StateError
from rigdriver.wire import registers
from rigdriver.wire.codec import Corrupt, decode
from rigdriver.wire.session import (
    Event,
    Fed,
    Reply,
    Request,
    Session,
    Stray,
    StrayKind,
    read_request,
    write_request,
)
from rigdriver.wire.session_states import SessionAct, SessionState, after
from tests.unit.wire.messages import event, reply_to

STATE = read_request(registers.BOX_STATE)
RATE = read_request(registers.TICK_RATE)
PAYLOAD = (10_000_000).to_bytes(4, "little")
STEP = write_request(registers.STAGE_STEP, registers.StageStepRecord(3, registers.Outputs(1), 0, 10), key_bytes=4)


def probe_reply(nonce: int) -> bytes:
    crc = zlib.crc32(struct.pack("<3I", nonce, 5, 6))
    return reply_to(probe(nonce), struct.pack("<4I", nonce, crc, 5, 6))


def damaged_probe_reply(nonce: int) -> bytes:
    """Two bits of the tick have flipped, so that the checksum still holds."""
    crc = zlib.crc32(struct.pack("<3I", nonce, 5, 6))
    raw = reply_to(probe(nonce), struct.pack("<4I", nonce, crc, 4, 7))
    assert raw[-1] == probe_reply(nonce)[-1]
    return raw


def probe(nonce: int) -> Request:
    return write_request(registers.CLOCK_PROBE, registers.ClockProbeRecord(nonce, 0, 0, 0), 4, is_echoed=False)


TABLE = """
state     request   fence     reply     give up   trust
idle      waiting   fencing   -         -         -
waiting   -         -         idle      unsure    -
unsure    -         fencing   -         -         idle
fencing   -         -         idle      unsure    -
"""
"""The oracle: a copy of its own, written by hand."""


def test_the_table_of_states_is_the_one_written_here() -> None:
    heading, *rows = (re.split(r"\s{2,}", line.strip()) for line in TABLE.strip().splitlines())
    expected = {(row[0], act): to for row in rows for act, to in zip(heading[1:], row[1:], strict=True)}
    found = {
        (s.value, a.value): next_.value if (next_ := after(s, a)) else "-" for s in SessionState for a in SessionAct
    }
    assert found == expected


def in_state(state: SessionState) -> Session:
    session = Session()
    if state is SessionState.WAITING:
        session.request(STATE)
    elif state is not SessionState.IDLE:
        session.request(STATE)
        session.abandon()
        if state is SessionState.FENCING:
            session.fence(7)
    assert session.state is state
    return session


@pytest.mark.parametrize("state", SessionState)
@pytest.mark.parametrize("act", [a for a in SessionAct if a is not SessionAct.REPLY])
def test_a_session_follows_the_table_and_refuses_what_it_forbids(state: SessionState, act: SessionAct) -> None:
    session, to = in_state(state), after(state, act)
    acts: dict[SessionAct, Callable[[], object]] = {
        SessionAct.REQUEST: lambda: session.request(RATE),
        SessionAct.FENCE: lambda: session.fence(8),
        SessionAct.GIVE_UP: session.abandon,
        SessionAct.TRUST: session.trust,
    }
    if to is None and act is not SessionAct.TRUST:
        with pytest.raises(StateError):
            acts[act]()
    else:
        acts[act]()
    assert session.state is (to or state)


def test_reply_answers_the_outstanding_request() -> None:
    session = Session()
    assert decode(session.request(RATE)) == RATE.message
    (reply,) = session.receive(reply_to(RATE, PAYLOAD))
    assert isinstance(reply, Reply)
    assert registers.TICK_RATE.unpack(reply.message.payload) == 10_000_000
    assert session.state is SessionState.IDLE
    assert (session.counters.requests, session.counters.replies) == (1, 1)


def test_second_request_must_wait_for_the_first() -> None:
    session = Session()
    session.request(RATE)
    with pytest.raises(StateError, match="waiting"):
        session.request(STATE)


def test_reply_to_another_register_does_not_answer() -> None:
    session = Session()
    session.request(RATE)
    (stray,) = session.receive(reply_to(STATE, b"\0"))
    assert stray == Stray(StrayKind.UNSOLICITED, decode(reply_to(STATE, b"\0")))
    assert session.state is SessionState.WAITING


def test_write_reply_with_another_value_shows_the_difference() -> None:
    session = Session()
    session.request(STEP)
    payload = STEP.message.payload[:-4] + (11).to_bytes(4, "little")
    (reply,) = session.receive(reply_to(STEP, payload))
    assert isinstance(reply, Reply)
    assert reply.has_difference
    assert session.counters.differences == 1


def test_write_reply_of_another_step_does_not_answer() -> None:
    session = Session()
    session.request(STEP)
    other = (4).to_bytes(4, "little") + STEP.message.payload[4:]
    (stray,) = session.receive(reply_to(STEP, other))
    assert isinstance(stray, Stray)
    assert session.state is SessionState.WAITING


@pytest.mark.parametrize("payload", [b"", None])
def test_error_reply_answers_with_and_without_the_payload(payload: bytes | None) -> None:
    session = Session()
    session.request(STEP)
    (reply,) = session.receive(reply_to(STEP, payload, is_error=True))
    assert isinstance(reply, Reply)
    assert reply.message.is_error
    assert not reply.has_difference
    assert session.counters.error_replies == 1


def test_reply_that_comes_twice_is_doubled() -> None:
    session = Session()
    session.request(RATE)
    _, stray = session.receive(reply_to(RATE, PAYLOAD) * 2)
    assert isinstance(stray, Stray)
    assert stray.kind is StrayKind.DOUBLED
    assert session.counters.doubled == 1


def test_reply_to_an_abandoned_request_is_stale_and_only_once() -> None:
    session = Session()
    session.request(STATE)
    session.abandon()
    strays = session.receive(reply_to(STATE, b"\0") * 2)
    assert [stray.kind for stray in strays if isinstance(stray, Stray)] == [StrayKind.STALE, StrayKind.UNSOLICITED]
    assert (session.counters.abandoned, session.counters.stale, session.counters.unsolicited) == (1, 1, 1)


def test_unsure_session_takes_no_request_before_a_fence() -> None:
    session = Session()
    session.request(STATE)
    session.abandon()
    with pytest.raises(StateError, match="unsure"):
        session.request(STATE)


def test_fence_keeps_a_late_reply_from_answering_the_same_question_asked_again() -> None:
    session = Session()
    session.request(STATE)
    session.abandon()
    session.fence(77)
    stale, fence = session.receive(reply_to(STATE, b"\0") + probe_reply(77))
    assert isinstance(stale, Stray)
    assert stale.kind is StrayKind.STALE
    assert isinstance(fence, Reply)
    session.request(STATE)
    (fresh,) = session.receive(reply_to(STATE, b"\3"))
    assert isinstance(fresh, Reply)
    assert fresh.message.payload == b"\3"


def test_fence_with_another_nonce_does_not_end_the_doubt() -> None:
    session = Session()
    session.request(STATE)
    session.abandon()
    session.fence(1)
    session.abandon()
    session.fence(2)
    (stray,) = session.receive(probe_reply(1))
    assert isinstance(stray, Stray)
    assert stray.kind is StrayKind.STALE
    assert session.state is SessionState.FENCING


def test_trusted_session_goes_on_without_a_fence() -> None:
    session = Session()
    session.request(STATE)
    session.abandon()
    session.trust()
    assert session.state is SessionState.IDLE


def test_nothing_to_abandon_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(StateError, match="no request"):
        Session().abandon()


def test_events_pass_while_a_request_waits() -> None:
    session = Session()
    session.request(STATE)
    (got,) = session.receive(event(registers.STATUS_EVENT, bytes(40)))
    assert isinstance(got, Event)
    assert session.state is SessionState.WAITING
    assert session.counters.events == 1


def test_feeds_do_not_disturb_the_outstanding_request() -> None:
    session = Session()
    session.request(STATE)
    assert decode(session.feed(5)).payload == b"\5\0\0\0"
    fed, reply = session.receive(reply_to(write_request(registers.WATCHDOG_FEED, 5)) + reply_to(STATE, b"\3"))
    assert fed == Fed(5)
    assert isinstance(reply, Reply)


def test_clock_probe_reply_whose_crc_is_wrong_is_damaged_and_leaves_the_session_unsure() -> None:
    session = Session()
    session.request(probe(9))
    (reply,) = session.receive(damaged_probe_reply(9))
    assert isinstance(reply, Reply)
    assert reply.is_damaged
    with pytest.raises(StateError, match="unsure"):
        session.request(STATE)
    assert (session.counters.damaged_replies, session.counters.replies, session.counters.abandoned) == (1, 0, 0)
    session.fence(10)
    (true,) = session.receive(probe_reply(10))
    assert isinstance(true, Reply)
    assert not true.is_damaged
    assert session.state is SessionState.IDLE


def test_fence_whose_reply_is_damaged_ends_nothing() -> None:
    session = Session()
    session.request(STATE)
    session.abandon()
    session.fence(9)
    session.receive(damaged_probe_reply(9))
    with pytest.raises(StateError, match="unsure"):
        session.request(STATE)


def test_refused_clock_probe_needs_no_crc() -> None:
    session = Session()
    session.request(probe(9))
    (reply,) = session.receive(reply_to(probe(9), bytes(16), is_error=True))
    assert isinstance(reply, Reply)
    assert not reply.is_damaged


def test_corrupt_bytes_are_noted_and_counted_but_answer_nothing() -> None:
    session = Session()
    session.request(RATE)
    raw = bytearray(reply_to(RATE, PAYLOAD))
    raw[-2] ^= 1
    items = session.receive(bytes(raw))
    assert all(isinstance(item, Corrupt) for item in items)
    assert items
    assert session.counters.checksum_errors == 1
    assert session.counters.bytes_skipped == len(raw) - session.pending_bytes
    assert session.state is SessionState.WAITING


def test_unfinished_reply_expires() -> None:
    session = Session()
    session.request(RATE)
    session.receive(reply_to(RATE, PAYLOAD)[:9])
    assert any(isinstance(item, Corrupt) for item in session.expire())
    session.clear()
    (reply,) = session.receive(reply_to(RATE, PAYLOAD))
    assert isinstance(reply, Reply)
    assert session.counters.unfinished == 1


@given(st.lists(st.sampled_from(["reply", "double", "event", "noise", "abandon"]), max_size=30))
def test_whatever_comes_only_the_reply_to_the_outstanding_request_is_taken(script: list[str]) -> None:
    """Each read gets a value of its own; a reply that is handed on must carry the newest one."""
    session, serial, nonce = Session(), 0, 0
    for act in script:
        if session.state is SessionState.UNSURE:
            nonce += 1
            session.fence(nonce)
            session.receive(probe_reply(nonce))
        if session.state is SessionState.IDLE:
            serial += 1
            session.request(RATE)
        fresh = reply_to(RATE, serial.to_bytes(4, "little"))
        data = {
            "reply": fresh,
            "double": fresh * 2,
            "noise": b"\x55\x01\xff",
            "event": event(registers.STATUS_EVENT, bytes(40)),
            "abandon": b"",
        }[act]
        replies = [item for item in session.receive(data) if isinstance(item, Reply)]
        assert [r.message.payload for r in replies] == (
            [serial.to_bytes(4, "little")] if act in ("reply", "double") else []
        )
        if act == "abandon":
            session.abandon()
            nonce += 1
            session.fence(nonce)
            late = session.receive(fresh)
            assert [item.kind for item in late if isinstance(item, Stray)] == [StrayKind.STALE]
            session.receive(probe_reply(nonce))
