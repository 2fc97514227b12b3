"""The page between a simulated rig and its driver: who takes part, how far time may go on, and who is waited for.

In: a page, parts of this process and of others, and a real time that the test moves. Out: horizons, and what a wait
returns. Not here: how the engine moves by the horizon (sim/test_engine_in_lockstep.py).
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rigdriver.errors import ConfigError
from rigdriver.timebase import PARTS, RECORD_BYTES, WALL_TIME, ModelledTime, open_timebase, wait_for
from rigdriver_sim.reach import timebase_page
from rigdriver_sim.reach.timebase_page import CLOSE_NS, GIVEN_UP_S, LEAD_NS, LOOK_S, TimebasePage
from tests.fake_time import FakeTime

MS = 1_000_000


class RealTime:
    """Real seconds that only the test lets pass."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s

    def next_look(self) -> None:
        self.s += 2 * LOOK_S


@pytest.fixture
def real() -> RealTime:
    return RealTime()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "timebase"


@pytest.fixture
def page(path: Path, real: RealTime) -> Iterator[TimebasePage]:
    page = TimebasePage(path, real)
    yield page
    page.close()


@pytest.fixture
def driver(page: TimebasePage, path: Path) -> ModelledTime:
    return ModelledTime(path)


def turn(driver: ModelledTime) -> None:
    """Begin a turn, and end it: what happened before both has been seen."""
    driver.idle()
    driver.idle()


def put_part(path: Path, number: int, pid: int, seen_ns: int, turns: int = 0) -> None:
    """Write a part's record as another process does."""
    with path.open("r+b") as file:
        file.seek(number * RECORD_BYTES)
        file.write(struct.pack("<QQQ24s", pid, seen_ns, turns, b"other"))


def pid_of(path: Path, number: int) -> int:
    return int.from_bytes(path.read_bytes()[number * RECORD_BYTES :][:8], "little")


# -- both ends agree -------------------------------------------------------------------------------------------------


def test_simulator_and_driver_have_the_same_page() -> None:
    from rigdriver import timebase

    assert (timebase.MAGIC, timebase.PARTS, timebase.RECORD_BYTES) == (
        timebase_page.MAGIC,
        timebase_page.PARTS,
        timebase_page.RECORD_BYTES,
    )


def test_driver_reads_the_time_that_the_rig_has_published(page: TimebasePage, driver: ModelledTime) -> None:
    start_ns = driver.now_ns()
    assert start_ns == page.host_ns(0)
    page.publish(7 * MS)
    assert driver.now_ns() == page.host_ns(7 * MS) == start_ns + 7 * MS
    assert driver.now_s() == driver.now_ns() / 1e9


def test_without_a_page_time_is_the_computers(path: Path, page: TimebasePage) -> None:
    assert open_timebase(None) is WALL_TIME
    assert isinstance(open_timebase(path), ModelledTime)


