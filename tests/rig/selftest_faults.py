"""The fault matrix of the self-test: one planted fault per row, the checks that must fail, and what they must name.

In: a fault of the simulator, or a change of the rig file as a technician could make it. Out: the self-test's report.
`python -m tests.rig.selftest_faults` plays all of them and prints the table. Not here: the test (see
test_selftest_matrix.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rigdriver.config import RigConfig, load
from rigdriver.errors import RigError
from rigdriver.rig import Rig
from rigdriver.selftest.result import Report, Status
from rigdriver.selftest.selection import Selection
from rigdriver.selftest.suite import run_selftest, untested
from rigdriver_sim.program.launch import RunningRig, launch
from tests.rig.played import LOCKSTEP

FLAT = f"default?width=320&height=240&seed=1&{LOCKSTEP}"
FACE = f"smile?width=320&height=240&seed=1&{LOCKSTEP}&scene.bank.views=1"
BRIGHT_ROOM = f"{FACE}&scene.light.ambient=0.6"
OLD_FIRMWARE = f"{FLAT}&box.interface_hash={'5' * 40}"
OPTO = "&".join(
    [
        FLAT,
        *(
            f"cameras.{camera}.lines.{key}_us={us}"
            for camera, delays in {"left_upper": (7, 25, 36, 18), "right_colour": (18, 9, 25, 7)}.items()
            for key, us in zip(("trigger_rise", "trigger_fall", "line_rise", "line_fall"), delays, strict=True)
        ),
    ]
)
"""A rig with opto-couplers in the lines of two cameras (delays of FLIR's data sheets), whose rig file names none."""
OPTO_CHECKS = ("exposure_start", "line_rise", "line_fall", "trigger_fall")
ALWAYS = list(range(64))
"""Pulses of every run at which a fault that lasts is planted."""
CAMERAS = tuple(f"{pod}_{camera}" for pod in ("left", "right") for camera in ("upper", "lower", "colour"))

Change = Callable[[RigConfig], RigConfig]


@dataclass(frozen=True)
class Fault:
    """One row of the matrix."""

    name: str
    fails: tuple[str, ...]
    """Checks that must fail, and no others."""
    names: tuple[str, ...] = ()
    """Words that the remedy of each of them holds: the part to touch."""
    planted: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the simulator's fault table."""
    unknown: tuple[str, ...] = ()
    """Checks that were not reached."""
    does: str = ""
    """Act of the simulator instead of a fault."""
    rig: str = FLAT
    change: Change = lambda config: config
    skip: tuple[str, ...] = ("optical",)
    """Checks that are left out: the swept flash takes as long as all others, and few faults concern it."""


def with_camera(name: str, **values: Any) -> Change:
    """Change one camera's table of the rig file."""

    def change(config: RigConfig) -> RigConfig:
        cameras = [c.model_copy(update=values) if c.name == name else c for c in config.cameras]
        return config.model_copy(update={"cameras": tuple(cameras)})

    return change


def swapped(key: str, one: str, other: str) -> Change:
    """Exchange a line of two cameras in the rig file: to the driver this is a swap of two cables."""

    def change(config: RigConfig) -> RigConfig:
        lines = {one: getattr(config.camera(other), key), other: getattr(config.camera(one), key)}
        return with_camera(other, **{key: lines[other]})(with_camera(one, **{key: lines[one]})(config))

    return change


def with_gain(config: RigConfig) -> RigConfig:
    """Ask one camera for a gain."""
    features = {**config.camera("left_upper").features, "Gain": 3.0}
    return with_camera("left_upper", features=features)(config)


PAIR = ("left_upper", "right_lower")
FAULTS = (
    Fault("none", (), skip=()),
    Fault("none, with a face in view", (), rig=FACE),
    *(
        Fault(
            f"{lamp} is dead", (f"light.{lamp}",), (lamp, f"output {output}"), {"flash_power": {lamp: 0.0}}, rig=rig
        )
        for lamp, output, rig in (("left_pattern", 6, FLAT), ("right_white", 9, FLAT), ("right_pattern", 7, FACE))
    ),
    Fault(
        "both pattern lamps are dead", ("light.left_pattern", "light.right_pattern"), ("its cable at box output",),
        {"flash_power": {"left_pattern": 0.0, "right_pattern": 0.0}},
    ),
    Fault(
        "all lamps are dead", tuple(f"light.{p}_{k}" for p in ("left", "right") for k in ("pattern", "white")),
        ("the lamps' supply",),
        {"flash_power": {f"{p}_{k}": 0.0 for p in ("left", "right") for k in ("pattern", "white")}},
    ),
    Fault("left_white is weak", ("light.left_white",), ("left_white", "supply"), {"flash_power": {"left_white": 0.4}}),
    Fault(
        "right_pattern is weak", ("light.right_pattern",), ("right_pattern",),
        {"flash_power": {"right_pattern": 0.4}}, rig=FACE,
    ),
    Fault(
        "strobe cables of the pattern lamps are exchanged", ("light.left_pattern", "light.right_pattern"),
        ("left_pattern", "right_pattern", "exchange their cables"),
        {"swap_projectors": ["left_pattern", "right_pattern"]}, rig=FACE,
    ),
    Fault(
        "strobe cables of the white lamps are exchanged", ("light.left_white", "light.right_white"),
        ("left_white", "right_white", "exchange their cables"), {"swap_projectors": ["left_white", "right_white"]},
    ),
    Fault(
        "strobe cables of pattern and white lamp are exchanged", ("light.left_pattern", "light.left_white"),
        ("left_pattern", "left_white", "exchange their cables"),
        {"swap_projectors": ["left_pattern", "left_white"]}, rig=FACE,
    ),
    Fault("trigger cables are exchanged", tuple(f"wiring.{c}.frames" for c in PAIR), PAIR, {"swap_triggers": PAIR}),
    Fault(
        "trigger cables of cameras of two roles are exchanged",
        ("wiring.left_upper.frames", "wiring.left_colour.frames"),
        ("left_upper", "left_colour"), {"swap_triggers": ["left_upper", "left_colour"]},
    ),
    Fault(
        "a trigger cable is cut", ("wiring.left_upper.frames",), ("left_upper", "trigger cable at box output 0"),
        {"withhold_trigger": {"left_upper": ALWAYS}},
    ),
    Fault(
        "exposure lines are exchanged", tuple(f"wiring.{c}.exposure_line" for c in PAIR), (*PAIR, "box inputs"),
        change=swapped("input", *PAIR),
    ),
    Fault(
        "an exposure line is cut", ("wiring.left_lower.exposure_line",), ("left_lower", "box input 1"),
        {"dead_line": {"left_lower": ALWAYS}},
    ),
    Fault(
        "noise on an exposure line", ("run.right_upper.noise_edges",), ("right_upper", "box input 3"),
        {"noise_edge": {"right_upper": [5, 9, 13, 17]}},
    ),
    Fault("left_upper is out of focus", ("focus.left_upper",), ("left_upper",), {"defocus_px": {"left_upper": 3.0}},
          rig=FACE),
    Fault("right_lower is out of focus", ("focus.right_lower",), ("right_lower",),
          {"defocus_px": {"right_lower": 3.0}}, rig=FACE),
    Fault(
        "the room is bright", tuple(f"ambient.{camera}" for camera in CAMERAS), ("darken the room",), rig=BRIGHT_ROOM
    ),
    Fault(
        "a feature is clamped", ("cameras.left_upper.features",), ("left_upper", "Gain"),
        {"clamp_features": {"left_upper": {"Gain": 1.0}}}, change=with_gain,
    ),
    Fault("the box has other firmware", ("box.interface",), ("release",), rig=OLD_FIRMWARE,
          unknown=("producers",)),
    Fault("the interlock is open", ("box.interlock",), ("close the interlock",), does="interlock.open"),
    Fault("a camera is missing", ("cameras.found",), ("SIM9999",), change=with_camera("left_lower", serial="SIM9999"),
          unknown=("box.identity",)),
    Fault(
        "a camera exposes late", ("wiring.right_upper.latency",), ("right_upper", "TriggerDelay"),
        {"late_exposure": {"right_upper": ALWAYS}, "late_exposure_us": 60.0},
    ),
    Fault(
        "the delays of opto-couplers are not in the rig file",
        tuple(f"optical.{camera}.{check}" for camera in ("left_upper", "right_colour") for check in OPTO_CHECKS),
        ("selftest --write-delays",), rig=OPTO, skip=(),
    ),
    Fault(
        "a camera loses frames on its link", ("run.left_lower.incomplete_frames",), ("left_lower", "cable"),
        {"incomplete": {"left_lower": [7, 8, 20]}},
    ),
    Fault(
        "a camera skips triggers", ("run.left_lower.frames",), ("left_lower", "3 times", "trigger cable"),
        {"withhold_trigger": {"left_lower": [7, 8, 20]}},
    ),
)  # fmt: skip


@contextmanager
def planted(running: RunningRig, fault: Fault) -> Iterator[None]:
    """Plant the fault, and mend it afterwards."""
    with running.control() as control:
        for key, value in fault.planted.items():
            control.set(f"faults.{key}", value)
        if fault.does:
            control.do(fault.does)
        try:
            yield
        finally:
            control.do("none")
            control.do("interlock.close")


def tested(running: RunningRig, fault: Fault) -> Report:
    """Return the self-test's report on a rig with that fault."""
    with planted(running, fault):
        config = fault.change(load(Path(running.rig_file)))
        try:
            with Rig.open(config) as rig:
                return run_selftest(rig, lambda _: None, Selection(skip=fault.skip))
        except RigError as exc:
            return untested(config.name, exc)


def of_status(report: Report, status: Status) -> dict[str, str]:
    """Return the checks of that status with their remedies."""
    return {check.name: check.remedy for check in report.checks if check.status is status}


NOT_SEEN = frozenset(
    {
        "right_pattern is dead", "right_pattern is weak", "strobe cables of the pattern lamps are exchanged",
        "strobe cables of pattern and white lamp are exchanged", "left_upper is out of focus",
        "right_lower is out of focus", "the room is bright", "the box has other firmware",
        "a camera is missing", "trigger cables of cameras of two roles are exchanged",
    }
)  # fmt: skip
"""Rows whose outcome nobody has seen yet with the present checks; `main` plays them, the test does not."""
PLAYED = tuple(fault for fault in FAULTS if fault.name not in NOT_SEEN)


def main(wanted: str = "") -> None:
    """Print the matrix as a table."""
    print("| fault | failed | not run | unknown | remedy of the first |\n|---|---|---|---|---|")
    for spec in dict.fromkeys(fault.rig for fault in FAULTS if wanted in fault.name):
        with launch(spec) as running:
            for fault in (f for f in FAULTS if f.rig == spec and wanted in f.name):
                report = tested(running, fault)
                failed, others = of_status(report, Status.FAILED), len(of_status(report, Status.NOT_RUN))
                unsure = of_status(report, Status.UNKNOWN)
                told = next(iter((failed | unsure).values()), "")
                mark = "" if set(failed) == set(fault.fails) and set(unsure) == set(fault.unknown) else " (!)"
                cells = ", ".join(failed) or "-", str(others), ", ".join(unsure) or "-", told.replace("\n", " ")
                print(f"| {fault.name}{mark} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
