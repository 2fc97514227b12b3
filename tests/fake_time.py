"""A timebase that only the test moves: what waits or sleeps on it takes exactly that time, and no real one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import count

from rigdriver.timebase import AnyCondition, AnyEvent


def clock_of_looks() -> Callable[[], float]:
    """Return a clock, in s, that each look moves on by a microsecond: no busy computer makes a call seem long."""
    looks = count()
    return lambda: next(looks) * 1e-6


@dataclass
class FakeTime:
    """Satisfies rigdriver.timebase.Timebase."""

    t_ns: int = 1_000_000_000
    slept: list[float] = field(default_factory=list)

    def now_ns(self) -> int:
        return self.t_ns

    def now_s(self) -> float:
        return self.t_ns / 1e9

    def pass_s(self, duration_s: float) -> None:
        self.t_ns += round(duration_s * 1e9)

    def wait(self, event: AnyEvent, timeout_s: float) -> bool:
        if not event.is_set():
            self.pass_s(timeout_s)
        return event.is_set()

    def wait_on(self, condition: AnyCondition, timeout_s: float) -> None:
        self.pass_s(timeout_s)

    def sleep(self, duration_s: float) -> None:
        self.slept.append(duration_s)
        self.pass_s(duration_s)

    def slice_s(self, wait_s: float) -> float:
        return wait_s

    def idle(self) -> None:
        pass

    def busy(self) -> None:
        pass

    def may_be_in_transit(self, looks: int) -> bool:
        return False

    def steps(self) -> int:
        return 0

    def take_part(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()
