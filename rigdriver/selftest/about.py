"""What a report is about, so that it can be filed: date, rig, serial numbers, versions, this computer and its load.

In: an open rig, or none. Out: plain values. Not here: the checks (see suite.py).
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rigdriver.rig import Rig


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When, where and with what a self-test was made."""

    date: str
    """UTC, ISO 8601."""
    driver: str
    """Version of this driver."""
    host: str
    system: str
    python: str
    processors: int
    load_average: float | None
    """Load average of the last minute, as the test began; None where the system has none."""
    cameras: Mapping[str, str]
    """Camera -> vendor, model and serial number."""
    box: str
    """Name, serial number and firmware of the trigger box; empty without one."""

    def lines(self) -> list[tuple[str, str]]:
        """Return label and value of each line for people."""
        load = "" if self.load_average is None else f", load average {self.load_average:g}"
        return [
            ("date", self.date),
            ("driver", self.driver),
            ("computer", f"{self.host}, {self.system}, Python {self.python}, {self.processors} processors{load}"),
            *((f"camera {name}", told) for name, told in self.cameras.items()),
            *([("trigger box", self.box)] if self.box else []),
        ]


def circumstances(rig: Rig | None = None, now: datetime | None = None) -> Circumstances:
    """Return what there is to say; of a rig that could not be opened no devices are known."""
    reports = {} if rig is None else rig.cameras.reports
    return Circumstances(
        date=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        driver=importlib.metadata.version("rigdriver"),
        host=platform.node(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        processors=os.cpu_count() or 1,
        load_average=_average_load(),
        cameras={name: f"{r.vendor} {r.model}, SN {r.serial}" for name, r in reports.items()},
        box=_told_box(rig),
    )


def _told_box(rig: Rig | None) -> str:
    if rig is None or rig.config.schedule.mode != "box":
        return ""
    identity = rig.box.identity
    return f"{identity.device_name} {identity.serial_number}, firmware {identity.firmware}"


def _average_load() -> float | None:
    """Return the load average of the last minute; None where the system has none."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None
