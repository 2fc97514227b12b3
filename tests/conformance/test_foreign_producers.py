"""Cameras behind GenTL producers: the same functions for each producer, most of them written by other people.

`viky` comes with the genicam binding: three free-running colour cameras, chunk data, no trigger, no time stamp.
`tlsimu` comes with an older genicam release: software trigger, time stamps in ns, at least five buffers, region locked
while it acquires. tools/dev.py fetches it. `sim` is this project's own simulated rig.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from rigdriver.config import CameraConfig, FeatureValue, GenicamConfig, load
from rigdriver.devices.camera_events import CameraEvent, CameraLost
from rigdriver.devices.cameras import Cameras, list_producer_devices
from rigdriver.errors import CameraError, CameraMissing, DevicesFailed, HostProcessLost, ProducerError, StateError
from rigdriver.frames import Frame

PATIENCE_S = 20.0
BINDING = find_spec("genicam")
assert BINDING is not None
assert BINDING.origin is not None
VIKY = Path(BINDING.origin).parent / "viky.cti"
TLSIMU = Path(sys.prefix) / "foreign-producers" / "TLSimu.cti"


@dataclass(frozen=True)
class Backend:
    """A producer, and what its cameras are like."""

    producer: Path
    serials: tuple[str, ...]
    devices: int
    features: dict[str, FeatureValue] = field(default_factory=dict)
    has_time_stamp: bool = True
    locks_region: bool = True

    def cameras(self, count: int | None = None) -> list[CameraConfig]:
        serials = self.serials[:count]
        return [CameraConfig(name=f"camera{i}", serial=s, output=i) for i, s in enumerate(serials)]

    def genicam(self, **changes: float) -> GenicamConfig:
        return GenicamConfig.model_validate({"producers": (self.producer,), **changes})

    def open(self, count: int | None = None, **changes: float) -> Cameras:
        cameras = self.cameras(count)
        return Cameras.open(self.genicam(**changes), cameras, {c.name: self.features for c in cameras})


BACKENDS = {
    "viky": Backend(VIKY, ("0", "1", "2"), 3, {"PixelFormat": "Mono8"}, has_time_stamp=False, locks_region=False),
    "tlsimu": Backend(TLSIMU, ("SN_InterfaceA_0", "SN_InterfaceA_1", "SN_InterfaceB_0", "SN_InterfaceB_1"), 4),
}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import rigdriver_sim

    text = (Path(rigdriver_sim.__file__).parent / "scenarios" / "default.toml").read_text(encoding="utf-8")
    scenario = tmp_path_factory.mktemp("scenario") / "formats.toml"
    formats = 'pixel_formats = ["Mono8", "Mono12p", "Mono12Packed"]'
    scenario.write_text(text.replace('name = "left_upper"', f'name = "left_upper"\n{formats}', 1), encoding="utf-8")
    with _launched(f"{scenario}?width=320&height=240&seed=1") as running:
        yield running


@pytest.fixture(scope="module")
def large_rig() -> Iterator[Any]:
    with _launched("default?width=2048&height=1536&seed=1") as running:
        yield running


@pytest.fixture(scope="module")
def sim(rig: Any) -> Backend:
    serials = tuple(f"SIM000{n}" for n in range(1, 7))
    return Backend(rig.producer, serials, 6, {"AcquisitionFrameRate": 50.0})


@pytest.fixture(scope="module", params=[*BACKENDS, "sim"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "sim":
        simulated: Backend = request.getfixturevalue("sim")
        return simulated
    found = BACKENDS[request.param]
    if not found.producer.is_file():
        pytest.skip(f"{found.producer} is not there; tools/foreign_producers.py gets it on Linux x86_64 only")
    return found


@pytest.fixture
def viky() -> Backend:
    return BACKENDS["viky"]


@pytest.fixture
def tlsimu() -> Backend:
    if not TLSIMU.is_file():
        pytest.skip(f"{TLSIMU} is not there; tools/foreign_producers.py gets it on Linux x86_64 only")
    return BACKENDS["tlsimu"]


class Sink:
    """Keeps what cameras tell, and lets a test wait for it."""

    def __init__(self) -> None:
        self.events: list[CameraEvent] = []
        self.threads: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, event: CameraEvent) -> None:
        with self._changed:
            self.events.append(event)
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()

    def frames(self, camera: str) -> list[Frame]:
        return [e for e in list(self.events) if isinstance(e, Frame) and e.camera == camera]

    def lost(self) -> dict[str, CameraLost]:
        return {e.camera: e for e in list(self.events) if isinstance(e, CameraLost)}

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_S), f"waited {PATIENCE_S} s for {what}"


# ---- every producer ----


def test_a_producer_lists_its_devices_with_serials(backend: Backend) -> None:
    devices = list_producer_devices([backend.producer], PATIENCE_S)
    assert len(devices) == backend.devices
    assert [d.serial for d in devices][: len(backend.serials)] == list(backend.serials)
    assert {d.producer for d in devices} == {str(backend.producer)}


def test_all_cameras_of_a_producer_stream_with_gapless_frame_ids(backend: Backend) -> None:
    sink = Sink()
    with backend.open() as cameras:
        names = list(cameras.reports)
        cameras.start(sink)
        sink.wait(lambda: all(len(sink.frames(n)) >= 20 for n in names), "20 frames of each camera")
        cameras.stop()
        for name in names:
            frames = sink.frames(name)
            ids = [f.frame_id for f in frames]
            # What the producer dropped for want of a buffer is counted; nothing else may be missing.
            missing = ids[-1] - ids[0] + 1 - len(ids)
            assert ids == sorted(set(ids))
            assert missing <= cameras.statistics()[name].underrun or missing == 0
            assert cameras.statistics()[name].delivered == len(frames)
            assert all(a.t_host_ns <= b.t_host_ns for a, b in pairwise(frames))
            assert all((f.t_camera_ns > 0) is backend.has_time_stamp for f in frames)
    assert sink.threads == {"cameras"}
    assert sink.lost() == {}


def test_pixels_are_read_only_and_stay_as_they_were_when_thousands_of_frames_follow(backend: Backend) -> None:
    sink = Sink()
    with backend.open(1, frame_slots=4) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) >= 1, "a frame")
        first = sink.frames("camera0")[0]
        before = first.pixels.copy()
        assert not first.pixels.flags.writeable
        sink.wait(lambda: len(sink.frames("camera0")) >= 40, "40 frames")
        cameras.stop()
        statistics = cameras.statistics()["camera0"]
    assert (first.pixels == before).all()
    assert statistics.copied >= 36  # 4 slots: two frames are held in place, all others were copied
    assert len(sink.frames("camera0")) == statistics.delivered


def test_cameras_start_and_stop_again_and_again(backend: Backend) -> None:
    with backend.open() as cameras:
        for _ in range(5):
            sink = Sink()
            cameras.start(sink)
            sink.wait(lambda s=sink: all(len(s.frames(n)) >= 2 for n in cameras.reports), "two frames")  # type: ignore[misc]
            cameras.stop()
            count = len(sink.events)
            cameras.stop()
            assert len(sink.events) == count


@pytest.mark.parametrize(
    "backend",
    ["viky", pytest.param("tlsimu", marks=pytest.mark.slow), pytest.param("sim", marks=pytest.mark.slow)],
    indirect=True,
    scope="module",
)
def test_nothing_is_leaked_over_twenty_open_and_close_cycles(backend: Backend) -> None:
    process = psutil.Process()
    fds, memory = [], []
    for _ in range(20):
        _open_and_stream(backend)
        gc.collect()
        fds.append(process.num_fds())
        memory.append(process.memory_info().rss)
    assert fds[-1] <= fds[0]
    assert memory[-1] - memory[4] < 10e6
    assert [m.path for m in process.memory_maps(grouped=False) if "rigdriver-frames" in m.path] == []


def test_every_failure_of_every_camera_is_told_at_once(backend: Backend) -> None:
    cameras = [*backend.cameras(2), CameraConfig(name="ghost", serial="NO-SUCH", output=9)]
    features: dict[str, dict[str, FeatureValue]] = {
        "camera0": {"Widht": 100, "PixelFormat": "Mono7"},
        "camera1": {"DeviceNonsense": True},
    }
    with pytest.raises(DevicesFailed) as caught:
        Cameras.open(backend.genicam(), cameras, features)
    assert len(caught.value.errors) == 4
    text = str(caught.value)
    assert f"camera camera0 (SN {backend.serials[0]}): has no feature Widht" in text
    assert "PixelFormat = 'Mono7' refused: available are" in text
    assert "camera1" in text
    assert [type(e) for e in caught.value.errors].count(CameraMissing) == 1
    assert f"SN {backend.serials[0]}" in str(caught.value.errors[-1])


def test_cameras_open_again_after_they_failed_to_open(backend: Backend) -> None:
    with pytest.raises(CameraError):
        Cameras.open(backend.genicam(), backend.cameras(1), {"camera0": {"Nonsense": 1}})
    backend.open(1).close()


def test_the_region_is_locked_while_a_camera_acquires(backend: Backend) -> None:
    if not backend.locks_region:
        pytest.skip(f"{backend.producer.name} lets its region change while it acquires")
    with backend.open(1) as cameras:
        width = cameras.get("camera0", "Width")
        assert isinstance(width, int)
        cameras.start(Sink())
        with pytest.raises(CameraError, match="Width"):
            cameras.set("camera0", "Width", width // 2)
        cameras.stop()
        assert cameras.get("camera0", "Width") == width


def test_closing_twice_is_harmless_and_a_closed_rig_says_so(backend: Backend) -> None:
    cameras = backend.open(1)
    cameras.close()
    cameras.close()
    with pytest.raises(StateError, match="closed"):
        cameras.get("camera0", "Width")
    with pytest.raises(StateError, match="closed"):
        cameras.start(Sink())


def test_starting_twice_is_refused(backend: Backend) -> None:
    with backend.open(1) as cameras:
        cameras.start(Sink())
        with pytest.raises(StateError, match="streaming"):
            cameras.start(Sink())


# ---- the process that holds them ----


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
def test_a_producer_that_crashes_is_told_for_every_camera_and_the_cameras_open_again(
    backend: Backend, how: signal.Signals
) -> None:
    sink = Sink()
    with backend.open(2) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) > 0, "a frame")
        os.kill(cameras.host_pid, how)
        sink.wait(lambda: set(sink.lost()) == {"camera0", "camera1"}, "the end of both cameras")
        assert all(isinstance(e.error, HostProcessLost) for e in sink.lost().values())
        assert f"signal {int(how)}" in str(sink.lost()["camera0"].error)
        with pytest.raises(HostProcessLost, match="open the cameras again"):
            cameras.get("camera0", "Width")
    backend.open(2).close()


def test_a_producer_that_hangs_in_a_command_is_killed(backend: Backend) -> None:
    sink = Sink()
    with backend.open(1, command_timeout_s=1) as cameras:
        cameras.start(sink)
        os.kill(cameras.host_pid, signal.SIGSTOP)
        with pytest.raises(HostProcessLost, match=r"did not answer `get` within 1 s|has been silent"):
            cameras.get("camera0", "Width")
        sink.wait(lambda: set(sink.lost()) == {"camera0"}, "the end of the camera")


def test_a_producer_that_hangs_while_nobody_asks_is_killed(backend: Backend) -> None:
    sink = Sink()
    with backend.open(1, command_timeout_s=1) as cameras:
        cameras.start(sink)
        os.kill(cameras.host_pid, signal.SIGSTOP)
        sink.wait(lambda: set(sink.lost()) == {"camera0"}, "the end of the camera")
        assert "silent" in str(sink.lost()["camera0"].error)


def test_closing_is_bounded_when_a_producer_hangs(backend: Backend) -> None:
    cameras = backend.open(1, command_timeout_s=1)
    pid = cameras.host_pid
    os.kill(pid, signal.SIGSTOP)
    cameras.close()
    assert not psutil.pid_exists(pid)


def test_a_killed_application_leaves_no_process_behind_even_when_a_producer_hangs(backend: Backend) -> None:
    # The script has no `__main__` guard, and opens its cameras on a thread that ends at once.
    script = f"""
