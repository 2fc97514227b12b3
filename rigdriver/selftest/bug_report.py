"""One file to attach to a bug report: rig file, versions, last self-tests, counters, topology, light log.

In: a rig file, and the open rig where it can be opened. Out: texts by name, and a ZIP file of them in memory. There are
no images and no subjects: nothing of the catalogue, of captures or of recordings is read. Names of users and of this
computer and folders of users are replaced, also inside of the rig file and of what devices report. Serial numbers of
devices stay, since they tell which device it is. Not here: the self-test (see suite.py).
"""

from __future__ import annotations

import getpass
import importlib.metadata
import io
import json
import platform
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.devices.network_interfaces import network_interfaces
from rigdriver.devices.usb_topology import usb_listing
from rigdriver.file_text import read_utf8
from rigdriver.rig import Rig
from rigdriver.selftest.computer_stage import computer_of
from rigdriver.selftest.history import history_of

NEWEST_LINES = 200
"""Number of lines that are taken of a log: the newest ones."""
_PACKAGES = ("rigdriver", "genicam", "harvesters", "numpy", "opencv-python-headless", "pydantic", "pyserial", "pyusb")
_SHORTEST_NAME = 3
"""Length of a user's name below which it is no name to search for: it would be found in other words."""
_HOMES = re.compile(r"(/home/|/Users/|\\Users\\)[^/\\\s\"']+")


def private_words() -> tuple[str, ...]:
    """Return what must not leave this computer: the home folder, the user's name and the computer's."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without an entry, as in a container
        user = ""
    return tuple(word for word in (str(Path.home()), user, platform.node()) if len(word) >= _SHORTEST_NAME)


def scrubbed(text: str, words: Sequence[str]) -> str:
    """Return the text without these words, and without names of home folders; whole words only."""
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", "PRIVATE", text)
    return _HOMES.sub(r"\1PRIVATE", text)


def report_texts(rig_file: Path, config: RigConfig | None, rig: Rig | None, trouble: str = "") -> dict[str, str]:
    """Return the texts of a bug report by file name; `trouble` tells why the rig could not be opened."""
    texts = {
        "versions.json": _json(_versions()),
        "rig.toml": _text(rig_file),
        "selftests.jsonl": _newest(history_of(rig_file)),
    }
    if trouble:
        texts["trouble.txt"] = f"{trouble}\n"
    if config is not None:
        files = computer_of(config)
        texts["topology.json"] = _json(
            {"usb": asdict(usb_listing(files)), "network": [asdict(port) for port in network_interfaces(files)]}
        )
        if config.light.log is not None:
            texts["light.jsonl"] = _newest(config.light.log)
    if rig is not None:
        texts["counters.json"] = _json(_counters(rig))
    words = private_words()
    return {name: scrubbed(text, words) for name, text in texts.items() if text}


def packed(texts: Mapping[str, str]) -> bytes:
    """Return a ZIP file of the texts."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return memory.getvalue()


def _versions() -> dict[str, object]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _counters(rig: Rig) -> dict[str, object]:
    cameras = {
        name: {"device": f"{told.vendor} {told.model}, SN {told.serial}", "features": list(map(str, told.features))}
        for name, told in rig.cameras.reports.items()
    }
    found: dict[str, object] = {
        "cameras": cameras,
        "statistics": {name: asdict(counted) for name, counted in rig.cameras.statistics().items()},
    }
    if rig.config.schedule.mode == "box":
        box = rig.box
        found |= {
            "box": asdict(box.identity), "box_counters": asdict(box.counters()),
            "link_counters": asdict(box.link_counters), "box_state": str(box.status()),
        }  # fmt: skip
    return found


def _text(path: Path) -> str:
    try:
        return read_utf8(path)
    except (OSError, ValueError) as exc:
        return f"cannot be read: {exc}\n"


def _newest(path: Path) -> str:
    """Return the newest lines of a log; nothing when there is none."""
    try:
        lines = read_utf8(path).splitlines()[-NEWEST_LINES:]
    except (OSError, ValueError):
        return ""
    return "".join(f"{line}\n" for line in lines)


def _json(value: object) -> str:
    return json.dumps(value, indent=1, default=str) + "\n"
