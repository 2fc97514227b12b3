"""The box's parser: the golden messages in every chunking, garbage, corruption, stalls.

In: the bytes of vectors.json, cut, mixed and damaged. Out: the requests that were sent and counts of the rest; never a
request that nobody sent.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.messages import encode
from rigdriver_sim.trigger_box.parser import STALL_TICKS, Parser, Request
from tests.unit.sim.trigger_box.box_host import message, read, write

VECTORS = json.loads((Path(__file__).parents[4] / "firmware-protocol" / "vectors.json").read_text())
KINDS = {"Read": 1, "Write": 2, "Event": 3}
PAYLOAD_TYPES = {"U8": 1, "U16": 2, "U32": 4, "U64": 8, "Float": 0x44}
PAYLOAD_TYPES |= {f"S{8 * size}": 0x80 | size for size in (1, 2, 4, 8)}


def named(rows: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=[row["name"] for row in rows])


FROM_HOST = [row for row in VECTORS["messages"] if row["from"] == "host" and row["type"] != "Event"]
FROM_BOX = [row for row in VECTORS["messages"] if row["from"] == "box" and row["stamp"]]


def expected(row: dict[str, Any]) -> Request:
    payload = bytes.fromhex(row["payload"])
    return Request(row["type"] == "Write", row["address"], PAYLOAD_TYPES[row["payload_type"]], payload)


@named(FROM_HOST)
def test_every_golden_request_is_understood_in_every_chunking(row: dict[str, Any]) -> None:
    data = bytes.fromhex(row["hex"])
    for cut in range(len(data) + 1):
        parser = Parser()
        assert parser.feed(data[:cut], 0) + parser.feed(data[cut:], 1) == [expected(row)]
        assert (parser.checksum_errors, parser.bytes_skipped) == (0, 0)
    parser = Parser()
    requests = [request for n, byte in enumerate(data) for request in parser.feed(bytes([byte]), n)]
    assert requests == [expected(row)]


@named(FROM_BOX)
def test_every_golden_message_of_the_box_is_built_to_the_byte(row: dict[str, Any]) -> None:
    stamp = row["stamp"]["seconds"] * 10_000_000 + row["stamp"]["ticks_32us"] * 320
    kind = KINDS[row["type"]] | (8 if row["is_error"] else 0)
    built = encode(kind, row["address"], PAYLOAD_TYPES[row["payload_type"]], bytes.fromhex(row["payload"]), stamp)
    assert built == bytes.fromhex(row["hex"])


@named([row for row in VECTORS["corrupt"] if row["why"] != "truncated"])
def test_a_corrupt_message_is_skipped_and_counted(row: dict[str, Any]) -> None:
    parser = Parser()
    good = read(r.REG_WHO_AM_I)
    assert parser.feed(bytes.fromhex(row["hex"]) + good * 30, 0)[-1] == Request(False, 0, 2, b"")
    assert parser.bytes_skipped + parser.checksum_errors > 0


@named(VECTORS["corrupt"])
def test_no_corrupt_message_yields_a_request(row: dict[str, Any]) -> None:
    parser = Parser()
    assert parser.feed(bytes.fromhex(row["hex"]), 0) == []


def test_requests_are_found_between_garbage() -> None:
    parser = Parser()
    data = b"\x00\xff\x55" + read(32) + b"\xff\xff\x01\x04" + write(r.REG_STOP, 1) + b"\x09"
    assert [request.address for request in parser.feed(data, 0)] == [32, r.REG_STOP]


def test_a_wrong_checksum_costs_one_message_only() -> None:
    parser = Parser()
    bad = bytearray(write(r.REG_WATCHDOG_FEED, 0x01020304))
    bad[-1] ^= 0x10
    requests = parser.feed(bytes(bad) + read(32), 0)
    assert [request.address for request in requests] == [32]
    assert parser.checksum_errors == 1
    assert parser.bytes_skipped == len(bad)


def test_a_corrupt_length_does_not_swallow_requests_that_come_later() -> None:
    parser = Parser()
    long = bytearray(read(32))
    long[1] = 200
    assert parser.feed(bytes(long) + read(33), 0) == []
    assert parser.feed(read(34), STALL_TICKS + 1) == [Request(False, 34, 1, b"")]
    assert parser.bytes_skipped == len(long) + len(read(33))


def test_a_request_hidden_in_stalled_bytes_is_never_obeyed_late() -> None:
    parser = Parser()
    stalled = bytes([2, 100, 46, 255, 4]) + write(r.REG_START, 7)
    assert parser.feed(stalled, 0) == []
    assert parser.feed(b"", STALL_TICKS + 1) == []
    assert parser.feed(read(32), STALL_TICKS + 2) == [Request(False, 32, 4, b"")]


def test_a_slow_message_is_no_stalled_one() -> None:
    parser = Parser()
    data = write(r.REG_STAGE_STEP, 1, 2, 3, 40)
    requests = [request for n, byte in enumerate(data) for request in parser.feed(bytes([byte]), n * STALL_TICKS)]
    assert len(requests) == 1


def test_a_time_stamp_in_a_request_is_ignored() -> None:
    stamped = encode(2, r.REG_WATCHDOG_FEED, 4, bytes(4), 123_000_000)
    assert Parser().feed(stamped, 0) == [Request(True, r.REG_WATCHDOG_FEED, 4, bytes(4))]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(min_value=0, max_value=2**32))
def test_no_bytes_at_all_can_break_the_parser(pieces: list[bytes], seed: int) -> None:
    parser = Parser()
    dice = random.Random(seed)
    t = 0
    for piece in pieces:
        t += dice.randrange(2 * STALL_TICKS)
        for request in parser.feed(piece, t):
            size = request.payload_type & 0x0F
            assert size in (1, 2, 4, 8)
            assert len(request.payload) % size == 0
    assert parser.feed(message(1, 0, 2), t + STALL_TICKS + 1) == [Request(False, 0, 2, b"")]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_chunking_of_many_requests_finds_them_all(data: st.DataObject) -> None:
    stream = b"".join(bytes.fromhex(row["hex"]) for row in FROM_HOST)
    parser, found = Parser(), []
    while stream:
        size = data.draw(st.integers(min_value=1, max_value=60))
        found += parser.feed(stream[:size], 0)
        stream = stream[size:]
    assert found == [expected(row) for row in FROM_HOST]
