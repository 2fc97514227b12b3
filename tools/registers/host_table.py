"""The driver's register table, rigdriver/wire/registers.py: enumerations, records and rows in Python.

In: the model. Out: Python source, to be formatted. Not here: the simulator's table, which has another shape and shares
no code with the driver, because the simulator is an independent witness (see simulator_table.py).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from .model import NOTICE, Field, Mask, Model, Register, screaming


def host_table(model: Model) -> str:
    """Return the source of rigdriver/wire/registers.py, not formatted."""
    parts = (_head(model.interface_hash), _masks(model.masks), _records(model.registers), _rows(model.registers))
    return "\n".join(line for part in parts for line in part)


def _head(digest: str) -> Iterator[str]:
    yield f"# {NOTICE}"
    yield '"""The registers of the trigger box: numbers, layouts and the types of their values."""\n'
    yield "from __future__ import annotations\n"
    yield "from collections.abc import Mapping"
    yield "from dataclasses import dataclass"
    yield "from enum import IntEnum, IntFlag"
    yield "from types import MappingProxyType"
    yield "from typing import Any, Final\n"
    yield "from rigdriver.wire.layout import Access, Field, PayloadType, Register\n"
    yield f'INTERFACE_HASH: Final = bytes.fromhex("{digest}")'
    yield '"""SHA-1 of device.yml; the box reports it in register Version."""\n'


def _masks(masks: tuple[Mask, ...]) -> Iterator[str]:
    for mask in masks:
        yield f"\nclass {mask.name}({'IntFlag' if mask.is_flags else 'IntEnum'}):"
        yield f'    """{mask.description}"""\n'
        for member, value in mask.members:
            yield f"    {screaming(member)} = {hex(value) if mask.is_flags else value}"
        yield ""


def _records(registers: tuple[Register, ...]) -> Iterator[str]:
    for register in registers:
        if not register.fields:
            continue
        yield f"\n@dataclass(frozen=True, slots=True)\nclass {register.name}Record:"
        yield _docstring(register.description)
        for field in register.fields:
            # Reserved words are written and answered as 0 (PROTOCOL 2.2), so records do not show them.
            if field.is_reserved:
                continue
            kind = "bytes" if field.length > 1 else field.mask or "int"
            yield f"    {field.attribute}: {kind}"
            if field.description:
                yield _docstring(field.description)
        yield ""


def _docstring(text: str) -> str:
    if len(text) <= 110:
        return f'    """{text}"""'
    summary, rest = text, ""
    for stop in (". ", "; "):
        if stop in text and "(" not in text.partition(stop)[0]:
            summary, _, rest = text.partition(stop)
            summary, rest = f"{summary}.", rest[0].upper() + rest[1:]
            break
    lines = [summary, "", *textwrap.wrap(rest, 105)] if rest else textwrap.wrap(text, 105)
    return "\n".join([f'    """{lines[0]}', *(f"    {line}" if line else "" for line in lines[1:]), '    """'])


def _rows(registers: tuple[Register, ...]) -> Iterator[str]:
    for register in registers:
        kind, make = _value(register)
        row = [
            f'"{register.name}"',
            str(register.address),
            f"PayloadType.{register.type.upper()}",
            str(register.length),
            " | ".join(f"Access.{access.upper()}" for access in register.access),
            f'"{register.code}"',
            make,
        ]
        for key in ("minimum", "maximum"):
            if getattr(register, key) is not None:
                row.append(f"{key}={getattr(register, key)}")
        if register.fields:
            row.append(f"fields=({', '.join(_field(f) for f in register.fields if not f.is_reserved)},)")
        yield f"\n{screaming(register.name)}: Final[Register[{kind}]] = Register({', '.join(row)})"
        if register.description:
            yield _docstring(register.description).replace("    ", "", 1).replace("\n    ", "\n")
    names = ", ".join(screaming(register.name) for register in registers)
    yield f"\nREGISTERS: Final[tuple[Register[Any], ...]] = ({names},)"
    yield "BY_ADDRESS: Final[Mapping[int, Register[Any]]] = MappingProxyType({r.address: r for r in REGISTERS})"


def _value(register: Register) -> tuple[str, str]:
    if register.fields:
        return f"{register.name}Record", f"{register.name}Record"
    if register.length > 1:
        return "bytes", "bytes"
    return (register.mask, register.mask) if register.mask else ("int", "int")


def _field(field: Field) -> str:
    parts = [f'"{field.attribute}"', str(field.offset)]
    for key in ("minimum", "maximum"):
        if getattr(field, key) is not None:
            parts.append(f"{key}={getattr(field, key)}")
    if field.mask:
        parts.append(f"convert={field.mask}")
    return f"Field({', '.join(parts)})"
