"""Which checks are wanted: `--only`, `--skip` and `--quick`.

In: globs on names of checks. Out: the stages that must be made, and the checks that are shown. The grounds of a wanted
check are made with it, and shown when they are not good. Not here: the options themselves (see cli/selftest.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rigdriver.config import RigConfig
from rigdriver.errors import UsageError
from rigdriver.selftest.grounds import NOT_GOOD, ROWS, grounds_of, row_of
from rigdriver.selftest.result import CheckResult

SLOW = ("run", "optical", "watchdog")
"""Stages that `--quick` leaves out: the wiring and the lamps show nearly as much."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The checks that are wanted; all of them by default."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    is_quick: bool = False

    def has(self, name: str) -> bool:
        """Whether a check of that name is wanted."""
        found = row_of(name)
        if self.is_quick and found is not None and found[0].stage in SLOW:
            return False
        is_asked = not self.only or _matches(name, self.only)
        return is_asked and not _matches(name, self.skip)

    def refuse_strangers(self, config: RigConfig) -> None:
        """Raise UsageError for a glob that matches no check of this rig."""
        names = _all_names(config)
        for glob in (*self.only, *self.skip):
            if not any(_matches(name, (glob,)) for name in names):
                raise UsageError(
                    device="self-test",
                    seen=f"no check is called {glob}",
                    remedy=f"name one, or a glob, such as {', '.join(sorted({n.split('.')[0] for n in names}))}.*",
                )

    def stages(self, config: RigConfig) -> set[str]:
        """Return the stages that make the wanted checks and their grounds."""
        names = _all_names(config)
        waiting = [name for name in names if self.has(name)]
        wanted: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in wanted:
                continue
            wanted.add(name)
            grounds = grounds_of(name)
            # What is left out by name, or because it is slow, is made for nobody's sake.
            waiting += [n for n in names if any(fnmatchcase(n, g) for g in grounds) and not self._is_left_out(n)]
        return {found[0].stage for name in wanted if (found := row_of(name)) is not None}

    def shown(self, checks: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
        """Return the wanted checks, and whatever else is not good and not left out."""
        return tuple(
            check
            for check in checks
            if self.has(check.name) or (check.status in NOT_GOOD and not self._is_left_out(check.name))
        )

    def _is_left_out(self, name: str) -> bool:
        return not Selection((), self.skip, self.is_quick).has(name)


ALL = Selection()


def _matches(name: str, globs: Sequence[str]) -> bool:
    # `light` means all of light, too.
    return any(fnmatchcase(name, glob) or name.startswith(f"{glob}.") for glob in globs)


def _all_names(config: RigConfig) -> list[str]:
    return [name for row in ROWS for name in row.names(config)]
