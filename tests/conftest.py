"""What every test may use, and what every test must leave behind: nothing.

In: `--rig FILE` (run tests/rig on that rig instead of the simulated one), `--box PORT` (run the box's suite on the box
at that port) and `--slow`. Out: simulated rigs, and a failure for a test that leaks a thread, a child process, or an
open serial port or socket, or after which the box has counted errors. Not here: what is tested.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

# Before numpy is loaded, for pytest's workers and all that they start: as the command line has it (DECISIONS.md).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

GRACE_S = 60.0
"""A thread or process that has been told to end may need a moment on a loaded machine."""
SMALL: dict[str, object] = {"width": 320, "height": 240, "seed": 1, "lockstep": "true", "pace": 0}
"""A simulated rig whose time waits for the driver: a test gives the same result on a busy computer."""
REAL_TIME: dict[str, object] = {"lockstep": "false", "pace": 1}
"""For the few tests that are about real time; mark them `realtime`."""

LaunchRig = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class SharedRig:
    """The rig of a module's tests."""

    file: Path
    box_errors: Callable[[], dict[str, int]]
    """Function that returns the error counters of its box that are not zero."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rig", metavar="FILE", help="run tests/rig on the rig of this rig file, not on the simulated one"
    )
    parser.addoption("--box", metavar="PORT", help="run the box's suite on the box at this port, not on the model")
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_configure() -> None:
    """Hear the signals that are tested: a shell starts jobs in the background, and nohup(1) all, with some ignored."""
    for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    on_metal = config.getoption("--rig") is not None
    if hasattr(config, "workerinput"):
        from tests.workers import share

        share(config.workerinput, items)
    for item in items:
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: give --slow to run it"))
        if item.get_closest_marker("sim") and on_metal:
            item.add_marker(pytest.mark.skip(reason="needs the simulated rig's truth or faults; --rig was given"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each worker where to write the names of the real-time tests."""
    from tests.workers import FOLDER, folder_of_names

    node.workerinput[FOLDER] = folder_of_names(node.config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let `-n 3 --dist loadfile` keep all real-time tests on one worker, too; any other `--dist` is xdist's own."""
    if config.getoption("--rig") is not None:
        raise pytest.UsageError("--rig names one rig, which several workers cannot share: leave -n out")
    if config.getoption("dist") != "loadfile":
        return None
    from tests.workers import FilesAndRealTime

    config.option.loadscopereorder = False
    return FilesAndRealTime(config, log)


# ---------------------------------------------------------------- simulated rigs


def scenario(name: str = "default", **overrides: object) -> str:
    """Return what `launch` and `Rig.open("sim:...")` take: small images and a fixed seed unless told otherwise."""
    values = SMALL | overrides
    return f"{name}?" + "&".join(f"{key}={value}" for key, value in values.items())


@pytest.fixture
def launch_rig(request: pytest.FixtureRequest) -> Iterator[LaunchRig]:
    """Launch simulated rigs: `launch_rig(pace=0, seed=3)`; they end with the test, and their boxes without errors."""
    from rigdriver_sim.program.launch import launch

    sound: list[Any] = []
    with ExitStack() as stack:

        def launch_one(name: str = "default", **overrides: object) -> Any:
            running = stack.enter_context(launch(scenario(name, **overrides)))
            if not _plants_faults(request.node, overrides):
                sound.append(running)
            return running

        yield launch_one
        for running in sound:
            from tests.box_errors import errors_of_simulated

            errors = errors_of_simulated(running)
            assert not errors, f"the box counted {errors}; a test that means it is marked plants_faults"


def _plants_faults(test: Any, overrides: dict[str, object]) -> bool:
    """Whether the box of a rig that a test launches may count errors."""
    return test.get_closest_marker("plants_faults") is not None or any(key.startswith("faults.") for key in overrides)


@pytest.fixture(scope="module")
def shared_rig(request: pytest.FixtureRequest) -> Iterator[SharedRig]:
    """The rig to test: of `--rig FILE`, or a small simulated one, one for each module; and how its box is asked."""
    from tests.box_errors import errors_of_simulated, errors_on_metal

    named = request.config.getoption("--rig")
    if named is not None:
        yield SharedRig(Path(named), lambda: errors_on_metal(Path(named)))
        return
    from rigdriver_sim.program.launch import launch

    with launch(scenario()) as running:
        yield SharedRig(Path(running.rig_file), lambda: errors_of_simulated(running))


@pytest.fixture(scope="module")
def rig_file(shared_rig: SharedRig) -> Path:
    """The file of the rig that the module's tests share."""
    return shared_rig.file


@pytest.fixture(autouse=True)
def shared_box_counts_no_errors(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare the error counters of the module's rig before and after each test that uses it."""
    if "shared_rig" not in request.fixturenames or request.node.get_closest_marker("plants_faults"):
        yield
        return
    from tests.box_errors import grown

    shared: SharedRig = request.getfixturevalue("shared_rig")
    before = shared.box_errors()
    yield
    errors = grown(before, shared.box_errors())
    assert not errors, f"the box counted {errors}; a test that means it is marked plants_faults"


# ---------------------------------------------------------------- nothing may be left behind


@dataclass(frozen=True, slots=True)
class Belongings:
    """What this process holds."""

    threads: frozenset[threading.Thread]
    children: frozenset[psutil.Process]
    ports: frozenset[str]

    @classmethod
    def now(cls) -> Belongings:
        children = psutil.Process().children(recursive=True) if _may_have_children() else []
        return cls(
            threads=frozenset(thread for thread in threading.enumerate() if thread.is_alive()),
            children=frozenset(child for child in children if not _is_pythons_own(child)),
            ports=frozenset(_open_ports()),
        )

    def beyond(self, earlier: Belongings) -> list[str]:
        """Return what is held now and was not before."""
        return [
            *(f"thread {thread.name}" for thread in self.threads - earlier.threads),
            *(f"child process {_told(child)}" for child in self.children - earlier.children),
            *(f"open {port}" for port in self.ports - earlier.ports),
        ]


def _may_have_children() -> bool:
    """Ask the kernel about this process alone: psutil reads the files of every process there is."""
    lists = list(Path("/proc/self/task").glob("*/children"))
    return not lists or any(_told_by_kernel(entry) for entry in lists)


def _told_by_kernel(entry: Path) -> bool:
    """Whether a thread has children; a thread that has just ended has handed its own to another one."""
    try:
        return entry.read_text() != ""
    except OSError:
        return True


def _is_pythons_own(child: psutil.Process) -> bool:
    """multiprocessing's resource tracker lives as long as the interpreter."""
    try:
        return any("resource_tracker" in part for part in child.cmdline())
    except psutil.Error:
        return False


def _told(child: psutil.Process) -> str:
    try:
        return f"{child.pid} {' '.join(child.cmdline())[:120]}"
    except psutil.Error:
        return str(child.pid)


def _open_ports() -> Iterator[str]:
    folder = Path("/proc/self/fd")
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith(("/dev/pts/", "/dev/ptmx", "/dev/tty", "socket:")):
            yield f"{target} (fd {entry.name})"


def _left_behind(before: Belongings) -> list[str]:
    """Wait, with an end, until nothing more is held than before."""
    deadline = time.monotonic() + GRACE_S
    while (left := Belongings.now().beyond(before)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


@pytest.fixture(autouse=True, scope="module")
def module_leaves_nothing_behind() -> Iterator[None]:
    before = Belongings.now()
    yield
    left = _left_behind(before)
    assert not left, f"the module's fixtures left behind: {', '.join(left)}"


@pytest.fixture(autouse=True)
def test_leaves_nothing_behind(module_leaves_nothing_behind: None) -> Iterator[None]:
    before = Belongings.now()
    yield
    left = _left_behind(before)
    assert not left, f"the test left behind: {', '.join(left)}"
