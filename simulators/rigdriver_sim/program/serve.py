"""The process of one simulated rig: `python -m rigdriver_sim serve`.

In: a scenario and a folder (or none: then it makes one). Out: a running rig, lines of JSON on stdout, and nothing left
behind. The lines are `{"progress": 3, "of": 12}` while its scene is rendered, `{"alive": true}` now and then, at last
`{"ready": true, "rig_file": ...}` or `{"ready": false, "error": ...}`. It ends on SIGTERM, SIGINT, the end of stdin and
the death of its parent. Not here: what is simulated (see bench/rig.py).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from rigdriver_sim.bench.camera_bank import make_cameras, ports_of
from rigdriver_sim.bench.rig import Scenery, SimulatedRig
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.feed.feed import PRODUCER_NAME
from rigdriver_sim.folder import make_folder
from rigdriver_sim.reach import acts
from rigdriver_sim.reach.computer import write_computer
from rigdriver_sim.reach.control import SOCKET, ControlServer
from rigdriver_sim.reach.rig_file import rig_file_text
from rigdriver_sim.reach.timebase_page import TimebasePage
from rigdriver_sim.scenario import Scenario, load

RIG_FILE = "rig.toml"
TIMEBASE = "timebase"
COMPUTER = "computer"
BEAT_S = 5.0
_OUT = threading.Lock()


def main(arguments: Sequence[str]) -> int:
    """Run one rig; return the exit status: 0 after an ordered end, 2 when it could not start."""
    parser = argparse.ArgumentParser(prog="python -m rigdriver_sim serve", description="Run a simulated rig.")
    parser.add_argument("scenario", nargs="?", default="", help="name or file, with ?key=value&... behind it")
    parser.add_argument("--folder", type=Path, help="use this folder; by default a new one is made")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        try:
            with _beating():
                engine, ready = _start(options.scenario, options.folder, stack)
        except (ValueError, RuntimeError, OSError) as exc:
            _say({"ready": False, "error": str(exc), "kind": "usage" if isinstance(exc, ValueError) else "device"})
            return 2
        _end_on_signals(engine)
        _end_with_stdin(engine)
        _say(ready)
        _run(engine)
    return 0


def _start(spec: str, folder: Path | None, stack: ExitStack) -> tuple[EventEngine, dict[str, object]]:
    scenario = load(spec)
    if folder is None:
        folder, lock = make_folder()
        # Closed after the folder is removed: a folder without a living lock may be swept up by other rigs.
        stack.callback(os.close, lock)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    page = TimebasePage(folder / TIMEBASE) if scenario.lockstep else None
    if page is not None:
        stack.callback(page.close)
    engine = EventEngine(scenario.pace, follower=page)
    stack.callback(engine.close)
    bank = partial(make_cameras, ports=ports_of(scenario))
    rig = SimulatedRig(scenario, engine, folder, bank, _view(scenario))
    stack.callback(rig.close)
    control = ControlServer(folder / SOCKET, engine, lambda request: acts.handle(rig, engine, request))
    stack.callback(control.close)
    tcp = rig.box.tcp_port
    port = str(folder / "box")
    url = f"socket://127.0.0.1:{tcp}" if tcp else port
    write_computer(folder / COMPUTER, scenario, os.path.realpath(port))
    # Last of all: a rig file that exists leads to a rig that answers.
    (folder / RIG_FILE).write_text(
        rig_file_text(scenario, url, PRODUCER_NAME, TIMEBASE if page else "", COMPUTER), encoding="utf-8"
    )
    return engine, {
        "ready": True,
        "rig_file": str(folder / RIG_FILE),
        "producer": str(folder / PRODUCER_NAME),
        "port": port,
        "box_url": url,
        "pid": os.getpid(),
    }


def _view(scenario: Scenario) -> Scenery | None:
    if not scenario.scene:
        return None
    from rigdriver_sim.bench.scene_view import SceneView  # noqa: PLC0415 - the compiler behind it takes a second to load

    parent = os.getppid()

    def tell(done: int, wanted: int) -> None:
        # The end of stdin is seen by the loop, which does not run while the scene is rendered.
        if os.getppid() != parent:
            raise RuntimeError("whoever started this rig is gone")
        _say({"progress": done, "of": wanted})

    return SceneView(scenario, tell)


def _say(answer: dict[str, object]) -> None:
    with _OUT:
        try:
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever waited is gone, which ends this process in order; the rest of its output goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _beating() -> Iterator[None]:
    """Tell whoever waits that this process lives: compiling a scene's loops takes long on a busy computer."""
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(BEAT_S):
            _say({"alive": True})

    thread = threading.Thread(target=beat, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _end_on_signals(engine: EventEngine) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # The handler only leaves a mark: the action under way ends, and then all that was opened is closed in order.
        signal.signal(number, lambda _number, _frame: engine.stop())


def _end_with_stdin(engine: EventEngine) -> None:
    """End when stdin does, if it is a pipe: whoever started this rig is gone, or has closed it."""

    def read() -> None:
        if not os.read(0, 4096):
            engine.stop()

    # The end of /dev/null or of a file says nothing about whoever started this rig.
    if stat.S_ISFIFO(os.fstat(0).st_mode) or stat.S_ISSOCK(os.fstat(0).st_mode):
        engine.add_reader(0, read)


def _run(engine: EventEngine) -> None:
    """Run until the order to end, or until the parent is another process: a forked sibling may keep stdin open."""
    parent = os.getppid()
    # What was set up stays until the end: looking through it for garbage again and again would hold frames up for
    # 80 to 150 ms at a time.
    gc.collect()
    gc.freeze()
    engine.begin()
    while not engine.is_stopping and os.getppid() == parent:
        engine.step()
