"""An end is done once and whole, whatever interrupts the wait for it, and the interrupt is raised afterwards.

In: an interrupt at every moment of the waiting thread, acts that fail or hang. Out: the act's one whole run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from rigdriver import ends, signal_safe
from rigdriver.ends import END_S, RUN_END_S, SHORTEST_S, End
from rigdriver.timebase import AnyEvent
from tests.fake_time import FakeTime
from tests.interrupts import interrupted_at


def is_ours(source: str) -> bool:
    return source in (ends.__file__, signal_safe.__file__)


def test_an_interrupt_at_any_moment_of_the_wait_leaves_a_whole_end() -> None:
    moment, has_come = 0, True
    while has_come:
        moment += 1
        done: list[str] = []
        end = End("a thing", lambda done=done: done.extend(["begun", "ended"]))  # type: ignore[misc]
        has_come = interrupted_at(moment, end.run, is_ours)
        end.run()  # one that was interrupted before it began is made up for
        assert done == ["begun", "ended"], f"interrupted at moment {moment}"
    assert moment > 10


def test_what_the_act_raises_is_raised_once() -> None:
    def fail() -> None:
        raise KeyError("mine")

    end = End("a thing", fail)
    with pytest.raises(KeyError, match="mine"):
        end.run()
    end.run()


class Hung:
    """Ends that hang until the test is over, by a time that only their waits let pass."""

    def __init__(self) -> None:
        self.clock = FakeTime()
        self._release = threading.Event()

    def end(self, name: str = "the hung thing", time_s: float = END_S, inner: End | None = None) -> End:
        return End(name, inner.run if inner else self._hang, time_s=time_s, wall=self.clock)

    def _hang(self) -> None:
        self._release.wait(30)

    def waited_s(self, act: Callable[[], None]) -> float:
        begun_s = self.clock.now_s()
        act()
        return self.clock.now_s() - begun_s

    def let_go(self) -> None:
        self._release.set()
        for thread in threading.enumerate():
            # One whose start was interrupted, in another test, is listed and never runs.
            if thread.name.startswith("end of") and thread.is_alive():
                thread.join(30)


def failing_within(ends: Sequence[End]) -> None:
    """Fail, and end one after the other behind the failure."""
    with ExitStack() as stack:
        for end in reversed(ends):
            stack.callback(end.run)
        raise KeyError("mine")


@pytest.fixture
def hung() -> Iterator[Hung]:
    hung = Hung()
    yield hung
    hung.let_go()


def test_an_end_that_hangs_is_left_to_itself_and_named_once(hung: Hung, caplog: pytest.LogCaptureFixture) -> None:
    end = hung.end()
    waits_s = [hung.waited_s(end.run) for _ in range(3)]
    assert waits_s == pytest.approx([END_S, 0, 0], abs=0.05)
    assert caplog.text.count("the hung thing has not ended within 4.8") == 1
    hung.let_go()
    assert end.is_over


def test_the_ends_that_one_exception_causes_share_one_time(hung: Hung, caplog: pytest.LogCaptureFixture) -> None:
    ends = [hung.end("the run", RUN_END_S), hung.end("the folder"), hung.end("the rig")]
    with pytest.raises(KeyError):
        failing_within(ends)
    assert hung.clock.now_s() - FakeTime().now_s() == pytest.approx(END_S + SHORTEST_S, abs=0.05)
    assert [caplog.text.count(f"{name} has not ended") for name in ("the run", "the folder", "the rig")] == [1, 1, 1]


def test_the_ends_behind_an_interrupt_of_an_end_share_its_time(hung: Hung) -> None:
    class Impatient(FakeTime):
        has_come = False

        def wait(self, event: AnyEvent, timeout_s: float) -> bool:
            if self.now_s() > 3 and not self.has_come:
                self.has_come = True
                raise KeyboardInterrupt
            return super().wait(event, timeout_s)

    hung.clock = clock = Impatient()
    with pytest.raises(KeyboardInterrupt):
        failing_within([hung.end("the run", RUN_END_S), hung.end("the rig")])
    assert clock.now_s() - FakeTime().now_s() <= END_S + SHORTEST_S + 0.1


def test_each_exception_gives_the_ends_a_time_of_their_own(hung: Hung) -> None:
    def fail() -> None:
        try:
            raise KeyError("mine")
        except KeyError:
            hung.end().run()

    assert [hung.waited_s(fail) for _ in range(2)] == pytest.approx([END_S, END_S], abs=0.05)


def test_an_end_within_an_end_takes_no_longer_than_it(hung: Hung) -> None:
    inner = hung.end("the inner")
    outer = hung.end("the outer", 2.0, inner)
    outer.run()
    assert hung.clock.now_s() - FakeTime().now_s() < 4.0  # both wait, and let time pass together


def test_an_end_may_be_asked_for_from_inside() -> None:
    done: list[int] = []

    def act() -> None:
        end.run()
        done.append(1)

    end = End("a thing", act)
    end.run()
    assert done == [1]
