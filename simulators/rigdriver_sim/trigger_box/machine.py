"""The whole box without its wires and its port: bytes and edges in with their ticks, bytes and output changes out.

In: bytes from the host, input edges, time in box ticks. Out: bytes for the host (bounded), output changes, and when
something is due next. What cannot be sent is dropped and counted. Not here: simulated time, ports and cameras (see
box.py and links.py); no clock is read here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from rigdriver_sim.trigger_box import messages
from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.behaviour import Behaviour, OutputChange
from rigdriver_sim.trigger_box.contract import REGISTERS, TICKS_PER_S, Register
from rigdriver_sim.trigger_box.core import CoreRegisters, Values
from rigdriver_sim.trigger_box.event_damage import EventLink
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.non_volatile import NonVolatile
from rigdriver_sim.trigger_box.parser import ERROR_BIT, EVENT, READ, WRITE, Parser, Request
from rigdriver_sim.trigger_box.register_space import LAST_CORE_REGISTER, Registers


class Machine:
    """One box from boot to reset."""

    def __init__(
        self,
        facts: BoxFacts,
        input_levels: int,
        memory: NonVolatile | None = None,
        events: EventLink | None = None,
    ) -> None:
        """`memory` is what the box remembers of earlier boots, `events` the way of its events; None: nothing, sound."""
        self._events = events or EventLink(0)
        self.outbox = messages.Outbox()
        memory = memory or NonVolatile(facts)
        self.behaviour = Behaviour(facts, self._send_event, input_levels, memory.light)
        self._parser = Parser()
        self._core = CoreRegisters(facts, memory)
        self._event_counter = 0
        self._events_dropped = 0
        self._refused = 0
        self._heartbeat_ticks: int | None = None
        self._space = Registers(self.behaviour, self._core, self.counters)

    # ---------------------------------------------------------------- the world outside

    def read_clock_by(self, probe_ticks: Callable[[int], int]) -> None:
        """Answer clock probes by this reading of the clock; it is given the tick of the request, and never earlier."""
        self._space.probe_ticks = probe_ticks

    def receive(self, data: bytes, t_ticks: int) -> None:
        """Take bytes from the host, all of which arrived by now."""
        # First what was due before the bytes came: a Stop cannot take back an edge that has happened.
        self.advance(t_ticks)
        for request in self._parser.feed(data, t_ticks):
            self._answer(request, t_ticks)

    def input_edge(self, line: int, level: int, t_ticks: int) -> None:
        """An input changed."""
        self.advance(t_ticks)
        self.behaviour.input_edge(line, level, t_ticks)

    def advance(self, t_ticks: int) -> None:
        """Do everything that is due up to then."""
        while self._heartbeat_ticks is not None and self._heartbeat_ticks <= t_ticks:
            beat_ticks = self._heartbeat_ticks
            self.behaviour.advance(beat_ticks)
            self._send_heartbeat(beat_ticks)
        self.behaviour.advance(t_ticks)

    @property
    def wants_reboot(self) -> bool:
        """The host has asked for a reset; whoever holds the machine makes a new one."""
        return self._core.wants_reboot

    @property
    def next_run_ticks(self) -> int | None:
        """When the run under way needs the box next."""
        return self.behaviour.next_run_ticks

    @property
    def next_timer_ticks(self) -> int | None:
        """When a time-out, a flush or a heartbeat is due next."""
        dues = [due for due in (self.behaviour.next_timer_ticks, self._heartbeat_ticks) if due is not None]
        return min(dues, default=None)

    def link_lost(self) -> None:
        """The host has gone: forget what waits and go to standby."""
        # Only the reports end with the link (PROTOCOL 3.4): the run goes on until the watchdog ends it.
        self._core.leave_active_mode()
        self._heartbeat_ticks = None
        self.outbox.waiting.clear()

    def take_changes(self) -> list[OutputChange]:
        """Return the output changes since the last call, in time order."""
        changes, self.behaviour.changes = self.behaviour.changes, []
        return changes

    def counters(self) -> Values:
        """Return what the register `Counters` holds, in its order."""
        counts = self.behaviour.counts
        values = (
            self._event_counter,
            self._events_dropped,
            counts.pulses_started,
            counts.output_edges,
            counts.input_edges,
            self._parser.checksum_errors,
            self._parser.bytes_skipped,
            self._refused,
            counts.watchdog_trips,
            counts.interlock_trips,
            self.behaviour.light.total_flashes,
            counts.inputs_ignored,
        )
        return tuple(value & 0xFFFFFFFF for value in values)

    # ---------------------------------------------------------------- requests

    def _answer(self, request: Request, t_ticks: int) -> None:
        register = REGISTERS.get(request.address)
        is_good = register is not None and self._obey(register, request, t_ticks)
        self._refused += not is_good
        kind = (WRITE if request.is_write else READ) | (0 if is_good else ERROR_BIT)
        payload = b"" if register is None or not is_good else self._space.reply(register, request, t_ticks)
        self._reply(kind, request.address, request.payload_type, payload, t_ticks)
        if is_good and request.is_write and request.address == r.REG_OPERATION_CONTROL:
            self._dump_if_asked(request.payload[0], t_ticks)

    def _obey(self, register: Register, request: Request, t_ticks: int) -> bool:
        if not self._space.obey(register, request, t_ticks):
            return False
        if self._core.wants_reboot:
            # PROTOCOL 2.5: outputs are off before the reply goes out, and the box boots after it.
            self.behaviour.stop(r.STOP_MODES_NOW, t_ticks)
        if request.is_write and request.address <= LAST_CORE_REGISTER:
            self._plan_heartbeat(t_ticks)
        return True

    # ---------------------------------------------------------------- to the host

    def _reply(self, kind: int, address: int, payload_type: int, payload: bytes, t_ticks: int) -> None:
        if not self._core.is_mute:
            self.outbox.put_reply(messages.encode(kind, address, payload_type, payload, self._core.harp_ticks(t_ticks)))

    def _dump_if_asked(self, operation: int, t_ticks: int) -> None:
        if operation & r.OPERATION_BITS_DUMP_REGISTERS:
            for address, register in REGISTERS.items():
                self._reply(READ, address, register.payload_type, self._space.read(register, t_ticks), t_ticks)

    def _send_event(self, address: int, body: bytes, t_ticks: int) -> bool:
        """Number, seal and send the event; its number is spent even without room, so that the host sees a gap."""
        # In standby nothing is reported and the counter stands still (PROTOCOL 3.2), so this is no lost event.
        if not self._core.is_active:
            return True
        numbered = struct.pack("<I", self._event_counter) + body
        payload = numbered + struct.pack("<I", zlib.crc32(numbered))
        self._event_counter = self._event_counter + 1 & 0xFFFFFFFF
        self._space.last_event[address] = payload
        message = messages.encode(EVENT, address, 1, payload, self._core.harp_ticks(t_ticks))
        is_sent = True
        for arriving in self._events.carry(message):
            is_sent = self.outbox.put_event(arriving) and is_sent
        self._events_dropped += not is_sent
        return is_sent

    def _send_heartbeat(self, t_ticks: int) -> None:
        # A heartbeat has no EventCounter (PROTOCOL 3.3): one that does not fit is not missed.
        address = self._core.heartbeat_address
        if address is not None:
            register = REGISTERS[address]
            harp_ticks = self._core.harp_ticks(t_ticks)
            payload = self._space.read(register, t_ticks)
            self.outbox.put_event(messages.encode(EVENT, address, register.payload_type, payload, harp_ticks))
        self._plan_heartbeat(t_ticks)

    def _plan_heartbeat(self, t_ticks: int) -> None:
        """Beat at the next whole second of the box clock (Harp time differs from it by whole seconds)."""
        is_wanted = self._core.heartbeat_address is not None
        self._heartbeat_ticks = (t_ticks // TICKS_PER_S + 1) * TICKS_PER_S if is_wanted else None
