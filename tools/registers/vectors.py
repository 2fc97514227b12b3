"""The bytes of vectors.json: payloads, whole messages and CRCs, made from the values that stand beside them.

In: the model, and the text of vectors.json, whose names and values are written by hand. Out: the text with the bytes of
`messages` and the CRCs of `schedules` made anew, by no codec of the driver or of the simulator. The other parts hold
bytes that are wrong on purpose, and stay as they are.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from typing import Any

from .model import TYPES, Model, Register

MESSAGE_TYPES = {"Read": 1, "Write": 2, "Event": 3}
ERROR, HAS_STAMP, PORT = 0x08, 0x10, 0xFF


def with_bytes(text: str, model: Model) -> str:
    """Return the text with payloads, messages and CRCs made from its values."""
    vectors = json.loads(text)
    registers = {register.name: register for register in model.registers}
    for vector in vectors["messages"]:
        if vector["register"] is not None:
            vector["address"] = registers[vector["register"]].address
            if "values" in vector:
                vector["payload"] = _hex(_payload(registers[vector["register"]], vector["values"]))
        vector["hex"] = _hex(_message(vector))
    for vector in vectors["schedules"]:
        words = [*vector["header"], *(word for step in vector["steps"] for word in step)]
        vector["crc32"] = zlib.crc32(struct.pack(f"<{len(words)}I", *words))
    return re.sub(r"\[[-\s\d.,e]+\]", _on_one_line, json.dumps(vectors, indent=1, ensure_ascii=False)) + "\n"


def _on_one_line(numbers: re.Match[str]) -> str:
    return re.sub(r"\s+", " ", numbers[0]).replace("[ ", "[").replace(" ]", "]")


def _payload(register: Register, values: Any) -> bytes:
    """Return the payload; `values` is a number, hex, or both of them by field."""
    if not register.fields:
        return struct.pack(register.code, _part(values))
    return struct.pack(register.code, *(_part(values[f.attribute]) for f in register.fields if not f.is_reserved))


def _part(value: int | str) -> int | bytes:
    return bytes.fromhex(value) if isinstance(value, str) else value


def _message(vector: dict[str, Any]) -> bytes:
    """Return the whole message, checksum included."""
    # The layout of PROTOCOL 1 once more, on purpose: bytes made by a codec could not show that codec's mistakes.
    stamp = vector["stamp"]
    stamped = struct.pack("<IH", stamp["seconds"], stamp["ticks_32us"]) if stamp else b""
    rest = stamped + bytes.fromhex(vector["payload"])
    head = (
        MESSAGE_TYPES[vector["type"]] | (ERROR if vector["is_error"] else 0),
        4 + len(rest),
        vector["address"],
        PORT,
        TYPES[vector["payload_type"]][0] | (HAS_STAMP if stamp else 0),
    )
    body = bytes(head) + rest
    return body + bytes((sum(body) & 0xFF,))


def _hex(data: bytes) -> str:
    return data.hex(" ").upper()
