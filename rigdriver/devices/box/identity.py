"""Who is on the other end of the port: a trigger box or not, with this interface or not, and its equipment.

In: a link over which nothing was said yet. Out: `BoxIdentity`, with the box quiet, stopped and reporting events again.
A device that is none of ours gets nothing but reads and the Harp standby command. Not here: threads (see
trigger_box.py) and schedules (see schedule/plan.py).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from rigdriver.devices.box.found import FoundState, Policy, take_over
from rigdriver.devices.box.link import BoxLink
from rigdriver.devices.box.serial_port import BAUD_RATE
from rigdriver.errors import BadReply, BoxRefused, InterfaceMismatch, NoReply, NotATriggerBox
from rigdriver.wire import registers

_logger = logging.getLogger(__name__)
BOOT_S = 3.0
"""Time after the first attempts in which a board may restart: its port was opened, and it is deaf and prints a text."""
QUIET_S = 0.3
"""Silence after which such a text counts as over."""
TEXT_BYTES = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))
TEXT_SHARE = 0.8
"""Share of text characters from which on bytes are shown as text; a wrong baud rate gives far fewer."""
DEVICE_NAME = "TriggerBox"
LEDS = registers.OperationBits.VISUAL_INDICATORS | registers.OperationBits.OPERATION_LED
STANDBY = LEDS
ACTIVE = LEDS | registers.OperationBits.ACTIVE


@dataclass(frozen=True, slots=True)
class BoxIdentity:
    """What a box says of itself; none of it changes while it is open."""

    device_name: str
    serial_number: int
    uid: str
    firmware: str
    interface_hash: str
    tick_rate_hz: int
    outputs: int
    inputs: int
    max_steps: int
    lamp_outputs: int
    """Mask of the outputs that make light."""
    interlock_inputs: int
    """Mask of the inputs that must be high while light is allowed."""
    sync_inputs: int
    """Mask of the inputs that can start a pulse from outside."""
    hard_light: registers.HardLightLimitsRecord


def identify(link: BoxLink, old_faults: Policy = "host") -> tuple[BoxIdentity, int, FoundState]:
    """Make sure that a trigger box of this interface answers, stop it, and take it over from a program before.

    Returns what it is, its event counter, and how it was found. `old_faults`: see found.py.

    Raises:
        NoReply: nothing answers.
        NotATriggerBox: something else answers.
        InterfaceMismatch: a trigger box with another interface.
    """
    link.traffic.flush()
    _greet(link)
    try:
        who = link.read(registers.WHO_AM_I)
        name = _text(link.read(registers.DEVICE_NAME))
        version = link.read_twice(registers.VERSION)
    except (BoxRefused, BadReply, NoReply) as exc:
        raise NotATriggerBox(
            device=link.name, seen=f"a Harp device that is no trigger box ({exc})", remedy="check box.url"
        ) from exc
    _compare_interface(link, who, name, version)
    link.is_fenced = True
    found = take_over(link, old_faults)
    # In standby the counter stands still, so this is exactly what the first event will carry.
    # Some of the other counters may go on, because inputs change at any time.
    next_event = link.read_twice(registers.COUNTERS, compared_bytes=4).events_sent
    link.write(registers.OPERATION_CONTROL, ACTIVE, is_echoed=False)
    return _describe(link, name, version), next_event, found


def _greet(link: BoxLink) -> None:
    """Bring the device to standby; wait for a board that restarts when its port is opened."""
    try:
        _ask_for_standby(link)
    except NoReply as exc:
        # Asking goes on for a while by itself; what is left is for listening, since some bootloaders take every byte.
        is_quiet = link.traffic.hear_out(QUIET_S, BOOT_S)
        if not link.traffic.received_bytes:
            raise NoReply(
                device=link.name,
                seen="nothing answers",
                remedy="check that the box has power and that box.url names its port",
            ) from exc
        if not is_quiet:
            raise _stranger(link, ", and they do not end") from exc
        _ask_again(link)
    except BoxRefused as exc:
        raise NotATriggerBox(
            device=link.name, seen="a Harp device that refuses standby is no trigger box", remedy="check box.url"
        ) from exc
    if skipped := link.traffic.counters.bytes_skipped:
        _logger.warning(
            "%s: sent %s before its first answer; boards that restart when their port is opened do so",
            link.name,
            _quoted(link.traffic.first_bytes[:skipped]),
        )
        link.traffic.forgive()


def _ask_again(link: BoxLink) -> None:
    try:
        _ask_for_standby(link)
    except NoReply as exc:
        raise _stranger(link) from exc


def _ask_for_standby(link: BoxLink) -> None:
    link.write(registers.OPERATION_CONTROL, STANDBY, is_echoed=False)


def _stranger(link: BoxLink, more: str = "") -> NotATriggerBox:
    is_text = _is_text(link.traffic.first_bytes)
    hint = "" if is_text else f"; they are no text: check that both ends run at {BAUD_RATE} baud"
    return NotATriggerBox(
        device=link.name,
        seen=f"{link.traffic.received_bytes} bytes came, but no answer of a Harp device{more}; the first are "
        f"{_quoted(link.traffic.first_bytes)}",
        remedy=f"check box.url{hint}",
    )


def _quoted(raw: bytes) -> str:
    return repr(raw.decode("ascii", "backslashreplace")) if _is_text(raw) else raw.hex(" ")


def _is_text(raw: bytes) -> bool:
    return sum(byte in TEXT_BYTES for byte in raw) >= TEXT_SHARE * len(raw)


def _compare_interface(link: BoxLink, who: int, name: str, version: registers.VersionRecord) -> None:
    if version.interface_hash == registers.INTERFACE_HASH:
        return
    if who != 0 or name != DEVICE_NAME:
        raise NotATriggerBox(
            device=link.name,
            seen=f"Harp device {name!r} (WhoAmI {who})",
            expected=f"{DEVICE_NAME!r}",
            remedy="check box.url",
        )
    raise InterfaceMismatch(
        device=link.name,
        seen=f"firmware {_firmware(version)} has interface {version.interface_hash.hex()}, this driver expects "
        f"{registers.INTERFACE_HASH.hex()}",
        remedy="flash the firmware that belongs to this driver, or install the driver that belongs to the firmware",
    )


def _describe(link: BoxLink, name: str, version: registers.VersionRecord) -> BoxIdentity:
    has = link.read_twice(registers.CAPABILITIES)
    return BoxIdentity(
        device_name=name,
        serial_number=link.read_twice(registers.SERIAL_NUMBER),
        uid=link.read_twice(registers.UID).hex(),
        firmware=_firmware(version),
        interface_hash=version.interface_hash.hex(),
        tick_rate_hz=link.read_twice(registers.TICK_RATE),
        outputs=has.outputs,
        inputs=has.inputs,
        max_steps=has.max_steps,
        lamp_outputs=int(has.lamp_outputs),
        interlock_inputs=int(has.interlock_inputs),
        sync_inputs=int(has.sync_inputs),
        hard_light=link.read_twice(registers.HARD_LIGHT_LIMITS),
    )


def _firmware(version: registers.VersionRecord) -> str:
    return f"{version.firmware_major}.{version.firmware_minor}.{version.firmware_patch}"


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("ascii", "backslashreplace")
