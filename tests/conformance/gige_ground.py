"""Ground for network cameras that nobody here wrote: an empty network, fake cameras of other authors, a real producer.

In: a GigE Vision producer in GENICAM_GENTL64_PATH; viva-genicam's and Aravis' fake cameras where they are installed.
Out: cameras that a test can kill, cut off and rob of their control channel, each behind a switch and a network port of
its own. Everything runs in network namespaces without a way out, which vanish with their processes. Linux and root
only. How to get producer and cameras stands in foreign-cameras.md.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from rigdriver.config import FeatureValue, RigConfig
from rigdriver.devices.cameras.listing import list_producers

CLONE_NEWNET = 0x40000000
"""Flag of unshare(2) and setns(2) for network namespaces."""
LOOK_S = 3.0
PATIENCE_S = 20.0
TOOLS = ("ip", "nsenter", "unshare")
ARAVIS = "arv-fake-gv-camera-0.8"
"""Name of Aravis' fake camera in Debian 12 (package aravis-tools)."""
# viva-genicam runs its camera inside a Python process; this one does as its standard input says.
VIVA = """
import json, sys
from viva_genicam.testing import FakeGigeCamera
settings = json.loads(sys.argv[1])
if "drop_packets" in settings:
    settings["drop_packets"] = [tuple(pair) for pair in settings["drop_packets"]]
with FakeGigeCamera(bind_ip="0.0.0.0", **settings) as camera:
    print("ready", flush=True)
    for line in sys.stdin:
        camera.revoke_control()
        print("revoked", flush=True)
"""
# A program starts when its network is there.
GATE = ("sh", "-c", 'read -r line; exec "$@"', "gate")


@dataclass(frozen=True, slots=True)
class GigeCamera:
    """A fake camera of another author."""

    name: str
    serial: str
    number: int
    process: subprocess.Popen[str]
    switch: subprocess.Popen[str]

    @property
    def address(self) -> str:
        return f"10.77.{self.number}.2"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def set_link(self, state: str) -> None:
        """Pull the cable between camera and switch (`down`) or plug it in again (`up`)."""
        ip("link", "set", f"to_far{self.number}", state, inside=self.switch)

    def revoke_control(self) -> None:
        """Let the camera take the control channel away, as one does whose application seems dead to it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("revoke\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "revoked\n"


def why_not(kind: str) -> str:
    """Return why no camera of that kind can be had here, or an empty text."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"network namespaces need {' and '.join(missing)} (Debian: iproute2, util-linux)"
    is_there = shutil.which(ARAVIS) if kind == "aravis" else find_spec("viva_genicam")
    if not is_there:
        return f"no fake camera of {kind}; see tests/conformance/foreign-cameras.md"
    if gige_producer() is None:
        return "no GigE Vision producer in GENICAM_GENTL64_PATH; see tests/conformance/foreign-cameras.md"
    return ""


@cache
def gige_producer() -> Path | None:
    """Return the first producer of GENICAM_GENTL64_PATH that shows a network port as an interface of type GEV."""
    folders = [Path(entry) for entry in os.environ.get("GENICAM_GENTL64_PATH", "").split(os.pathsep) if entry]
    files = [file for folder in folders for file in (sorted(folder.glob("*.cti")) if folder.is_dir() else [folder])]
    if not files:
        return None
    with empty_network():
        ip("link", "add", "near0", "type", "veth", "peer", "name", "to_near0")
        open_port("near0", "10.77.0.1")
        ip("link", "set", "to_near0", "up")
        for file in files:
            if any(interface.tl_type == "GEV" for interface in list_producers([file], LOOK_S).interfaces):
                return file
    return None


@contextmanager
def ground(*kinds: str, **settings: object) -> Iterator[list[GigeCamera]]:
    """Enter an empty network with a camera of each of these kinds; `settings` are those of viva's FakeGigeCamera."""
    with empty_network(), ExitStack() as stack:
        yield [stack.enter_context(camera(kind, number, settings)) for number, kind in enumerate(kinds)]


@contextmanager
def empty_network() -> Iterator[None]:
    """Put this thread, and all that it starts, into a network namespace that has nothing but a loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as home:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        try:
            ip("link", "set", "lo", "up")
            yield
        finally:
            if libc.setns(home.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def camera(kind: str, number: int, settings: dict[str, object]) -> Iterator[GigeCamera]:
    """Start a fake camera behind a switch at a network port of this namespace: near0, near1 ..."""
    program = (
        [ARAVIS, "--interface", f"far{number}", "--serial", f"ARV{number}"]
        if kind == "aravis"
        else [sys.executable, "-c", VIVA, json.dumps(settings)]
    )
    with in_its_own_network("sleep", "infinity") as switch, in_its_own_network(*program) as process:
        near, far, bridge = f"near{number}", f"far{number}", f"bridge{number}"
        ip("link", "add", near, "type", "veth", "peer", "name", f"to_{near}", "netns", str(switch.pid))
        ip("link", "add", f"to_{far}", "type", "veth", "peer", "name", far, "netns", str(process.pid), inside=switch)
        ip("link", "add", bridge, "type", "bridge", inside=switch)
        for port in (f"to_{near}", f"to_{far}"):
            ip("link", "set", port, "master", bridge, "up", inside=switch)
        ip("link", "set", bridge, "up", inside=switch)
        ip("link", "set", "lo", "up", inside=process)
        open_port(far, f"10.77.{number}.2", inside=process)
        open_port(near, f"10.77.{number}.1")
        for gated in (switch, process):
            assert gated.stdin is not None
            gated.stdin.write("go\n")
            gated.stdin.flush()
        if kind == "viva":
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        serial = "FAKE-001" if kind == "viva" else f"ARV{number}"
        yield GigeCamera(f"{kind}{number}", serial, number, process, switch)


@contextmanager
def in_its_own_network(*program: str) -> Iterator[subprocess.Popen[str]]:
    """Start a program in a network namespace of its own, where it waits for a line on its standard input."""
    process = subprocess.Popen(
        ["unshare", "--net", *GATE, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    here, there = Path("/proc/thread-self/ns/net"), Path(f"/proc/{process.pid}/ns/net")
    try:
        while here.readlink() == there.readlink():
            os.sched_yield()
        yield process
    finally:
        process.kill()
        process.communicate()


def open_port(name: str, address: str, inside: subprocess.Popen[str] | None = None) -> None:
    ip("addr", "add", f"{address}/24", "broadcast", "+", "dev", name, inside=inside)
    ip("link", "set", name, "up", inside=inside)


def ip(*arguments: str, inside: subprocess.Popen[str] | None = None) -> None:
    """Run ip(8) in this thread's network namespace, or in that of a process."""
    enter = [] if inside is None else ["nsenter", "--net", f"--target={inside.pid}"]
    subprocess.run([*enter, "ip", *arguments], check=True, capture_output=True, timeout=PATIENCE_S)


def bench(mode: str, *cameras: GigeCamera, **features: FeatureValue) -> RigConfig:
    """Return a bench of these cameras, each with these features."""
    return RigConfig.model_validate(
        {
            "name": "ground",
            "genicam": {"producers": [str(gige_producer())], "open_timeout_s": 60.0},
            "cameras": [
                {"name": c.name, "serial": c.serial, "interface": f"near{c.number}", "output": c.number,
                 "features": features}
                for c in cameras
            ],
            "schedule": {"mode": mode, "rate_hz": 10.0},
        }
    )  # fmt: skip
