"""What only the simulated cameras can show to the driver: six of full size, packed pixels, an unplugged camera.

In: the simulated rig, through the same GenTL calls as any camera. Out: every frame, clamped exposure, chunks; one
camera lost while the others go on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest

from rigdriver.config import FeatureValue, load
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.errors import CameraError
from tests.conformance.camera_worlds import Backend, Sink, launched


@pytest.fixture(
    scope="module", params=["lockstep=true&pace=0", pytest.param("lockstep=false", marks=pytest.mark.realtime)]
)
def large_rig(request: pytest.FixtureRequest) -> Iterator[Any]:
    with launched(f"default?width=2048&height=1536&seed=1&{request.param}") as running:
        yield running


def test_six_full_size_cameras_deliver_every_frame_at_ten_hertz(large_rig: Any) -> None:
    config = load(large_rig.rig_file)
    sink = Sink()
    features = {c.name: {**c.features, "AcquisitionFrameRate": 10.0} for c in config.cameras}
    with Cameras.open(config.genicam, config.cameras, features, config.timebase) as cameras:
        cameras.start(sink)
        sink.wait(lambda: all(len(sink.frames(c.name)) >= 30 for c in config.cameras), "30 frames of each of six")
        cameras.stop()
        statistics = cameras.statistics()
    for camera in config.cameras:
        frames = sink.frames(camera.name)
        ids = [f.frame_id for f in frames]
        # By the wall clock a busy computer may find no buffer in time, and no slot while this test keeps all frames and
        # waits for the slowest camera; then the frame is counted, and nothing else.
        missing, counted = ids[-1] - ids[0] + 1 - len(ids), statistics[camera.name]
        assert ids == sorted(set(ids))
        assert missing == 0 or (config.timebase is None and missing <= counted.underrun + counted.no_slot)
        assert {f.pixels.shape for f in frames} == {(1536, 2048)}
        assert {f.pixel_format for f in frames} == {camera.features["PixelFormat"]}
        assert counted.incomplete == 0
        assert counted.no_slot == 0 or config.timebase is None


@pytest.mark.parametrize("name", ["Mono12p", "Mono12Packed"])
def test_packed_pixels_of_twelve_bit_arrive_unpacked(sim: Backend, name: str) -> None:
    features: dict[str, FeatureValue] = {**sim.features, "PixelFormat": name}
    sink = Sink()
    with Cameras.open(sim.genicam(), sim.cameras(1), {"camera0": features}, sim.page) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) >= 3, "frames")
    for frame in sink.frames("camera0"):
        assert frame.pixel_format == name
        assert frame.pixels.dtype == np.uint16
        assert frame.pixels.shape == (240, 320)
        assert 255 < int(frame.pixels.max()) < 4096


def test_frames_of_a_producer_that_takes_no_more_memory_of_ours_are_copied(
    sim: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    features: dict[str, FeatureValue] = {**sim.features, "PixelFormat": "Mono8"}
    genicam = sim.genicam(frame_slots=256, buffers=16)  # it holds 256 buffers
    sink = Sink()
    with caplog.at_level("INFO"), Cameras.open(genicam, sim.cameras(1), {"camera0": features}, sim.page) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) >= 20, "frames")
        cameras.stop()
        assert len(sink.frames("camera0")) == cameras.statistics()["camera0"].delivered
    assert "takes no buffers of ours, frames are copied" in caplog.text
    ids = [frame.frame_id for frame in sink.frames("camera0")]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_slots_that_have_become_too_small_are_given_back_by_the_camera_process(sim: Backend) -> None:
    features: dict[str, FeatureValue] = {**sim.features, "PixelFormat": "Mono8"}
    mapped = []
    with Cameras.open(sim.genicam(), sim.cameras(1), {"camera0": features}, sim.page) as cameras:
        for width in (64, 128, 192, 256, 320):
            cameras.set("camera0", "Width", width)
            sink = Sink()
            cameras.start(sink)
            sink.wait(lambda s=sink: len(s.frames("camera0")) >= 12, "frames")  # type: ignore[misc]
            cameras.stop()
            assert sink.frames("camera0")[0].pixels.shape[1] == width
            maps = psutil.Process(cameras.process_pid).memory_maps(grouped=False)
            mapped.append(sum("rigdriver-frames" in m.path for m in maps))
    assert mapped == [1] * 5


def test_a_camera_that_is_unplugged_is_lost_and_the_others_go_on(rig: Any, sim: Backend) -> None:
    names = [c.name for c in load(rig.rig_file).cameras]
    sink = Sink()
    with sim.open(3) as cameras, rig.control() as control:
        cameras.start(sink)
        sink.wait(lambda: all(len(sink.frames(f"camera{i}")) > 0 for i in range(3)), "a frame of each")
        control.do("camera.unplug", camera=names[1])
        try:
            sink.wait(lambda: "camera1" in sink.lost(), "the end of the camera")
            before = len(sink.frames("camera0"))
            sink.wait(lambda: len(sink.frames("camera0")) > before + 10, "more frames of the others")
        finally:
            control.do("camera.replug", camera=names[1])
        assert set(sink.lost()) == {"camera1"}
        assert isinstance(sink.lost()["camera1"].error, CameraError)
        assert "check its cable" in str(sink.lost()["camera1"].error)
        cameras.stop()
    sim.open(3).close()


def test_an_exposure_beyond_its_bounds_is_clamped_and_told(sim: Backend) -> None:
    with Cameras.open(sim.genicam(), sim.cameras(1), {"camera0": {"ExposureTime": 1e12}}) as cameras:
        (report,) = cameras.reports["camera0"].clamped
        assert report.name == "ExposureTime"
        assert isinstance(report.got, float)
        assert 0 < report.got < 1e12


def test_time_stamp_and_exposure_come_as_chunks(sim: Backend) -> None:
    asked: dict[str, FeatureValue] = {
        **sim.features,
        "ExposureTime": 2000.0,
        "ChunkModeActive": True,
        "ChunkEnable[ChunkSelector=ExposureTime]": True,
        "ChunkEnable[ChunkSelector=Timestamp]": True,
    }
    sink = Sink()
    with Cameras.open(sim.genicam(), sim.cameras(1), {"camera0": asked}, sim.page) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) >= 3, "frames")
    for frame in sink.frames("camera0"):
        assert frame.chunks["ExposureTime"] == pytest.approx(2000.0, rel=1e-3)
        assert frame.chunks["Timestamp"] == frame.t_camera_ns


def test_the_answer_to_a_wait_that_was_interrupted_is_not_taken_for_that_to_the_next_request(
    sim: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cameras.open(sim.genicam(), sim.cameras(1), {}, sim.page) as cameras:
        time = cameras._process._timebase
        wait_on, interrupts = time.wait_on, [KeyboardInterrupt()]

        def interrupted(condition: threading.Condition, timeout_s: float) -> None:
            if interrupts and threading.current_thread() is threading.main_thread():
                raise interrupts.pop()
            wait_on(condition, timeout_s)

        monkeypatch.setattr(time, "wait_on", interrupted)
        child = psutil.Process(cameras.process_pid)
        child.suspend()  # else the answer may be there before anybody waits for it
        try:
            with pytest.raises(KeyboardInterrupt):
                cameras.get("camera0", "Width")
        finally:
            child.resume()
        assert cameras.get("camera0", "DeviceSerialNumber") == sim.serials[0]
