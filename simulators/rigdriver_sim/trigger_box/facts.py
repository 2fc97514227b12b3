"""What one box is: its lines, its hard limits, its names. Frozen; the machine never changes it.

Not here: the limits in force (see light.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver_sim.trigger_box.light import LightLimits

HARD_LIGHT = LightLimits(
    max_flash_width_ticks=50_000,
    max_duty_permille=200,
    max_train_flashes=100_000,
    min_train_pause_ticks=0,
    max_session_flashes=1_000_000,
    max_rate_millihertz=100_000,
)
"""Hard limits: 5 ms, 20 %, 100 Hz. A simulated rig dazzles nobody, so trains may be long."""

BOOT_LIGHT = LightLimits(
    max_flash_width_ticks=20_000,
    max_duty_permille=50,
    max_train_flashes=100,
    min_train_pause_ticks=50_000_000,
    max_session_flashes=3000,
    max_rate_millihertz=15_000,
)
"""Limits after boot, until the host writes LightLimits: 2 ms, 5 %, 100 flashes, 5 s, 3000 flashes, 15 Hz."""


@dataclass(frozen=True, slots=True)
class BoxFacts:
    """One box's wiring and limits. Lines are masks, bit n for line n."""

    outputs: int = 16
    inputs: int = 8
    max_steps: int = 32
    lamp_outputs: int = 0x03C0
    interlock_inputs: int = 0x40
    sync_inputs: int = 0x80
    hard_light: LightLimits = HARD_LIGHT
    boot_light: LightLimits = BOOT_LIGHT
    device_name: str = "TriggerBox"
    serial_number: int = 1
    uid: bytes = bytes(16)
    interface_hash: str = ""
    """SHA-1 in hex that is reported instead of the true one; empty reports the true one."""
    who_am_i: int = 0
    min_edge_gap_ticks: int = 10
    """Least time between two edges of one input; faster ones are not stamped, only counted."""
