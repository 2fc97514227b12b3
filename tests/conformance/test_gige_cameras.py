"""Network cameras of other authors behind a vendor's GigE Vision producer, as benches without a box.

In: viva-genicam's and Aravis' fake cameras, with lost packets, cut links, killed cameras and lost control channels.
Out: complete frame sets, or gaps and an error that name the camera. Skipped where producer or cameras are missing: see
foreign-cameras.md.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from rigdriver.config import FeatureValue, RigConfig
from rigdriver.devices.cameras.listing import list_producers
from rigdriver.errors import CameraError, NoReply, RigError
from rigdriver.frames import Frame
from rigdriver.rig import Rig
from tests.conformance.gige_ground import GigeCamera, bench, gige_producer, ground, why_not

pytestmark = pytest.mark.realtime

MODES = ("software", "free")
WIDTH, HEIGHT = 320, 240
BLOCKS = 1000
"""Number of frames of which the faults of one camera are planned."""
PACKET = 2
"""Packet of an image that is lost: the leader is packet 0."""
LIST_S = 6.0


@dataclass(slots=True)
class Told:
    """What a run told."""

    frames: list[dict[str, Frame]] = field(default_factory=list)
    gaps: list[dict[str, str]] = field(default_factory=list)
    error: RigError | None = None

    @property
    def complete(self) -> int:
        return sum(not gaps for gaps in self.gaps)

    @property
    def reasons(self) -> Counter[str]:
        return Counter(reason for gaps in self.gaps for reason in gaps.values())


def played(config: RigConfig, frames: int = 30, at: int = 10, fault: Callable[[], None] = lambda: None) -> Told:
    """Run a bench; `fault` comes after frame set `at`."""
    told = Told()
    with Rig.open(config) as rig:
        try:
            for frame_set in rig.run(frames=frames):
                told.frames.append(dict(frame_set.frames))
                told.gaps.append({name: gap.reason.name for name, gap in frame_set.gaps.items()})
                if len(told.gaps) == at:
                    fault()
        except RigError as exc:
            told.error = exc
    return told


@contextmanager
def camera(kind: str, **settings: object) -> Iterator[GigeCamera]:
    if reason := why_not(kind):
        pytest.skip(reason)
    with ground(kind, **{"width": WIDTH, "height": HEIGHT, "fps": 10, **settings}) as (only,):
        yield only


def lost(*, every: int) -> list[tuple[int, int]]:
    """Return one packet of every so many frames, as FakeGigeCamera's drop_packets takes them."""
    return [(block, PACKET) for block in range(every, BLOCKS, every)]


@pytest.mark.parametrize("mode", MODES)
def test_a_camera_of_another_author_gives_complete_frame_sets_with_gapless_ids(mode: str) -> None:
    with camera("viva") as viva:
        told = played(bench(mode, viva))
    assert (told.error, told.complete) == (None, 30)
    ids = [frames["viva0"].frame_id for frames in told.frames]
    assert ids == list(range(ids[0], ids[0] + 30))
    assert {frames["viva0"].pixels.shape for frames in told.frames} == {(HEIGHT, WIDTH)}


def test_a_camera_of_another_author_is_listed_with_its_port_and_addresses() -> None:
    with camera("viva") as viva:
        producer = gige_producer()
        assert producer is not None
        (device,) = list_producers([producer], LIST_S).devices
    assert (device.serial, device.interface_name, device.tl_type) == (viva.serial, "near0", "GEV")
    assert (device.ip, device.mac) == (viva.address, "de:ad:be:ef:ca:fe")


@pytest.mark.parametrize("name", ["10.77.0.2", "de:ad:be:ef:ca:fe", "DE-AD-BE-EF-CA-FE", "FAKE-001"])
def test_a_camera_can_be_chosen_by_each_of_its_names(name: str) -> None:
    with camera("viva") as viva:
        config = bench("free", viva)
        chosen = tuple(c.model_copy(update={"serial": name, "interface": None}) for c in config.cameras)
        told = played(config.model_copy(update={"cameras": chosen}), 3)
    assert (told.error, told.complete) == (None, 3)


def test_cameras_with_the_same_serial_number_and_mac_are_told_apart_by_their_network_ports() -> None:
    if reason := why_not("viva"):
        pytest.skip(reason)
    with ground("viva", "viva", width=WIDTH, height=HEIGHT) as (first, second):
        told = played(bench("software", first, second), 5)
    assert (told.error, told.complete) == (None, 5)
    assert set(told.frames[0]) == {"viva0", "viva1"}


def test_an_external_trigger_that_never_comes_is_told() -> None:
    with camera("viva") as viva:
        told = played(bench("external", viva))
    assert isinstance(told.error, NoReply)
    assert "check that the trigger runs" in str(told.error)


