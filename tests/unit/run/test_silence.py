"""Cameras without a whole frame are found after their limit, and the error says who, what and what to do."""

from __future__ import annotations

import pytest

from rigdriver.config import RigConfig
from rigdriver.errors import CameraError, DevicesFailed, NoReply
from rigdriver.run.silence import Silence, silence_limit_s

NAMES = ("left", "right")


def bench(mode: str = "software", **changes: object) -> RigConfig:
    cameras = [{"name": name, "serial": f"SN-{name}", "output": n} for n, name in enumerate(NAMES)]
    tables = {"schedule": {"mode": mode}, "genicam": {"producers": ["x.cti"]}, "cameras": cameras, **changes}
    return RigConfig.model_validate({"name": "bench", **tables})


def watched(config: RigConfig) -> Silence:
    return Silence(config, 10, 0.0)


def looked(silence: Silence, until_s: float, since_s: float = 0.0) -> tuple[str, ...]:
    """Look often, as a run does, and return the silent cameras of the last look."""
    silent: tuple[str, ...] = ()
    for turn in range(round((until_s - since_s) / 0.05) + 1):
        silent = silence.look(since_s + turn * 0.05)
    return silent


@pytest.mark.parametrize(
    ("rate_hz", "exposure_us", "limit_s"),
    [(60, 2000, 1.0), (2, 100_000, 1.8), (1, 100_000, 2.0), (0.1, 10_000_000, 20.5)],
)
def test_the_limit_follows_from_exposure_and_period_and_one_of_each_always_fits(rate_hz, exposure_us, limit_s):
    cameras = [{"name": "left", "serial": "1", "output": 0, "exposure_us": exposure_us}]
    config = bench(cameras=cameras)
    assert silence_limit_s(config, config.cameras[0], rate_hz) == pytest.approx(limit_s)


def test_the_rig_file_can_allow_longer_pauses():
    config = bench("external", sync={"silence_timeout_s": 30})
    assert silence_limit_s(config, config.cameras[0], 10) == 30


def test_a_camera_is_silent_after_its_limit_and_no_longer_when_it_delivers():
    silence = watched(bench())
    assert looked(silence, 0.95) == ()
    silence.whole_frame("left")
    assert looked(silence, 1.1, 0.95) == ("right",)
    assert not silence.is_total(("right",))
    silence.whole_frame("right")
    assert looked(silence, 1.2, 1.1) == ()


def test_time_in_which_nobody_could_look_is_no_silence():
    silence = watched(bench())
    silence.look(0.0)
    assert silence.look(60.0) == ()


def test_a_lost_camera_is_not_awaited():
    silence = watched(bench())
    silence.gone("left")
    silent = looked(silence, 2.0)
    assert silent == ("right",)
    assert silence.is_total(silent)


def test_damaged_frames_alone_name_camera_count_and_packet_size():
    silence = watched(bench())
    for name in NAMES:
        silence.incomplete(name, 20)
    error = silence.error(looked(silence, 1.2))
    assert isinstance(error, DevicesFailed)
    assert [e.device for e in error.errors] == ["camera left (SN SN-left)", "camera right (SN SN-right)"]
    assert "20 with bytes missing" in error.errors[0].seen
    assert "MTU" in error.errors[0].remedy
    assert "GevSCPSPacketSize" in error.errors[0].remedy


def test_a_camera_that_answers_no_trigger_is_told_with_their_number_and_its_refusal():
    silence = watched(bench())
    for _ in range(12):
        silence.triggered("left", "TriggerSoftware refused")
    assert silence.refuses("left")
    assert not silence.refuses("right")
    error = silence.error(("left",))
    assert isinstance(error, CameraError)
    assert "after 12 triggers by this computer" in error.seen
    assert "TriggerSoftware refused" in error.seen
    assert "TriggerSource is Software" in error.remedy


def test_a_free_running_camera_that_is_silent_may_have_been_left_triggered():
    silence = watched(bench("free"))
    error = silence.complaint("left")
    assert 'TriggerMode = "Off"' in error.remedy
    assert "if it needs longer to start, raise sync.silence_timeout_s" in error.remedy


@pytest.mark.parametrize("mode", ["software", "free"])
def test_a_camera_that_has_delivered_before_is_not_told_to_change_its_settings(mode):
    silence = watched(bench(mode))
    silence.whole_frame("left")
    remedy = silence.complaint("left").remedy
    assert "Trigger" not in remedy
    assert "cable" in remedy
    assert "start a new run" in remedy


def test_where_no_external_trigger_comes_no_camera_is_blamed():
    silence = watched(bench("external"))
    error = silence.error(looked(silence, 1.2))
    assert isinstance(error, NoReply)
    assert "camera left" not in str(error)
    assert "trigger runs and is connected" in str(error)
    assert "sync.silence_timeout_s" in str(error)


def test_a_camera_that_alone_misses_the_external_trigger_is_named():
    silence = watched(bench("external"))
    looked(silence, 1.0)
    silence.whole_frame("right")
    error = silence.error(looked(silence, 1.2, 1.0))
    assert "camera left" in str(error)
    assert "trigger cable" in str(error)


def test_a_camera_that_holds_the_others_up_is_silent_alone():
    silence = watched(bench())
    looked(silence, 0.9)
    silence.excuse_others("left", 0.8)
    assert looked(silence, 1.3, 0.9) == ("left",)
    assert looked(silence, 2.0, 1.3) == ("left", "right")


def test_while_one_camera_leaves_the_camera_process_waiting_no_other_is_silent():
    silence = watched(bench())
    looked(silence, 0.3)
    for turn in range(28):
        told = silence.look(0.35 + turn * 0.05, awaited="left")
    assert told == ("left",)
    assert looked(silence, 2.3, 1.75) == ("left",)
    assert looked(silence, 2.5, 2.35) == ("left", "right")


def test_a_command_without_an_answer_names_camera_and_command():
    error = watched(bench()).unanswered("left")
    assert error.device == "camera left (SN SN-left)"
    assert "TriggerSoftware for 1 s" in error.seen
    assert "check its cable" in error.remedy
