"""The files in which Linux describes a computer: /sys, /proc and /dev, under a root that can be exchanged.

In: a root folder. Out: texts, numbers and names; None or nothing where a file is not there or cannot be read. Nothing
here raises: containers and virtual machines lack many of these files. Not here: what the files say (see usb_sysfs.py,
network_interfaces.py and rigdriver.selftest.computer_checks).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


@dataclass(frozen=True, slots=True)
class ComputerFiles:
    """Files of one computer, named by their paths without the leading slash: `proc/meminfo`."""

    root: Path = Path("/")
    is_linux: bool = sys.platform == "linux"
    may_use: Callable[[Path], bool] = _may_use
    """Function that tells whether this program may read and write a device node."""

    @property
    def is_this_computer(self) -> bool:
        """Whether the files are those of the computer on which this program runs."""
        return self.root == Path("/")

    def path(self, name: str) -> Path:
        """Return where a file lies."""
        return self.root / name

    def raw(self, name: str) -> bytes:
        """Return the bytes of a file; none when it cannot be read."""
        try:
            return self.path(name).read_bytes()
        except OSError:
            return b""

    def text(self, name: str) -> str | None:
        """Return the text of a file without blanks around it; None when it cannot be read."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None

    def number(self, name: str, base: int = 10) -> int | None:
        """Return the whole number that a file holds; None when there is none."""
        try:
            return int(self.text(name) or "", base)
        except ValueError:
            return None

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the sorted names in a folder; none when it cannot be read."""
        try:
            return tuple(sorted(entry.name for entry in self.path(folder).iterdir()))
        except OSError:
            return ()

    def is_there(self, name: str) -> bool:
        """Return whether there is a file, a folder or a link of that name."""
        return os.path.lexists(self.path(name))

    def parent_name(self, name: str) -> str:
        """Return the name of the folder in which a file really lies, behind all links."""
        return Path(os.path.realpath(self.path(name))).parent.name