def test_a_file_that_is_no_page_is_named(tmp_path: Path) -> None:
    size = (PARTS + 1) * RECORD_BYTES
    for name, data in (("short", b"RIGTIME1"), ("other", bytes(size)), ("empty", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigError, match=f"{name}'.*is no page of a simulated rig; remove the key"):
            ModelledTime(tmp_path / name)
    with pytest.raises(ConfigError, match=r"absent'.*cannot be opened \(No such file or directory\)"):
        ModelledTime(tmp_path / "absent")


# -- the horizon -----------------------------------------------------------------------------------------------------


def test_time_waits_for_nobody_while_nobody_takes_part(page: TimebasePage, driver: ModelledTime) -> None:
    assert page.horizon_ns() is None
    driver.idle()
    assert page.horizon_ns() is None
    with driver.take_part("one"):
        assert page.horizon_ns() == LEAD_NS
    assert page.horizon_ns() is None


def test_time_goes_no_further_than_a_lead_beyond_the_slowest_part(page: TimebasePage, path: Path) -> None:
    driver = ModelledTime(path)
    with driver.take_part("fast"):
        put_part(path, 5, os.getpid(), page.host_ns(3 * MS))
        page.publish(15 * MS)
        turn(driver)
        assert page.horizon_ns() == 3 * MS + LEAD_NS
        put_part(path, 5, os.getpid(), page.host_ns(40 * MS))
        assert page.horizon_ns() == 15 * MS + LEAD_NS


def test_what_happened_during_a_turn_has_not_been_seen_by_it(page: TimebasePage, driver: ModelledTime) -> None:
    with driver.take_part("one"):
        page.publish(10 * MS)  # the turn had begun at 0
        driver.idle()
        assert page.horizon_ns() == LEAD_NS
        page.publish(12 * MS)  # this one began at 10 ms
        driver.idle()
        assert page.horizon_ns() == 10 * MS + LEAD_NS


def test_after_a_delivery_time_stands_until_every_part_has_had_a_turn(page: TimebasePage, path: Path) -> None:
    one = ModelledTime(path)
    with one.take_part("one"):
        put_part(path, 9, os.getpid(), page.host_ns(0))
        page.publish(5 * MS)
        page.delivered(5 * MS)
        assert page.horizon_ns() == 5 * MS + CLOSE_NS
        turn(one)
        assert page.horizon_ns() == 5 * MS + CLOSE_NS  # the other has not looked yet
        put_part(path, 9, os.getpid(), page.host_ns(5 * MS))
        assert page.horizon_ns() == 5 * MS + LEAD_NS


def test_a_later_delivery_moves_the_barrier_but_not_how_far_time_goes(page: TimebasePage, driver: ModelledTime) -> None:
    with driver.take_part("one"):
        page.publish(5 * MS)
        page.delivered(5 * MS)
        page.publish(6 * MS)
        page.delivered(6 * MS)
        assert page.horizon_ns() == 5 * MS + CLOSE_NS
        driver.idle()
        page.publish(6 * MS)
        driver.idle()
        assert page.horizon_ns() == 6 * MS + LEAD_NS


def test_a_part_within_a_part_of_the_same_thread_changes_nothing(page: TimebasePage, driver: ModelledTime) -> None:
    with driver.take_part("outer"):
        with driver.take_part("inner"):
            pass
        assert page.horizon_ns() == LEAD_NS


def test_a_part_ends_also_when_its_work_fails(page: TimebasePage, driver: ModelledTime) -> None:
    with pytest.raises(ArithmeticError), driver.take_part("one"):
        raise ArithmeticError
    assert page.horizon_ns() is None


# -- who is waited for -----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_that_ends_its_parents_part_leaves_it_alone(page: TimebasePage, path: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(ModelledTime(path).take_part("parent"))
        pid = os.fork()
        if pid == 0:
            stack.close()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert page.horizon_ns() is not None, "time still waits for the parent"
    assert page.horizon_ns() is None


def test_thirty_two_threads_take_part_and_one_more_is_refused(page: TimebasePage, path: Path) -> None:
    # The part belongs to the thread, so each driver of this one stands for a thread of its own.
    with ExitStack() as stack:
        for number in range(PARTS):
            stack.enter_context(ModelledTime(path).take_part(f"part {number}"))
        with pytest.raises(ConfigError, match="32 threads take part already"), ModelledTime(path).take_part("33"):
            pass
    with ModelledTime(path).take_part("again"):
        assert page.horizon_ns() == LEAD_NS


def test_a_process_that_has_died_is_waited_for_no_longer(page: TimebasePage, path: Path, real: RealTime) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    put_part(path, 1, child.pid, page.host_ns(0))
    real.next_look()
    assert page.horizon_ns() is None
    assert pid_of(path, 1) == 0


def test_a_process_that_nobody_has_buried_yet_is_waited_for_no_longer(
    page: TimebasePage, path: Path, real: RealTime
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie until the context ends
        put_part(path, 1, child.pid, page.host_ns(0))
        real.next_look()
        assert page.horizon_ns() is None


def test_a_thread_that_never_turns_is_given_up_and_said_so_once(
    page: TimebasePage, driver: ModelledTime, real: RealTime, capsys: pytest.CaptureFixture[str]
) -> None:
    with driver.take_part("hung producer"):
        real.next_look()
        assert page.horizon_ns() == LEAD_NS
        real.s += GIVEN_UP_S - LOOK_S
        assert page.horizon_ns() == LEAD_NS
        for _ in range(3):
            real.next_look()
            assert page.horizon_ns() is None
        told = capsys.readouterr().err
        assert told == (
            f"simulated rig: thread 'hung producer' of process {os.getpid()} has not turned for 30 s; time goes on "
            "without it\n"
        )
        turn(driver)
        real.next_look()
        assert page.horizon_ns() == LEAD_NS, "it turns again, so it is waited for again"


def test_a_thread_that_turns_is_never_given_up(
    page: TimebasePage, driver: ModelledTime, real: RealTime, capsys: pytest.CaptureFixture[str]
) -> None:
    with driver.take_part("one"):
        for _ in range(10):
            real.s += GIVEN_UP_S - 1
            driver.idle()
            assert page.horizon_ns() is not None
    assert capsys.readouterr().err == ""


# -- waiting ---------------------------------------------------------------------------------------------------------


class Rig(threading.Thread):
    """Lets time go on to the horizon again and again, as a rig's engine does."""

    def __init__(self, page: TimebasePage) -> None:
        super().__init__(name="rig")
        self._page = page
        self.is_over = threading.Event()
        self.t_ns = 0

    def run(self) -> None:
        while not self.is_over.wait(0.0002):
            horizon_ns = self._page.horizon_ns()
            if horizon_ns is not None:
                self.t_ns = max(self.t_ns, min(horizon_ns, self.t_ns + MS))
                self._page.publish(self.t_ns)


@pytest.fixture
def running(page: TimebasePage) -> Iterator[Rig]:
    rig = Rig(page)
    rig.start()
    yield rig
    rig.is_over.set()
    rig.join()


def test_a_sleep_takes_modelled_time(driver: ModelledTime, running: Rig) -> None:
    with driver.take_part("one"):
        began_ns = driver.now_ns()
        driver.sleep(0.1)
        slept_ns = driver.now_ns() - began_ns
    assert 100 * MS <= slept_ns <= 100 * MS + LEAD_NS


def test_a_wait_ends_with_its_event_or_with_its_time(driver: ModelledTime, running: Rig) -> None:
    event = threading.Event()
    with driver.take_part("one"):
        began_ns = driver.now_ns()
        assert not driver.wait(event, 0.05)
        assert driver.now_ns() - began_ns >= 50 * MS
        event.set()
        before_ns = driver.now_ns()
        assert driver.wait(event, 1000)
        assert driver.now_ns() - before_ns <= LEAD_NS


def test_an_event_that_was_set_before_the_end_counts_also_after_it(page: TimebasePage, driver: ModelledTime) -> None:
    event = threading.Event()
    event.set()
    assert driver.wait(event, 0)
    assert not driver.wait(threading.Event(), 0)


def test_waiting_for_a_condition_ends_with_it_or_with_its_time() -> None:
    timebase, condition = FakeTime(), threading.Condition()
    with condition:
        assert wait_for(timebase, condition, lambda: True, 0)
        assert not wait_for(timebase, condition, lambda: False, 0.3)
        began_ns = timebase.t_ns
        assert wait_for(timebase, condition, lambda: timebase.t_ns > began_ns, 0.3)


def test_modelled_time_is_looked_at_every_millisecond_and_real_time_never(driver: ModelledTime) -> None:
    assert (driver.slice_s(5), driver.slice_s(0.0004)) == (0.001, 0.001)
    assert WALL_TIME.slice_s(5) == 5


def test_each_look_of_the_rig_at_what_was_sent_to_it_is_seen_as_a_step(
    page: TimebasePage, driver: ModelledTime
) -> None:
    before = driver.steps()
    page.publish(0)
    page.publish(0)
    assert driver.steps() == before + 2
