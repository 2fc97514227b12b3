"""A trigger box over a scripted port, as the tests of its commands and of its opening use it.

In: a `FakeBoxPort`. Out: a link or an opened box over it, a schedule, and an answer that comes too late.
"""

from collections.abc import Callable

from rigdriver.config import BoxConfig
from rigdriver.devices.box.link import BoxLink
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.wire.codec import Message
from tests.unit.devices.box.fake_box_port import BYTE_NS, FakeBoxPort

CONFIG = BoxConfig(url="fake", reply_timeout_s=0.5, watchdog_s=0.5)
SCHEDULE = BoxSchedule.of(7, 1_000_000, 100, (box_step(0x3F, 0, 1000), box_step(0xC0, 2500, 15000)))


def link_over(port: FakeBoxPort) -> BoxLink:
    return BoxLink(port, CONFIG.reply_timeout_s, port.clock)


def open_over(port: FakeBoxPort) -> TriggerBox:
    return TriggerBox(link_over(port), CONFIG, port.clock)


def late(port: FakeBoxPort, answer: Callable[[Message], bytes]) -> Callable[[Message], bytes]:
    """Do what is asked, but let the reply arrive only after the time allowed."""

    def delayed(request: Message) -> bytes:
        raw = answer(request)
        port.arriving.extend([b""] * (round(CONFIG.reply_timeout_s * 1e9) // BYTE_NS + 1))
        port.arriving.append(raw)
        return b""

    return delayed
