"""What was sent to the box and may still be on its way, there or back, although no modelled time passes.

In: requests and feeds of the watchdog as they are sent and answered, and looks that found no bytes. Out: whether
modelled time goes on. By real time nothing here has an effect. Not here: how long a reply is waited for (see
traffic.py).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from rigdriver.timebase import Timebase

SHARE = 0.5
"""Share of the time limit of a reply in which the box has had the time that it needs: more would only be taken from
what is left for bytes on their way."""
REMEMBERED_FEEDS = 16
FEEDS_ON_THE_WAY = 3
"""Number of feeds without an answer from which on the oldest one is due. One alone may be lost on a damaged line, and
four make the watchdog expire (PROTOCOL 8.2)."""


@dataclass(slots=True)
class _Sent:
    """A message without an answer."""

    t_sent_ns: int
    looks: int = 0
    """Number of looks since then that found nothing."""
    count: int = 0


class Transit:
    """The messages without an answer: one request at most, and feeds. Its methods may be called from any thread."""

    def __init__(self, timebase: Timebase, timeout_ns: int) -> None:
        """`timeout_ns`: time limit of a reply."""
        self._timebase = timebase
        self._answer_ns = timeout_ns * SHARE
        self._request: _Sent | None = None
        self._feeds: deque[_Sent] = deque(maxlen=REMEMBERED_FEEDS)
        self._steps = timebase.steps()

    def ask(self) -> None:
        """Note that a request is being sent."""
        self._request = _Sent(self._timebase.now_ns())

    def forget_request(self) -> None:
        """Note that the request has its reply, or was given up."""
        self._request = None

    def feed(self, count: int) -> None:
        """Note that a feed is being sent."""
        self._feeds.append(_Sent(self._timebase.now_ns(), count=count))

    def fed(self, count: int) -> None:
        """Note that the box took that feed. It answers in order, so it has seen all before it."""
        while self._feeds and self._feeds[0].count <= count:
            self._feeds.popleft()

    def forget_feeds(self) -> None:
        """Forget all feeds: the port that they went through is gone."""
        self._feeds.clear()

    def may_reply_come(self) -> bool:
        """Return whether the reply to the request may be on its way although no time passes."""
        return self._may_come(self._request)

    def found_nothing(self) -> None:
        """Note a look that found no bytes, and let modelled time go on unless an answer may be on its way.

        An answer that is due holds time: else the box's watchdog would expire, or a reply would come too late, while a
        busy computer holds the bytes. A look does not count while the simulated rig itself has had no turn.
        """
        steps, self._steps = self._steps, self._timebase.steps()
        for sent in (self._request, self._late_feed()):
            if sent is not None and steps != self._steps:
                sent.looks += 1
        if self._is_reply_due() or self._may_come(self._late_feed()):
            self._timebase.busy()
        else:
            self._timebase.idle()

    def _is_reply_due(self) -> bool:
        request = self._request
        has_had_time = request is not None and self._timebase.now_ns() - request.t_sent_ns > self._answer_ns
        return has_had_time and self._may_come(request)

    def _late_feed(self) -> _Sent | None:
        feeds = list(self._feeds)
        return feeds[0] if len(feeds) >= FEEDS_ON_THE_WAY else None

    def _may_come(self, sent: _Sent | None) -> bool:
        return sent is not None and self._timebase.may_be_in_transit(sent.looks)
