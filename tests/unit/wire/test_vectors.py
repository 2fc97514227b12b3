"""The golden messages of firmware-protocol/vectors.json, which were made without this codec.

In: values and bytes of that file, sound and corrupt. Out: the one from the other, in both directions. The simulated
box's codec meets the same file in sim/trigger_box/test_parser.py.
"""

import json
import struct
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from rigdriver.devices.box.events import EventReader
from rigdriver.errors import BadReply
from rigdriver.frames import Edge, PulseReport
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.wire import registers
from rigdriver.wire.codec import (
    Corrupt,
    Decoder,
    Message,
    MessageType,
    Stamp,
    decode,
    encode,
    headers_from_box,
)
from rigdriver.wire.layout import PayloadType
from rigdriver.wire.payload_crc import is_intact

Vector = dict[str, Any]
VECTORS = json.loads((Path(__file__).parents[3] / "firmware-protocol" / "vectors.json").read_text())
MESSAGES = VECTORS["messages"]
BY_NAME = {vector["name"]: vector for vector in MESSAGES}
HEADERS = headers_from_box(registers.REGISTERS)


def named(vectors: Iterable[Vector]) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def message_of(vector: Vector) -> Message:
    stamp = vector["stamp"] and Stamp(vector["stamp"]["seconds"], vector["stamp"]["ticks_32us"])
    return Message(
        MessageType[vector["type"].upper()],
        vector["address"],
        PayloadType[vector["payload_type"].upper()],
        bytes.fromhex(vector["payload"]),
        vector["is_error"],
        stamp or None,
    )


@pytest.mark.parametrize("vector", named(MESSAGES))
def test_value_becomes_the_golden_message(vector: Vector) -> None:
    assert encode(message_of(vector)).hex(" ").upper() == vector["hex"]


@pytest.mark.parametrize("vector", named(MESSAGES))
def test_golden_message_becomes_the_value(vector: Vector) -> None:
    assert decode(bytes.fromhex(vector["hex"])) == message_of(vector)


@pytest.mark.parametrize("vector", named(v for v in MESSAGES if v["from"] == "box" and v["register"]))
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
def test_decoder_takes_every_golden_message_of_the_box_in_any_chunks(vector: Vector, chunk: int) -> None:
    raw, decoder = bytes.fromhex(vector["hex"]), Decoder(HEADERS)
    found = [item for at in range(0, len(raw), chunk) for item in decoder.feed(raw[at : at + chunk])]
    assert found == [message_of(vector)]
    assert decoder.counters.bytes_skipped == decoder.pending_bytes == 0


@pytest.mark.parametrize("vector", named(v for v in MESSAGES if v["register"] and "values" in v))
def test_payload_is_the_registers_value(vector: Vector) -> None:
    register = registers.BY_ADDRESS[vector["address"]]
    assert register.name == vector["register"]
    payload = bytes.fromhex(vector["payload"])
    value, expected = register.unpack(payload), vector["values"]
    if isinstance(expected, dict):
        for name, number in expected.items():
            if name != "edges":
                got = getattr(value, name)
                assert (got.hex(" ").upper() if isinstance(got, bytes) else int(got)) == number, name
    else:
        assert value == (bytes.fromhex(expected) if isinstance(expected, str) else expected)
    assert register.pack(value) == payload


@pytest.mark.parametrize("vector", named(v for v in MESSAGES if v["register"] is None))
def test_arrays_of_every_payload_type_carry_their_numbers(vector: Vector) -> None:
    message = decode(bytes.fromhex(vector["hex"]))
    code = {"U8": "B", "U16": "H", "U32": "I", "U64": "Q", "S8": "b", "S16": "h", "S32": "i", "S64": "q", "Float": "f"}
    assert list(struct.unpack(f"<3{code[vector['payload_type']]}", message.payload)) == vector["values"]


