"""Fixtures: the producer, built once, and cameras behind it in a process of their own.

In: how many cameras, and where. Out: `serve` starts a simulator that obeys line by line, `load` opens the producer
beside it. Everything that a test started ends with it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from ctypes import c_int32, c_uint64
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.producer.streaming_camera import stream_triggered

HERE = Path(__file__).resolve().parent
SIMULATORS = HERE.parents[2] / "simulators"
WAIT_S = 60.0


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"producer_test_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def recipe():
    """The build script of the producer."""
    return load_module(SIMULATORS / "gentl_producer" / "build.py")


@pytest.fixture(scope="session")
def built_producer(recipe, tmp_path_factory):
    """A freshly compiled rigsim.cti."""
    return recipe.build(tmp_path_factory.mktemp("built") / "rigsim.cti")


@pytest.fixture(scope="session")
def gentl():
    """The GenTL client of these tests, written from the standard with ctypes."""
    return load_module(HERE / "gentl_client.py")


class CameraServer:
    """Simulated cameras in a process of their own."""

    def __init__(self, folder: Path, producer: Path, cameras: list[dict[str, Any]], **setup: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        setup |= {"folder": str(folder), "producer": str(producer), "cameras": cameras}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "serve_cameras.py"), json.dumps(setup)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(SIMULATORS)},
        )
        self.producer = Path(self._listen()["producer"])

    def ask(self, act: str, **details: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"act": act, **details}).encode() + b"\n")
        self.process.stdin.flush()
        return self._listen()

    def trigger(self, count: int, period_ns: int, cameras: list[int]) -> None:
        self.ask("trigger", count=count, period_ns=period_ns, cameras=cameras)

    def rss_bytes(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.process.poll() is None:
            self.resume()
        try:
            self.process.stdin.close()
            self.process.wait(WAIT_S)
        finally:
            self.process.kill()
            self.process.wait(WAIT_S)
            self.process.stdout.close()

    def _listen(self) -> Any:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], WAIT_S)
        line = self.process.stdout.readline() if ready else b""
        assert line, "the camera server said nothing"
        return json.loads(line)


@pytest.fixture
def serve(built_producer, tmp_path):
    """Start camera servers; all end with the test."""
    servers = []

    def start(count=1, *, name="rig", spec=None, **setup):
        cameras = [
            {
                "name": f"camera{n}",
                "serial": f"SIM{n:04d}",
                "width": 64,
                "height": 48,
                "readout_us": 500.0,
                **(spec or {}),
            }
            for n in range(count)
        ]
        servers.append(CameraServer(tmp_path / name, built_producer, cameras, **setup))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def load(gentl):
    """Load a producer's copy; its library is closed after the test."""
    loaded = []

    def start(path):
        loaded.append(gentl.Gentl(path))
        return loaded[-1]

    yield start
    for library in loaded:
        library.library.GCCloseLib()


@pytest.fixture
def start(serve, load, gentl):
    """Let a triggered camera stream: server, library, interface, device, remote port, event, addresses of registers."""

    def start_one(**setup):
        server = serve(**setup)
        library = load(server.producer)
        _, interface = library.open_interface()
        device = library.open_device(interface)
        stream = library.open_stream(device)
        event = library.handle("GCRegisterEvent", stream, c_int32(gentl.NEW_BUFFER))
        library.announce(stream, 4, 64 * 48)
        remote = library.handle("DevGetPort", device)
        address = server.ask("addresses", names=["TriggerMode", "AcquisitionStart", "Width", "ExposureTime"])
        library.write(remote, address["TriggerMode"], 1)
        library.call("DSStartAcquisition", stream, c_int32(0), c_uint64(gentl.INFINITE))
        library.write(remote, address["AcquisitionStart"], 1)
        return server, library, interface, device, remote, event, address

    return start_one


@pytest.fixture
def started(start):
    """What `start` returns, of a rig with nothing special."""
    return start()


@pytest.fixture
def refused(gentl):
    """Expect a refusal with a code of GenTL."""
    return lambda code: pytest.raises(gentl.GentlError, match=f": {code}: ")


@pytest.fixture
def opened(serve, load):
    """One camera: server, library, interface, device."""
    server = serve()
    library = load(server.producer)
    _, interface = library.open_interface()
    return server, library, interface, library.open_device(interface)


@pytest.fixture
def streaming(opened, gentl):
    """What `stream_triggered` gives."""
    return stream_triggered(opened, gentl)
