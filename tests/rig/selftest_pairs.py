"""Two faults at once: random pairs of rows of the self-test's fault matrix, and what the self-test makes of both.

In: the rows (selftest_rows.py), a seed. Out: pairs whose faults lie in different parts, the rig that both need, and a
verdict: each fault is found, or its checks are not run because of the other one, and nothing else is blamed. Not here:
playing them (see tools/campaign_selftest.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fnmatch import fnmatchcase
from itertools import chain

from rigdriver.selftest.grounds import grounds_of
from rigdriver.selftest.result import CheckResult, Report, Status
from rigdriver_sim.projector.controller import DlpController
from tests.rig.selftest_faults import of_status
from tests.rig.selftest_rows import ALWAYS, FAULTS, Fault

_FAMILIES: Mapping[str, str] = {
    "hang_camera": "firmware",
    "withhold_trigger": "trigger cable",
    "double_trigger": "trigger cable",
    "swap_triggers": "trigger cable",
    "dead_line": "exposure line",
    "noise_edge": "exposure line",
    "lose_frame": "link",
    "incomplete": "link",
    "flash_power": "lamp",
    "swap_projectors": "lamp",
    "clamp_features": "features",
    "refuse_features": "features",
}
"""Key of the simulator's fault table -> kind of the part that it lies in; other keys are parts of their own."""


class Seen(Enum):
    """What the self-test says of one fault of a pair."""

    FOUND = "found"
    NOT_RUN = "not run"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """What the self-test says of both faults of a pair."""

    seen: tuple[Seen, ...]
    blamed: Mapping[str, str]
    """Checks that neither fault concerns and that are not good -> remedy."""

    @property
    def is_good(self) -> bool:
        """Whether one fault was found, the other found or not run, and nothing else blamed."""
        return Seen.FOUND in self.seen and Seen.MISSED not in self.seen and not self.blamed


def parts(fault: Fault) -> frozenset[str]:
    """Return the parts that a fault lies in: two faults of one part exclude each other."""
    planted = chain.from_iterable(_parts(key, value) for key, value in fault.planted.items())
    # One rig has one projector, so that of two of its faults only one would be planted.
    projector = () if fault.projector is DlpController else ("projector",)
    computer = (f"computer.{key}" for key in fault.computer)
    return frozenset((*planted, *computer, *projector, *fault.does.split(), *fault.touches))


def _parts(key: str, value: object) -> Iterator[str]:
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        yield from (f"{_FAMILIES.get(key, key)} of {name}" for name in value)
    if isinstance(value, Mapping):
        # A frame that was not triggered cannot be lost as well: at single pulses one fault hides another.
        yield from (f"pulses of {name}" for name, plan in value.items() if isinstance(plan, list) and plan != ALWAYS)


def drawn(count: int, chance: random.Random, rows: Sequence[Fault] = FAULTS) -> list[tuple[Fault, Fault]]:
    """Return random pairs of rows that lie in different parts; the same pair may come again."""
    planted = [fault for fault in rows if fault.fails or fault.unknown]
    pairs: list[tuple[Fault, Fault]] = []
    while len(pairs) < count:
        one, other = chance.sample(planted, 2)
        if not parts(one) & parts(other):
            pairs.append((one, other))
    return pairs


def on_one_rig(pair: tuple[Fault, Fault]) -> tuple[Fault, Fault]:
    """Return both rows for a rig that has what each of them needs: a scene where one needs it, and all their keys."""
    names, keys = zip(*(fault.rig.split("?") for fault in pair), strict=True)
    options: dict[str, str] = {}
    for key, value in (option.split("=", 1) for option in chain.from_iterable(key.split("&") for key in keys)):
        # The larger of two image sizes shows both faults.
        options[key] = max(options.get(key, value), value, key=int) if key in {"width", "height"} else value
    scene = next((name for name in names if name != "default"), "default")
    rig = f"{scene}?{'&'.join(f'{key}={value}' for key, value in options.items())}"
    one, other = (replace(fault, rig=rig) for fault in pair)
    return one, other


def judged(report: Report, pair: Sequence[Fault]) -> PairVerdict:
    """Return what a report says of two faults."""
    concerned = {name for fault in pair for name in (*fault.fails, *fault.unknown, *fault.shown_by)}
    bad = of_status(report, Status.FAILED) | of_status(report, Status.UNKNOWN)
    # What a rig that cannot be opened does not reach is no accusation.
    blamed = {
        check.name: check.remedy
        for check in report.checks
        if check.name in bad and check.name not in concerned and not _is_unreached(check, report)
    }
    return PairVerdict(tuple(_seen(report, fault) for fault in pair), blamed)


def _is_unreached(check: CheckResult, report: Report) -> bool:
    return check.status is Status.UNKNOWN and not report.was_opened


def _seen(report: Report, fault: Fault) -> Seen:
    """Return what the report says of one fault; a part of its checks may be not run."""
    checks = {check.name: check for check in report.checks}
    if not fault.fails:
        return _seen_unsure(checks, fault, report)
    shown = [_shown(checks.get(name), fault, report) for name in fault.fails]
    if Seen.MISSED in shown:
        return Seen.MISSED
    return Seen.FOUND if Seen.FOUND in shown else Seen.NOT_RUN


def _seen_unsure(checks: Mapping[str, CheckResult], fault: Fault, report: Report) -> Seen:
    """Return what is said of a fault that leaves checks unknown and fails none."""
    told = [checks[name] for name in fault.unknown if name in checks]
    # As for checks that fail: what a rig that cannot be opened does not reach is not run.
    if not told and _is_cut_short(report):
        return Seen.NOT_RUN
    if told and all(check.status is Status.NOT_RUN for check in told):
        return Seen.NOT_RUN
    return Seen.FOUND if told and all(check.status is Status.UNKNOWN for check in told) else Seen.MISSED


def _shown(check: CheckResult | None, fault: Fault, report: Report) -> Seen:
    if check is None:
        others = [other for other in report.checks if other.name in fault.fails]
        # A latency is not judged, for example, where the exposure line itself is wrong: its ground has failed.
        has_no_ground = any(
            fnmatchcase(other.name, ground)
            for other in report.checks
            for name in fault.fails
            for ground in grounds_of(name)
            if other.status is Status.FAILED
        )
        is_left_out = has_no_ground or _is_cut_short(report) or any(one.status is Status.NOT_RUN for one in others)
        return Seen.NOT_RUN if is_left_out else Seen.MISSED
    if check.status is Status.NOT_RUN or _is_unreached(check, report):
        return Seen.NOT_RUN
    said = f"{check.remedy} {check.measured}"
    is_named = check.status is Status.FAILED and all(word in said for word in fault.names)
    return Seen.FOUND if is_named else Seen.MISSED


def _is_cut_short(report: Report) -> bool:
    """Whether whole stages are missing: the rig could not be opened, or a device failed in a stage."""
    return not report.was_opened or any(check.name.endswith(".finished") for check in report.checks)
