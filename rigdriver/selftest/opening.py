"""What opening a rig shows: which of rig file, producers, cameras, features and box are good.

In: an opened rig's reports, or the error with which opening ended. Out: one check for each of them; what was not
reached is unknown. Not here: opening the rig (see suite.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rigdriver.config import RigConfig
from rigdriver.devices.camera_link.descriptions import CameraReport
from rigdriver.errors import (
    BoxFault,
    BoxRefused,
    CameraError,
    CameraMissing,
    CameraProcessLost,
    DevicesFailed,
    FileNotWritten,
    InterfaceMismatch,
    LinkError,
    NotATriggerBox,
    ProducerError,
    RigError,
    UsageError,
)
from rigdriver.selftest.result import CheckResult, Status, unknown, verdict

RIG_FILE, PRODUCERS, CAMERAS, FEATURES = "rig_file", "producers", "cameras.found", "cameras.features"
BOX, INTERFACE = "box.identity", "box.interface"
OPENED = "rig.opened"
"""Name of a check that is in the report only when it failed: a simulated rig did not start."""
_ORDER = (RIG_FILE, PRODUCERS, CAMERAS, FEATURES, BOX, INTERFACE)
_CHAINS = ((PRODUCERS, CAMERAS, FEATURES), (BOX, INTERFACE))
"""Checks of which each one is reached only when those before it are good."""
_KINDS: tuple[tuple[type[RigError], str], ...] = (
    (UsageError, RIG_FILE),
    (FileNotWritten, RIG_FILE),
    (ProducerError, PRODUCERS),
    (CameraProcessLost, PRODUCERS),
    (CameraMissing, CAMERAS),
    (CameraError, FEATURES),
    (InterfaceMismatch, INTERFACE),
    (LinkError, BOX),
    (NotATriggerBox, BOX),
    (BoxRefused, BOX),
    (BoxFault, BOX),
)
_EXPECTED = {
    RIG_FILE: "can be used",
    PRODUCERS: "all load",
    CAMERAS: "all of the rig file",
    FEATURES: "as configured",
    BOX: "a trigger box",
    INTERFACE: "this driver's",
    OPENED: "opened",
}


def failed_opening(error: RigError) -> list[CheckResult]:
    """Return the checks of a rig that could not be opened."""
    found: dict[str, list[RigError]] = {}
    for single in _each(error):
        name = next((name for kind, name in _KINDS if isinstance(single, kind)), OPENED)
        found.setdefault(name, []).append(single)
    # Scripts find every check of a good opening in the report, also those that were not reached.
    order = (*_ORDER, OPENED) if OPENED in found else _ORDER
    return [_failed(name, found[name]) if name in found else _untold(name, found) for name in order]


def good_opening(config: RigConfig, reports: Mapping[str, CameraReport]) -> list[CheckResult]:
    """Return the checks of a rig that was opened, as far as rig file and cameras go."""
    producers = len(config.genicam.producers)
    return [
        verdict(True, RIG_FILE, config.name, config.name),
        verdict(True, PRODUCERS, producers, producers, "loaded"),
        verdict(
            len(reports) == len(config.cameras),
            CAMERAS,
            len(reports),
            len(config.cameras),
            "cameras",
            "open the rig again; a camera that was found has no report",
        ),
        *map(_judge_features, reports.values()),
    ]


def _judge_features(report: CameraReport) -> CheckResult:
    clamped = [str(feature) for feature in report.features if feature.is_clamped]
    written = len(report.features)
    remedy = (
        f"camera {report.name} (SN {report.serial}): {'; '.join(clamped)}: write a value that the camera supports into "
        "the rig file"
    )
    name = f"cameras.{report.name}.features"
    return verdict(not clamped, name, written - len(clamped), written, "as asked", remedy)


def _each(error: RigError) -> Iterator[RigError]:
    if isinstance(error, DevicesFailed):
        for inner in error.errors:
            yield from _each(inner)
    else:
        yield error


def _failed(name: str, errors: Sequence[RigError]) -> CheckResult:
    """Return a failed check, with what the first error saw and its remedy, or its whole sentence if it has no parts."""
    first, *others = errors
    expected = f"; expected {first.expected}" if first.expected else ""
    seen = f"{first.device}: {first.seen}{expected}" if first.remedy else "failed"
    remedies = [first.remedy or str(first), *map(str, others)]
    return CheckResult(name, Status.FAILED, seen, _EXPECTED[name], "", "; ".join(remedies))


def _untold(name: str, found: Mapping[str, object]) -> CheckResult:
    # A device was reached, so that the rig file must have been good.
    if name == RIG_FILE:
        return verdict(True, name, "can be used", _EXPECTED[name])
    if any(name in chain and set(chain[chain.index(name) + 1 :]) & set(found) for chain in _CHAINS):
        return verdict(True, name, _EXPECTED[name], _EXPECTED[name])
    return unknown(name, _EXPECTED[name], f"not reached: {', '.join(found)} failed before")
