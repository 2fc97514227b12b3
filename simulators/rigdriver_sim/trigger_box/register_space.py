"""Registers to behaviour: what a read returns and what a write does.

In: requests with the box tick of their arrival. Out: whether each was obeyed, and the value of a register. Not here:
messages, events, and where requests come from (see machine.py).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.behaviour import Behaviour
from rigdriver_sim.trigger_box.contract import TICKS_PER_S, Register
from rigdriver_sim.trigger_box.core import CoreRegisters, Values
from rigdriver_sim.trigger_box.light import LightLimits
from rigdriver_sim.trigger_box.parser import Request

LAST_CORE_REGISTER = 19

_TELLS_WHY = frozenset((r.REG_COMMIT, r.REG_ARM, r.REG_START))
"""Registers that check their ranges themselves, so that CommitRefusal has the reason."""


class Registers:
    """The register space of one box from boot to reset."""

    def __init__(self, behaviour: Behaviour, core: CoreRegisters, counters: Callable[[], Values]) -> None:
        self.last_event: dict[int, bytes] = {}
        """Payload of the last event of each register."""
        self.probe_ticks: Callable[[int], int] = lambda t_ticks: t_ticks
        """Function that returns the clock's answer to a probe, given the tick of the request."""
        self._box = behaviour
        self._core = core
        self._written: dict[int, Values] = {}
        self._readers = self._make_readers(counters)
        self._writers = self._make_writers()

    def obey(self, register: Register, request: Request, t_ticks: int) -> bool:
        """Do what the request asks; False when it must be refused."""
        # A read, too, is refused with the wrong payload type (PROTOCOL 2.3).
        if request.payload_type != register.payload_type:
            return False
        if not request.is_write:
            return True
        # PROTOCOL 2.3 lists what is refused; nothing may have changed by then but counters and CommitRefusal.
        if not register.is_writable or len(request.payload) != register.size:
            return False
        values = register.unpack(request.payload)
        if register.address not in _TELLS_WHY and not register.is_in_range(values):
            return False
        if register.address <= LAST_CORE_REGISTER:
            return self._core.write(register.address, values, t_ticks)
        if self._writers[register.address](values, t_ticks) is False:
            return False
        self._written[register.address] = values
        if register.address == r.REG_CLOCK_PROBE:
            self._written[register.address] = _probe_answer(values[0], self.probe_ticks(t_ticks))
        return True

    def reply(self, register: Register, request: Request, t_ticks: int) -> bytes:
        """Return the payload that answers an obeyed request."""
        # The train may still stand in LightSession when zeros were written; the reply is what was written all the same.
        if request.is_write and request.address == r.REG_LIGHT_SESSION:
            return request.payload
        return self.read(register, t_ticks)

    def read(self, register: Register, t_ticks: int) -> bytes:
        """Return the register's payload."""
        # PROTOCOL 2.4: an event register reads as the payload last sent, and as zeros before the first one.
        if register.address in self.last_event:
            return self.last_event[register.address]
        if register.address <= LAST_CORE_REGISTER:
            return register.pack(*self._core.read(register.address, t_ticks))
        if reader := self._readers.get(register.address):
            return register.pack(*reader(t_ticks))
        return register.pack(*self._written.get(register.address, (register.default,) * register.elements))

    def _make_readers(self, counters: Callable[[], Values]) -> Mapping[int, Callable[[int], Values]]:
        box, facts = self._box, self._box.facts
        return {
            r.REG_TICK_RATE: lambda _: (TICKS_PER_S,),
            r.REG_CAPABILITIES: lambda _: (
                facts.outputs,
                facts.inputs,
                facts.max_steps,
                facts.lamp_outputs,
                facts.interlock_inputs,
                facts.sync_inputs,
            ),
            r.REG_BOX_STATE: lambda _: (box.state,),
            r.REG_FAULT: lambda _: (box.fault,),
            r.REG_OUTPUT_LEVELS: lambda _: (box.output_levels,),
            r.REG_INPUT_LEVELS: lambda _: (box.input_levels,),
            r.REG_COMMIT_REFUSAL: lambda _: (box.refusal.reason, box.refusal.detail),
            r.REG_COMMITTED_GENERATION: lambda _: (box.committed_generation,),
            r.REG_WATCHDOG_TIMEOUT: lambda _: (box.watchdog_timeout_ticks,),
            r.REG_LIGHT_LIMITS: lambda _: box.light.limits.words(),
            r.REG_HARD_LIGHT_LIMITS: lambda _: facts.hard_light.words(),
            r.REG_LIGHT_SESSION: lambda t: (box.light.session_flashes, box.light.train_flashes(t)),
            r.REG_LIGHT_WAIT: lambda t: (box.light_wait_ticks(t), box.light.train_wait_ticks(t)),
            r.REG_COUNTERS: lambda _: counters(),
        }

    def _make_writers(self) -> Mapping[int, Callable[[Values, int], bool | None]]:
        box = self._box
        return {
            r.REG_CLEAR_FAULT: lambda _, t: box.clear_fault(t),
            r.REG_STAGE_CLEAR: lambda _v, _t: self._clear_staging(),
            r.REG_STAGE_HEADER: lambda v, _: box.staging.set_header(v),
            r.REG_STAGE_STEP: lambda v, _: box.staging.set_step(v),
            r.REG_COMMIT: lambda v, t: box.commit(v[0], v[1], v[2], t),
            r.REG_ARM: lambda v, t: box.arm(v[0], t),
            r.REG_START: lambda v, t: box.start(v[0], t),
            r.REG_STOP: self._stop,
            r.REG_CLOCK_PROBE: lambda _v, _t: None,
            r.REG_WATCHDOG_TIMEOUT: self._set_watchdog,
            r.REG_WATCHDOG_FEED: lambda _, t: box.feed(t),
            r.REG_LIGHT_LIMITS: lambda v, _: box.set_limits(LightLimits(*v)),
            r.REG_LIGHT_SESSION: lambda v, _: not any(v) and box.begin_light_session(),
        }

    def _clear_staging(self) -> None:
        self._box.staging.clear()
        # A read gives the value last written (PROTOCOL 2.4), and StageClear makes header and steps zero.
        self._written.pop(r.REG_STAGE_HEADER, None)
        self._written.pop(r.REG_STAGE_STEP, None)

    def _stop(self, values: Values, t_ticks: int) -> bool:
        if values[0] not in (r.STOP_MODES_NOW, r.STOP_MODES_AFTER_PULSE):
            return False
        self._box.stop(values[0], t_ticks)
        return True

    def _set_watchdog(self, values: Values, _t_ticks: int) -> None:
        self._box.watchdog_timeout_ticks = values[0]


def _probe_answer(nonce: int, t_ticks: int) -> Values:
    """Sum nonce and tick, so that neither can be damaged on the way without showing."""
    low, high = t_ticks & 0xFFFFFFFF, t_ticks >> 32
    return nonce, zlib.crc32(struct.pack("<3I", nonce, low, high)), low, high
