"""The registers that every Harp device has (0 to 19), deprecated ones included.

In: reads and writes with the box tick. Out: payload values. Harp time is the box clock plus whole seconds that the host
may set; the box clock itself never jumps. Resets follow Harp's Device.md. Not here: what the device is for (see
behaviour.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.contract import TICKS_PER_S
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.non_volatile import NonVolatile, SavedValues

PROTOCOL_VERSION = (1, 5, 0)
FIRMWARE_VERSION = (1, 0, 0)
HARDWARE_VERSION = (1, 0, 0)
CORE_ID = b"SIM"

# Harp Device 1.13 gives OperationControl this value at boot: standby, heartbeat, both indicators.
_BOOT_OPERATION = 0xE4
_MODE_MASK = 0x03
# Harp counts the rest of a second in steps of 32 us.
_HEADER_TICK = 320
_CLOCK_LOCK, _CLOCK_UNLOCK = 0x80, 0x40
_SERIAL_NUMBER_KEY = 0xFFFF
"""Value that a host writes before a new serial number."""

Values = tuple[int, ...]


class CoreRegisters:
    """State of the core registers of one box since its boot."""

    def __init__(self, facts: BoxFacts, memory: NonVolatile) -> None:
        self._facts = facts
        self._memory = memory
        self.wants_reboot = False
        """Whether something was written that takes effect with a boot, which follows at once."""
        saved = memory.saved or SavedValues(_BOOT_OPERATION, 0, False)
        self._booted_from = r.RESET_BITS_BOOT_FROM_EEPROM if memory.saved else r.RESET_BITS_BOOT_FROM_DEFAULT
        self._second_offset = 0
        self._operation = saved.operation
        self._timestamp_offset = saved.timestamp_offset
        self._is_clock_locked = saved.is_clock_locked
        self._is_serial_number_open = False
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
            r.REG_RESET_DEVICE: lambda _: (self._booted_from,),
            r.REG_DEVICE_NAME: lambda _: tuple(memory.name.encode("ascii")[:25].ljust(25, b"\0")),
            r.REG_SERIAL_NUMBER: lambda _: (memory.serial_number,),
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
                return self._set_serial_number(values[0])
            case r.REG_CLOCK_CONFIGURATION:
                return self._set_clock(values[0])
            case r.REG_TIMESTAMP_OFFSET:
                # Deprecated and without effect, but kept: Save stores it (PROTOCOL 2.5).
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
        # PROTOCOL 3.3 has standby (0) and active (1); Harp's other two modes are refused.
        if value & _MODE_MASK > 1:
            return False
        # The dump is an act, not a setting: it is done after the reply (see machine.py).
        self._operation = value & ~r.OPERATION_BITS_DUMP_REGISTERS
        return True

    def _reset(self, value: int) -> bool:
        """Take one bit at a time; the bits that tell how the box has booted cannot be written."""
        if value == r.RESET_BITS_RESTORE_DEFAULT:
            self._memory.erase()
        elif value == r.RESET_BITS_RESTORE_NAME:
            self._memory.restore_name()
        elif value == r.RESET_BITS_SAVE:
            # Each boot ends in standby: a box must not report before it is asked to.
            operation = self._operation & ~_MODE_MASK
            self._memory.saved = SavedValues(operation, self._timestamp_offset, self._is_clock_locked)
        elif value != r.RESET_BITS_RESTORE_EEPROM or self._memory.saved is None:
            return False
        self.wants_reboot = True
        return True

    def _set_name(self, name: bytes) -> bool:
        text = name.split(b"\0", 1)[0]
        if not text.isascii():
            return False
        self._memory.name = text.decode("ascii")
        self.wants_reboot = True
        return True

    def _set_serial_number(self, value: int) -> bool:
        """Take the key first, then the number."""
        # The key opens the number for the next write only, whatever that is (PROTOCOL 2.5).
        is_open, self._is_serial_number_open = self._is_serial_number_open, value == _SERIAL_NUMBER_KEY
        if value == _SERIAL_NUMBER_KEY:
            return True
        if is_open:
            self._memory.serial_number = value
            self.wants_reboot = True
        return is_open

    def _set_clock(self, value: int) -> bool:
        """Lock or unlock the time; the box can neither repeat nor generate a synchronization clock."""
        if value & ~(_CLOCK_LOCK | _CLOCK_UNLOCK) or value == _CLOCK_LOCK | _CLOCK_UNLOCK:
            return False
        self._is_clock_locked = self._is_clock_locked if value == 0 else value == _CLOCK_LOCK
        return True

    def _version(self) -> Values:
        digest = bytes.fromhex(self._facts.interface_hash or r.INTERFACE_HASH)
        return (*PROTOCOL_VERSION, *FIRMWARE_VERSION, *HARDWARE_VERSION, *CORE_ID, *digest)
