"""`rigdriver config new` on a terminal, and on ports that are asked one after the other; no device is touched.

In: answers as a person types them, serial ports, cameras as producers list them. Out: the rig file, and what was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rigdriver.cli.verbs import app
from rigdriver.config import load
from rigdriver.devices.box.serial_port import PortInfo
from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.errors import NoReply
from rigdriver.procedures.list_devices import Connected
from rigdriver.procedures.new_rig_file import FoundBox

PRODUCER = Path("/opt/a.cti")
DEVICE = DeviceInfo(str(PRODUCER), "cam", "Maker", "Model", "11", "", "U3V")
PORTS = tuple(
    PortInfo(device, "", "", "", usb_id)
    for device, usb_id in (("/dev/ttyS0", ""), ("/dev/ttyACM0", "1:2"), ("/dev/ttyACM1", "1:3"))
)
Run = Callable[..., Result]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ports that were asked; only the last one answers."""
    ports: list[str] = []

    def ask(url: str) -> FoundBox:
        ports.append(url)
        if url != PORTS[-1].device:
            raise NoReply(f"trigger box on {url}: nothing answers")
        return FoundBox(url, "1.0.0", 0b11)

    monkeypatch.setattr("rigdriver.procedures.new_rig_file.ask_box", ask)
    monkeypatch.setattr("rigdriver.cli.config_new.ask_box", ask)
    return ports


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    connected = Connected((PRODUCER,), {PRODUCER: [DEVICE]}, {PRODUCER: ()}, {}, PORTS)
    monkeypatch.setattr("rigdriver.cli.config_new.list_connected", lambda _paths: connected)

    def run(*words: str, answers: str | None = None) -> Result:
        monkeypatch.setattr("rigdriver.cli.config_new.can_ask", lambda: answers is not None)
        file = str(tmp_path / "lab.toml")
        return CliRunner().invoke(app, ["config", "new", file, "--producer", str(PRODUCER), *words], input=answers)

    return run


def test_a_person_on_a_terminal_is_asked_for_box_camera_and_name(run: Run, asked: list[str], tmp_path: Path) -> None:
    done = run(answers="/dev/ttyACM1\nleft\ntexture\nleft_pod\n5\nmy_rig\n")
    assert done.exit_code == 0, done.output
    config = load(tmp_path / "lab.toml")
    (camera,) = config.cameras
    assert (config.name, config.box and config.box.url) == ("my_rig", "/dev/ttyACM1")
    assert (camera.name, camera.role, camera.pod, camera.output) == ("left", "texture", "left_pod", 5)
    assert asked == ["/dev/ttyACM1"]


@pytest.mark.parametrize("words", [("--yes",), ()])
def test_nothing_is_asked_with_yes_or_in_a_script(
    run: Run, asked: list[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = run(*words, answers="" if words else None)
    assert done.exit_code == 0, done.output
    assert load(tmp_path / "lab.toml").box is None
    assert asked == []


def test_auto_asks_the_usb_ports_and_no_other_until_a_box_answers(run: Run, asked: list[str], tmp_path: Path) -> None:
    done = run("--box", "auto")
    assert done.exit_code == 0, done.output
    assert asked == ["/dev/ttyACM0", "/dev/ttyACM1"]
    assert "trigger box on /dev/ttyACM0: nothing answers" in done.stderr
    box = load(tmp_path / "lab.toml").box
    assert box is not None
    assert box.url == "/dev/ttyACM1"
