"""Why the box refused or turned off, in words that say what to do.

In: the numbers that the box reports. Out: errors with device, cause and remedy. Not here: how the numbers
were read (see trigger_box.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from rigdriver.errors import BoxFault, BoxRefused
from rigdriver.wire.registers import BoxStates, CommitRefusalRecord, Faults, RefusalReasons

_REASONS: Final[Mapping[RefusalReasons, tuple[str, str]]] = MappingProxyType(
    {
        RefusalReasons.NONE: ("it gives no reason", "check the light limits and the state"),
        RefusalReasons.WRONG_STATE: ("not possible in this state", "stop it first"),
        RefusalReasons.STEP_COUNT_DIFFERS: ("it has another number of steps than was sent", "commit again"),
        RefusalReasons.CRC_DIFFERS: ("the staged schedule is not what was sent", "commit again, check the cable"),
        RefusalReasons.GENERATION_INVALID: ("the generation is not the committed one", "commit again"),
        RefusalReasons.STEP_OUTSIDE_PULSE: ("step {detail} ends after the pulse", "lengthen the pulse period"),
        RefusalReasons.STEPS_OVERLAP: ("step {detail} raises an output that is already high", "move the step"),
        RefusalReasons.OUTPUT_NOT_WIRED: ("output {detail} is not wired", "check the outputs in the rig file"),
        RefusalReasons.FLASH_TOO_LONG: ("step {detail}: the flash is too long", "shorten the exposure"),
        RefusalReasons.LAMP_DUTY_TOO_LARGE: ("output {detail}: lit for too much of the time", "lower rate or exposure"),
        RefusalReasons.LAMP_RATE_TOO_HIGH: ("flashes come too fast", "lower the rate"),
        RefusalReasons.INTERLOCK_OPEN: ("the interlock is open (input {detail})", "close it"),
        RefusalReasons.WATCHDOG_NOT_FED: ("its watchdog was not fed in time", "check cable and load"),
        RefusalReasons.LIGHT_SESSION_SPENT: ("this session's light is used up", "begin a new light session"),
        RefusalReasons.NO_SYNC_INPUT: ("it has no sync input to start pulses from outside", "use the box clock"),
        RefusalReasons.LIGHT_PAUSE_DUE: (
            "its lamps must stay dark for {detail} more ticks",
            "wait for as long as light_wait() says, then start again",
        ),
        RefusalReasons.TRAIN_TOO_LONG: (
            "output {detail} flashes more often in one pulse than a flash train may",
            "plan fewer flashes per pulse",
        ),
    }
)
"""Two phrases per reason: what was seen, and what to do."""
_FAULTS: Final[Mapping[Faults, tuple[str, str]]] = MappingProxyType(
    {
        Faults.WATCHDOG_EXPIRED: ("this computer was silent for longer than box.watchdog_s", "check cable and load"),
        Faults.INTERLOCK_OPEN: ("the interlock opened", "close it"),
        Faults.LIGHT_LIMIT: ("a limit on light was reached", "pause, or begin a new light session"),
        Faults.EVENTS_LOST: ("it could not send its events fast enough", "check the cable, lower the rate"),
        Faults.INTERNAL: ("a check inside the firmware failed", "power it off and on"),
    }
)
"""Two phrases per fault: what happened, and what to do."""


def explained_refusal(name: str, what: str, state: BoxStates, refusal: CommitRefusalRecord) -> BoxRefused:
    """Return the error of a refused commit, arm or start."""
    reason, remedy = _REASONS[refusal.reason]
    seen = f"refused to {what} in state {state.name.capitalize()}: {reason.format(detail=refusal.detail)}"
    return BoxRefused(device=name, seen=seen, remedy=remedy)


def fault_cause(fault: Faults) -> str:
    """Return what happened."""
    return "; ".join(cause for cause, _ in _known(fault))


def fault_remedy(fault: Faults) -> str:
    """Return what to do about it."""
    return "; ".join(remedy for _, remedy in _known(fault) if remedy)


def _known(fault: Faults) -> list[tuple[str, str]]:
    return [known for flag, known in _FAULTS.items() if flag in fault] or [(f"fault bits {int(fault):#x}", "")]


def explained_fault(
    name: str, fault: Faults, then: str = "then clear the fault and commit again", before: str = ""
) -> BoxFault:
    """Return the error of a box in state Fault; `then` is what to do when the causes are removed.

    `before`: what else is known of the cause, such as how long this program stood still.
    """
    found = _known(fault)
    reasons = "; ".join("; ".join(filter(None, known)) for known in found)
    more = f"{before}, so " if before else ""
    # With several causes each remedy stands behind its own cause.
    return BoxFault(
        f"{name}: turned everything off: {more}{reasons}; {then}",
        device=name,
        seen=f"turned everything off: {more}{fault_cause(fault)}",
        remedy="; ".join([*(remedy for _, remedy in found if remedy), then]),
    )