@pytest.mark.parametrize("mode", MODES)
def test_frames_that_all_lack_a_packet_end_the_run_with_what_to_do(mode: str) -> None:
    with camera("viva", packet_resend=False, drop_packets=lost(every=1)) as viva:
        told = played(bench(mode, viva))
    assert isinstance(told.error, CameraError)
    assert "viva0" in told.error.device
    assert "with bytes missing" in told.error.seen
    assert "MTU" in told.error.remedy
    assert set(told.reasons) == {"INCOMPLETE"}
    assert told.complete == 0


@pytest.mark.parametrize("mode", MODES)
def test_one_damaged_frame_in_three_costs_no_other_frame(mode: str) -> None:
    with camera("viva", packet_resend=False, drop_packets=lost(every=3)) as viva:
        told = played(bench(mode, viva), 60)
    assert told.error is None
    assert (told.complete, sum(told.reasons.values())) == (40, 20)
    assert set(told.reasons) <= {"INCOMPLETE", "LOST_ON_THE_WAY"}
    assert told.reasons["INCOMPLETE"] >= 18


@pytest.mark.parametrize("mode", MODES)
def test_packets_that_the_camera_sends_again_cost_nothing(mode: str) -> None:
    with camera("viva", drop_packets=lost(every=3)) as viva:
        told = played(bench(mode, viva))
    assert (told.error, told.complete) == (None, 30)


@pytest.mark.parametrize("mode", MODES)
def test_a_camera_that_is_killed_is_named(mode: str) -> None:
    with camera("viva") as viva:
        told = played(bench(mode, viva), 200, fault=viva.kill)
    assert isinstance(told.error, CameraError)
    assert "camera viva0" in told.error.device
    assert "cable" in told.error.remedy


@pytest.mark.parametrize("mode", MODES)
def test_a_camera_that_is_killed_takes_no_other_camera_with_it(mode: str) -> None:
    if reason := why_not("viva"):
        pytest.skip(reason)
    with ground("viva", "viva", width=WIDTH, height=HEIGHT, fps=10) as (first, second):
        config = bench(mode, first, second)
        going_on = config.model_copy(update={"run": config.run.model_copy(update={"on_gap": "continue"})})
        told = played(going_on, 60, fault=first.kill)
    assert told.error is None
    assert set(told.frames[-1]) == {"viva1"}
    assert told.gaps[-1] == {"viva0": "CAMERA_LOST"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cut_s", [0.5, 2.0, 8.0])
def test_a_link_that_is_cut_is_survived_or_told_with_the_cameras_name(mode: str, cut_s: float) -> None:
    with camera("viva") as viva, ExitStack() as stack:

        def cut() -> None:
            viva.set_link("down")
            timer = threading.Timer(cut_s, viva.set_link, ("up",))
            timer.start()
            stack.callback(timer.join)

        told = played(bench(mode, viva), 60, fault=cut)
    if told.error is None:
        assert told.complete + sum(told.reasons.values()) == 60
    else:
        assert "camera viva0" in str(told.error)
        assert "cable" in told.error.remedy
        assert "Trigger" not in told.error.remedy


@pytest.mark.parametrize("mode", MODES)
def test_a_camera_whose_control_channel_was_taken_away_delivers_or_is_named(mode: str) -> None:
    with camera("viva") as viva:
        told = played(bench(mode, viva), fault=viva.revoke_control)
    assert told.complete == 30 or "camera viva0" in str(told.error)


LEFT: dict[str, FeatureValue] = {"TriggerMode": "On", "TriggerSource": "Software", "Width": 160, "OffsetX": 64}


def test_what_another_program_left_in_a_camera_does_not_leak_in() -> None:
    with camera("viva") as viva:
        with Rig.open(bench("software", viva, **LEFT)):
            pass
        told = played(bench("free", viva, Width=WIDTH), 5)
    assert (told.error, told.complete) == (None, 5)
    assert told.frames[0]["viva0"].pixels.shape == (HEIGHT, WIDTH)


def test_a_camera_with_the_names_of_sfnc_1_runs_free_once_its_producer_delivers() -> None:
    with camera("aravis") as aravis:
        config = bench("free", aravis)
        # This producer drops the first 135 frames of this camera, whose ids begin just below the end of 16 bits.
        patient = config.model_copy(update={"sync": config.sync.model_copy(update={"silence_timeout_s": 30.0})})
        told = played(patient)
    assert (told.error, told.complete) == (None, 30)


def test_a_camera_whose_frames_its_producer_drops_is_named() -> None:
    with camera("aravis") as aravis:
        told = played(bench("software", aravis))
    assert isinstance(told.error, CameraError)
    assert "camera aravis0" in told.error.device
    assert "sync.silence_timeout_s" in told.error.remedy