import os, signal, sys, threading, time
from pathlib import Path
from rigdriver.config import CameraConfig, GenicamConfig
from rigdriver.devices.cameras import Cameras
got = []
def work():
    genicam = GenicamConfig(producers=(Path({str(backend.producer)!r}),))
    got.append(Cameras.open(genicam, [CameraConfig(name="camera0", serial={backend.serials[0]!r}, output=0)], {{}}))
thread = threading.Thread(target=work); thread.start(); thread.join()
got[0].start(lambda event: None)
time.sleep(0.2)
print(got[0].host_pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as application:
        assert application.stdout is not None
        child = psutil.Process(int(application.stdout.readline()))
        assert child.is_running()
        os.kill(child.pid, signal.SIGSTOP)
        application.kill()
    child.wait(PATIENCE_S)


def test_a_sink_that_raises_is_heard_of_when_the_cameras_stop(backend: Backend) -> None:
    def sink(event: CameraEvent) -> None:
        raise ArithmeticError("planted")

    with backend.open(1) as cameras:
        cameras.start(sink)
        _until(lambda: cameras.statistics()["camera0"].delivered > 0)
        with pytest.raises(Exception, match="sink of their events failed: ArithmeticError"):
            cameras.stop()


def test_a_sink_that_asks_its_cameras_is_refused_and_not_locked_up(backend: Backend) -> None:
    errors: list[Exception] = []
    told = threading.Event()
    with backend.open(1) as cameras:

        def sink(event: CameraEvent) -> None:
            if not told.is_set():
                try:
                    cameras.get("camera0", "Width")
                except StateError as exc:
                    errors.append(exc)
                told.set()

        cameras.start(sink)
        assert told.wait(PATIENCE_S)
        cameras.stop()
    assert "a sink must not ask" in str(errors[0])


# ---- what only one of them can show ----


def test_two_producers_in_one_process_stream_together(viky: Backend, tlsimu: Backend) -> None:
    configs = [
        CameraConfig(name=f"camera{i}", serial=s, output=i) for i, s in enumerate((*viky.serials, *tlsimu.serials[:3]))
    ]
    genicam = GenicamConfig(producers=(viky.producer, tlsimu.producer))
    sink = Sink()
    with Cameras.open(genicam, configs, {}) as cameras:
        assert [Path(r.producer).name for r in cameras.reports.values()] == ["viky.cti"] * 3 + ["TLSimu.cti"] * 3
        cameras.start(sink)
        sink.wait(lambda: all(len(sink.frames(c.name)) >= 10 for c in configs), "10 frames of each of six cameras")


def test_a_software_trigger_gives_exactly_one_frame(tlsimu: Backend) -> None:
    features: dict[str, FeatureValue] = {"TriggerMode": "On", "TriggerSource": "Software"}
    sink = Sink()
    with Cameras.open(
        tlsimu.genicam(buffers=5), tlsimu.cameras(2), {f"camera{i}": features for i in (0, 1)}
    ) as cameras:
        cameras.start(sink)
        for n in range(10):
            for name in ("camera0", "camera1"):
                cameras.execute(name, "TriggerSoftware")
            sink.wait(lambda n=n: all(len(sink.frames(c)) > n for c in ("camera0", "camera1")), "a frame")  # type: ignore[misc]
        cameras.stop()
        for name in ("camera0", "camera1"):
            frames = sink.frames(name)
            assert len(frames) == 10
            for first, second in pairwise(frames):
                # This producer's clock starts again at 0 every second.
                camera_ns = (second.t_camera_ns - first.t_camera_ns) % 1_000_000_000
                assert camera_ns == pytest.approx(second.t_host_ns - first.t_host_ns, abs=0.1e9)


def test_what_a_camera_clamps_is_reported(viky: Backend) -> None:
    with Cameras.open(viky.genicam(), viky.cameras(1), {"camera0": {"AcquisitionFrameRate": 1e9}}) as cameras:
        (report,) = cameras.reports["camera0"].clamped
        assert report.asked == 1e9
        assert report.got == 200.0
        assert cameras.get("camera0", "AcquisitionFrameRate") == 200.0


def test_colour_frames_have_four_channels_and_the_regions_size(viky: Backend) -> None:
    features: dict[str, FeatureValue] = {"PixelFormat": "RGBa8"}
    sink = Sink()
    with Cameras.open(viky.genicam(), viky.cameras(1), {"camera0": features}) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) > 0, "a frame")
    frame = sink.frames("camera0")[0]
    assert frame.pixels.shape == (400, 400, 4)
    assert frame.pixel_format == "RGBa8"


