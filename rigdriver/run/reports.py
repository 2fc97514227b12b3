"""What devices report during a run, sorted into the queue of the sync thread.

In: events on the threads of box and cameras. Out: the same events in one bounded order of arrival. Not here: what the
events mean for the run (see run.py).
"""

from __future__ import annotations

from rigdriver.devices.box_events import BoxEvent
from rigdriver.devices.camera_events import CameraEvent, CameraLost, FrameLost
from rigdriver.frames import Frame
from rigdriver.run.queues import Inbox
from rigdriver.timebase import Timebase

Report = BoxEvent | Frame | FrameLost | CameraLost


class Reports:
    """The inbox of a run, with a door for each kind of device."""

    def __init__(self, frame_limit: int, timebase: Timebase) -> None:
        self._inbox: Inbox[Report] = Inbox(frame_limit, timebase)

    def from_box(self, event: BoxEvent) -> None:
        """Take an event on the box's thread; never waits, for that thread feeds the watchdog."""
        self._inbox.put(event)

    def from_cameras(self, event: CameraEvent) -> None:
        """Take an event on the cameras' thread; frames wait here while the consumer is behind."""
        if isinstance(event, Frame):
            self._inbox.put_heavy(event)
        else:
            self._inbox.put(event)

    def take(self, timeout_s: float) -> Report | None:
        """Return the oldest report, or None after the timeout."""
        return self._inbox.take(timeout_s)

    def close(self) -> None:
        """Let the devices' threads go."""
        self._inbox.close()
