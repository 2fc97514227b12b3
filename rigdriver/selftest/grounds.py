"""The checks of the self-test and their order of dependency, as a table.

In: nothing. Out: `ROWS`: each check with its stage and its grounds, which are the checks that must be good first; and
`settled`, which turns a check that is not good into "not run" where one of its grounds is not good. So one fault is one
failed check, and nothing is blamed for what it depends on. Not here: what a check measures.

In a name `@` stands for a camera, lamp or pod. In a ground it is the same one, and `*` is any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from rigdriver.config import RigConfig
from rigdriver.selftest.result import CheckResult, Status, not_run

NOT_GOOD = frozenset({Status.FAILED, Status.UNKNOWN, Status.NOT_RUN})


class Of(Enum):
    """What `@` stands for in a name."""

    RIG = "rig"
    CAMERA = "camera"
    LAMP = "lamp"
    POD = "pod"
    TEXTURE_CAMERA = "texture camera"
    PART = "part of the computer"
    """Part that no rig file names: a hub, a controller, a network port, a stage of the self-test."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One kind of check."""

    stage: str
    name: str
    of: Of = Of.RIG
    grounds: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    """Checks that name the cause where both have failed: then this one is not run. They are not made for its sake."""

    def names(self, config: RigConfig) -> list[str]:
        """Return the names that the check has on this rig: one per camera, lamp or pod."""
        return [self.name.replace("@", subject) for subject in _subjects(self.of, config)]

    def subject(self, name: str) -> str | None:
        """Return what `@` stands for in that name; None when the name is none of this row."""
        head, sign, tail = self.name.partition("@")
        if not sign:
            return "" if name == self.name else None
        subject = name[len(head) : len(name) - len(tail)]
        # The names of hubs and controllers hold dots: 1-2.4, 0000:00:14.0.
        is_mine = subject and name == head + subject + tail and ("." not in subject or self.of is Of.PART)
        return subject if is_mine else None


def _subjects(of: Of, config: RigConfig) -> list[str]:
    """Return what the checks of a row are about, in the order of the rig file."""
    subjects = {
        Of.RIG: [""],
        Of.CAMERA: [camera.name for camera in config.cameras],
        Of.LAMP: [lamp.name for lamp in config.lamps],
        Of.POD: list(dict.fromkeys(camera.pod for camera in config.cameras)),
        Of.TEXTURE_CAMERA: [camera.name for camera in config.cameras if camera.role == "texture"],
        Of.PART: [],
    }
    return subjects[of]


