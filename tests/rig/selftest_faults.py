"""Plays the self-test's fault matrix: one planted fault per row, and what the self-test reports of it.

In: the rows (selftest_rows.py). Out: reports. `python -m tests.rig.selftest_faults [WORD]` plays those whose name holds
the word and prints what was reported; `--write` writes the table of all rows into SELFTEST.md and plays nothing.
Not here: the test (see test_selftest_matrix.py).
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rigdriver.config import RigConfig, load
from rigdriver.errors import RigError
from rigdriver.rig import Rig
from rigdriver.selftest.result import Report, Status
from rigdriver.selftest.selection import Selection
from rigdriver.selftest.suite import run_selftest, untested
from rigdriver_sim.program.launch import RunningRig, launch
from rigdriver_sim.projector.controller import DlpController
from rigdriver_sim.projector.usb_backend import UsbProjector, usb_core
from rigdriver_sim.reach.computer import write_computer
from rigdriver_sim.reach.control import Control
from rigdriver_sim.scenario import ComputerTable
from rigdriver_sim.scenario import load as load_scenario
from tests.rig.selftest_rows import (
    FAULTS,
    NO_SWEEP,
    OF_LIGHT,
    OF_OPENING,
    OF_THE_RUN,
    OF_WIRING,
    Fault,
    with_projector,
)

FRAME_SETS = 12
"""Number of frame sets of each run at full rate; faults of single pulses lie among them."""
PAGE = Path(__file__).parents[2] / "SELFTEST.md"
MARK = "<!-- python -m tests.rig.selftest_faults --write -->\n"
LEFT_OUT = {
    (): "nothing",
    NO_SWEEP: "swept flash",
    OF_WIRING: "run, light, swept flash, watchdog",
    OF_THE_RUN: "light, swept flash, watchdog",
    OF_LIGHT: "wiring, run, swept flash, watchdog",
    OF_OPENING: "wiring, run, light, swept flash, watchdog",
}
"""Stages that a row leaves out."""
RENDERED_S = 120.0
"""Longest time for which a change of the view may be rendered, in s."""


@contextmanager
def planted(running: RunningRig, *faults: Fault) -> Iterator[None]:
    """Plant the faults, and mend them afterwards; a change of the view is rendered before either ends."""
    computer = {key: value for fault in faults for key, value in fault.computer.items()}
    with running.control() as control:
        for key, value in planted_keys(faults).items():
            control.set(f"faults.{key}", value)
        if computer:
            show_computer(running, faults[0].rig, computer)
        _rendered(running)
        try:
            yield
        finally:
            control.do("none")
            control.do("interlock.close")
            if computer:
                show_computer(running, faults[0].rig, {})
            for fault in faults:
                _mend(control, fault)
            _rendered(running)


def usb_of(faults: Sequence[Fault]) -> Any:
    """Return what stands for pyusb: the projector of the first fault that concerns it, or a good one."""
    made = [fault.projector for fault in faults if fault.projector is not DlpController] or [DlpController]
    controller = made[0]()
    return usb_core(*([] if controller is None else [UsbProjector(controller)]))


def planted_keys(faults: Sequence[Fault]) -> dict[str, Any]:
    """Return the keys of the fault table that plant all of these rows together."""
    keys: dict[str, Any] = {}
    for key, value in (item for fault in faults for item in fault.planted.items()):
        is_table = isinstance(value, Mapping) and key in keys
        keys[key] = {**keys[key], **value} if is_table else value
    return keys


def _do_all(running: RunningRig, faults: Sequence[Fault]) -> None:
    """Do the acts of the faults, to a rig that is open."""
    with running.control() as control:
        for name, _, camera in (fault.does.partition(" ") for fault in faults if fault.does):
            control.do(name, **({"camera": camera} if camera else {}))


def _mend(control: Control, fault: Fault) -> None:
    """Power the cameras off and on that were hung."""
    act, _, camera = fault.does.partition(" ")
    for name in (*fault.planted.get("hang_camera", ()), *([camera] if act.startswith("camera.") else [])):
        for mending in ("camera.unplug", "camera.replug"):
            control.do(mending, camera=name)


def show_computer(running: RunningRig, rig: str, computer: Mapping[str, Any]) -> None:
    """Let a running rig hang on another computer; the keys are those of the scenario's table `computer`."""
    config = load(Path(running.rig_file))
    assert config.computer is not None
    assert config.box is not None
    shutil.rmtree(config.computer)
    scenario = load_scenario(rig).model_copy(update={"computer": ComputerTable(**computer)})
    write_computer(config.computer, scenario, os.path.realpath(config.box.url))


