"""Consumers that nobody here wrote: harvesters' own test-suite, and Allied Vision's VmbC through VmbPy.

Both run in a process of their own. VmbC's shipped VmbC.xml allows only three vendors' transport layers and answers
VmbErrorNoTL for all others (measured: it loads rigsim.cti, asks for its vendor and closes it again); the file itself
documents the rule that allows a vendor, so the test gives VmbPy a copy of its package with that rule.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import harvesters
import pytest

SUITE = Path(harvesters.__file__).parent / "test"
# Half of the suite's tests return at once unless the producer's file is named TLSimu.cti, so it is run under that name,
# too. These ask for what TLSimu alone has, and are left out there:
TLSIMU_ONLY = (
    "test_controlling_a_specific_camera",  # its vendor and serial number
    "test_issue_215",  # the names of its XML files
    "test_ticket_300",  # the names of its modules
    "test_port_access",  # a register of its address map
    "test_issue_60",  # its minimum of five buffers
    "test_issue_70",  # the same
    "test_multiple_image_acquirers",  # never queues every second buffer, so it needs those five
)
# TLSimu lives in the consumer's process and wakes up afresh; so must cameras that stand in for it.
STAND_IN = {"forgets": True, "spec": {"width": 640, "height": 480, "max_rate_hz": 10_000.0, "readout_us": 50.0}}
# test_performance.py measures speed for minutes and asserts nothing about the producer.
MODULES = (
    *("test_harvester_core.py", "test_tutorials.py", "test_acq_frame_rate.py", "test_deprecated_items.py"),
    *("test_245.py", "test_319.py", "test_321.py", "test_345.py", "test_351.py"),
)


def run_suite(producer, folder, modules, *options):
    report = folder / "suite.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(folder), "-W", "ignore"]
    command += ["-p", "no:cacheprovider", "-p", "no:logging", "--tb=short", "--show-capture=no"]
    ran = subprocess.run(
        [*command, f"--junitxml={report}", *(str(SUITE / module) for module in modules), *options],
        env={**os.environ, "HARVESTERS_TEST_TARGET": str(producer), "TMPDIR": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = ET.parse(report).getroot()[0].attrib
    return ran, {key: int(told[key]) for key in ("tests", "failures", "errors", "skipped")}


@pytest.mark.realtime
def test_harvesters_own_core_suite_passes(serve, tmp_path, record_property):
    server = serve(4, spec={"width": 640, "height": 480})
    ran, told = run_suite(server.producer, tmp_path, ("test_harvester_core.py",))
    record_property("harvesters_core_suite", json.dumps(told))
    assert ran.returncode == 0, ran.stdout[-8000:]
    assert told["tests"] >= 75
    assert (told["failures"], told["errors"], told["skipped"]) == (0, 0, 0)


@pytest.mark.slow
def test_harvesters_core_suite_passes_in_the_place_of_tlsimu(serve, tmp_path, record_property):
    server = serve(4, **STAND_IN)
    named = server.producer.with_name("TLSimu.cti")
    named.write_bytes(server.producer.read_bytes())
    left_out = " or ".join(TLSIMU_ONLY)
    ran, told = run_suite(named, tmp_path, ("test_harvester_core.py",), "-k", f"not ({left_out})")
    record_property("harvesters_core_suite_as_tlsimu", json.dumps(told))
    assert ran.returncode == 0, ran.stdout[-8000:]
    assert (told["tests"] - told["skipped"], told["failures"], told["errors"]) == (61, 0, 0)


@pytest.mark.slow
def test_all_of_harvesters_suite_passes(serve, tmp_path, record_property):
    server = serve(4, spec={"width": 640, "height": 480})
    ran, told = run_suite(server.producer, tmp_path, MODULES)
    record_property("harvesters_suite", json.dumps(told))
    assert ran.returncode == 0, ran.stdout[-8000:]
    assert told["tests"] - told["skipped"] >= 85


VMBPY = """
import json, sys
import numpy, vmbpy

system = vmbpy.VmbSystem.get_instance()
system.set_path_configuration(sys.argv[1])
told = {"frames": [], "clamped": [], "errors": []}
with system:
    told["layers"] = [layer.get_vendor() for layer in system.get_all_transport_layers()]
    cameras = system.get_all_cameras()
    told["serials"] = sorted(camera.get_serial() for camera in cameras)
    camera = next(camera for camera in cameras if camera.get_serial() == "SIM0000")
    with camera:
        feature = camera.get_feature_by_name
        told["model"] = feature("DeviceModelName").get()
        feature("ExposureTime").set(1234.4)
        told["exposure_us"] = feature("ExposureTime").get()
        told["width_range"] = feature("Width").get_range()
        feature("TriggerSource").set("Software")
        feature("TriggerMode").set("On")
        frames = []
        def take(camera, stream, frame):
            image = frame.as_numpy_ndarray()[:, :, 0].astype(int)
            y, x = numpy.mgrid[:image.shape[0], :image.shape[1]]
            frames.append([frame.get_id(), frame.get_timestamp(), str(frame.get_status()),
                           str(frame.get_pixel_format()), bool(numpy.array_equal(image, (x + y + len(frames)) & 255))])
            camera.queue_frame(frame)
        import time
        for round in range(2):
            frames.clear()
            camera.start_streaming(take, buffer_count=5)
            for number in range(4):
                feature("TriggerSoftware").run()
                until = time.monotonic() + 60
                while len(frames) <= number and time.monotonic() < until:
                    time.sleep(0.002)
            camera.stop_streaming()
            told["frames"].append(list(frames))
print(json.dumps(told))
"""


def vmbpy_copy(folder, *, is_open_to_all):
    package = Path(find_spec("vmbpy").origin).parent
    shutil.copytree(package, folder / "vmbpy")
    settings = folder / "vmbpy" / "c_binding" / "lib" / "VmbC.xml"
    if is_open_to_all:
        rule = '<TlRule vendor-type="*" interface-type="*" rule="allow"/>'
        settings.write_text(settings.read_text().replace("<TlRule ", rule + "<TlRule ", 1))
    return folder


def run_vmbpy(server, packages):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(VMBPY), str(server.producer.parent)],
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.skipif(find_spec("vmbpy") is None, reason="vmbpy is not installed")
def test_vmbpy_lists_sets_and_streams_the_cameras(serve, tmp_path):
    server = serve(2, spec={"max_rate_hz": 10_000.0, "readout_us": 50.0})
    ran = run_vmbpy(server, vmbpy_copy(tmp_path / "packages", is_open_to_all=True))
    assert ran.returncode == 0, ran.stderr[-4000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["layers"] == ["rigdriver"]
    assert told["serials"] == ["SIM0000", "SIM0001"]
    assert told["model"] == "Sim3M"
    assert told["exposure_us"] == 1234.0
    assert told["width_range"] == [16, 64]
    for frames in told["frames"]:
        assert [frame[0] for frame in frames] == [0, 1, 2, 3]
        assert [frame[1] for frame in frames] == sorted(frame[1] for frame in frames)
        assert {tuple(frame[2:]) for frame in frames} == {("FrameStatus.Complete", "Mono8", True)}


@pytest.mark.skipif(find_spec("vmbpy") is None, reason="vmbpy is not installed")
def test_vmbpy_as_shipped_refuses_any_other_vendor(serve, tmp_path):
    ran = run_vmbpy(serve(), vmbpy_copy(tmp_path / "packages", is_open_to_all=False))
    assert ran.returncode != 0
    assert "NoTL" in ran.stderr
