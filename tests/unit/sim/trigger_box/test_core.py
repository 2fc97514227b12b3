"""Core registers 0 to 19 of the simulated box, as every Harp device has them.

In: reads and writes of each register, sound and not. Out: its type, length and value, as device.yml and the Harp
protocol state them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.contract import REGISTERS
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.machine import Machine
from tests.unit.sim.trigger_box.box_host import MS, Bench, read, split, write

DEVICE_YML = Path(__file__).parents[4] / "firmware-protocol" / "device.yml"


@pytest.fixture
def bench() -> Bench:
    return Bench(replace(BoxFacts(), serial_number=77, uid=bytes(range(16))))


def test_every_register_of_the_contract_can_be_read_with_its_type_and_length(bench: Bench) -> None:
    for address, register in REGISTERS.items():
        reply = bench.read(address)
        assert not reply.is_error, register
        assert (reply.payload_type, len(reply.payload)) == (register.payload_type, register.size), register


def test_every_read_only_register_refuses_a_write(bench: Bench) -> None:
    for address, register in REGISTERS.items():
        if not register.is_writable:
            assert bench.write(address, *([0] * register.elements)).is_error, register


def test_version_carries_the_interface_hash_of_device_yml(bench: Bench) -> None:
    version = bench.read(r.REG_VERSION).payload
    assert version[12:] == hashlib.sha1(DEVICE_YML.read_bytes()).digest()
    assert version[:3] == bytes((1, 5, 0))


def test_a_box_with_another_interface_reports_another_hash() -> None:
    bench = Bench(replace(BoxFacts(), interface_hash="ab" * 20))
    assert bench.read(r.REG_VERSION).payload[12:] == bytes([0xAB] * 20)


def test_deprecated_version_registers_still_answer(bench: Bench) -> None:
    assert [bench.read(address).values for address in range(1, 8)] == [(1,), (0,), (0,), (1,), (5,), (1,), (0,)]


def test_identity_is_what_the_box_was_made_with(bench: Bench) -> None:
    assert bench.read(r.REG_WHO_AM_I).values == (0,)
    assert bench.read(r.REG_DEVICE_NAME).payload.rstrip(b"\0") == b"TriggerBox"
    assert bench.read(r.REG_SERIAL_NUMBER).values == (77,)
    assert bench.read(r.REG_UID).payload == bytes(range(16))


def test_a_new_name_is_kept_until_it_is_restored(bench: Bench) -> None:
    assert bench.obeyed(r.REG_DEVICE_NAME, *b"Left rig".ljust(25, b"\0"))
    assert bench.read(r.REG_DEVICE_NAME).payload.rstrip(b"\0") == b"Left rig"
    bench.reboot()  # Device.md: the device resets if this register is written to
    assert bench.read(r.REG_DEVICE_NAME).payload.rstrip(b"\0") == b"Left rig"
    assert bench.obeyed(r.REG_RESET_DEVICE, r.RESET_BITS_RESTORE_NAME)
    bench.reboot()
    assert bench.read(r.REG_DEVICE_NAME).payload.rstrip(b"\0") == b"TriggerBox"
    assert not bench.machine.wants_reboot


def test_a_serial_number_is_written_after_its_key_and_outlives_the_reset_that_follows(bench: Bench) -> None:
    assert not bench.obeyed(r.REG_SERIAL_NUMBER, 12)
    assert bench.obeyed(r.REG_SERIAL_NUMBER, 0xFFFF)
    assert bench.read(r.REG_SERIAL_NUMBER).values == (77,)
    assert not bench.machine.wants_reboot
    assert bench.obeyed(r.REG_SERIAL_NUMBER, 12)
    bench.reboot()
    assert bench.read(r.REG_SERIAL_NUMBER).values == (12,)
    assert not bench.obeyed(r.REG_SERIAL_NUMBER, 13)


def test_setting_the_time_moves_headers_and_never_ticks(bench: Bench) -> None:
    assert bench.obeyed(r.REG_TIMESTAMP_SECONDS, 1_000_000)
    reply = bench.write(r.REG_CLOCK_PROBE, 1, 0, 0, 0)
    assert reply.harp_ticks // 10_000_000 == 1_000_000
    assert reply.values[2] == bench.t
    assert bench.read(r.REG_TIMESTAMP_SECONDS).values == (1_000_000,)


def test_a_locked_clock_refuses_a_new_time(bench: Bench) -> None:
    assert bench.obeyed(r.REG_CLOCK_CONFIGURATION, 0x80)
    assert not bench.obeyed(r.REG_TIMESTAMP_SECONDS, 5)
    assert bench.obeyed(r.REG_CLOCK_CONFIGURATION, 0x40)
    assert bench.obeyed(r.REG_TIMESTAMP_SECONDS, 5)
    assert not bench.obeyed(r.REG_CLOCK_CONFIGURATION, 0x02)


def test_the_box_boots_into_standby_and_sends_nothing_by_itself() -> None:
    machine = Machine(BoxFacts(), 0x40)
    machine.input_edge(0, 1, 1000)
    machine.advance(50_000_000)
    assert not machine.outbox.waiting
    machine.receive(read(r.REG_OPERATION_CONTROL), 50_000_001)
    assert [answer.values for answer in split(bytes(machine.outbox.waiting))] == [(0xE4,)]


def test_heartbeats_come_each_second_when_asked_for_and_use_no_event_number(bench: Bench) -> None:
    assert bench.obeyed(r.REG_OPERATION_CONTROL, 0x05)
    bench.wait(3000 * MS)
    assert [a.address for a in bench.others] == [r.REG_HEARTBEAT] * 3
    assert {a.values for a in bench.others} == {(1,)}
    assert bench.counter("EventsSent") == 0
    assert bench.obeyed(r.REG_OPERATION_CONTROL, 0x81)
    bench.wait(2000 * MS)
    assert [a.address for a in bench.others[3:]] == [r.REG_TIMESTAMP_SECONDS] * 2
    seconds = [a.values[0] for a in bench.others[3:]]
    assert seconds[1] == seconds[0] + 1


def test_no_heartbeat_in_standby(bench: Bench) -> None:
    assert bench.obeyed(r.REG_OPERATION_CONTROL, 0x84)
    bench.wait(3000 * MS)
    assert not bench.others


def test_a_dump_tells_every_register_once_and_clears_its_bit(bench: Bench) -> None:
    replies = bench.send(write(r.REG_OPERATION_CONTROL, 0x09))
    assert (replies[0].kind, replies[0].address, replies[0].values) == (2, r.REG_OPERATION_CONTROL, (1,))
    assert [reply.address for reply in replies[1:]] == list(REGISTERS)
    assert {reply.kind for reply in replies[1:]} == {1}


def test_muted_replies_come_back_when_unmuted(bench: Bench) -> None:
    assert bench.send(write(r.REG_OPERATION_CONTROL, 0x11)) == []
    assert bench.send(write(r.REG_WATCHDOG_FEED, 1)) == []
    assert len(bench.send(write(r.REG_OPERATION_CONTROL, 0x01))) == 1


def test_an_unknown_mode_is_refused(bench: Bench) -> None:
    assert not bench.obeyed(r.REG_OPERATION_CONTROL, 2)
    assert bench.read(r.REG_OPERATION_CONTROL).values == (1,)


def test_a_reset_turns_all_outputs_off_and_is_answered_first(bench: Bench) -> None:
    bench.run()
    bench.wait(5 * MS + 500)
    assert bench.machine.behaviour.output_levels
    reply = bench.write(r.REG_RESET_DEVICE, r.RESET_BITS_RESTORE_DEFAULT)
    assert not reply.is_error
    assert bench.machine.behaviour.output_levels == 0
    assert bench.machine.wants_reboot


@pytest.mark.parametrize(
    "bits",
    [
        0,
        r.RESET_BITS_RESTORE_EEPROM,  # nothing has been saved
        r.RESET_BITS_UPDATE_FIRMWARE,
        r.RESET_BITS_BOOT_FROM_DEFAULT,  # read-only
        r.RESET_BITS_BOOT_FROM_EEPROM,
        r.RESET_BITS_SAVE | r.RESET_BITS_RESTORE_DEFAULT,  # one bit at a time
    ],
)
def test_resets_that_mean_nothing_are_refused(bench: Bench, bits: int) -> None:
    assert not bench.obeyed(r.REG_RESET_DEVICE, bits)
    assert not bench.machine.wants_reboot


def test_saved_values_are_those_of_each_boot_until_the_defaults_are_restored(bench: Bench) -> None:
    assert bench.read(r.REG_RESET_DEVICE).values == (r.RESET_BITS_BOOT_FROM_DEFAULT,)
    assert bench.obeyed(r.REG_OPERATION_CONTROL, 0x85)
    assert bench.obeyed(r.REG_TIMESTAMP_OFFSET, 9)
    assert bench.obeyed(r.REG_CLOCK_CONFIGURATION, 0x80)
    assert bench.obeyed(r.REG_RESET_DEVICE, r.RESET_BITS_SAVE)
    bench.reboot()
    for boot in ("after the save", "after a reset to what was saved"):
        assert bench.read(r.REG_RESET_DEVICE).values == (r.RESET_BITS_BOOT_FROM_EEPROM,), boot
        assert bench.read(r.REG_OPERATION_CONTROL).values == (0x84,), boot  # each boot ends in standby
        assert bench.read(r.REG_TIMESTAMP_OFFSET).values == (9,), boot
        assert bench.read(r.REG_CLOCK_CONFIGURATION).values == (0x80,), boot
        assert bench.obeyed(r.REG_TIMESTAMP_OFFSET, 3)
        assert bench.obeyed(r.REG_RESET_DEVICE, r.RESET_BITS_RESTORE_EEPROM)
        bench.reboot()
    assert bench.obeyed(r.REG_DEVICE_NAME, *b"Left rig".ljust(25, b"\0"))
    bench.reboot()
    assert bench.obeyed(r.REG_RESET_DEVICE, r.RESET_BITS_RESTORE_DEFAULT)
    bench.reboot()
    assert bench.read(r.REG_RESET_DEVICE).values == (r.RESET_BITS_BOOT_FROM_DEFAULT,)
    assert bench.read(r.REG_OPERATION_CONTROL).values == (0xE4,)
    assert bench.read(r.REG_TIMESTAMP_OFFSET).values == (0,)
    assert bench.read(r.REG_DEVICE_NAME).payload.rstrip(b"\0") == b"TriggerBox"


@pytest.mark.parametrize("bits", [r.RESET_BITS_RESTORE_DEFAULT, r.RESET_BITS_SAVE, r.RESET_BITS_RESTORE_NAME])
def test_every_reset_forgets_schedule_and_limits_and_turns_outputs_off(bench: Bench, bits: int) -> None:
    bench.run()
    bench.wait(5 * MS + 500)
    assert bench.obeyed(r.REG_RESET_DEVICE, bits)
    assert bench.machine.behaviour.output_levels == 0
    bench.reboot()
    assert bench.read(r.REG_COMMITTED_GENERATION).values == (0,)
    assert bench.state == 0
