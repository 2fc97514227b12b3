"""The error counters of a box, read when a test ends: they are zero unless the test planted a fault.

In: a simulated rig that runs, the rig file of one on metal, or a box's counters. Out: the error counters that are not
zero, by name. Not here: which tests plant faults (the marker `plants_faults`, and a scenario's keys `faults....`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rigdriver import config
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.wire.registers import CountersRecord
from rigdriver_sim.program.launch import RunningRig

ERROR_COUNTERS = (
    "events_dropped", "checksum_errors", "bytes_skipped", "requests_refused", "watchdog_trips", "interlock_trips",
    "inputs_ignored",
)  # fmt: skip
"""Names of the fields of `Counters` that count what must not happen; the others count pulses, edges and flashes."""


def errors_among(counters: CountersRecord) -> dict[str, int]:
    """Return the error counters that are not zero."""
    return {name: count for name in ERROR_COUNTERS if (count := getattr(counters, name))}


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return the error counters that differ, by how much; a box that has restarted counts from 0."""
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


def errors_of_simulated(running: RunningRig) -> dict[str, int]:
    """Return the error counters of a simulated rig's box; none when the rig has ended."""
    if not running.is_running:
        return {}
    with running.control() as control:
        return errors_among(CountersRecord(*control.get("status")["box_counters"]))


def errors_on_metal(rig_file: Path) -> dict[str, int]:
    """Return the error counters of the box that a rig file names; none for a bench without one."""
    box = config.load(rig_file).box
    if box is None:
        return {}
    with TriggerBox.open(box) as opened:
        return errors_among(opened.counters())