def _rendered(running: RunningRig) -> None:
    end_s = time.monotonic() + RENDERED_S
    with running.control() as control:
        while control.ask({"get": "status"})["is_scene_changing"]:
            assert time.monotonic() < end_s, "the view is not rendered"
            time.sleep(0.02)


class TestedRig:
    """A simulated rig that stays open from one row to the next, until a row changes its rig file or breaks it."""

    __test__ = False

    def __init__(self, running: RunningRig) -> None:
        self._running = running
        self._shared: Rig | None = None

    def tested(self, *faults: Fault, is_whole: bool = False) -> Report:
        """Return the self-test's report on the rig with these faults; `is_whole`: no stage is left out.

        What one of the faults needs is made: only stages that all of them leave out are left out.
        """
        skip = () if is_whole or not faults else left_out_by_all(faults)
        if any(fault.opens_anew for fault in faults):
            self.close()
        with planted(self._running, *faults):
            config = with_projector(load(Path(self._running.rig_file)))
            for fault in faults:
                config = fault.change(config)
            try:
                with self._opened(config) as rig:
                    _do_all(self._running, faults)
                    report = run_selftest(
                        rig, lambda _: None, Selection(skip=skip), FRAME_SETS, usb_core=usb_of(faults)
                    )
            except RigError as exc:
                report = untested(config.name, exc)
        # A device that failed meanwhile must be opened anew.
        if any(check.name.endswith(".finished") for check in report.checks):
            self.close()
        return report

    @contextmanager
    def _opened(self, config: RigConfig) -> Iterator[Rig]:
        """Yield the rig that is open, or else one for this row alone."""
        if self._shared is not None:
            yield self._shared
            return
        with Rig.open(config) as rig:
            yield rig

    def close(self) -> None:
        """Close the rig; closing twice is harmless."""
        rig, self._shared = self._shared, None
        if rig is not None:
            rig.close()

    def __enter__(self) -> Self:
        with suppress(RigError):  # a row of a rig that cannot be opened says so itself
            self._shared = Rig.open(with_projector(load(Path(self._running.rig_file))))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def left_out_by_all(faults: Sequence[Fault]) -> tuple[str, ...]:
    """Return the stages that each of the rows leaves out."""
    first, *others = faults
    return tuple(name for name in first.skip if all(name in other.skip for other in others))


def of_status(report: Report, status: Status) -> dict[str, str]:
    """Return the checks of that status with their remedies."""
    return {check.name: check.remedy for check in report.checks if check.status is status}


def in_order(faults: Sequence[Fault]) -> list[Fault]:
    """Return the rows by rig, and of each rig those first that need not be opened anew."""
    rigs = list(dict.fromkeys(fault.rig for fault in faults))
    return sorted(faults, key=lambda fault: (rigs.index(fault.rig), fault.opens_anew))


def documented() -> str:
    """Return the table of all rows for the page: what is planted, what must fail, what it names, what is left out."""
    lines = ["| planted | fails | names | left out |", "|---|---|---|---|"]
    for fault in FAULTS:
        fails = [f"`{name}`" for name in fault.fails] + [f"`{name}` (unknown)" for name in fault.unknown]
        names = ", ".join(fault.names)
        lines.append(f"| {fault.name} | {', '.join(fails) or '-'} | {names or '-'} | {LEFT_OUT[fault.skip]} |")
    return "\n".join(lines) + "\n"


def write_page() -> None:
    """Put the table into the page, after the line that marks its place."""
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(f"{head}{mark}\n{documented()}", encoding="utf-8")


def main(wanted: str = "") -> None:
    """Print the matrix as a table."""
    if wanted == "--write":
        write_page()
        return
    print("| fault | failed | not run | unknown | remedy of the first |\n|---|---|---|---|---|")
    rows = in_order([fault for fault in FAULTS if wanted in fault.name])
    for spec in dict.fromkeys(fault.rig for fault in rows):
        with launch(spec) as running, TestedRig(running) as rig:
            for fault in (f for f in rows if f.rig == spec):
                report = rig.tested(fault)
                failed, others = of_status(report, Status.FAILED), len(of_status(report, Status.NOT_RUN))
                unsure = of_status(report, Status.UNKNOWN)
                told = next(iter((failed | unsure).values()), "")
                mark = "" if set(failed) == set(fault.fails) and set(unsure) == set(fault.unknown) else " (!)"
                cells = ", ".join(failed) or "-", str(others), ", ".join(unsure) or "-", told.replace("\n", " ")
                print(f"| {fault.name}{mark} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
