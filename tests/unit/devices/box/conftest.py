"""Fixtures: a scripted port, and an opened box over it that holds a schedule."""

import pytest

from rigdriver.devices.box.trigger_box import TriggerBox
from tests.unit.devices.box.box_over import SCHEDULE, open_over
from tests.unit.devices.box.fake_box_port import FakeBoxPort


@pytest.fixture
def port() -> FakeBoxPort:
    return FakeBoxPort()


@pytest.fixture
def committed(port: FakeBoxPort) -> TriggerBox:
    box = open_over(port)
    box.commit(SCHEDULE)
    return box
