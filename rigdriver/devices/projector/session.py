"""Request and reply: one at a time, each within its time.

In: commands with their data. Out: the data of replies. A reply with another sequence number is late, and is dropped
and counted; the wait for the right one goes on until its time is over. Not here: what commands mean (see commands.py).
"""

from __future__ import annotations

from typing import Protocol

from rigdriver.devices.projector.packets import ReplyHead, reply_data, reply_head, request
from rigdriver.errors import BadReply, NoReply, ProjectorRefused
from rigdriver.timebase import WALL_TIME, Timebase, TimeLimit

_LAST_SEQUENCE = 255


class ReportPipe(Protocol):
    """What carries HID reports."""

    name: str
    """Name of the projector in messages."""

    def send(self, report: bytes, timeout_s: float) -> None:
        """Send one report. LinkLost when that fails."""
        ...

    def receive(self, timeout_s: float) -> bytes | None:
        """Return one report; None when none came in that time. LinkLost when the way to the projector failed."""
        ...

    def close(self) -> None:
        """Give the device back; closing twice is harmless."""
        ...


class ProjectorSession:
    """Talks to one projector."""

    def __init__(self, pipe: ReportPipe, reply_timeout_s: float, timebase: Timebase = WALL_TIME) -> None:
        self._pipe, self._timeout_s, self._timebase = pipe, reply_timeout_s, timebase
        self._sequence = 0
        self.late_replies = 0
        """Number of replies that came after their time, or to nothing that was asked."""

    @property
    def device(self) -> str:
        """Name of the projector in messages."""
        return self._pipe.name

    def read(self, command: int) -> bytes:
        """Return what a command reads.

        Raises:
            NoReply, BadReply, LinkLost: as they say.
            ProjectorRefused: the projector reports an error.
        """
        return self._exchange(command, b"", is_read=True)

    def write(self, command: int, data: bytes) -> None:
        """Write; the projector confirms it. It raises what `read` raises."""
        self._exchange(command, data, is_read=False)

    def _exchange(self, command: int, data: bytes, is_read: bool) -> bytes:
        self._sequence = self._sequence % _LAST_SEQUENCE + 1
        limit = TimeLimit(self._timebase, self._timeout_s)
        for report in request(command, data, self._sequence, is_read):
            self._pipe.send(report, self._timeout_s)
        head = self._head(limit, command)
        if head.is_error:
            raise ProjectorRefused(
                device=self.device,
                seen=f"refused command {command:#06x}",
                remedy="switch the projector off and on; if that does not help, its firmware does not know the command",
            )
        following = [self._next(limit) or b"" for _ in range(head.more_reports)]
        found = reply_data(head, following)
        if len(found) < head.length:
            raise self._bad(command, f"{len(found)} of {head.length} bytes")
        return found

    def _head(self, limit: TimeLimit, command: int) -> ReplyHead:
        other = ""
        while (report := self._next(limit)) is not None:
            head = reply_head(report)
            if head is not None and head.sequence == self._sequence:
                return head
            self.late_replies += 1
            other = "bytes that are no reply" if head is None else f"a reply to request {head.sequence}"
        raise self._bad(command, f"{other}, and not to request {self._sequence}") if other else self._silent(command)

    def _next(self, limit: TimeLimit) -> bytes | None:
        """Return the next report; None when the time is over."""
        # What is there is taken, however late this busy computer looks.
        while (report := self._pipe.receive(limit.look_s())) is None and limit.left_s() > 0:
            pass
        return report

    def _bad(self, command: int, seen: str) -> BadReply:
        return BadReply(
            device=self.device,
            seen=f"answered {seen} to command {command:#06x}",
            remedy="close other programs that use the projector, then switch it off and on",
        )

    def _silent(self, command: int) -> NoReply:
        return NoReply(
            device=self.device,
            seen=f"no reply to command {command:#06x} within {self._timeout_s:g} s",
            remedy="switch the projector off and on, and check its USB cable",
        )