def test_a_pixel_format_that_cannot_be_read_fails_opening(viky: Backend) -> None:
    with pytest.raises(CameraError, match="PixelFormat"):
        Cameras.open(viky.genicam(), viky.cameras(1), {"camera0": {"PixelFormat": "Coord3D_ABC32f_Planar"}})


def test_chunk_data_comes_with_the_frames_only_when_asked(viky: Backend) -> None:
    asked: dict[str, FeatureValue] = {"ChunkModeActive": True, "ChunkEnable[ChunkSelector=NrBounces]": True}
    sink = Sink()
    with Cameras.open(viky.genicam(), viky.cameras(2), {"camera0": asked}) as cameras:
        cameras.start(sink)
        sink.wait(lambda: all(len(sink.frames(f"camera{i}")) > 2 for i in (0, 1)), "frames")
    assert all(set(f.chunks) == {"NrBounces"} for f in sink.frames("camera0"))
    assert all(f.chunks == {} for f in sink.frames("camera1"))


def test_a_missing_producer_is_named(tmp_path: Path, viky: Backend) -> None:
    absent = tmp_path / "absent.cti"
    with pytest.raises(ProducerError, match=r"absent\.cti: no such file"):
        Cameras.open(GenicamConfig(producers=(absent,)), viky.cameras(1), {})


