"""Cameras behind GenTL producers: the same functions for each producer, most of them written by other people.

In: each producer of camera_worlds.py. Out: devices, frames, errors and nothing left behind, the same for all of them;
then what only one producer can show. What happens when a producer dies or hangs is in
test_realtime_camera_process.py.
"""

from __future__ import annotations

import gc
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from rigdriver.config import CameraConfig, FeatureValue, GenicamConfig
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.listing import list_producers
from rigdriver.errors import CameraError, CameraMissing, DevicesFailed, ProducerError, StateError
from tests.conformance.camera_worlds import PATIENCE_S, Backend, Sink

TLSIMU_STEP_NS = 2_000_000
"""Error of TLSimu's time stamps, in ns."""


def test_a_producer_lists_its_devices_with_serials(backend: Backend) -> None:
    devices = list_producers([backend.producer], PATIENCE_S).devices
    assert len(devices) == backend.devices
    assert [d.serial for d in devices][: len(backend.serials)] == list(backend.serials)
    assert {d.producer for d in devices} == {str(backend.producer)}


def test_all_cameras_of_a_producer_stream_with_gapless_frame_ids(backend: Backend) -> None:
    sink = Sink()
    # Buffers for 12 s: viky drops what finds no buffer without a count of it, and it takes its time over the buffers of
    # the next camera (the time grows with the square of their number; 0.3 s for 64 on a quiet computer).
    with backend.slowly().open(buffers=64) as cameras:
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
            assert all((f.t_camera_ns is not None) is backend.has_time_stamp for f in frames)
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


def test_frames_that_are_kept_from_one_run_stay_as_they_were_in_the_next(backend: Backend) -> None:
    sink, later = Sink(), Sink()
    with backend.open(1) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) >= 6, "6 frames")
        cameras.stop()
        kept = sink.frames("camera0")
        before = [frame.pixels.copy() for frame in kept]
        cameras.start(later)
        later.wait(lambda: len(later.frames("camera0")) >= 40, "40 frames")
        cameras.stop()
    assert all((frame.pixels == pixels).all() for frame, pixels in zip(kept, before, strict=True))


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
    mapped = _frame_memory(process)
    fds, memory = [], []
    for _ in range(20):
        _open_and_stream(backend)
        gc.collect()
        fds.append(process.num_fds())
        memory.append(process.memory_info().rss)
    assert fds[-1] <= fds[0]
    assert memory[-1] - memory[4] < 10e6
    assert _frame_memory(process) <= mapped


def _frame_memory(process: psutil.Process) -> set[str]:
    """Return the addresses at which memory of frames is mapped; tests before may still hold some."""
    return {m.addr for m in process.memory_maps(grouped=False) if "rigdriver-frames" in m.path}


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
    assert "PixelFormat = 'Mono7' refused; expected one of" in text
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


def _open_and_stream(backend: Backend) -> None:
    sink = Sink()
    with backend.open(1) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) >= 1, "a frame")


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
        asked_ns: dict[str, list[int]] = {"camera0": [], "camera1": []}
        for n in range(10):
            for name in ("camera0", "camera1"):
                asked_ns[name].append(time.monotonic_ns())
                cameras.execute(name, "TriggerSoftware")
            sink.wait(lambda n=n: all(len(sink.frames(c)) > n for c in ("camera0", "camera1")), "a frame")  # type: ignore[misc]
        cameras.stop()
        for name in ("camera0", "camera1"):
            frames = sink.frames(name)
            assert len(frames) == 10
            # Each frame was made between its trigger and its arrival.
            for first, second, was_asked, is_asked in zip(
                frames, frames[1:], asked_ns[name], asked_ns[name][1:], strict=False
            ):
                shortest_ns = is_asked - first.t_host_ns - TLSIMU_STEP_NS
                longest_ns = second.t_host_ns - was_asked + TLSIMU_STEP_NS
                assert first.t_camera_ns is not None
                assert second.t_camera_ns is not None
                # This producer's clock starts again at 0 every second.
                beyond_ns = (second.t_camera_ns - first.t_camera_ns - shortest_ns) % 1_000_000_000
                assert beyond_ns <= longest_ns - shortest_ns


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
        list_producers([text], PATIENCE_S)
    with pytest.raises(ProducerError, match=r"library\.cti: is a library but no GenTL producer"):
        list_producers([library], PATIENCE_S)
    with pytest.raises(DevicesFailed, match=r"(?s)text\.cti.*absent\.cti"):
        list_producers([text, tmp_path / "absent.cti"], PATIENCE_S)