# A schedule that a link cannot carry is refused, so that nothing runs.
_CARRIED = ("usb.controller.*", "usb.hub.*")
_WIRED = ("box.state", "host.load.wiring", "wiring.finished")
_RUN = ("host.load.run", "run.finished", "run.frame_sets")
_LIT = ("host.load.light", "light.finished", "wiring.*.frames")
_SWEPT = ("host.load.optical", "optical.finished", "wiring.@.frames", "wiring.@.exposure_line", "light.*")
ROWS: tuple[CheckRow, ...] = (
    CheckRow("computer", "computer"),
    CheckRow("computer", "computer.usb_access"),
    CheckRow("computer", "computer.port_access"),
    CheckRow("computer", "computer.usbfs_memory"),
    CheckRow("computer", "computer.socket_buffers"),
    CheckRow("computer", "computer.cpus"),
    CheckRow("computer", "computer.load"),
    CheckRow("computer", "computer.memory"),
    CheckRow("computer", "computer.clock_source"),
    CheckRow("computer", "computer.stolen_time"),
    CheckRow("load", "host.load.@", Of.PART, ("computer.load", "computer.stolen_time")),
    CheckRow("computer", "computer.disk_space"),
    CheckRow("computer", "computer.write_speed"),
    CheckRow("buses", "usb"),
    CheckRow("buses", "usb.box"),
    CheckRow("buses", "usb.projector"),
    CheckRow("buses", "usb.@", Of.CAMERA),
    CheckRow("buses", "gige"),
    CheckRow("buses", "gige.@.subnet", Of.CAMERA),
    CheckRow("buses", "gige.@.mtu", Of.CAMERA),
    CheckRow("buses", "gige.@.test_packet", Of.CAMERA),
    CheckRow("buses", "usb.controller.@", Of.PART),
    CheckRow("buses", "usb.hub.@", Of.PART),
    CheckRow("buses", "gige.@", Of.PART),
    CheckRow("opening", "rig_file"),
    CheckRow("opening", "producers", grounds=("rig_file",)),
    CheckRow("opening", "cameras.found", grounds=("producers",)),
    CheckRow("opening", "cameras.features", grounds=("cameras.found",)),
    CheckRow("opening", "cameras.@.features", Of.CAMERA, ("cameras.found",)),
    CheckRow("opening", "cameras.@.temperature", Of.CAMERA, ("cameras.found",)),
    CheckRow("calibration", "calibration.file", grounds=("cameras.found",)),
    CheckRow("projector", "projector.found"),
    CheckRow("projector", "projector.replies", grounds=("projector.found",)),
    CheckRow("projector", "projector.firmware", grounds=("projector.replies",)),
    CheckRow("projector", "projector.status", grounds=("projector.replies",)),
    CheckRow("projector", "projector.mode", grounds=("projector.replies",)),
    CheckRow("projector", "projector.trigger", grounds=("projector.replies",)),
    CheckRow("projector", "projector.sequence", grounds=("projector.replies", "projector.status", "projector.mode")),
    CheckRow("projector", "projector.levels", grounds=("projector.replies",)),
    CheckRow("projector", "projector.times", grounds=("projector.replies",)),
    CheckRow("projector", "projector.patterns", grounds=("projector.replies",)),
    CheckRow(
        "projector", "projector.table", grounds=("projector.replies", "projector.times", "projector.patterns"),
    ),
    CheckRow("box", "box.identity", grounds=("rig_file",)),
    CheckRow("box", "box.interface", grounds=("box.identity",)),
    CheckRow("box", "box.outputs", grounds=("box.interface",)),
    CheckRow("box", "box.lamp_outputs", grounds=("box.interface",)),
    CheckRow("box", "box.state", grounds=("box.interface",)),
    CheckRow("box", "box.interlock", grounds=("box.interface",)),
    CheckRow("box", "box.clock_probe", grounds=("box.interface", "host.load.box")),
    CheckRow("box", "box.finished", grounds=("host.load.box",)),
    CheckRow("wiring", "wiring.finished", grounds=("box.state", "host.load.wiring")),
    CheckRow("wiring", "wiring.@.frames", Of.CAMERA, _WIRED),
    CheckRow("wiring", "wiring.@.exposure_line", Of.CAMERA, ("wiring.@.frames", *_WIRED)),
    CheckRow(
        "wiring", "wiring.@.latency", Of.CAMERA, ("wiring.@.exposure_line",),
        ("optical.@.exposure_start", "optical.@.line_rise"),
    ),
    CheckRow(
        "wiring", "wiring.@.exposure", Of.CAMERA, ("wiring.@.exposure_line", "cameras.@.features"),
        ("optical.@.exposure_length", "optical.@.line_rise", "optical.@.line_fall"),
    ),
    CheckRow(
        "run", "run.finished",
        grounds=(
            *_CARRIED, "wiring.finished", "wiring.*.frames", "wiring.*.exposure_line", "box.interlock",
            "box.lamp_outputs", "host.load.run",
        ),
    ),
    CheckRow("run", "run.frame_sets", grounds=("run.finished", "host.load.run", "wiring.*.frames")),
    CheckRow("run", "run.rate", grounds=("run.frame_sets", "box.clock_probe")),
    CheckRow("run", "run.skew", grounds=(*_RUN, "wiring.*.latency", "wiring.*.exposure_line")),
    CheckRow("run", "run.@.incomplete_frames", Of.CAMERA, ("host.load.run", "run.@.resends")),
    CheckRow("run", "run.@.resends", Of.CAMERA, ("host.load.run", "gige.@.mtu")),
    CheckRow("run", "run.@.frames_lost", Of.CAMERA, ("host.load.run",)),
    CheckRow("run", "run.@.no_slot", Of.CAMERA, ("host.load.run",)),
    CheckRow("run", "run.queue_dropped", grounds=("host.load.run",)),
    CheckRow(
        "run", "run.@.frames", Of.CAMERA,
        (*_RUN, "wiring.@.frames", "wiring.@.exposure_line", "wiring.@.latency", "run.@.incomplete_frames",
         "run.@.frames_lost", "run.@.no_slot", "run.@.noise_edges"),
    ),
    CheckRow("run", "run.@.residual", Of.CAMERA, (*_RUN, "run.@.frames")),
    CheckRow("run", "run.@.time_stamps", Of.CAMERA),
    CheckRow("run", "run.@.extra_frames", Of.CAMERA, (*_RUN, "wiring.@.frames", "run.@.frames")),
    CheckRow("run", "run.@.exposure_edges", Of.CAMERA, (*_RUN, "wiring.@.exposure_line", "run.@.frames")),
    CheckRow("run", "run.@.noise_edges", Of.CAMERA, ("wiring.@.exposure_line",)),
    CheckRow("run", "calibration.health.@", Of.POD, ("calibration.file", *_RUN, "light.*", "focus.*")),
    CheckRow(
        "light", "light.finished",
        grounds=(
            *_CARRIED, "wiring.finished", "wiring.*.frames", "wiring.*.exposure_line", "run.finished",
            "box.lamp_outputs", "box.interlock", "host.load.light",
        ),
    ),
    CheckRow("light", "light.@", Of.LAMP, (*_LIT, "box.lamp_outputs", "box.interlock")),
    # The frames of a camera that exposes late are gaps in every run.
    CheckRow("light", "ambient.@", Of.CAMERA, (*_LIT, "wiring.@.latency", "light.*")),
    CheckRow("light", "focus.@", Of.CAMERA, (*_LIT, "wiring.@.latency", "light.*")),
    CheckRow(
        "light", "calibration.texture.@", Of.TEXTURE_CAMERA,
        ("calibration.file", *_LIT, "wiring.@.latency", "light.*", "focus.*", "calibration.health.*"),
    ),
    CheckRow(
        "optical", "optical.finished",
        grounds=(
            *_CARRIED, "wiring.finished", "wiring.*.frames", "wiring.*.exposure_line", "run.finished",
            "light.finished", "host.load.optical",
        ),
    ),
    CheckRow("optical", "optical.@", Of.CAMERA),
    CheckRow("optical", "optical.@.exposure_start", Of.CAMERA, _SWEPT),
    CheckRow("optical", "optical.@.exposure_length", Of.CAMERA, _SWEPT),
    CheckRow("optical", "optical.@.line_rise", Of.CAMERA, _SWEPT),
    CheckRow("optical", "optical.@.line_fall", Of.CAMERA, _SWEPT),
    CheckRow("optical", "optical.@.trigger_fall", Of.CAMERA, _SWEPT),
    # A computer that was away in an earlier stage leaves the box in a fault.
    CheckRow("watchdog", "watchdog.finished", grounds=("box.state", "host.load.*")),
    CheckRow("watchdog", "box.watchdog", grounds=("box.state", "host.load.watchdog")),
    CheckRow("watchdog", "box.outputs_cut", grounds=("box.watchdog",)),
    CheckRow("counters", "box.clock_drift", grounds=("box.interface", "box.clock_probe")),
    CheckRow("counters", "box.counters"),
    CheckRow("counters", "box.link_counters"),
    CheckRow("counters", "box.replies", grounds=("host.load.*",)),
)  # fmt: skip


