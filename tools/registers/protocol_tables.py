"""The register tables of PROTOCOL.md, in Markdown, between two marks in the text.

In: the model, and the text of PROTOCOL.md. Out: the text with new tables.
"""

from __future__ import annotations

from .model import NOTICE, Field, Model

BEGIN, END = "<!-- registers: begin -->", "<!-- registers: end -->"


def with_tables(text: str, model: Model) -> str:
    """Return the text with its tables replaced."""
    if BEGIN not in text or END not in text:
        raise SystemExit(f"PROTOCOL.md: no place for the tables; expected the lines {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n{markdown_tables(model)}\n{END}{rest.split(END, 1)[1]}"


def markdown_tables(model: Model) -> str:
    """Return the tables of all registers, their fields and the enumerations."""
    lines = [f"<!-- {NOTICE} -->", "", f"Interface hash: `{model.interface_hash}`", "", "### All registers", ""]
    lines += ["| Address | Register | Payload | Access | Range | Meaning |", "|--:|---|---|---|---|---|"]
    for register in model.registers:
        size = f" x {register.length}" if register.length > 1 else ""
        span = _span(register.minimum, register.maximum, register.unit, register.mask)
        cells = (register.address, register.name, register.type + size, ", ".join(register.access), span)
        lines.append(f"| {' | '.join(map(str, cells))} | {register.description} |")
    for register in model.registers:
        if register.fields:
            lines += ["", f"### Fields of {register.name} ({register.address})", ""]
            lines += ["| Byte | Field | Type | Range | Meaning |", "|--:|---|---|---|---|"]
            lines += [_field_row(field) for field in register.fields]
    for mask in model.masks:
        lines += ["", f"### {mask.name} ({'bits' if mask.is_flags else 'values'})", "", mask.description, ""]
        lines += ["| Value | Name |", "|--:|---|"]
        lines += [f"| {hex(value) if mask.is_flags else value} | {member} |" for member, value in mask.members]
    return "\n".join(lines)


def _field_row(field: Field) -> str:
    size = f" x {field.length}" if field.length > 1 else ""
    span = _span(field.minimum, field.maximum, field.unit, field.mask)
    return f"| {field.offset} | {field.name} | {field.type}{size} | {span} | {field.description} |"


def _span(minimum: int | None, maximum: int | None, unit: str, mask: str) -> str:
    span = f"{minimum} to {maximum}" if minimum is not None and minimum != maximum else ""
    span = str(minimum) if minimum is not None and minimum == maximum else span
    return " ".join(part for part in (span, unit, mask) if part)