def test_files_that_are_no_producers_are_named_all_together(tmp_path: Path) -> None:
    text, library = tmp_path / "text.cti", tmp_path / "library.cti"
    text.write_text("no library")
    extension = find_spec("psutil._psutil_linux")
    assert extension is not None
    assert extension.origin is not None
    library.write_bytes(Path(extension.origin).read_bytes())
    with pytest.raises(ProducerError, match=r"text\.cti: cannot be loaded"):
        list_producer_devices([text], PATIENCE_S)
    with pytest.raises(ProducerError, match=r"library\.cti: is a library but no GenTL producer"):
        list_producer_devices([library], PATIENCE_S)
    with pytest.raises(DevicesFailed, match=r"(?s)text\.cti.*absent\.cti"):
        list_producer_devices([text, tmp_path / "absent.cti"], PATIENCE_S)


# ---- what only the simulated rig can show ----


def test_six_full_size_cameras_deliver_every_frame_at_ten_hertz(large_rig: Any) -> None:
    config = load(large_rig.rig_file)
    sink = Sink()
    features = {c.name: {**c.features, "AcquisitionFrameRate": 10.0} for c in config.cameras}
    with Cameras.open(config.genicam, config.cameras, features) as cameras:
        cameras.start(sink)
        sink.wait(lambda: all(len(sink.frames(c.name)) >= 30 for c in config.cameras), "30 frames of each of six")
        cameras.stop()
        statistics = cameras.statistics()
    for camera in config.cameras:
        frames = sink.frames(camera.name)
        assert [f.frame_id for f in frames] == list(range(frames[0].frame_id, frames[0].frame_id + len(frames)))
        assert {f.pixels.shape for f in frames} == {(1536, 2048)}
        assert {f.pixel_format for f in frames} == {camera.features["PixelFormat"]}
        assert (statistics[camera.name].incomplete, statistics[camera.name].no_slot) == (0, 0)


@pytest.mark.parametrize("name", ["Mono12p", "Mono12Packed"])
def test_packed_pixels_of_twelve_bit_arrive_unpacked(sim: Backend, name: str) -> None:
    features: dict[str, FeatureValue] = {**sim.features, "PixelFormat": name}
    sink = Sink()
    with Cameras.open(sim.genicam(), sim.cameras(1), {"camera0": features}) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) >= 3, "frames")
    for frame in sink.frames("camera0"):
        assert frame.pixel_format == name
        assert frame.pixels.dtype == np.uint16
        assert frame.pixels.shape == (240, 320)
        assert 255 < int(frame.pixels.max()) < 4096


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
    with Cameras.open(sim.genicam(), sim.cameras(1), {"camera0": asked}) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) >= 3, "frames")
    for frame in sink.frames("camera0"):
        assert frame.chunks["ExposureTime"] == pytest.approx(2000.0, rel=1e-3)
        assert frame.chunks["Timestamp"] == frame.t_camera_ns


def _launched(spec: str) -> Any:
    from rigdriver_sim.launch import launch

    return launch(spec)


def _open_and_stream(backend: Backend) -> None:
    sink = Sink()
    with backend.open(1) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) >= 1, "a frame")


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