def row_of(name: str) -> tuple[CheckRow, str] | None:
    """Return the row of a check and the camera, lamp or pod that its name holds; None for a name of no row."""
    for row in ROWS:
        if (subject := row.subject(name)) is not None:
            return row, subject
    return None


def grounds_of(name: str) -> tuple[str, ...]:
    """Return the grounds of a check; `*` in one of them stands for any."""
    found = row_of(name)
    return tuple(ground.replace("@", found[1]) for ground in found[0].grounds) if found else ()


def settled(checks: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """Turn checks that are not good, and that stand on others which are not good, into "not run".

    A good check stays good: it has shown what it says, whatever else is wrong.
    """
    after = {check.name: check for check in _told_once(checks)}
    for _ in ROWS:  # no chain of grounds is longer than the table
        before = dict(after)
        after = {name: _stood(check, before) for name, check in before.items()}
        if after == before:
            break
    return tuple(after.values())


def _stood(check: CheckResult, others: dict[str, CheckResult]) -> CheckResult:
    if check.status not in NOT_GOOD or check.status is Status.NOT_RUN:
        return check
    broken = next(_broken(grounds_of(check.name), others.values()), None) or _cause(check, others)
    if broken is None:
        return check
    why = ": this computer is too busy to tell" if broken.name.startswith("host.load") else " is not good"
    return not_run(check, broken.name, why)


def _cause(check: CheckResult, others: Mapping[str, CheckResult]) -> CheckResult | None:
    """Return the failed check that names the cause of this one's failure."""
    found = row_of(check.name)
    causes = [cause.replace("@", found[1]) for cause in found[0].causes] if found else []
    failed = (others[cause] for cause in causes if cause in others and others[cause].status is Status.FAILED)
    return next(failed, None)


def _told_once(checks: Sequence[CheckResult]) -> list[CheckResult]:
    """Keep the first stage in which this computer was too busy; the others have the same cause."""
    busy = [check for check in checks if check.status in NOT_GOOD and check.name.startswith("host.load.")]
    return [not_run(check, busy[0].name, " is not good") if check in busy[1:] else check for check in checks]


def _broken(grounds: Iterable[str], checks: Iterable[CheckResult]) -> Iterator[CheckResult]:
    bad = [check for check in checks if check.status in NOT_GOOD]
    for ground in grounds:
        # A check is no ground of itself; the first cause counts, not what depends on it.
        yield from (check for check in bad if fnmatchcase(check.name, ground) and check.status is not Status.NOT_RUN)
    for ground in grounds:
        yield from (check for check in bad if fnmatchcase(check.name, ground))
