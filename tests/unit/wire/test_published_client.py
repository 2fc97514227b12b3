"""The published Harp client as an oracle: it must read what the vectors and this codec write, and the reverse.

In: the golden messages, sound and corrupt, and device.yml. Out: the same values and verdicts from both programs. The
client is an oracle here and no dependency of the driver.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from harp.device.schema import create_device_module
from harp.protocol import HarpMessage, HarpParseError

from rigdriver.wire.codec import decode, encode

CONTRACT = Path(__file__).parents[3] / "firmware-protocol"
VECTORS = json.loads((CONTRACT / "vectors.json").read_text())


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in VECTORS["messages"]])
def test_published_client_reads_the_golden_message_alike(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    theirs, ours = HarpMessage.parse(raw), decode(raw)
    assert bytes(theirs.payload_bytes) == ours.payload == bytes.fromhex(vector["payload"])
    assert theirs.address == ours.address == vector["address"]
    assert theirs.message_type.name.upper() == ours.type.name
    assert theirs.has_error == ours.is_error
    assert theirs.payload_type.name.upper() == ours.payload_type.name
    seconds = None if ours.stamp is None else ours.stamp.seconds + ours.stamp.ticks_32us * 32e-6
    assert theirs.timestamp == (seconds if seconds is None else pytest.approx(seconds, abs=1e-6))
    assert encode(ours) == theirs.bytes


@pytest.mark.parametrize(
    "vector",
    # The published parser checks neither port nor whole elements; those two are this project's own rule.
    [pytest.param(v, id=v["name"]) for v in VECTORS["corrupt"] if v["why"] not in ("port", "payload length")],
)
def test_published_client_refuses_the_corrupt_message_too(vector: dict[str, Any]) -> None:
    with pytest.raises(HarpParseError):
        HarpMessage.parse(bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize(
    "vector",
    [pytest.param(v, id=v["name"]) for v in VECTORS["messages"] if v["register"] in ("EdgeEvent", "StatusEvent")],
)
def test_published_client_reads_the_numbers_of_events_as_numbers(vector: dict[str, Any]) -> None:
    box: Any = create_device_module((CONTRACT / "device.yml").read_text())
    register = getattr(box, vector["register"])
    theirs = register.parse(HarpMessage.parse(bytes.fromhex(vector["hex"])))
    numbers = {name: value for name, value in vector["values"].items() if name not in ("edges", "records")}
    assert {name: int(getattr(theirs, name.removesuffix("_ticks"))) for name in numbers} == numbers
