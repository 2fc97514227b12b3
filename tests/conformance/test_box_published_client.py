"""The published Harp client, knowing nothing but device.yml, drives the box: any Harp program can.

In: device.yml, from which that client makes its registers, and the simulated box. Out: values, refusals, edges. The
driver lends its serial port and the words of a schedule, but not its codec.
"""

import threading
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from harp.device.client import Device, DeviceError
from harp.device.core import EnableFlag, OperationControl, OperationControlPayload, OperationMode
from harp.device.schema import create_device_module

from rigdriver.devices.box.serial_port import SerialPort
from rigdriver.schedule.steps import BoxSchedule, box_step
from tests.conformance.box_makers import WAIT_S, Host

DEVICE = Path(__file__).parents[2] / "firmware-protocol" / "device.yml"
SCHEDULE = BoxSchedule.of(9, 100_000, 5, (box_step(0x3F, 0, 1000),))


class Transport:
    """A transport over a box's port; the client's own sets DTR, which a pty lacks."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._port: SerialPort | None = None

    @property
    def port(self) -> SerialPort:
        assert self._port is not None
        return self._port

    def open(self) -> None:
        self._port = self._host.port()

    def write(self, data: bytes) -> None:
        for _ in range(2):  # one turn sees what came before it; the client waits for replies without telling the box
            self._host.timebase.idle()
        self.port.write(data)

    def read(self) -> bytes:
        return self.port.read()

    def close(self) -> None:
        self.port.close()


class PatientDevice(Device[Any]):
    """The client, with more time for a reply on a busy computer."""

    REPLY_TIMEOUT = WAIT_S


@pytest.fixture
def device(host: Host) -> Iterator[Device[Any]]:
    box: Any = create_device_module(DEVICE.read_text())
    with PatientDevice(Transport(host), box) as device:
        yield device


def test_published_client_reads_what_the_box_has(device: Device[Any]) -> None:
    has = device.read(device.module.Capabilities).payload
    assert (int(has.outputs), int(has.inputs), int(has.max_steps)) == (16, 8, 32)
    assert int(device.read(device.module.TickRate).payload) == 10_000_000


@pytest.mark.plants_faults
def test_published_client_is_refused_what_breaks_the_rules(device: Device[Any]) -> None:
    with pytest.raises(DeviceError):
        device.write(device.module.Arm, 5)
    assert int(device.read(device.module.CommitRefusal).payload.reason) == 1


def test_published_client_commits_arms_starts_and_hears_the_edges(host: Host, device: Device[Any]) -> None:
    box = device.module
    ended = threading.Event()
    events: list[tuple[int, bytes]] = []

    def hear(message: Any) -> None:
        events.append((message.address, bytes(message.payload_bytes)))
        if message.address == box.StatusEvent.address and message.payload_bytes[25] == 3:
            ended.set()

    device.subscribe_all(hear)
    operation = OperationControlPayload(
        operation_mode=OperationMode.ACTIVE,
        dump_registers=False,
        mute_replies=False,
        visual_indicators=EnableFlag.ENABLED,
        operation_led=EnableFlag.ENABLED,
        heartbeat=EnableFlag.DISABLED,
    )
    device.write(OperationControl, operation)
    device.write(box.StageClear, 1)
    header, step = box.StageHeaderPayload, box.StageStepPayload
    device.write(
        box.StageHeader, header(**dict(zip(header.payload_dtype.names, astuple(SCHEDULE.header), strict=True)))
    )
    device.write(box.StageStep, step(**dict(zip(step.payload_dtype.names, astuple(SCHEDULE.steps[0]), strict=True))))
    device.write(box.Commit, box.CommitPayload(generation=9, step_count=1, crc32=SCHEDULE.crc32()))
    device.write(box.WatchdogFeed, 1)
    device.write(box.Arm, 9)
    device.write(box.Start, 9)
    assert host.timebase.wait(ended, WAIT_S)
    counters = [int.from_bytes(payload[:4], "little") for _, payload in events if len(payload) in (40, 228)]
    assert counters == list(range(counters[0], counters[0] + len(counters)))
    records = sum(payload[24] for address, payload in events if address == box.EdgeEvent.address)
    assert records == 2 * SCHEDULE.pulse_count
