"""The simulated box's register table: the contract as plain numbers, for the simulated box alone.

In: the model. Out: Python source, to be formatted.
"""

from __future__ import annotations

from .model import NOTICE, TYPES, Model, Register, screaming


def simulator_table(model: Model) -> str:
    """Return the source of simulators/rigdriver_sim/trigger_box/registers.py, not formatted."""
    lines = [
        f"# {NOTICE}",
        '"""The contract of the trigger box as plain numbers, for the simulated box alone."""\n',
        "from typing import Final\n",
        f'INTERFACE_HASH: Final = "{model.interface_hash}"\n',
        "# Addresses",
        *(f"REG_{screaming(register.name)}: Final = {register.address}" for register in model.registers),
        "\n# Values of enumerations and bits of masks",
    ]
    for mask in model.masks:
        lines += [f"{screaming(mask.name)}_{screaming(member)}: Final = {value}" for member, value in mask.members]
    lines += [
        "\n# (address, name, payload type byte, elements, access letters r/w/e, minimum, maximum, default)",
        "TABLE: Final[tuple[tuple[int, str, int, int, str, int | None, int | None, int | None], ...]] = (",
        *(f"    {_row(register)!r}," for register in model.registers),
        ")",
        "\n# address -> fields (name, first byte, struct code, minimum, maximum); code `nx` is reserved, `ns` bytes",
        "FIELDS: Final[tuple[tuple[int, tuple[tuple[str, int, str, int | None, int | None], ...]], ...]] = (",
    ]
    for register in model.registers:
        if register.fields:
            fields = tuple((f.name, f.offset, f.code, f.minimum, f.maximum) for f in register.fields)
            lines.append(f"    ({register.address}, {fields!r}),")
    return "\n".join([*lines, ")"])


def _row(register: Register) -> tuple[object, ...]:
    letters = "".join(
        letter for letter, word in (("r", "Read"), ("w", "Write"), ("e", "Event")) if word in register.access
    )
    return (
        register.address,
        register.name,
        TYPES[register.type][0],
        register.length,
        "r" + letters.replace("r", ""),  # what can be written or is sent can be read
        register.minimum,
        register.maximum,
        register.default,
    )