@pytest.mark.parametrize("vector", named(v for v in MESSAGES if v["register"] == "EdgeEvent"))
def test_edge_events_become_parts_of_pulses(vector: Vector) -> None:
    values = vector["values"]
    (pulse,) = EventReader(values["event_counter"]).read(message_of(vector), 5)
    assert isinstance(pulse, PulseReport)
    assert pulse.edges == tuple(Edge(**edge) for edge in values["edges"])
    assert pulse.pulse_index == (values["pulse_index"] if values["generation"] else -1)
    assert pulse.is_closed == bool(values["flags"] & 2)
    assert (pulse.generation, pulse.start_ticks) == (values["generation"], values["pulse_start_ticks"])


@pytest.mark.parametrize("vector", named(VECTORS["damaged"]))
def test_sound_message_whose_payload_has_a_wrong_crc_is_not_believed(vector: Vector) -> None:
    (message,) = Decoder(HEADERS).feed(bytes.fromhex(vector["hex"]))
    assert isinstance(message, Message)
    assert registers.BY_ADDRESS[message.address].name == vector["register"]
    assert not is_intact(message.address, message.payload)
    if message.type is MessageType.EVENT:
        reader = EventReader()
        assert reader.read(message, 0) == []
        assert reader.implausible == 1


@pytest.mark.parametrize("vector", named(v for v in MESSAGES if v["from"] == "box" and "crc32" in str(v.get("values"))))
def test_golden_payload_has_the_crc_of_its_other_bytes(vector: Vector) -> None:
    payload = bytes.fromhex(vector["payload"])
    assert is_intact(vector["address"], payload)
    if vector["register"] != "Commit":
        for at in range(len(payload)):
            assert not is_intact(vector["address"], payload[:at] + bytes((payload[at] ^ 1,)) + payload[at + 1 :])


@pytest.mark.parametrize("vector", named(VECTORS["corrupt"]))
def test_corrupt_message_is_refused(vector: Vector) -> None:
    raw = bytes.fromhex(vector["hex"])
    with pytest.raises(BadReply):
        decode(raw)
    decoder = Decoder(HEADERS)
    found = [*decoder.feed(raw), *decoder.expire()]
    assert found
    assert all(isinstance(item, Corrupt) for item in found)


@pytest.mark.parametrize("vector", named(VECTORS["refused"]))
def test_sound_message_that_contradicts_the_register_table_is_refused(vector: Vector) -> None:
    raw, decoder = bytes.fromhex(vector["hex"]), Decoder(HEADERS)
    decode(raw)
    found = [*decoder.feed(raw), *decoder.expire()]
    assert found
    assert all(isinstance(item, Corrupt) for item in found)


@pytest.mark.parametrize("vector", named(VECTORS["streams"]))
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_stream_gives_up_its_sound_messages_without_waiting_for_more_bytes(vector: Vector, chunk: int) -> None:
    data, decoder = bytes.fromhex(vector["hex"]), Decoder(HEADERS)
    found = [item for at in range(0, len(data), chunk) for item in decoder.feed(data[at : at + chunk])]
    expected = [message_of(BY_NAME[name]) for name in vector["messages"]]
    assert [item for item in found if isinstance(item, Message)] == expected


@pytest.mark.parametrize("vector", named(VECTORS["schedules"]))
def test_schedule_has_the_golden_crc(vector: Vector) -> None:
    period, count, _, mode = vector["header"]
    steps = tuple(box_step(mask, delay, width) for _, mask, delay, width in vector["steps"])
    schedule = BoxSchedule.of(1, period, count, steps, bool(mode))
    assert list(astuple(schedule.header)) == vector["header"]
    assert [list(astuple(step)) for step in schedule.steps] == vector["steps"]
    assert schedule.crc32() == vector["crc32"]


def test_every_payload_type_of_the_interface_has_a_golden_message() -> None:
    types = {registers.BY_ADDRESS[v["address"]].payload_type for v in MESSAGES if v["register"]}
    assert types == {register.payload_type for register in registers.REGISTERS}
