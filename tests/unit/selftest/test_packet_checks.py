"""Packets that were sent again: link, computer and cable are told apart by who has counted them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.config import FeatureValue
from rigdriver.selftest.camera_loads import CameraLoad
from rigdriver.selftest.grounds import settled
from rigdriver.selftest.packet_checks import PacketCounts, count_packets, judge_packets
from rigdriver.selftest.result import CheckResult, Status, verdict
from tests.planted_computer import Planted
from tests.unit.selftest.test_gige_checks import camera, port

ON_USB = CameraLoad("u", "u", 10.0)


def counted(tmp_path: Path, resends: int | None = 0, errors: int | None = None, **of_port: int) -> PacketCounts:
    """Counters of one GigE camera, one USB camera and the port eth1."""
    planted = Planted(tmp_path)
    for name, count in of_port.items():
        planted.write(f"sys/class/net/eth1/statistics/{name}", str(count))
    features: dict[str, FeatureValue | None] = {"PacketResendRequestCount": resends, "LinkErrorCount": errors}
    return count_packets(
        [camera(), ON_USB],
        [port()],
        planted.files,
        lambda name, feature: features.get(feature) if name == "a" else None,
    )


def judged(before: PacketCounts, after: PacketCounts) -> CheckResult:
    (check,) = judge_packets(before, after, [camera(), ON_USB], [port()])
    return check


def test_a_link_without_resends_is_good_whatever_was_counted_before(tmp_path: Path) -> None:
    counts = counted(tmp_path, resends=900, rx_crc_errors=7, rx_dropped=8)
    assert judged(counts, counts).status is Status.GOOD


@pytest.mark.parametrize(
    ("errors", "of_port", "said"),
    [
        (4, {"rx_crc_errors": 0, "rx_dropped": 9}, "it counts 4 errors on its link: change the cable at the camera"),
        (0, {"rx_crc_errors": 3, "rx_dropped": 9}, "port eth1 counts 3 damaged packets: change the cable at this port"),
        (None, {"rx_crc_errors": 0, "rx_missed_errors": 6}, "port eth1 had no room for 6 packets: this computer"),
        (None, {"rx_crc_errors": 0, "rx_dropped": 0}, "packets were lost before port eth1"),
        (None, {}, "this computer does not show where"),
    ],
)
def test_who_has_counted_lost_packets_is_the_part_to_touch(
    tmp_path: Path, errors: int | None, of_port: dict[str, int], said: str
) -> None:
    nothing = dict.fromkeys(of_port, 0)
    before = counted(tmp_path, 5, None if errors is None else 0, **nothing)
    check = judged(before, counted(tmp_path, 17, errors, **of_port))
    assert (check.name, check.status, check.measured) == ("run.a.resends", Status.FAILED, 12)
    assert check.remedy.startswith("camera a (SN a): ")
    assert said in check.remedy


def test_a_camera_without_a_counter_is_not_checked_and_one_on_usb_gets_no_line(tmp_path: Path) -> None:
    counts = counted(tmp_path, resends=None)
    assert judged(counts, counts).status is Status.NOT_CHECKED


def test_a_counter_that_begins_anew_accuses_nobody(tmp_path: Path) -> None:
    assert judged(counted(tmp_path, 900), counted(tmp_path, 0)).status is Status.GOOD


def test_incomplete_frames_of_a_camera_whose_packets_are_lost_are_not_told_a_second_time() -> None:
    resends = verdict(False, "run.a.resends", 12, 0, "requests", "cable")
    frames = verdict(False, "run.a.incomplete_frames", 3, 0, "frames", "cable")
    other = verdict(False, "run.b.incomplete_frames", 3, 0, "frames", "cable")
    assert [check.status for check in settled((resends, frames, other))] == [
        Status.FAILED, Status.NOT_RUN, Status.FAILED,
    ]  # fmt: skip
