"""The USB buses, judged: slow cameras, hubs and controllers that are too full, the box, a projector."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.config import RigConfig, parse
from rigdriver.devices.usb_devices import UsbListing
from rigdriver.devices.usb_topology import usb_listing
from rigdriver.selftest.bus_checks import judge_box, judge_usb, tty_name, usable_megabytes_per_s
from rigdriver.selftest.camera_loads import CameraLoad
from rigdriver.selftest.result import CheckResult, Status
from tests.planted_computer import AMD, BOS_USB_2, INTEL, JETSON, Planted

IMAGE_BYTES = 2048 * 1536


def rig(links: str = "") -> RigConfig:
    text = 'name = "r"\ngenicam = { producers = ["x.cti"] }\nbox = { url = "/dev/ttyACM0" }\n'
    cameras = ", ".join(f'{{ name = "{n}", serial = "{n}", output = {i} }}' for i, n in enumerate("abcdef"))
    return parse(f"{text}cameras = [{cameras}]\n{links}", "rig.toml", Path())


def loads(names: str = "abcdef", rate_hz: float = 10, size: int | None = IMAGE_BYTES, link: str | None = None):
    return [CameraLoad(name, name, rate_hz, size, link=link) for name in names]


def judged(computer: Planted, cameras=None, config: RigConfig | None = None) -> dict[str, CheckResult]:
    chosen = loads() if cameras is None else cameras
    return {check.name: check for check in judge_usb(usb_listing(computer.files), chosen, config or rig())}


def healthy(tmp_path: Path) -> Planted:
    computer = Planted(tmp_path)
    computer.root_hubs(INTEL, 1, 2)
    computer.root_hubs(AMD, 3, 4)
    for bus, names in ((2, "abc"), (4, "def")):
        for port, name in enumerate(names, start=1):
            computer.camera(INTEL if bus == 2 else AMD, f"{bus}-{port}", name)
    computer.usb(INTEL, "1-5", "12", "2.00", classes=(("02", "02", "01"),))
    (tmp_path / "sys" / INTEL / "usb1/1-5/1-5:1.0/tty/ttyACM0").mkdir(parents=True)
    return computer


def test_a_healthy_rig_is_good_in_every_check_and_says_where_things_hang(tmp_path: Path) -> None:
    checks = judged(healthy(tmp_path))
    assert {check.status for check in checks.values()} == {Status.GOOD}
    assert set(checks) == {
        *(f"usb.{name}" for name in "abcdef"), "usb.box", "usb.controller.0000:00:14.0", "usb.controller.0000:0a:00.3"
    }  # fmt: skip
    assert checks["usb.a"].measured == "5000 Mbit/s at controller 0000:00:14.0, port 1"
    assert checks["usb.box"].measured == "12 Mbit/s at controller 0000:00:14.0, port 5"
    assert checks["usb.controller.0000:00:14.0"].measured == pytest.approx(94.4, abs=0.1)


@pytest.mark.parametrize(
    ("has_peer", "told"),
    [(True, "change its cable"), (False, "its port can do USB 2 only; plug it into a blue or SS port")],
)
def test_a_camera_that_fell_back_to_usb_2_is_named_with_its_port_or_its_cable(
    tmp_path: Path, has_peer: bool, told: str
) -> None:
    computer = Planted(tmp_path)
    computer.root_hubs(INTEL, 1, 2)
    computer.camera(INTEL, "1-3", "a", "480", "2.10")
    computer.interface("1-0", f"sys/{INTEL}/usb1", 0, ("09", "00", "00"))
    computer.port("1-0", 3, has_peer)
    check = judged(computer, loads("a"))["usb.a"]
    assert check.status is Status.FAILED
    assert check.remedy.startswith("camera a (SN a) runs at USB 2 (480 Mbit/s): ")
    assert told in check.remedy


def test_a_usb_2_hub_before_a_camera_is_named(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.root_hubs(INTEL, 1, 2)
    computer.usb(INTEL, "1-4", "480", "2.00", device_class="09", product="USB2.0 Hub")
    computer.camera(INTEL, "1-4.2", "a", "480", "2.10")
    check = judged(computer, loads("a"))["usb.a"]
    assert check.status is Status.FAILED
    assert "the USB 2 hub 1-4 (USB2.0 Hub)" in check.remedy
    assert check.measured == "480 Mbit/s at controller 0000:00:14.0, hub 1-4, port 2"


def test_whether_a_slow_camera_can_do_more_is_unknown_when_nothing_tells_it(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.camera(JETSON, "1-1", "a", "480", "2.10", bos=b"")
    assert judged(computer, loads("a"))["usb.a"].status is Status.UNKNOWN


def test_a_usb_2_camera_is_good_as_long_as_its_frames_fit(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.root_hubs(INTEL, 1, 2)
    computer.camera(INTEL, "1-1", "a", "480", "2.10", bos=BOS_USB_2)
    assert judged(computer, loads("a"))["usb.a"].status is Status.GOOD
    check = judged(computer, loads("a", rate_hz=20))["usb.a"]
    assert check.status is Status.FAILED
    assert (check.measured, check.expected) == ("sends 63 MB/s", "<= 53 MB/s")


def test_a_speed_that_is_not_reported_is_unknown(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.camera(INTEL, "2-1", "a", "unknown")
    assert judged(computer, loads("a"))["usb.a"].status is Status.UNKNOWN


def all_on_one(tmp_path: Path, speed: str = "5000") -> Planted:
    computer = Planted(tmp_path)
    computer.root_hubs(INTEL, 1, 2, speed)
    for port, name in enumerate("abcdef", start=1):
        computer.camera(INTEL, f"2-{port}", name)
    return computer


@pytest.mark.parametrize(("rate_hz", "status"), [(10, Status.GOOD), (20, Status.GOOD), (21, Status.FAILED)])
def test_six_cameras_on_one_controller_are_judged_by_what_they_send(
    tmp_path: Path, rate_hz: float, status: Status
) -> None:
    check = judged(all_on_one(tmp_path), loads(rate_hz=rate_hz))["usb.controller.0000:00:14.0"]
    assert (check.status, check.unit, check.expected) == (status, "MB/s", "<= 380")
    assert check.measured == pytest.approx(6 * IMAGE_BYTES * rate_hz / 1e6, abs=0.1)
    assert ("carries a, b, c, d, e, f: plug some of them into another controller" in check.remedy) is (
        status is Status.FAILED
    )


def test_a_measured_rate_of_the_rig_file_replaces_the_usual_one(tmp_path: Path) -> None:
    config = rig('[[links]]\nname = "fast"\nmegabytes_per_s = 450\n')
    computer, cameras = all_on_one(tmp_path), loads(rate_hz=21, link="fast")
    check = judged(computer, cameras, config)["usb.controller.0000:00:14.0"]
    assert (check.status, check.expected) == (Status.GOOD, "<= 450")


def test_a_controller_of_ten_gigabits_carries_more(tmp_path: Path) -> None:
    check = judged(all_on_one(tmp_path, "10000"), loads(rate_hz=21))["usb.controller.0000:00:14.0"]
    assert check.status is Status.GOOD


def test_a_hub_that_cameras_share_is_judged_by_its_own_plug(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.root_hubs(JETSON, 1, 2)
    computer.usb(JETSON, "2-1", "5000", device_class="09")
    for port, name in enumerate("abcdef", start=1):
        computer.camera(JETSON, f"2-1.{port}", name)
    checks = judged(computer, loads(rate_hz=21))
    assert checks["usb.hub.2-1"].status is Status.FAILED
    assert checks["usb.controller.3610000.usb"].status is Status.GOOD
    assert judged(computer)["usb.hub.2-1"].status is Status.GOOD


def test_a_frame_size_that_nobody_states_is_not_checked(tmp_path: Path) -> None:
    checks = judged(all_on_one(tmp_path), loads(size=None))
    assert checks["usb.controller.0000:00:14.0"].status is Status.NOT_CHECKED
    assert checks["usb.a"].status is Status.GOOD


def test_a_box_whose_usb_device_is_gone_is_named(tmp_path: Path) -> None:
    check = judged(all_on_one(tmp_path))["usb.box"]
    assert check.status is Status.FAILED
    assert "/dev/ttyACM0 (box.url): check the cable of the trigger box" in check.remedy


@pytest.mark.parametrize("url", ["socket://10.0.0.1:4000", "/dev/ttyS0", "/dev/pts/3"])
def test_a_box_that_is_on_no_usb_port_gets_no_line(tmp_path: Path, url: str) -> None:
    assert judge_box(usb_listing(all_on_one(tmp_path).files), url) == []


def test_a_port_is_known_to_sys_by_its_name_with_exclamation_marks(tmp_path: Path) -> None:
    link = tmp_path / "box"
    link.symlink_to("/dev/pts/3")
    assert [tty_name(str(link)), tty_name("/dev/ttyUSB1")] == ["pts!3", "ttyUSB1"]


@pytest.mark.parametrize("url", ["circle", "/dev/tty\0"])
def test_a_port_that_leads_nowhere_is_no_usb_port_and_raises_nothing(tmp_path: Path, url: str) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert judge_box(usb_listing(all_on_one(tmp_path / "c").files), str(tmp_path / url)) == []


def test_a_projector_with_a_usb_link_is_told(tmp_path: Path) -> None:
    computer = all_on_one(tmp_path)
    computer.usb(INTEL, "1-7", "480", "2.00", idVendor="0451", idProduct="6401")
    assert judged(computer)["usb.projector"].measured == "480 Mbit/s at controller 0000:00:14.0, port 7"


def test_cameras_of_other_serial_numbers_are_told_beside_the_one_that_was_looked_for(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.root_hubs(INTEL, 1, 2)
    computer.camera(INTEL, "2-1", "00a")
    computer.camera(INTEL, "2-2", "other")
    checks = judged(computer, loads("ab"))
    assert checks["usb.a"].status is Status.GOOD, "zeros before a number are padding"
    assert checks["usb.b"].status is Status.NOT_CHECKED
    assert "SN other at 2-2" in checks["usb.b"].remedy


def test_a_computer_without_usb_is_not_checked_once_and_never_good() -> None:
    (check,) = judge_usb(UsbListing((), "this computer shows no USB devices"), loads(), rig())
    assert (check.name, check.status) == ("usb", Status.NOT_CHECKED)
    assert "no USB devices" in check.remedy


def test_a_bus_carries_the_figures_of_the_standards() -> None:
    assert usable_megabytes_per_s(5000) == pytest.approx(380)
    assert usable_megabytes_per_s(10_000) == pytest.approx(921, abs=1)
    assert usable_megabytes_per_s(480) == pytest.approx(53.248)
    assert usable_megabytes_per_s(12) == pytest.approx(1.216)
