"""What keeps a camera from its consumer: no power, a firmware that hangs, a cut link, another program in control.

In: what is done to the camera. Out: whether it takes triggers, and a feed that answers its consumer or does not. Its
lies: what is asked of a camera behind a cut link fails at once, where a real producer asks again for a second or so;
registers of a hung camera can still be read. Not here: exposures and frames (see model.py).
"""

from __future__ import annotations

from typing import Protocol

from rigdriver_sim.engine import Engine

HEARTBEAT_NS = 3_000_000_000
"""Time without a word of its consumer after which a camera ends its stream and lets others control it, in ns (GigE
Vision, GVCP heartbeat: 3 s by default)."""


class ReachableFeed(Protocol):
    """The part of a camera's feed that is switched here."""

    @property
    def is_present(self) -> bool: ...

    def set_present(self, is_present: bool) -> None: ...

    def set_reachable(self, is_reachable: bool) -> None: ...

    def drop_handles(self) -> None: ...

    def set_foreign_control(self, is_taken: bool) -> None: ...


class Outages:
    """One camera's; every act may be done twice."""

    def __init__(self, engine: Engine, feed: ReachableFeed) -> None:
        self._engine, self._feed = engine, feed
        self.has_power = True
        """Whether the cable is in."""
        self._is_hung = False
        self._changes = 0
        """Number of times that the link was cut or restored."""

    @property
    def is_deaf(self) -> bool:
        """Whether the camera does nothing, whatever reaches it."""
        return not self.has_power or self._is_hung

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing that the camera sends arrives."""
        return not self._feed.is_present

    def pull_power(self) -> None:
        """Pull the cable that carries power and link: open handles fail for good, the camera leaves the list."""
        if self.has_power and self.is_cut_off:
            self._feed.drop_handles()  # a feed that is out of reach already does not count this as an unplug
        self.has_power = False
        self._feed.set_present(False)

    def give_power(self) -> None:
        """Put the cable back; that ends a hang, too."""
        self.has_power, self._is_hung, self._changes = True, False, self._changes + 1
        self._feed.set_present(True)

    def hang(self) -> None:
        """Let the firmware hang: no more exposures, until it is plugged in anew."""
        self._is_hung = True

    def cut_link(self) -> None:
        """Cut the link: the camera exposes on, and what it sends is lost."""
        if not self.has_power or self.is_cut_off:
            return
        self._changes += 1
        self._feed.set_reachable(False)
        cut = self._changes
        self._engine.at(self._engine.now_ns + HEARTBEAT_NS, lambda: self._miss_heartbeat(cut))

    def restore_link(self) -> None:
        """Restore the link; handles that the camera has not given up answer again."""
        if self.has_power and self.is_cut_off:
            self._changes += 1
            self._feed.set_reachable(True)

    def lose_control(self) -> None:
        """Let another program take control: it ends the stream, and who had control may only read."""
        self._feed.set_foreign_control(True)

    def regain_control(self) -> None:
        """Let that program end: the camera may be opened again."""
        self._feed.set_foreign_control(False)

    def _miss_heartbeat(self, cut: int) -> None:
        if self._changes == cut:  # the same cut still lasts
            self._feed.drop_handles()
