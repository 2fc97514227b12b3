"""Other names of the features that the driver itself writes: those of SFNC 1.x, and makers' own.

In: a feature by its SFNC 2 name. Out: the names under which older cameras have it, with the unit of each; and the
entries that may stand for the entry that the driver would choose. Nothing here changes what a rig file demands.
Not here: how a name is written (see feature_write.py).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class FeatureAlias:
    """Another name of a feature."""

    name: str
    base: str = ""
    """Feature that holds how much one count is, in the unit of the SFNC 2 name; 1 where the camera lacks it."""


# Sources. Abs and Raw: SFNC 1.5.1, which SFNC 2.0 replaced by one feature without suffix. ExposureTimeRaw times
# ExposureTimeBaseAbs: Basler's manuals of scout, runner and ace GigE; without a base it counts us (DALSA Genie).
# AcquisitionFrameRateEnabled: Point Grey's models before Blackfly S. TestImageSelector: SFNC 1.x.
ALIASES: Mapping[str, tuple[FeatureAlias, ...]] = MappingProxyType(
    {
        "ExposureTime": (FeatureAlias("ExposureTimeAbs"), FeatureAlias("ExposureTimeRaw", "ExposureTimeBaseAbs")),
        "Gain": (FeatureAlias("GainAbs"), FeatureAlias("GainRaw")),
        "BlackLevel": (FeatureAlias("BlackLevelAbs"), FeatureAlias("BlackLevelRaw")),
        "BalanceRatio": (FeatureAlias("BalanceRatioAbs"), FeatureAlias("BalanceRatioRaw")),
        "AcquisitionFrameRate": (FeatureAlias("AcquisitionFrameRateAbs"), FeatureAlias("AcquisitionFrameRateRaw")),
        "AcquisitionFrameRateEnable": (
            FeatureAlias("AcquisitionFrameRateEnabled"),
            FeatureAlias("AcquisitionFrameRateControlEnable"),
        ),
        "TriggerDelay": (FeatureAlias("TriggerDelayAbs"), FeatureAlias("TriggerDelayRaw")),
        "TestPattern": (FeatureAlias("TestImageSelector"),),
    }
)
_CANONICAL = MappingProxyType({alias.name: name for name, known in ALIASES.items() for alias in known})

FRAME_TRIGGERS = (
    # IDS and some line scan models expose on ExposureStart; a burst has one frame unless its count says otherwise; the
    # models that know AcquisitionStart alone (Basler scout's legacy mode) make one frame of each.
    "FrameStart", "ExposureStart", "FrameBurstStart", "SingleFrameTrigger", "FrameTrigger", "AcquisitionStart",
)  # fmt: skip
"""Entries of TriggerSelector that start one frame, best first."""
SOFTWARE_SOURCES = ("Software", "SoftwareTrigger")
"""Entries of TriggerSource that a command fires, best first."""

US_PER_UNIT: Mapping[str, float] = MappingProxyType({"s": 1e6, "ms": 1e3, "ns": 1e-3})
"""Units other than the microsecond in which makers give times, in us."""
IN_US = frozenset({"ExposureTime", "TriggerDelay"})
"""Features that SFNC gives in us."""

# SFNC names lines Line0, Line1 and so on; makers add names of their own, so entries of TriggerSource are judged by
# the words in them. An entry of unknown words stays possible, but is tried last.
_LINE = re.compile(r"Line\d+$")
_LIKE_A_LINE = re.compile(r"(?i)(line|input|in\d|gpi|opto|ttl|cc\d|ext|hardware|trigger|io\d|lvds|diff)")
_NO_LINE = re.compile(
    r"(?i)(software|action|counter|timer|user|encoder|logic|link|off$|none|all|any|periodic|pulse|acquisition|exposure|"
    r"frame|sequencer|event|free|fixed|internal|chunk)"
)


def canonical(name: str) -> str:
    """Return the SFNC 2 name of a feature."""
    return _CANONICAL.get(name, name)


def same_feature(name: str) -> frozenset[str]:
    """Return all names of a feature."""
    first = canonical(name)
    return frozenset({first, *(alias.name for alias in ALIASES.get(first, ()))})


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a person may have meant, best first."""
    by_lower = {other.lower(): other for other in known}
    return tuple(by_lower[low] for low in difflib.get_close_matches(name.lower(), by_lower, 3, 0.7))


def lines_first(entries: Iterable[str]) -> tuple[str, ...]:
    """Return the entries of TriggerSource that can be a line, in the order in which they are tried."""
    possible = [entry for entry in entries if not _NO_LINE.match(entry)]

    def rank(entry: str) -> tuple[int, int, str]:
        number = re.search(r"\d+", entry)
        kind = 0 if _LINE.match(entry) else 1 if _LIKE_A_LINE.match(entry) else 2
        return kind, int(number.group()) if number else 0, entry

    return tuple(sorted(possible, key=rank))
