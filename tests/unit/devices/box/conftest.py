"""Fixtures: a scripted port, an opened box over it that holds a schedule, and a pseudo terminal."""

from collections.abc import Iterator

import pytest

from rigdriver.devices.box.trigger_box import TriggerBox
from tests.unit.devices.box.box_over import SCHEDULE, open_over
from tests.unit.devices.box.fake_box_port import FakeBoxPort
from tests.unit.devices.box.pty_pair import Pty


@pytest.fixture
def port() -> FakeBoxPort:
    return FakeBoxPort()


@pytest.fixture
def committed(port: FakeBoxPort) -> TriggerBox:
    box = open_over(port)
    box.commit(SCHEDULE)
    return box


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    if pair.master >= 0:
        pair.unplug()
