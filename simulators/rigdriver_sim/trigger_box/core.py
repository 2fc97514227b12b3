"""The registers that every Harp device has (0 to 19), deprecated ones included.

In: reads and writes with the box tick. Out: payload values. Harp time is the box clock plus whole seconds that the host
may set; the box clock itself never jumps. Not here: what the device is for (see behaviour.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.contract import TICKS_PER_S
from rigdriver_sim.trigger_box.facts import BoxFacts

PROTOCOL_VERSION = (1, 5, 0)
FIRMWARE_VERSION = (1, 0, 0)
HARDWARE_VERSION = (1, 0, 0)
CORE_ID = b"SIM"

# Harp Device 1.13 gives OperationControl this value at boot: standby, heartbeat, both indicators.
_BOOT_OPERATION = 0xE4
_MODE_MASK = 0x03
_HEADER_TICK = 320
_CLOCK_LOCK, _CLOCK_UNLOCK = 0x80, 0x40

Values = tuple[int, ...]


class CoreRegisters:
    """State of the core registers of one box since its boot."""

    def __init__(self, facts: BoxFacts) -> None:
        self._facts = facts
        self._second_offset = 0
        self._operation = _BOOT_OPERATION
        self._name = facts.device_name
        self._serial_number = facts.serial_number
        self._timestamp_offset = 0
        self._is_clock_locked = False
        self._readers: Mapping[int, Callable[[int], Values]] = {
            r.REG_WHO_AM_I: lambda _: (facts.who_am_i,),
            r.REG_HARDWARE_VERSION_HIGH: lambda _: (HARDWARE_VERSION[0],),
            r.REG_HARDWARE_VERSION_LOW: lambda _: (HARDWARE_VERSION[1],),
            r.REG_ASSEMBLY_VERSION: lambda _: (0,),
            r.REG_CORE_VERSION_HIGH: lambda _: (PROTOCOL_VERSION[0],),
            r.REG_CORE_VERSION_LOW: lambda _: (PROTOCOL_VERSION[1],),
            r.REG_FIRMWARE_VERSION_HIGH: lambda _: (FIRMWARE_VERSION[0],),
            r.REG_FIRMWARE_VERSION_LOW: lambda _: (FIRMWARE_VERSION[1],),
            r.REG_TIMESTAMP_SECONDS: lambda t: (self.harp_ticks(t) // TICKS_PER_S & 0xFFFFFFFF,),
            r.REG_TIMESTAMP_TICKS: lambda t: (self.harp_ticks(t) % TICKS_PER_S // _HEADER_TICK,),
            r.REG_OPERATION_CONTROL: lambda _: (self._operation,),
            # Read, this register says what the device booted from (Harp Device 1.13).
            r.REG_RESET_DEVICE: lambda _: (r.RESET_BITS_BOOT_FROM_DEFAULT,),
            r.REG_DEVICE_NAME: lambda _: tuple(self._name.encode("ascii")[:25].ljust(25, b"\0")),
            r.REG_SERIAL_NUMBER: lambda _: (self._serial_number,),
            r.REG_CLOCK_CONFIGURATION: lambda _: (_CLOCK_LOCK if self._is_clock_locked else _CLOCK_UNLOCK,),
            r.REG_TIMESTAMP_OFFSET: lambda _: (self._timestamp_offset,),
            r.REG_UID: lambda _: tuple(facts.uid),
            r.REG_TAG: lambda _: (0,) * 8,
            r.REG_HEARTBEAT: lambda _: (r.HEARTBEAT_BITS_IS_ACTIVE if self.is_active else 0,),
            r.REG_VERSION: lambda _: self._version(),
        }

    @property
    def is_active(self) -> bool:
        """Events are allowed."""
        return self._operation & _MODE_MASK == r.OPERATION_BITS_ACTIVE

    @property
    def is_mute(self) -> bool:
        """Replies are not wanted."""
        return bool(self._operation & r.OPERATION_BITS_MUTE_REPLIES)

    @property
    def heartbeat_address(self) -> int | None:
        """Register to send once a second, or None: Heartbeat, or the deprecated TimestampSeconds."""
        if not self.is_active:
            return None
        if self._operation & r.OPERATION_BITS_HEARTBEAT:
            return r.REG_HEARTBEAT
        return r.REG_TIMESTAMP_SECONDS if self._operation & r.OPERATION_BITS_ALIVE else None

    def leave_active_mode(self) -> None:
        """Go to standby: no events, no heartbeat."""
        self._operation &= ~_MODE_MASK

    def harp_ticks(self, t_ticks: int) -> int:
        """Return Harp time in box ticks."""
        return t_ticks + self._second_offset * TICKS_PER_S

    def read(self, address: int, t_ticks: int) -> Values:
        """Return the register's elements."""
        return self._readers[address](t_ticks)

    def write(self, address: int, values: Values, t_ticks: int) -> bool:
        """Take the elements; False when they are out of range."""
        match address:
            case r.REG_TIMESTAMP_SECONDS:
                return self._set_seconds(values[0], t_ticks)
            case r.REG_OPERATION_CONTROL:
                return self._set_operation(values[0])
            case r.REG_RESET_DEVICE:
                return self._reset(values[0])
            case r.REG_DEVICE_NAME:
                return self._set_name(bytes(values))
            case r.REG_SERIAL_NUMBER:
                self._serial_number = values[0]
            case r.REG_CLOCK_CONFIGURATION:
                return self._set_clock(values[0])
            case r.REG_TIMESTAMP_OFFSET:
                self._timestamp_offset = values[0]
            case _:
                return False
        return True

    def _set_seconds(self, seconds: int, t_ticks: int) -> bool:
        if self._is_clock_locked:
            return False
        # Only the stamps of headers move; ticks in payloads must not (PROTOCOL 3.5).
        self._second_offset = seconds - t_ticks // TICKS_PER_S
        return True

    def _set_operation(self, value: int) -> bool:
        if value & _MODE_MASK > 1:
            return False
        # The dump is an act, not a setting: it is done after the reply (see machine.py).
        self._operation = value & ~r.OPERATION_BITS_DUMP_REGISTERS
        return True

    def _reset(self, value: int) -> bool:
        """Nothing survives a power cycle in this box, so only the defaults can be restored."""
        if value == r.RESET_BITS_RESTORE_NAME:
            self._name = self._facts.device_name
        return value in (r.RESET_BITS_RESTORE_NAME, r.RESET_BITS_RESTORE_DEFAULT)

    def _set_name(self, name: bytes) -> bool:
        text = name.split(b"\0", 1)[0]
        if not text.isascii():
            return False
        self._name = text.decode("ascii")
        return True

    def _set_clock(self, value: int) -> bool:
        """Lock or unlock the time; the box can neither repeat nor generate a synchronization clock."""
        if value & ~(_CLOCK_LOCK | _CLOCK_UNLOCK) or value == _CLOCK_LOCK | _CLOCK_UNLOCK:
            return False
        self._is_clock_locked = self._is_clock_locked if value == 0 else value == _CLOCK_LOCK
        return True

    def _version(self) -> Values:
        digest = bytes.fromhex(self._facts.interface_hash or r.INTERFACE_HASH)
        return (*PROTOCOL_VERSION, *FIRMWARE_VERSION, *HARDWARE_VERSION, *CORE_ID, *digest)
