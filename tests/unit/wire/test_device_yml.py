"""device.yml in Harp's own terms: keys that Harp's schema and generator know, masks that exist, lengths that fit.

In: firmware-protocol/device.yml. Out: one test per rule. The schema itself is published by harp-tech/protocol; these
are the rules of it that this file needs, and those of the generators that read it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

DEVICE: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "firmware-protocol" / "device.yml").read_text(encoding="utf-8")
)
REGISTERS: dict[str, dict[str, Any]] = DEVICE["registers"]
TOP_KEYS = {
    "device", "whoAmI", "protocolVersion", "firmwareVersion", "hardwareTargets", "registers", "bitMasks", "groupMasks",
}  # fmt: skip
MEMBER_KEYS = {
    "mask", "offset", "length", "description", "minValue", "maxValue", "defaultValue", "maskType", "interfaceType",
    "converter",
}  # fmt: skip
REGISTER_KEYS = (MEMBER_KEYS - {"mask", "offset"}) | {
    "address", "type", "access", "visibility", "deprecated", "volatile", "payloadSpec",
}  # fmt: skip
ELEMENT_BYTES = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "U32": 4, "S32": 4, "U64": 8, "S64": 8, "Float": 4}
INTERFACE_TYPES = {2: "ushort", 4: "uint", 8: "ulong"}


def members() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, register in REGISTERS.items():
        for field, spec in register.get("payloadSpec", {}).items():
            yield f"{name}.{field}", register, spec


def test_only_keys_that_harp_knows_are_used() -> None:
    assert set(DEVICE) <= TOP_KEYS
    for name, register in REGISTERS.items():
        assert set(register) <= REGISTER_KEYS, name
    for name, _, spec in members():
        assert set(spec) <= MEMBER_KEYS, name
    for kind, key in (("bitMasks", "bits"), ("groupMasks", "values")):
        for name, mask in DEVICE[kind].items():
            assert set(mask) == {"description", key}, name


@pytest.mark.parametrize("key", ["protocolVersion", "firmwareVersion", "hardwareTargets"])
def test_versions_are_two_numbers(key: str) -> None:
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)", DEVICE[key])


def test_every_register_has_an_address_of_its_own_from_32_on_a_type_and_an_access() -> None:
    addresses = [register["address"] for register in REGISTERS.values()]
    assert len(set(addresses)) == len(addresses)
    assert all(32 <= address <= 255 for address in addresses)
    assert all(register["type"] in ELEMENT_BYTES for register in REGISTERS.values())
    assert {register["access"] for register in REGISTERS.values()} <= {"Read", "Write", "Event"}


def test_every_mask_type_is_a_mask_of_this_file_and_every_mask_is_used() -> None:
    used = {entry["maskType"] for entry in REGISTERS.values() if "maskType" in entry}
    used |= {spec["maskType"] for _, _, spec in members() if "maskType" in spec}
    assert used == set(DEVICE["bitMasks"]) | set(DEVICE["groupMasks"])


def test_fields_of_each_register_follow_each_other_and_fill_its_payload() -> None:
    for name, register in REGISTERS.items():
        at = 0
        for spec in register.get("payloadSpec", {}).values():
            assert spec["offset"] == at, name
            at += spec.get("length", 1)
        assert at in (0, register.get("length", 1)), name


def test_every_number_of_several_bytes_says_its_type_so_that_harp_clients_give_numbers() -> None:
    for name, register, spec in members():
        expected = INTERFACE_TYPES.get(spec.get("length", 1)) if register["type"] == "U8" else None
        assert spec.get("interfaceType") == expected, name


def test_every_register_and_every_field_but_the_reserved_ones_has_a_description() -> None:
    assert all(register.get("description") for register in REGISTERS.values())
    for name, _, spec in members():
        assert spec.get("description") or name.partition(".")[2].startswith("Reserved"), name


def test_every_unit_is_named_in_a_description_where_the_generator_finds_it() -> None:
    named = {name: found[1] for name, _, spec in members() if (found := _unit(spec))}
    named |= {name: found[1] for name, register in REGISTERS.items() if (found := _unit(register))}
    limits = {"MaxFlashWidth": "ticks", "MaxDutyPermille": "permille", "MinTrainPause": "ticks",
              "MaxRateMillihertz": "mHz"}  # fmt: skip
    assert named == {
        "TickRate": "Hz",
        "WatchdogTimeout": "ticks",
        "StageHeader.PulsePeriod": "ticks",
        "StageStep.Delay": "ticks",
        "StageStep.Width": "ticks",
        **{f"{register}.{field}": unit for register in ("LightLimits", "HardLightLimits")
           for field, unit in limits.items()},
        "LightWait.Start": "ticks",
        "LightWait.Train": "ticks",
        "EdgeEvent.PulseStart": "ticks",
        "StatusEvent.Tick": "ticks",
    }  # fmt: skip


def _unit(entry: dict[str, Any]) -> re.Match[str] | None:
    return re.search(r", in (ticks|Hz|mHz|permille|us|ms|s)\b", entry.get("description", ""))
