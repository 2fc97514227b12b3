"""Who controls a camera, by the access status that its producer tells."""

from __future__ import annotations

import pytest

from rigdriver.devices.camera_process.access import AccessWatch

READWRITE, READONLY, NOACCESS, BUSY, OPEN_READWRITE, OPEN_READONLY = 1, 2, 3, 4, 5, 6


class Refusal(Exception):
    """An error of the binding."""


class Device:
    def __init__(self, status: object) -> None:
        self.status = status

    @property
    def access_status(self) -> object:
        if isinstance(self.status, Exception):
            raise self.status
        return self.status


@pytest.mark.parametrize(
    ("before", "now", "is_taken"),
    [
        (OPEN_READWRITE, OPEN_READWRITE, False),
        (OPEN_READWRITE, OPEN_READONLY, True),
        (OPEN_READWRITE, BUSY, True),
        (OPEN_READWRITE, READONLY, True),
        # Out of reach: whether it answers, its registers show.
        (OPEN_READWRITE, NOACCESS, False),
        (OPEN_READWRITE, Refusal(), False),
        (OPEN_READWRITE, "?", False),
        # Producers that call a camera of this very process so say nothing by it.
        (BUSY, BUSY, False),
        (READONLY, READONLY, False),
        (READWRITE, BUSY, False),
        (Refusal(), BUSY, False),
    ],
)
def test_a_camera_is_taken_when_its_producer_no_longer_calls_it_ours(before, now, is_taken) -> None:
    device = Device(before)
    watch = AccessWatch(device, (Refusal,))
    device.status = now
    assert watch.is_taken is is_taken
